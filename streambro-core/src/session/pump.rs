//! Keeps one accepted connection fed: reads what the server says, sends what is due, notices when either stops.

mod watch;

use std::{
    cell::RefCell,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use self::watch::{FirstKey, Health};
use super::{
    end::LegEnd,
    manner::Manner,
    road::{LegCounters, Road, SignalKind},
};
use crate::{
    media::packet::Packet,
    publish::{Link, Outbox, Transfer, TransmitError},
    rtmp::session::{Event, Publisher},
    source::{Batch, Feed, Fill, Reader},
    status::Reason,
};

/// Packets placed at once. Bounds the work of a wake, not the rate: a full batch is followed by the next.
const MAX_PACKETS: usize = 256;
/// Rounds of filling and sending before other tasks get their turn.
const MAX_ROUNDS: usize = 16;
/// Catching up runs at most this much faster than time, in tenths.
const CATCH_UP_TENTHS: u32 = 15;
/// A source that brings nothing for so long lets the picture stand still; receivers have about as much in store.
const HOLD_AFTER: Duration = Duration::from_secs(1);
/// A tick that comes later than this is caught up like any other lag, not at once.
const LATE_TICK: Duration = Duration::from_secs(1);
/// rustls closes a TLS 1.2 session at 2^24 records (measured); leave a day's worth of them.
const OLD_TLS_RECORDS: u64 = (1 << 24) - (1 << 21);
const TLS_RECORD: u64 = 16 * 1_024;

thread_local! {
    /// Where a batch is put together; empty between calls.
    static BATCH: RefCell<Batch> = const { RefCell::new(Batch { packets: vec![], key: None }) };
}

/// A connection that publishes.
pub(super) struct Pump {
    pub(super) link: Link,
    pub(super) publisher: Publisher,
    pub(super) outbox: Outbox,
    pub(super) reader: Reader,
    /// A goodbye was said, and what the kernel holds may still go out.
    pub(super) left_in_order: bool,
    feed: Feed,
    road: Arc<Road>,
    counters: Arc<LegCounters>,
    timer: Pin<Box<Sleep>>,
    grid: Instant,
    ticked_at: Instant,
    /// When publishing was accepted.
    accepted_at: Instant,
    /// Media is sent up to here, in milliseconds on the stream's clock.
    sent_until: u64,
    /// Media is wanted up to here.
    goal: u64,
    /// Nothing goes out before the first keyframe from here on.
    skip_to: Option<u64>,
    /// The stream's time that is 0 for this connection.
    base: Option<u64>,
    manner: Manner,
    /// Since when bytes are missing that a disk must bring.
    fetching: Option<Instant>,
    /// The socket took less than there was.
    blocked: bool,
    source: Supply,
    /// Since when nothing comes.
    dry_since: Option<Instant>,
    /// Nothing has come for too long, and this is where the stream is now: the picture stands still unless something is
    /// there when it is looked for next.
    overdue: Option<u64>,
    source_ended: bool,
    rotating: bool,
    records: u64,
    health: Health,
}

/// What comes from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    Flowing,
    /// What comes next is not there yet.
    Dry,
    /// What comes next is read by another reader, once the outbox is empty.
    Changed,
}

impl Pump {
    /// Takes over a connection on which publishing was accepted.
    pub(super) fn new(
        link: Link,
        publisher: Publisher,
        road: Arc<Road>,
        counters: Arc<LegCounters>,
        manner: Manner,
        first_tick: Instant,
    ) -> Self {
        let now = Instant::now();
        let mut feed = road.feed();
        let entry = road.playhead.join(&mut feed, now);
        counters.max_late_ms.store(0, Relaxed);
        counters.lateness.reset();
        Self {
            link,
            publisher,
            outbox: Outbox::default(),
            left_in_order: false,
            reader: feed.reader(),
            feed,
            source: Supply::Flowing,
            timer: Box::pin(sleep_until(now)),
            grid: first_tick,
            // As if it had ticked before: the first tick brings as much as any.
            ticked_at: now.checked_sub(road.times.tick).unwrap_or(now),
            accepted_at: now,
            sent_until: entry.at,
            goal: entry.at,
            skip_to: entry.skip_to,
            base: None,
            manner,
            fetching: None,
            blocked: false,
            dry_since: None,
            overdue: None,
            source_ended: false,
            rotating: false,
            records: 0,
            health: Health {
                first_key: FirstKey::Unsent,
                live: false,
                lagging: false,
                holding: false,
                acknowledged: 0,
                progress_at: now,
                sampled_at: now,
                measured: (now, entry.at),
            },
            road,
            counters,
        }
    }

    /// Whether the server has had hardly longer than it takes to look at a key.
    pub(super) fn is_early(&self) -> bool {
        let settle = self.road.times.settle;
        !self.health.live && self.accepted_at.elapsed() < settle * 2
    }

    /// Runs until the connection ends.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<LegEnd> {
        match self.advance(context) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    fn advance(&mut self, context: &mut Context<'_>) -> Result<(), LegEnd> {
        self.receive(context)?;
        // Before the tick judges how long the disk has taken: after a pause of the host the answer may lie there.
        self.poll_disk(context)?;
        while self.timer.as_mut().poll(context).is_ready() {
            self.tick(Instant::now())?;
        }
        self.send(context)
    }

    /// Reads and answers what has arrived. A publisher that never reads misses refusals and fills the peer's buffers.
    fn receive(&mut self, context: &mut Context<'_>) -> Result<(), LegEnd> {
        receive(&mut self.link, &mut self.publisher, context)?;
        while let Some(event) = self.publisher.poll_event() {
            match event {
                Event::Refused(refusal) => return Err(refusal.into()),
                Event::ServerStatus { ended: true, code, description } => {
                    let detail = format!("the server ended the stream ({code}: {description})");
                    return Err(LegEnd::new(Reason::PeerClosed, detail));
                }
                Event::ReconnectRequest { description, .. } => {
                    return Err(LegEnd::new(Reason::ReconnectRequested, description));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Decides what is due, ten times a second.
    fn tick(&mut self, now: Instant) -> Result<(), LegEnd> {
        let times = Arc::clone(&self.road.times);
        let tick = times.tick;
        while self.grid <= now {
            self.grid += tick;
        }
        self.timer.as_mut().reset(self.grid);
        let passed = now - std::mem::replace(&mut self.ticked_at, now);
        let waits = self.fetching.is_some() || self.source == Supply::Dry;
        if passed > LATE_TICK || (waits && !self.blocked) {
            // The host paused, or disk or encoder are slow: how fast the peer would have been, nobody knows.
            self.health.measured = (now, self.sent_until);
        }
        let mut media = self.road.playhead.media_ms(now);
        self.watch(media, now)?;
        if self.source_ended && self.outbox.is_empty() && media >= self.feed.lap_end_ms() {
            return Err(LegEnd::new(Reason::Finished, "the source has played to its end"));
        }
        if self.rotating && self.outbox.is_empty() {
            return Err(LegEnd::new(Reason::Rotated, "a planned reconnect"));
        }
        if self.source == Supply::Dry {
            // It may be another reader's turn.
            self.source = Supply::Changed;
            let late = media.saturating_sub(self.sent_until) > times.media_ms(HOLD_AFTER);
            let dry = self.dry_since.is_some_and(|since| now >= since + HOLD_AFTER);
            let overdue = if self.skip_to.is_none() { late } else { dry };
            self.overdue = overdue.then_some(media);
        }
        if self.sent_until >= self.goal && !self.rotating {
            let lag = media.saturating_sub(self.sent_until);
            if lag > times.media_ms(self.manner.most_lag.unwrap_or(times.give_up_lag))
                && self.skip_to.is_none()
            {
                self.give_up(media, now);
                media = self.road.playhead.media_ms(now);
            }
            let tick_ms = times.media_ms(tick);
            let ahead = times.media_ms(passed.min(LATE_TICK) * CATCH_UP_TENTHS / 10);
            self.goal = self.goal.max((media + tick_ms).min(self.sent_until + ahead));
            if self.skip_to.is_some() {
                self.goal = media + tick_ms;
            }
        }
        Ok(())
    }

    /// Lag that catching up would take too long for: a lone leg moves the clock, one of several skips content.
    fn give_up(&mut self, media: u64, now: Instant) {
        self.counters.skips.fetch_add(1, Relaxed);
        if self.manner.skips || !self.road.playhead.fall_back(self.sent_until, now) {
            self.skip_to = Some(media);
            // What is skipped is not taken.
            self.health.measured.1 += media - self.sent_until;
        }
    }

    /// Places and sends what is wanted, as far as disk and socket go along.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), LegEnd> {
        if self.blocked && self.link.poll_writable(context).is_pending() {
            self.poll_disk(context)?;
            return Ok(());
        }
        for _ in 0..MAX_ROUNDS {
            let on_the_way = self.poll_disk(context)?;
            if !on_the_way {
                self.fill()?;
            }
            let transfer = self.transmit(context)?;
            self.blocked = transfer == Transfer::Blocked;
            if self.blocked || on_the_way {
                return Ok(());
            }
            let satisfied = self.sent_until >= self.goal || self.rotating || self.source == Supply::Dry;
            if transfer == Transfer::Done && satisfied && self.fetching.is_none() {
                self.reader.rest();
                return Ok(());
            }
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    /// Whether bytes are on the way from the disk.
    fn poll_disk(&mut self, context: &mut Context<'_>) -> Result<bool, LegEnd> {
        if self.fetching.is_none() {
            return Ok(false);
        }
        match self.reader.poll_fetch(context) {
            Poll::Pending => Ok(true),
            Poll::Ready(Ok(())) => {
                self.fetching = None;
                Ok(false)
            }
            Poll::Ready(Err(error)) => {
                self.bytes_failed(TransmitError::Source(error).into())?;
                Ok(false)
            }
        }
    }

    /// Goes on without what cannot be read, where something else may follow.
    fn source_failed(&mut self, end: LegEnd) -> Result<(), LegEnd> {
        let road = &self.road;
        let known = road.fallback.get().is_some();
        if !self.feed.give_up(end.reason, &end.detail, &|film, laps| road.fall_back(film, laps)) {
            return Err(end);
        }
        if !known && road.fallback.get().is_some() {
            road.signals.report(self.counters.leg, SignalKind::FellBack);
        }
        self.fetching = None;
        self.source = Supply::Changed;
        Ok(())
    }

    /// The same with what has been placed already.
    fn bytes_failed(&mut self, end: LegEnd) -> Result<(), LegEnd> {
        self.source_failed(end)?;
        self.outbox.abandon(&mut self.publisher);
        Ok(())
    }

    /// Places what is wanted next, once what was placed before is out.
    fn fill(&mut self) -> Result<(), LegEnd> {
        if !self.outbox.is_empty() || self.sent_until >= self.goal || self.rotating {
            return Ok(());
        }
        match self.source {
            Supply::Flowing => {}
            Supply::Dry => return Ok(()),
            Supply::Changed => {
                self.reader = self.feed.reader();
                self.source = Supply::Flowing;
            }
        }
        let failed = BATCH.with_borrow_mut(|batch| {
            let mut failed = None;
            // A panic may have left another stream's there.
            batch.packets.clear();
            batch.key = None;
            let filled = self.feed.fill(&self.reader, self.goal, MAX_PACKETS, batch);
            if !matches!(filled, Ok(Fill::Dry)) {
                (self.dry_since, self.overdue) = (None, None);
            }
            for packet in batch.packets.drain(..) {
                self.place(&packet);
            }
            self.road.playhead.passed(batch.key.take(), &self.feed);
            match filled {
                Ok(Fill::Filled) => self.sent_until = self.goal,
                Ok(Fill::Full) => {}
                Ok(Fill::Dry) => {
                    self.source = Supply::Dry;
                    self.dry_since.get_or_insert_with(Instant::now);
                    if let Some(media) = self.overdue.take() {
                        self.hold(media);
                    }
                }
                Ok(Fill::Changed(news)) => {
                    self.source = Supply::Changed;
                    self.outbox.change_program(news);
                }
                Ok(Fill::End) => {
                    self.sent_until = self.goal;
                    self.source_ended = true;
                }
                Err(error) if error.would_block() => {
                    self.fetching.get_or_insert_with(Instant::now);
                }
                Err(error) => failed = Some(error),
            }
            failed
        });
        // What was placed before it can be read.
        failed.map_or(Ok(()), |error| self.source_failed(error.into()))
    }

    /// Lets the picture stand still: nothing has come for too long, nor is there anything now.
    fn hold(&mut self, media: u64) {
        self.feed.hold();
        // What stands still may be read by another reader.
        self.source = Supply::Changed;
        if self.skip_to.take().is_some() {
            // Nothing is left that could be passed over: it begins with the picture that stands still.
            self.feed.pass_over_to(media);
            self.sent_until = media;
        }
    }

    /// Gives a packet this connection's time stamp and queues it, unless the connection does not begin yet or any more.
    fn place(&mut self, packet: &Packet) {
        let Some(program) = self.feed.program() else { return };
        let entrance = program.is_entrance(packet);
        if self.rotating {
            return;
        }
        if self.skip_to.is_some_and(|ms| !entrance || packet.dts < ms) {
            return;
        }
        self.skip_to = None;
        let base = *self.base.get_or_insert(packet.dts);
        // An audio frame that belongs before the keyframe we began with.
        let Some(elapsed) = packet.dts.checked_sub(base) else { return };
        if entrance && self.is_worn_out(elapsed, packet.joint) {
            self.rotating = true;
            return;
        }
        let timestamp = self.manner.first_timestamp.wrapping_add(elapsed as u32);
        self.outbox.push(packet, timestamp, program, &mut self.publisher);
    }

    /// Whether time stamps or TLS records come near a limit beyond which receivers go deaf.
    fn is_worn_out(&self, elapsed_ms: u64, joint: bool) -> bool {
        let times = &self.road.times;
        let limit = if joint { times.rotate_at_joint } else { times.rotate_at_key };
        u128::from(elapsed_ms) >= limit.as_millis()
            || elapsed_ms >= self.manner.rotate_after_ms
            || self.counters.rotate.load(Relaxed)
            || (self.records >= OLD_TLS_RECORDS && self.link.is_old_tls())
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Result<Transfer, LegEnd> {
        let Self { link, publisher, outbox, reader, counters, health, road, records, .. } = self;
        let media = road.playhead.media_ms(Instant::now());
        let write = |bytes: &[u8]| match link.poll_write(context, bytes) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(n)) => {
                *records += (n as u64).div_ceil(TLS_RECORD);
                Ok(Some(n))
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(None),
        };
        let (mut packets, mut late) = (0, None);
        let sent = outbox.transmit(publisher, reader, write, |sent| {
            packets += 1;
            late = late.max(Some(media.saturating_sub(sent.dts)));
            counters.lateness.count(media as i64 - sent.dts as i64);
            if sent.key && matches!(health.first_key, FirstKey::Unsent) {
                health.first_key = FirstKey::Sent;
            }
        });
        counters.packets.fetch_add(packets, Relaxed);
        if let Some(late) = late {
            counters.late_ms.store(late, Relaxed);
            counters.max_late_ms.fetch_max(late, Relaxed);
        }
        let sent = match sent {
            Err(error @ TransmitError::Source(_)) => {
                self.bytes_failed(error.into())?;
                return Ok(Transfer::Done);
            }
            sent => sent?,
        };
        counters.bytes.fetch_add(sent.bytes, Relaxed);
        if let Poll::Ready(Err(error)) = self.link.poll_flush(context) {
            return Err(LegEnd::network(&error));
        }
        if matches!(self.health.first_key, FirstKey::Sent) {
            self.health.first_key = FirstKey::WrittenUpTo(self.link.progress().written);
        }
        if sent.outcome == Transfer::Fetching {
            self.fetching.get_or_insert_with(Instant::now);
        }
        Ok(sent.outcome)
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if !self.left_in_order {
            self.link.abort();
        }
        self.road.playhead.leave(Instant::now());
    }
}

/// Reads what has arrived and feeds it to the session.
pub(super) fn receive(
    link: &mut Link,
    publisher: &mut Publisher,
    context: &mut Context<'_>,
) -> Result<(), LegEnd> {
    let mut buf = [0; 1_024];
    for _ in 0..MAX_ROUNDS {
        match link.poll_read(context, &mut buf) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(0)) => {
                publisher.handle_end()?;
                return Err(LegEnd::new(Reason::PeerClosed, "the server closed the connection"));
            }
            Poll::Ready(Ok(n)) => publisher.handle(&buf[..n])?,
            Poll::Ready(Err(error)) => return Err(LegEnd::network(&error)),
        }
    }
    context.waker().wake_by_ref();
    Ok(())
}
