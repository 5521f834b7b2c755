//! Everything that is wanted, and when to look at what.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    entry::{Entry, Step},
    now::Now,
};
use crate::spec::{Airing, StreamId, StreamSpec};

/// Somebody may set the clock at any time, and the machine may sleep: nothing is waited for longer.
const SLICE: Duration = Duration::from_secs(1);

/// A clock that is set by less is only corrected.
const SETBACK: SignedDuration = SignedDuration::from_secs(1);

/// What is to be done now.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Start a stream, and answer by the number with `started` or `failed`, if it is still awaited then.
    Begin(StreamId, Arc<StreamSpec>, u64),
    /// End a stream: this run, if it was known.
    End(StreamId, Option<u64>),
}

/// The streams that are wanted.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BTreeMap<StreamId, Planned>,
    by_wall: BinaryHeap<Reverse<(Timestamp, u64, StreamId)>>,
    by_passed: BinaryHeap<Reverse<(Duration, u64, StreamId)>>,
    /// Starts that were ordered.
    begins: u64,
    /// The newest ticket: what is in a heap with an older one is void.
    tickets: u64,
    /// The latest time that the wall clock showed.
    latest: Option<Timestamp>,
    /// The wall clock less what had passed, at the last look.
    offset: Option<SignedDuration>,
    /// Whether the wall clock was never set, at the last look.
    unset: bool,
    /// Entries that have changed or gone since this was last taken.
    news: BTreeSet<StreamId>,
}

#[derive(Debug)]
struct Planned {
    entry: Entry,
    ticket: u64,
    /// The latest start that was ordered.
    begin: u64,
    /// What is on and what comes next, as that was last told.
    told: Option<(Option<Airing>, Option<Airing>)>,
}

impl Agenda {
    pub(crate) fn get(&self, id: &StreamId) -> Option<&Entry> {
        self.entries.get(id).map(|planned| &planned.entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&StreamId, &Entry)> {
        self.entries.iter().map(|(id, planned)| (id, &planned.entry))
    }

    /// The entry, if what is on or comes next is other than when this was last asked.
    pub(crate) fn untold(&mut self, id: &StreamId) -> Option<&Entry> {
        let planned = self.entries.get_mut(id)?;
        let now = Some((planned.entry.now(), planned.entry.next()));
        let told = std::mem::replace(&mut planned.told, now);
        (told != now).then_some(&planned.entry)
    }

    /// Takes the entries that have changed or gone.
    pub(crate) fn take_news(&mut self) -> BTreeSet<StreamId> {
        std::mem::take(&mut self.news)
    }

    /// Adds a stream, or puts it in the place of another.
    pub(crate) fn put(&mut self, id: StreamId, entry: Entry, now: Now) {
        let (begin, told) = self.entries.get(&id).map_or((0, None), |planned| (planned.begin, planned.told));
        self.entries.insert(id.clone(), Planned { entry, ticket: 0, begin, told });
        self.enter_now(&id, now);
        self.news.insert(id);
    }

    /// Takes a stream out.
    pub(crate) fn remove(&mut self, id: &StreamId) -> Option<Entry> {
        let planned = self.entries.remove(id)?;
        self.news.insert(id.clone());
        Some(planned.entry)
    }

    /// Takes out those that fit, and names them.
    pub(crate) fn clear(&mut self, these: impl Fn(&StreamSpec) -> bool) -> Vec<StreamId> {
        let gone = self.entries.extract_if(.., |_, planned| these(&planned.entry.spec));
        let gone: Vec<_> = gone.map(|(id, _)| id).collect();
        self.news.extend(gone.iter().cloned());
        gone
    }

    /// Looks at everything that is due. Returns what to do, and how long to wait before the next look; `None` is until
    /// something else is wanted.
    pub(crate) fn look(&mut self, now: Now) -> (Vec<Order>, Option<Duration>) {
        self.tell_jumps(now);
        let mut due = BTreeSet::new();
        if now.is_plausible() {
            let set_back = self.latest.is_some_and(|latest| latest.duration_since(now.wall) > SETBACK);
            if std::mem::take(&mut self.unset) || set_back {
                // What comes next may be sooner than was thought.
                due.extend(self.entries.keys().cloned());
                self.latest = None;
            }
            self.latest = self.latest.max(Some(now.wall));
            while let Some((_, ticket, id)) = self.by_wall.pop_first_if(|(at, ..)| *at <= now.wall) {
                self.collect(&mut due, ticket, id);
            }
            while let Some((_, ticket, id)) = self.by_passed.pop_first_if(|(at, ..)| *at <= now.passed) {
                self.collect(&mut due, ticket, id);
            }
        } else {
            self.unset = true;
            // What needs no clock begins without one.
            let plain = self.entries.iter().filter(|(_, planned)| !planned.entry.is_scheduled());
            due.extend(plain.map(|(id, _)| id.clone()));
        }
        let orders = due.into_iter().filter_map(|id| self.look_at(id, now)).collect();
        self.drop_void();
        (orders, self.wait(now))
    }

    /// Whatever ends when time has passed ends at another time by a clock that was set, and is stored so.
    fn tell_jumps(&mut self, now: Now) {
        let passed = SignedDuration::try_from(now.passed).unwrap_or(SignedDuration::MAX);
        let offset = now.wall.as_duration().saturating_sub(passed);
        let was = self.offset.replace(offset).unwrap_or(offset);
        if offset.saturating_sub(was).abs() > SETBACK {
            let counting = self.entries.iter().filter(|(_, planned)| planned.entry.is_counting());
            self.news.extend(counting.map(|(id, _)| id.clone()));
        }
    }

    fn collect(&self, due: &mut BTreeSet<StreamId>, ticket: u64, id: StreamId) {
        if is_valid(&self.entries, ticket, &id) {
            due.insert(id);
        }
    }

    fn look_at(&mut self, id: StreamId, now: Now) -> Option<Order> {
        let planned = self.entries.get_mut(&id)?;
        let entry = &mut planned.entry;
        let (before, run) = ((entry.stored(now), entry.next()), entry.run());
        let step = entry.look(now);
        if before != (entry.stored(now), entry.next()) {
            self.news.insert(id.clone());
        }
        let order = step.map(|step| match step {
            Step::Begin => {
                self.begins += 1;
                planned.begin = self.begins;
                Order::Begin(id.clone(), Arc::clone(&planned.entry.spec), planned.begin)
            }
            Step::End => Order::End(id.clone(), run),
        });
        self.settle(&id);
        order
    }

    /// Forgets an entry of which nothing is wanted, or sees to it that it is looked at in time.
    fn settle(&mut self, id: &StreamId) {
        let Some(planned) = self.entries.get(id) else { return };
        if planned.entry.is_over() {
            self.remove(id);
            return;
        }
        let due = planned.entry.wall_due();
        self.enter(id, due);
    }

    /// Whatever is to be done about an entry is done at the next look, also by a clock that is set back before that.
    fn enter_now(&mut self, id: &StreamId, now: Now) {
        self.latest = self.latest.max(Some(now.wall));
        self.enter(id, Some(now.wall.saturating_sub(SETBACK).unwrap_or(now.wall)));
    }

    fn enter(&mut self, id: &StreamId, wall: Option<Timestamp>) {
        let Some(planned) = self.entries.get_mut(id) else { return };
        self.tickets += 1;
        planned.ticket = self.tickets;
        let passed = planned.entry.passed_due();
        self.by_wall.extend(wall.map(|at| Reverse((at, self.tickets, id.clone()))));
        self.by_passed.extend(passed.map(|at| Reverse((at, self.tickets, id.clone()))));
        self.sweep();
    }

    /// Throws out what is void, once it is most of what there is.
    fn sweep(&mut self) {
        let most = 2 * self.entries.len() + 64;
        let entries = &self.entries;
        let valid = |ticket, id: &StreamId| is_valid(entries, ticket, id);
        if self.by_wall.len() > most {
            self.by_wall.retain(|Reverse((_, ticket, id))| valid(*ticket, id));
        }
        if self.by_passed.len() > most {
            self.by_passed.retain(|Reverse((_, ticket, id))| valid(*ticket, id));
        }
    }

    /// Throws out what is void and would be waited for.
    fn drop_void(&mut self) {
        let Self { entries, by_wall, by_passed, .. } = self;
        while by_wall.pop_first_if(|(_, ticket, id)| !is_valid(entries, *ticket, id)).is_some() {}
        while by_passed.pop_first_if(|(_, ticket, id)| !is_valid(entries, *ticket, id)).is_some() {}
    }

    fn wait(&self, now: Now) -> Option<Duration> {
        if self.unset {
            return (!self.entries.is_empty()).then_some(SLICE);
        }
        let wall = self
            .by_wall
            .peek()
            .map(|Reverse((at, ..))| at.duration_since(now.wall).max(SignedDuration::ZERO).unsigned_abs());
        let passed = self.by_passed.peek().map(|Reverse((at, ..))| at.saturating_sub(now.passed));
        wall.into_iter().chain(passed).min().map(|wait| wait.min(SLICE))
    }

    /// How much is in the heaps, void or not.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.by_wall.len() + self.by_passed.len()
    }

    /// Changes an entry, and looks at it anew soon.
    fn change<T>(&mut self, id: &StreamId, now: Now, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let planned = self.entries.get_mut(id)?;
        let changed = change(&mut planned.entry);
        self.news.insert(id.clone());
        if planned.entry.is_over() {
            self.remove(id);
        } else {
            self.enter_now(id, now);
        }
        Some(changed)
    }

    /// Whether a start that was ordered is to be answered: it may have been called off, or ordered once more.
    pub(crate) fn awaits(&self, id: &StreamId, begin: u64) -> bool {
        self.entries.get(id).is_some_and(|planned| planned.begin == begin && planned.entry.is_starting())
    }

    /// A run of a stream begins. Returns whether it is wanted: it may have been ended meanwhile.
    pub(crate) fn started(&mut self, id: &StreamId, run: u64, now: Now) -> bool {
        self.change(id, now, |entry| entry.started(run)).unwrap_or(false)
    }

    /// A stream could not be started. Returns when that is tried again, if it is.
    pub(crate) fn failed(&mut self, id: &StreamId, now: Now) -> Option<Duration> {
        self.change(id, now, |entry| entry.failed(now)).flatten()
    }

    /// A run has ended by itself.
    pub(crate) fn ended(&mut self, id: &StreamId, run: u64, now: Now) {
        if self.get(id).is_some_and(|entry| entry.is_run_by(run)) {
            self.change(id, now, |entry| entry.ended(now));
        }
    }

    /// Somebody ended a stream: the airing that is on is cancelled, the next is not.
    pub(crate) fn stopped(&mut self, id: &StreamId, now: Now) {
        self.change(id, now, |entry| entry.stopped(now));
    }
}

/// What managers do to a copy of an entry, once they know that it can be.
#[cfg(test)]
impl Agenda {
    /// A stream is wanted right now, as its schedule says.
    pub(crate) fn want(&mut self, id: &StreamId, now: Now) {
        self.change(id, now, |entry| entry.want(now));
    }

    /// Gives a stream another spec.
    pub(crate) fn reschedule(&mut self, id: &StreamId, spec: Arc<StreamSpec>, now: Now) {
        self.change(id, now, |entry| entry.reschedule(spec, now));
    }

    /// Moves the end of what is on, or comes next.
    pub(crate) fn extend(&mut self, id: &StreamId, by: SignedDuration, now: Now) -> Option<Timestamp> {
        self.change(id, now, |entry| entry.extend(by, now)).flatten()
    }

    /// Drops that end.
    pub(crate) fn clear_end(&mut self, id: &StreamId, now: Now) -> bool {
        self.change(id, now, Entry::clear_end).unwrap_or(false)
    }
}

/// Whether a ticket is an entry's newest.
fn is_valid(entries: &BTreeMap<StreamId, Planned>, ticket: u64, id: &StreamId) -> bool {
    entries.get(id).is_some_and(|planned| planned.ticket == ticket)
}

/// What a heap lacks.
trait PopFirstIf<T> {
    fn pop_first_if(&mut self, fits: impl FnOnce(&T) -> bool) -> Option<T>;
}

impl<T: Ord> PopFirstIf<T> for BinaryHeap<Reverse<T>> {
    fn pop_first_if(&mut self, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        self.peek().filter(|Reverse(first)| fits(first))?;
        self.pop().map(|Reverse(first)| first)
    }
}
