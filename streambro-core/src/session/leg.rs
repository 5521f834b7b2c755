//! One destination of a running stream: one attempt after the other, each until its connection ends.

use std::{
    future::poll_fn,
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{Instrument as _, Span};

use super::{
    end::LegEnd,
    goodbye::say_goodbye,
    manner::Manner,
    pump::{Pump, receive},
    road::{LegCounters, Road, SignalKind},
};
use crate::{
    publish::Link,
    rtmp::{
        session::{Event, Publisher, Stage},
        target::Target,
    },
    spec::{Destination, StreamId},
    status::Reason,
};

/// A leg, ready for an attempt.
#[derive(Debug)]
pub(crate) struct Leg {
    /// What it shares with the others.
    pub road: Arc<Road>,
    /// Where it goes.
    pub destination: Arc<Destination>,
    /// How it is served.
    pub manner: Manner,
    /// Its figures.
    pub counters: Arc<LegCounters>,
    /// Turns true when it should say goodbye.
    pub stop: watch::Receiver<bool>,
    /// Whether it has been live before: then an early close is a network's doing, not a key's.
    pub was_live: bool,
    /// The attempt, for whoever traces.
    pub span: Span,
}

impl Leg {
    /// Connects, publishes and runs until the connection ends, for whatever reason.
    ///
    /// Cancel safe: dropping it aborts the connection.
    pub(crate) async fn run(mut self) -> LegEnd {
        let mut stop = self.stop.clone();
        // Boxed, so that what only connecting needs does not stay with the stream for weeks.
        // Only that is traced, too: a span costs something at each wake.
        let connect = Box::pin(self.connect().instrument(self.span.clone()));
        let (link, publisher) = tokio::select! {
            connected = connect => match connected {
                Ok(connected) => connected,
                // A key that worked before is still good.
                Err(end) if end.reason == Reason::RejectedEarly && self.was_live => {
                    return LegEnd { reason: Reason::PeerClosed, ..end };
                }
                Err(end) => return end,
            },
            reason = stopped(&mut stop, &self.counters) => return LegEnd::new(reason, ""),
        };
        self.road.signals.report(self.counters.leg, SignalKind::Publishing);
        self.publish(link, publisher).await
    }

    async fn connect(&self) -> Result<(Link, Publisher), LegEnd> {
        let mut link = self.road.dialer.dial(&self.destination).await?;
        let bound = self.road.times.handshake;
        let target = Target::new(&self.destination.url, self.destination.key.clone());
        // The handshake's filler only has to differ between connections.
        let nonce = RandomState::new().hash_one(self.counters.leg).to_be_bytes();
        let mut publisher = Publisher::new(target, nonce);
        let since = link.since();
        let accepted = poll_fn(|context| {
            loop {
                let mut blocked = false;
                while !publisher.output().is_empty() {
                    match link.poll_write(context, publisher.output()) {
                        Poll::Ready(Ok(n)) => publisher.consume(n),
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(LegEnd::network(&error))),
                        Poll::Pending => {
                            blocked = true;
                            break;
                        }
                    }
                }
                if let Poll::Ready(Err(error)) = link.poll_flush(context) {
                    return Poll::Ready(Err(LegEnd::network(&error)));
                }
                let received = receive(&mut link, &mut publisher, context);
                while let Some(event) = publisher.poll_event() {
                    match event {
                        Event::Publishing { .. } => {
                            return Poll::Ready(match received {
                                // It came with the welcome; nothing more may ever come.
                                Err(end) if end.reason == Reason::ProtocolError => Err(end),
                                // The pump meets the end again and knows what it means there.
                                _ => Ok(()),
                            });
                        }
                        Event::Refused(refusal) => return Poll::Ready(Err(refusal.into())),
                        _ => {}
                    }
                }
                received?;
                // Answers that the server does not take wait for the socket; nobody else may wait with them.
                if blocked || publisher.output().is_empty() {
                    return Poll::Pending;
                }
            }
        });
        let accepted = timeout_at(since + bound, accepted).await;
        match accepted {
            Ok(Ok(())) => Ok((link, publisher)),
            // How a server with a check of its own says no, where it says nothing.
            Ok(Err(end)) if end.reason == Reason::PeerClosed && publisher.stage() == Stage::Publish => {
                let detail = format!("{}: check the key", end.detail);
                Err(LegEnd::new(Reason::RejectedEarly, detail))
            }
            // nginx-rtmp has no other word for an application that it does not know.
            Ok(Err(end)) if end.reason == Reason::PeerClosed && publisher.stage() == Stage::Connect => {
                let detail = format!("{}: check the path of the URL, which holds no key", end.detail);
                Err(LegEnd { detail, ..end })
            }
            Ok(Err(end)) => Err(end),
            Err(_) => {
                let detail = format!(
                    "the server did not accept the stream within {} s {}",
                    bound.as_secs(),
                    publisher.stage()
                );
                link.abort();
                Err(LegEnd::new(Reason::HandshakeTimeout, detail))
            }
        }
    }

    async fn publish(&mut self, link: Link, publisher: Publisher) -> LegEnd {
        let road = Arc::clone(&self.road);
        let bound = road.times.goodbye;
        let first_tick = first_tick(&road, self.counters.leg, Instant::now());
        let mut pump = Pump::new(link, publisher, road, Arc::clone(&self.counters), self.manner, first_tick);
        let end = tokio::select! {
            end = poll_fn(|context| pump.poll(context)) => end,
            reason = stopped(&mut self.stop, &self.counters) => LegEnd::new(reason, ""),
        };
        let early = pump.is_early() && !self.was_live;
        match end.reason {
            Reason::Stopped | Reason::Disabled | Reason::Finished | Reason::Rotated | Reason::ReconnectRequested
            // The server did nothing wrong and has yet to read what was sent.
            | Reason::SourceTruncated | Reason::SourceUnreadable | Reason::SourceInvalid => {
                say_goodbye(&mut pump, bound).await;
                end
            }
            Reason::PeerClosed if early => {
                let detail = format!("{}, within a second of publishing: check the key", end.detail);
                LegEnd::new(Reason::RejectedEarly, detail)
            }
            _ => end,
        }
    }
}

/// Waits until somebody wants an end: of all legs, or of this one.
async fn stopped(stop: &mut watch::Receiver<bool>, counters: &LegCounters) -> Reason {
    let leaves = || counters.leave.load(Relaxed);
    let all = stop.wait_for(|stop| *stop || leaves()).await.map(|stop| *stop);
    match all {
        Ok(true) => Reason::Stopped,
        Ok(false) => Reason::Disabled,
        // A manager that is gone aborts its streams; there is nothing to wait for then.
        Err(_) => std::future::pending().await,
    }
}

/// Streams that tick together: waking a thread once for all of them costs a fifth of waking it for each (measured at
/// 1,000 streams), and 5 ms of 1 Gb/s is what the queue of a network card holds.
const SLOT: Duration = Duration::from_millis(5);

/// When a leg does its work for the first time after `now`. Its place in the tick is its own, and always the same.
fn first_tick(road: &Road, leg: usize, now: Instant) -> Instant {
    let tick = road.times.tick;
    let slots = tick.div_duration_f64(SLOT).max(1.0).floor();
    let phase = tick.mul_f64((spread(&road.id, leg) * slots).floor() / slots);
    let passed = now.saturating_duration_since(road.epoch + phase);
    let ticks = u32::try_from(passed.as_nanos() / tick.as_nanos().max(1)).unwrap_or(0);
    road.epoch + phase + tick * (ticks + 1)
}

/// A leg's place in a tick, from 0 to 1: evenly spread, so that a thousand streams do not burst together.
fn spread(id: &StreamId, leg: usize) -> f64 {
    let hash = id.as_str().bytes().chain([leg as u8]).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
