//! One run of a stream: what is wanted of it, what is known of it, and the task that reconciles the two.

mod notes;
mod outlets;
mod programme;
mod stage;
mod studio;
mod task;

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::Span;

pub(crate) use self::outlets::OutletRefusal;
pub(super) use self::task::{LastWord, supervise};
use self::{
    notes::trace,
    outlets::{Orders, Outlet},
    studio::Making,
};
use super::fsm::Fsm;
use crate::{
    clock,
    event::{Bus, EventKind},
    journal::{Books, Entry, Log, What},
    limits::Permit,
    monitor::Gauge,
    publish::{Dialer, Gate},
    session::Playhead,
    source::{Child, Disks, ListPlace, ListPlaces, Opener, Place, Roll, Rolls, Start, Wanted},
    spec::{Resume, StreamId, StreamSpec, Times},
    status::{LegPhase, LegStatus, Phase, Reason, StreamStatus},
};

/// So many runs there were.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// What every supervisor of a manager works with.
#[derive(Debug)]
pub(crate) struct Services {
    /// The way to servers.
    pub dialer: Arc<Dialer>,
    /// The turns of reconnects.
    pub gate: Gate,
    /// The threads of disks.
    pub disks: Disks,
    /// Who opens the items of playlists.
    pub opener: Arc<dyn Opener>,
    /// Where events go.
    pub bus: Bus,
    /// What is written down.
    pub books: Arc<Books>,
    /// The tasks of streams.
    pub tasks: TaskTracker,
    /// The time table.
    pub times: Arc<Times>,
    /// What all streams count their ticks from.
    pub epoch: Instant,
}

/// One run of a stream, from `start` to its end.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it was started with.
    pub spec: StreamSpec,
    /// Its name.
    pub id: StreamId,
    /// Which one it is of all.
    pub number: u64,
    /// Where it is in its media.
    pub playhead: Arc<Playhead>,
    /// What it uses.
    pub gauge: Gauge,
    orders: Mutex<Orders>,
    /// There is another order.
    ordered: Notify,
    stop: watch::Sender<Option<Reason>>,
    phase: watch::Sender<Phase>,
    shown: Mutex<Shown>,
    started_unix_ms: u64,
    permit: Mutex<Option<Permit>>,
    log: Mutex<Log>,
    books: Arc<Books>,
    span: Span,
    /// What makes what it plays, where ffmpeg is needed.
    making: Mutex<Option<Making>>,
    /// Where in its file it begins.
    start: OnceLock<Start>,
    /// What it plays one after the other, and what is heard instead of that.
    rolls: OnceLock<Rolls>,
}

/// What status shows of the state machine, copied out at every change.
#[derive(Debug, Default)]
struct Shown {
    reason: Option<Reason>,
    detail: String,
    legs: Vec<ShownLeg>,
    ended_at: Option<Instant>,
    /// Not by its own state machine, which may still be about to tell things.
    cut_short: bool,
}

#[derive(Debug)]
struct ShownLeg {
    phase: LegPhase,
    reason: Option<Reason>,
    detail: String,
    attempts: u64,
    reconnects: u64,
}

impl Default for ShownLeg {
    fn default() -> Self {
        Self { phase: LegPhase::Waiting, reason: None, detail: String::new(), attempts: 0, reconnects: 0 }
    }
}

impl Run {
    /// A run that has its id and nothing else yet.
    pub(crate) fn new(id: StreamId, spec: StreamSpec, books: &Arc<Books>, times: &Arc<Times>) -> Arc<Self> {
        let legs = spec.destinations.iter().map(|_| ShownLeg::default()).collect();
        let shown = Shown { legs, ..Shown::default() };
        Arc::new(Self {
            orders: Mutex::new(Orders::new(&spec)),
            ordered: Notify::new(),
            log: Mutex::new(Log::new(books.keep.lines)),
            books: Arc::clone(books),
            // Without a parent: the host's span of the moment would be held open for weeks.
            span: tracing::info_span!(parent: None, "stream", %id),
            playhead: Arc::new(Playhead::new(times, spec.resume)),
            spec,
            id,
            number: RUNS.fetch_add(1, Relaxed),
            gauge: Gauge::default(),
            stop: watch::Sender::new(None),
            phase: watch::Sender::new(Phase::Preparing),
            shown: Mutex::new(shown),
            started_unix_ms: clock::unix_ms(),
            permit: Mutex::default(),
            making: Mutex::default(),
            start: OnceLock::new(),
            rolls: OnceLock::new(),
        })
    }

    /// Wants it to end. The first reason stays. Returns whether this was the first.
    pub(crate) fn stop(&self, reason: Reason) -> bool {
        self.stop.send_if_modified(|wanted| {
            let first = wanted.is_none();
            wanted.get_or_insert(reason);
            first
        })
    }

    /// Bytes handed to all sockets so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.orders().bytes()
    }

    /// Its ffmpeg, while one runs.
    pub(crate) fn child(&self) -> Option<Child> {
        self.making().as_ref().and_then(Making::child)
    }

    /// Begins somewhere in its file; before its task does.
    pub(crate) fn begin_at(&self, start: Start) {
        self.playhead.begin_at(start.place);
        // Nobody else sets it.
        let _ = self.start.set(start);
    }

    fn start(&self) -> Start {
        self.start.get().cloned().unwrap_or_default()
    }

    /// Where it is in what it plays.
    pub(crate) fn place(&self) -> Place {
        let now = Instant::now();
        let Some(rolls) = self.rolls() else { return Place::File(self.playhead.file_place(now)) };
        let media_ms = self.playhead.media_ms(now);
        let of = |roll: &Arc<Roll>| {
            let place = roll.place(media_ms);
            let at_its_begin = |playing: Wanted| Wanted { skip_ms: 0, ..playing };
            match self.spec.resume {
                Resume::Item => ListPlace { playing: place.playing.map(at_its_begin), ..place },
                _ => place,
            }
        };
        let (picture, sound) = (of(&rolls.picture), rolls.sound.as_ref().map(of));
        Place::Lists(Box::new(ListPlaces { picture, sound }))
    }

    /// Its playlists, once they are open; `None` for a stream of one file.
    pub(crate) fn rolls(&self) -> Option<&Rolls> {
        self.rolls.get()
    }

    /// Shows its playlists, which never become others.
    pub(crate) fn show_rolls(&self, rolls: &Rolls) {
        let _ = self.rolls.set(rolls.clone());
    }

    fn making(&self) -> MutexGuard<'_, Option<Making>> {
        // Whole at every instant, whatever panicked.
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is, to look at or to wait for.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// When it ended.
    pub(crate) fn ended_at(&self) -> Option<Instant> {
        self.shown().ended_at
    }

    /// Gives it a place or a turn. One that has ended gives it back at once.
    pub(crate) fn hold(&self, permit: Permit) {
        // Under this lock: the end takes the permit away, and comes before or after.
        let shown = self.shown();
        if shown.ended_at.is_none() {
            *self.permit() = Some(permit);
        }
    }

    /// Its place or turn, and whatever is to be asked of it.
    pub(crate) fn permit(&self) -> MutexGuard<'_, Option<Permit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes its place away: to give it back, or to the run that replaces this one.
    pub(crate) fn take_permit(&self) -> Option<Permit> {
        self.permit().take()
    }

    /// Whether it has a place.
    pub(crate) fn holds_place(&self) -> bool {
        self.permit().as_ref().is_some_and(Permit::is_granted)
    }

    /// Whether it is on its way, neither opening its source nor coming to an end.
    pub(crate) fn is_settled(&self) -> bool {
        let phase = *self.phase.borrow();
        !self.is_stopping() && !matches!(phase, Phase::Preparing | Phase::Stopping | Phase::Ended)
    }

    /// Why it ends, if somebody wants that.
    pub(crate) fn why_stopping(&self) -> Option<Reason> {
        *self.stop.borrow()
    }

    /// Whether somebody wants it to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Ends a run whose task never began, was aborted or died. Does nothing to one that has ended.
    pub(crate) fn end(&self, reason: Reason, detail: &str, bus: &Bus) {
        self.end_with(reason, detail, bus, true);
    }

    /// Ends a run that did not come about: whoever asked for it is told why, and history knows nothing of it.
    pub(crate) fn withdraw(&self, reason: Reason, bus: &Bus) {
        self.end_with(reason, "the start did not come about", bus, false);
    }

    fn end_with(&self, reason: Reason, detail: &str, bus: &Bus, was_run: bool) {
        let mut shown = self.shown();
        if shown.ended_at.is_some() {
            return;
        }
        let entry = || Entry::new(What::Phase(Phase::Ended, Some(reason)), detail);
        self.log().add(entry());
        (shown.ended_at, shown.cut_short) = (Some(Instant::now()), true);
        (shown.reason, shown.detail) = (Some(reason), detail.to_owned());
        for leg in &mut shown.legs {
            leg.phase = LegPhase::Ended;
        }
        if was_run {
            self.record(&shown);
        }
        self.books.tell_end();
        self.take_permit();
        // Under the lock: nobody may show or tell another phase after this one. And told before those who wait for the
        // end wake up: they shall find it among their events.
        let (from, to) = (self.set_phase(Phase::Ended), Phase::Ended);
        let reason = Some(reason);
        self.emit(EventKind::Phase { from, to, reason, detail: detail.to_owned() }, bus);
        self.wake();
        drop(shown);
        // Not under it: a host's subscriber may ask for the status.
        trace(&self.span, &entry());
    }

    /// Moves it to a phase before its state machine begins. Does nothing to one that has ended.
    pub(super) fn pass_to(&self, to: Phase, reason: Option<Reason>, detail: &str, bus: &Bus) {
        let mut shown = self.shown();
        if shown.ended_at.is_some() {
            return;
        }
        let entry = || Entry::new(What::Phase(to, reason), detail);
        self.log().add(entry());
        (shown.reason, shown.detail) = (reason, detail.to_owned());
        let from = self.set_phase(to);
        self.emit(EventKind::Phase { from, to, reason, detail: detail.to_owned() }, bus);
        self.wake();
        drop(shown);
        trace(&self.span, &entry());
    }

    /// Tells what its state machine did, unless somebody has ended the run meanwhile and had the last word.
    fn tell(&self, kind: EventKind, bus: &Bus) {
        let shown = self.shown();
        if !shown.cut_short {
            self.emit(kind, bus);
        }
    }

    fn emit(&self, kind: EventKind, bus: &Bus) {
        bus.emit(&self.id, self.spec.user.as_deref(), kind);
    }

    /// Moves to a phase and lets nobody know yet. Returns the one before.
    fn set_phase(&self, to: Phase) -> Phase {
        let mut from = to;
        self.phase.send_if_modified(|phase| {
            from = std::mem::replace(phase, to);
            false
        });
        from
    }

    /// Wakes those who wait for a phase.
    fn wake(&self) {
        self.phase.send_modify(|_| {});
    }

    /// Waits until somebody wants it to end.
    pub(crate) async fn stop_wanted(&self) -> Reason {
        // The sender lives in here.
        let mut wanted = self.stop.subscribe();
        let wanted = wanted.wait_for(Option::is_some).await;
        wanted.ok().and_then(|wanted| *wanted).unwrap_or(Reason::Stopped)
    }

    /// What is known of it now.
    pub(crate) fn status(&self) -> StreamStatus {
        let shown = self.shown();
        let orders = self.orders();
        let nothing = ShownLeg::default();
        let legs = orders.outlets().iter().enumerate();
        let legs = legs.map(|(leg, outlet)| (leg, outlet, shown.legs.get(leg).unwrap_or(&nothing)));
        // One that was removed shows as long as it says goodbye.
        let legs = legs.filter(|(_, outlet, known)| outlet.is_there() || !known.phase.is_at_rest());
        let legs: Vec<_> = legs
            .map(|(leg, Outlet { destination, counters, .. }, known)| LegStatus {
                leg,
                destination: destination.label(),
                phase: known.phase,
                reason: known.reason,
                detail: known.detail.clone(),
                attempts: known.attempts,
                reconnects: known.reconnects,
                bytes: counters.bytes.load(Relaxed),
                acked_bytes: counters.acked.load(Relaxed),
                packets: counters.packets.load(Relaxed),
                late_ms: counters.late_ms.load(Relaxed),
                max_late_ms: counters.max_late_ms.load(Relaxed),
                lateness: counters.lateness.read(),
                skips: counters.skips.load(Relaxed),
            })
            .collect();
        let (laps, silent_frames, trimmed_frames) = self.playhead.figures();
        let phase = *self.phase.borrow();
        let queued = phase == Phase::Queued;
        // Places are asked for before destinations, never the other way round.
        let bytes = orders.bytes();
        drop(orders);
        let position = if queued { self.permit().as_ref().and_then(Permit::position) } else { None };
        StreamStatus {
            id: self.id.clone(),
            user: self.spec.user.clone(),
            phase,
            reason: shown.reason,
            detail: shown.detail.clone(),
            queue_position: position.map(|(position, _)| position),
            media_ms: self.playhead.media_ms(Instant::now()),
            laps,
            silent_frames,
            trimmed_frames,
            bytes,
            started_unix_ms: self.started_unix_ms,
            usage: self.gauge.usage().filter(|_| shown.ended_at.is_none()),
            encoding: self.making().as_ref().map(|making| making.status(shown.ended_at.is_some())),
            schedule: None,
            legs,
        }
    }

    /// Shows the state machine's state. Nothing changes once it has ended: false then.
    fn show(&self, fsm: &Fsm) -> bool {
        let mut shown = self.shown();
        if shown.ended_at.is_some() {
            return false;
        }
        shown.reason = fsm.reason();
        shown.detail = fsm.detail().to_owned();
        shown.legs.resize_with(fsm.legs().len(), ShownLeg::default);
        for (shown, leg) in shown.legs.iter_mut().zip(fsm.legs()) {
            *shown = ShownLeg {
                phase: leg.phase,
                reason: leg.reason,
                detail: leg.detail.clone(),
                attempts: leg.attempts,
                reconnects: leg.reconnects,
            };
        }
        let at_rest = |leg: &super::fsm::Leg| matches!(leg.phase, LegPhase::Disabled | LegPhase::Ended);
        self.orders().settle(fsm.legs().iter().map(at_rest));
        if fsm.phase() == Phase::Ended {
            shown.ended_at = Some(Instant::now());
            self.record(&shown);
            self.books.tell_end();
            // Before anyone hears of the end: who waited for it may start the next one at once.
            self.take_permit();
        }
        self.set_phase(fsm.phase());
        true
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Whole at every instant, whatever panicked.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
