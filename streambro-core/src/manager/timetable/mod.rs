//! Keeps streams on the air when they should be: the agenda, and the one task that does what it says.

#[cfg(test)]
mod change_tests;
mod clash;
#[cfg(test)]
mod clash_tests;
mod places;
#[cfg(test)]
mod tests;
mod verbs;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::Notify, task::JoinHandle, time::sleep};

use self::places::Places;
pub use self::verbs::Upcoming;
use super::{
    launch::Brought,
    open::Comeback,
    user::Caller,
    verbs::{Inner, StreamManager},
};
use crate::{
    clock::Clock,
    error::{Error, ErrorKind},
    event::EventKind,
    schedule::{Agenda, Entry, Now, Order, Stored},
    spec::{StreamId, StreamSpec},
    status::{Phase, Reason, ScheduleStatus, StreamStatus},
    supervisor::Run,
};

/// What a manager's streams are wanted for, and when.
pub(super) struct Timetable {
    clock: Arc<dyn Clock>,
    plans: Mutex<Plans>,
    /// There is something else to do.
    changed: Notify,
    /// What does it. There is none before the first plan.
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The agenda, and who sends where by it.
#[derive(Default)]
pub(super) struct Plans {
    agenda: Agenda,
    places: Places,
    /// Where streams were before the manager was there.
    comebacks: HashMap<StreamId, Comeback>,
    /// Why their latest starts failed.
    failures: HashMap<StreamId, Arc<str>>,
}

/// What is to be kept of a stream.
pub(super) struct Wish {
    pub(super) spec: Arc<StreamSpec>,
    pub(super) stored: Stored,
    pub(super) is_on: bool,
    /// Its keys are not known; what is kept of them is all there is.
    pub(super) waits_for_keys: bool,
}

impl Timetable {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, plans: Mutex::default(), changed: Notify::new(), task: Mutex::default() }
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.wall(), passed: self.clock.passed() }
    }

    /// Taken before the registry's lock, never after it.
    fn plans(&self) -> MutexGuard<'_, Plans> {
        // Entries are whole at every instant, whatever panicked.
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is planned of a stream, if it is the caller's.
    pub(super) fn planned(&self, caller: Caller<'_>, id: &StreamId) -> Option<Planned> {
        let plans = self.plans();
        plans.agenda.get(id).and_then(|entry| plans.planned(caller, id, entry))
    }

    /// All that is planned and the caller's.
    pub(super) fn all_planned(&self, caller: Caller<'_>) -> Vec<Planned> {
        let plans = self.plans();
        plans.agenda.entries().filter_map(|(id, entry)| plans.planned(caller, id, entry)).collect()
    }

    /// Somebody ended a stream by hand. Returns whether it is wanted, now or later, and the caller's.
    pub(super) fn stopped(&self, caller: Caller<'_>, id: &StreamId) -> bool {
        let mut plans = self.plans();
        let known = plans.agenda.get(id).is_some_and(|entry| caller.may_see(&entry.spec));
        if known {
            let now = self.now();
            plans.agenda.stopped(id, now);
            self.changed.notify_one();
        }
        known
    }

    /// Wants nothing of these any more. Returns them.
    pub(super) fn clear(&self, caller: Caller<'_>) -> Vec<StreamId> {
        let gone = self.plans().agenda.clear(|spec| caller.may_see(spec));
        self.changed.notify_one();
        gone
    }

    /// The time by the wall, in milliseconds since 1970.
    pub(super) fn unix_ms(&self) -> u64 {
        u64::try_from(self.clock.wall().as_millisecond()).unwrap_or(0)
    }

    /// What outlives the manager of these: the spec, what has been dealt with, and whether it is on. `None` for those of which
    /// nothing is wanted any more.
    pub(super) fn stored(&self, ids: &BTreeSet<StreamId>) -> Vec<(StreamId, Option<Wish>)> {
        let plans = self.plans();
        let now = self.now();
        let wish = |entry: &Entry| Wish {
            spec: Arc::clone(&entry.spec),
            stored: entry.stored(now),
            is_on: entry.now().is_some(),
            waits_for_keys: entry.waits_for_keys(),
        };
        ids.iter().map(|id| (id.clone(), plans.agenda.get(id).map(wish))).collect()
    }

    /// What runs as it should.
    pub(super) fn on_air(&self) -> Vec<OnAir> {
        let plans = self.plans();
        let on_air = |(id, entry): (&StreamId, &Entry)| {
            let (run, since) = (entry.run()?, entry.now()?.start);
            Some(OnAir { id: id.clone(), run, since, spec: Arc::clone(&entry.spec) })
        };
        plans.agenda.entries().filter_map(on_air).collect()
    }

    /// Where a stream was before the manager was there, if it is to go on from there.
    pub(super) fn comeback(&self, id: &StreamId) -> Option<Comeback> {
        let plans = self.plans();
        let since = plans.agenda.get(id)?.now()?.start;
        plans.comebacks.get(id).filter(|comeback| comeback.since == since).cloned()
    }

    /// Enters what another manager has left.
    pub(super) fn restore(&self, streams: Vec<(StreamId, Entry, Option<Comeback>)>) {
        let mut plans = self.plans();
        let now = self.now();
        for (id, mut entry, comeback) in streams {
            // Somebody may ask before the first look.
            entry.find_next(now);
            plans.comebacks.extend(comeback.map(|comeback| (id.clone(), comeback)));
            plans.put(id, entry, now);
        }
    }

    /// A stream without a schedule goes where its run goes by now.
    pub(super) fn follow(&self, run: &Run) {
        let mut plans = self.plans();
        let entry = plans.agenda.get(&run.id).filter(|entry| entry.run() == Some(run.number));
        let Some(entry) = entry.filter(|entry| !entry.is_scheduled()).cloned() else { return };
        let now = self.now();
        let entry = entry.with_spec(Arc::new(run.wanted()));
        plans.put(run.id.clone(), entry, now);
        self.changed.notify_one();
    }

    pub(super) fn take_task(&self) -> Option<JoinHandle<()>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A stream that runs as it should.
pub(super) struct OnAir {
    pub(super) id: StreamId,
    /// The number of its run.
    pub(super) run: u64,
    /// When its airing began.
    pub(super) since: Timestamp,
    pub(super) spec: Arc<StreamSpec>,
}

/// A stream that is wanted, now or later.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) id: StreamId,
    /// `None` for one without a schedule.
    pub(super) schedule: Option<ScheduleStatus>,
    /// Whether it has a run; else it waits.
    pub(super) runs: bool,
    spec: Arc<StreamSpec>,
    /// Why it waits although its time has come.
    reason: Option<(Reason, Arc<str>)>,
}

impl Plans {
    fn planned(&self, caller: Caller<'_>, id: &StreamId, entry: &Entry) -> Option<Planned> {
        let keyless =
            || entry.waits_for_keys().then(|| (Reason::KeyMissing, Reason::KeyMissing.meaning().into()));
        let failure = self.failures.get(id).filter(|_| entry.has_failed());
        caller.may_see(&entry.spec).then(|| Planned {
            id: id.clone(),
            schedule: entry.is_scheduled().then(|| show(entry)),
            runs: entry.run().is_some(),
            spec: Arc::clone(&entry.spec),
            reason: failure.map(|why| (Reason::StartFailed, Arc::clone(why))).or_else(keyless),
        })
    }
}

impl Planned {
    /// Whether this run is what there is to show of it.
    pub(super) fn shows(&self, run: &Run) -> bool {
        self.runs || run.ended_at().is_none()
    }

    /// What is known of it while it is not on the air.
    pub(super) fn waiting(self) -> StreamStatus {
        let status = StreamStatus::waiting(self.id, &self.spec, self.schedule);
        match self.reason {
            Some((reason, detail)) => {
                StreamStatus { reason: Some(reason), detail: (*detail).to_owned(), ..status }
            }
            None => status,
        }
    }
}

fn show(entry: &Entry) -> ScheduleStatus {
    ScheduleStatus { now: entry.now(), next: entry.next() }
}

impl StreamManager {
    /// A run did not come about.
    pub(super) fn withdrawn(&self, run: &Run) {
        // What a shutdown leaves unfinished is wanted as much as before.
        if self.0.closing.is_cancelled() {
            return;
        }
        let mut plans = self.0.timetable.plans();
        let now = self.0.timetable.now();
        plans.agenda.ended(&run.id, run.number, now);
    }

    /// Sees to it that the agenda is looked at.
    pub(super) fn attend(&self) {
        let timetable = &self.0.timetable;
        let mut task = timetable.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_none() {
            self.0.services.books.keep_ends();
            *task = Some(self.runtime().spawn(keep(Arc::downgrade(&self.0))));
        }
        timetable.changed.notify_one();
    }

    /// Settles what has ended, looks at what is due, and does something about it. Returns how long to wait.
    fn keep_up(&self) -> Option<Duration> {
        let timetable = &self.0.timetable;
        let (orders, wait) = {
            let mut plans = timetable.plans();
            let now = timetable.now();
            let agenda = &mut plans.agenda;
            for end in self.0.services.books.take_ends() {
                // It is wanted as much as before: the host will be back.
                if end.reason != Reason::ShutDown {
                    agenda.ended(&end.id, end.run, now);
                }
            }
            agenda.look(now)
        };
        self.tell_news();
        for order in orders {
            match order {
                Order::Begin(id, spec, begin) => self.begin(Errand { id, spec, begin }),
                Order::End(id, number) => self.end_run(&id, number),
            }
        }
        wait
    }

    /// Tells what has changed, and lets it be kept.
    pub(super) fn tell_news(&self) {
        let told = {
            let mut plans = self.0.timetable.plans();
            let ids = plans.agenda.take_news();
            for id in &ids {
                if plans.agenda.get(id).is_none() {
                    plans.forget(id);
                }
            }
            let known = |id: &StreamId| {
                let entry = plans.agenda.untold(id).filter(|entry| entry.is_scheduled())?;
                Some((id.clone(), entry.spec.user.clone(), show(entry)))
            };
            let told: Vec<_> = ids.iter().filter_map(known).collect();
            if let Some(memory) = self.0.memory.as_ref().filter(|_| !ids.is_empty()) {
                // Before anybody can find that there is no news.
                memory.note(ids);
            }
            told
        };
        for (id, user, ScheduleStatus { now, next }) in told {
            self.0.services.bus.emit(&id, user.as_deref(), EventKind::Schedule { now, next });
        }
    }

    /// Ends the run of a stream whose time is over. One that took its place meanwhile is looked at by itself.
    fn end_run(&self, id: &StreamId, number: Option<u64>) {
        let Ok(run) = self.find(Caller::Host, id.as_str()) else { return };
        let is_it = match number {
            Some(number) => run.number == number,
            // It was being started: what opens its source is what was meant.
            None => *run.phase().borrow() == Phase::Preparing,
        };
        if is_it {
            run.stop(Reason::ScheduleEnded);
        }
    }

    /// Starts a stream beside the others: none waits for another's disk.
    fn begin(&self, errand: Errand) {
        let manager = self.clone();
        let work = async move {
            let comeback = manager.0.timetable.comeback(&errand.id);
            let unanswered = Unanswered { manager: &manager, errand: &errand };
            match manager.bring(Caller::Host, &errand.id, &errand.spec, comeback.as_ref()).await {
                Ok(brought) => manager.begun(&errand, &brought),
                Err(error) => manager.failed(&errand, &error),
            }
            drop(unanswered);
        };
        self.0.errands.spawn_on(work, self.runtime());
    }

    /// A stream runs whose time had come.
    fn begun(&self, errand: &Errand, brought: &Brought) {
        let timetable = &self.0.timetable;
        let run = brought.run();
        let wanted = {
            let mut plans = timetable.plans();
            let now = timetable.now();
            if plans.agenda.awaits(&errand.id, errand.begin) {
                plans.agenda.started(&run.id, run.number, now);
                plans.forget(&run.id);
                plans.settle(run, now);
            }
            // Somebody may have started the same by hand, and found this run.
            plans.agenda.get(&run.id).is_some_and(|entry| entry.run() == Some(run.number))
        };
        if let (false, Brought::New(run)) = (wanted, brought) {
            run.stop(Reason::ScheduleEnded);
        }
        timetable.changed.notify_one();
    }

    fn failed(&self, errand: &Errand, error: &Error) {
        let timetable = &self.0.timetable;
        let again = {
            let mut plans = timetable.plans();
            if self.0.closing.is_cancelled() || !plans.agenda.awaits(&errand.id, errand.begin) {
                return;
            }
            let now = timetable.now();
            plans.failures.insert(errand.id.clone(), error.to_string().into());
            plans.agenda.failed(&errand.id, now)
        };
        let id = &errand.id;
        tracing::warn!(stream = %id, %error, ?again, "a planned start failed");
        let retry_in_ms = again.map(|again| u64::try_from(again.as_millis()).unwrap_or(u64::MAX));
        let kind = EventKind::StartFailed { error: error.kind, detail: error.to_string(), retry_in_ms };
        self.0.services.bus.emit(id, errand.spec.user.as_deref(), kind);
        timetable.changed.notify_one();
    }
}

/// A start that was ordered.
struct Errand {
    id: StreamId,
    spec: Arc<StreamSpec>,
    begin: u64,
}

/// Answers an errand that dies.
struct Unanswered<'a> {
    manager: &'a StreamManager,
    errand: &'a Errand,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let detail = "what was starting it died; please report it";
        // Nobody waits for another answer.
        self.manager.failed(self.errand, &Error::new(ErrorKind::Host, self.errand.id.as_str(), detail));
    }
}

/// The one task. Sleeps until something is due, a second at most; without a plan until there is one.
async fn keep(manager: Weak<Inner>) {
    let Some(inner) = manager.upgrade() else { return };
    let (books, closing) = (Arc::clone(&inner.services.books), inner.closing.clone());
    let timetable = Arc::clone(&inner.timetable);
    drop(inner);
    loop {
        let wait = match manager.upgrade() {
            Some(inner) => StreamManager(inner).keep_up(),
            None => return,
        };
        let due = async {
            match wait {
                Some(wait) => sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = closing.cancelled() => return,
            () = timetable.changed.notified() => {}
            () = books.wait_for_ends() => {}
            () = due => {}
        }
    }
}

impl fmt::Debug for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timetable").field("clock", &self.clock).finish_non_exhaustive()
    }
}
