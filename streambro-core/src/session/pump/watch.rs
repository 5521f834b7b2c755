//! Watches whether a connection is alive, whether anything arrives, and how far behind it is.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::time::Instant;

use super::{LegEnd, Pump, SignalKind};
use crate::status::Reason;

/// Lag beyond this is worth saying, and below half a second is over.
const LAGGING: Duration = Duration::from_secs(2);
const CAUGHT_UP: Duration = Duration::from_millis(500);
/// How often acknowledgements are looked at.
const SAMPLE: Duration = Duration::from_millis(500);
/// A peer that takes media at less than this part of its speed is as good as gone: a line that carries a tenth of a
/// stream shows nobody a picture.
const LEAST_SPEED: u64 = 10;

/// What is known of the connection's success.
pub(super) struct Health {
    pub(super) first_key: FirstKey,
    pub(super) live: bool,
    pub(super) lagging: bool,
    pub(super) holding: bool,
    pub(super) acknowledged: u64,
    pub(super) progress_at: Instant,
    pub(super) sampled_at: Instant,
    /// Since when the peer's speed is measured, and how far media was sent then.
    pub(super) measured: (Instant, u64),
}

/// How far the first keyframe is on its way to the peer.
#[derive(Clone, Copy)]
pub(super) enum FirstKey {
    Unsent,
    Sent,
    /// It has arrived when the peer's TCP has acknowledged so many bytes.
    WrittenUpTo(u64),
    Arrived(Instant),
}

impl Pump {
    /// Watches for life, arrival and lag.
    pub(super) fn watch(&mut self, media: u64, now: Instant) -> Result<(), LegEnd> {
        let health = &mut self.health;
        if now >= health.sampled_at + SAMPLE || !health.live {
            health.sampled_at = now;
            let progress = self.link.progress();
            self.counters.acked.store(progress.acknowledged, Relaxed);
            let owed = progress.written > progress.acknowledged || !self.outbox.is_empty();
            if progress.acknowledged > health.acknowledged
                || !owed
                || (self.fetching.is_some() && !self.blocked)
            {
                health.acknowledged = progress.acknowledged;
                health.progress_at = now;
            }
            if let FirstKey::WrittenUpTo(bytes) = health.first_key
                && progress.acknowledged >= bytes
            {
                health.first_key = FirstKey::Arrived(now);
            }
        }
        let bound = self.road.times.no_progress;
        if now >= health.progress_at + bound {
            let detail = format!("the peer accepted no byte for {} s", bound.as_secs());
            return Err(LegEnd::new(Reason::Stalled, detail));
        }
        let (since, from) = health.measured;
        // Twice as long: a peer that takes nothing at all is met above.
        if now >= since + bound * 2 {
            health.measured = (now, self.sent_until);
            let taken = self.sent_until.saturating_sub(from);
            if taken * LEAST_SPEED < self.road.times.media_ms(now - since) {
                let seconds = (now - since).as_secs();
                let detail = format!("the peer took {taken} ms of media in {seconds} s, less than a tenth");
                return Err(LegEnd::new(Reason::Stalled, detail));
            }
        }
        if self.fetching.is_some_and(|since| now >= since + bound) {
            let detail = format!("the disk did not answer for {} s", bound.as_secs());
            self.bytes_failed(LegEnd::new(Reason::SourceUnreadable, detail))?;
        }
        let health = &mut self.health;
        if let FirstKey::Arrived(at) = health.first_key
            && !health.live
            && now >= at + self.road.times.settle
        {
            health.live = true;
            self.road.signals.report(self.counters.leg, SignalKind::Live);
        }
        if health.live && health.holding != self.feed.is_holding() {
            health.holding = !health.holding;
            let kind = if health.holding { SignalKind::Holding } else { SignalKind::Resumed };
            self.road.signals.report(self.counters.leg, kind);
        }
        let lag = media.saturating_sub(self.sent_until);
        let bound = self.road.times.media_ms(if health.lagging { CAUGHT_UP } else { LAGGING });
        if health.live && health.lagging != (lag > bound) {
            health.lagging = !health.lagging;
            let kind = if health.lagging { SignalKind::Lagging } else { SignalKind::CaughtUp };
            self.road.signals.report(self.counters.leg, kind);
        }
        Ok(())
    }
}
