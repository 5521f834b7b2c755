//! What is wanted of one stream.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::now::Now;
use crate::spec::{Airing, Schedule, StreamSpec};

/// A start that is later than this was missed: a busy or restarted host is not late yet.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

/// The first delay after a start that failed; each is twice the one before, up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// A clock that goes back by more was wrong before, and so is what came of it.
const WRONG: SignedDuration = SignedDuration::from_hours(24);

/// A stream that is wanted, now or later.
///
/// What is wanted is computed from the schedule at every look. What is remembered is little: the airing that is on, and up to
/// when everything has been dealt with, so that a clock that goes back repeats nothing.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) spec: Arc<StreamSpec>,
    /// When it was handed in.
    since: Timestamp,
    on: Option<On>,
    /// What comes after that.
    next: Option<Airing>,
    /// An airing whose end was changed before it began.
    changed: Option<Airing>,
    /// What lies before it is done with.
    settled: Timestamp,
    /// When that was decided.
    decided: Timestamp,
    state: State,
    /// It cannot begin before somebody brings the keys of its destinations.
    keyless: bool,
}

/// An airing that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct On {
    airing: Airing,
    /// What will have passed when it is over, if it ends by that.
    ends: Option<Duration>,
}

/// What is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    /// After so many starts that failed.
    Starting(u32),
    /// By this run.
    Running(u64),
    /// It could not be started, so many times, and is tried again when so much has passed.
    Failed(u32, Duration),
}

/// What is to be done about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    End,
}

/// What of an entry outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    since: Timestamp,
    settled: Timestamp,
    decided: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<StoredAiring>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<StoredAiring>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAiring {
    start: Timestamp,
    end: Option<Timestamp>,
    elapsed: bool,
}

impl Entry {
    /// Wanted as its spec says, from now on.
    pub(crate) fn new(spec: Arc<StreamSpec>, now: Now) -> Self {
        let mut entry = Self {
            spec,
            since: now.wall,
            on: None,
            next: None,
            changed: None,
            settled: Timestamp::MIN,
            decided: Timestamp::MIN,
            state: State::Off,
            keyless: false,
        };
        entry.next = entry.first(now.wall, |_| true);
        entry
    }

    /// Wanted as it was by a process that is no more.
    pub(crate) fn restored(spec: Arc<StreamSpec>, stored: &Stored) -> Self {
        let airing = |stored: StoredAiring| Airing::new(stored.start, stored.end, stored.elapsed);
        Self {
            spec,
            since: stored.since,
            on: stored.on.map(|on| On { airing: airing(on), ends: None }),
            next: None,
            changed: stored.changed.map(airing),
            settled: stored.settled,
            decided: stored.decided,
            state: State::Off,
            keyless: false,
        }
    }

    /// The same whose keys are not known: it waits for them.
    pub(crate) fn without_keys(self) -> Self {
        Self { keyless: true, ..self }
    }

    /// The same with a spec that has them, or goes elsewhere.
    pub(crate) fn with_spec(self, spec: Arc<StreamSpec>) -> Self {
        Self { spec, keyless: false, ..self }
    }

    /// Whether somebody must bring its keys before it can begin.
    pub(crate) fn waits_for_keys(&self) -> bool {
        self.keyless
    }

    /// Whether it is being started.
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting(_))
    }

    /// Whether it could not be started, and is tried again in a while.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(..))
    }

    /// The number of its run, while it has one.
    pub(crate) fn run(&self) -> Option<u64> {
        match self.state {
            State::Running(run) => Some(run),
            _ => None,
        }
    }

    /// What of it outlives this process.
    pub(crate) fn stored(&self, now: Now) -> Stored {
        let airing =
            |airing: Airing| StoredAiring { start: airing.start, end: airing.end, elapsed: airing.elapsed };
        let on = self.on.map(|on| {
            // The wall clock may have been set since.
            let ends = on.ends.filter(|_| now.is_plausible());
            let left = ends.map(|ends| ends.saturating_sub(now.passed));
            let end = left.and_then(|left| now.wall.checked_add(left).ok()).or(on.airing.end);
            airing(Airing { end, ..on.airing })
        });
        let changed = self.changed.map(airing);
        Stored { since: self.since, settled: self.settled, decided: self.decided, on, changed }
    }

    fn schedule(&self) -> Option<&Schedule> {
        self.spec.schedule.as_deref()
    }

    /// Whether it is wanted by the wall clock.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.schedule().is_some()
    }

    /// Whether time that passes ends what is on: by the wall clock it ends at another time whenever somebody sets that.
    pub(super) fn is_counting(&self) -> bool {
        self.on.is_some_and(|on| on.ends.is_some())
    }

    /// When it is wanted, in order and apart from each other, as far as that is not over at `after`.
    pub(crate) fn airings(&self, after: Timestamp) -> impl Iterator<Item = Airing> {
        // What needs no clock is not put off by one that went back.
        let always = Airing::new(self.since.min(after), None, false);
        let always = self.schedule().is_none().then_some(always);
        let free = after.max(self.settled);
        let changed = self.changed.filter(|changed| changed.lasts_beyond(free));
        let from = changed.map_or(free, |changed| changed.start.min(free));
        let scheduled =
            self.schedule().into_iter().flat_map(move |schedule| schedule.airings(self.since, from));
        let changed = |airing: Airing| self.changed.filter(|changed| changed.start == airing.start);
        let airings =
            always.into_iter().chain(scheduled).map(move |airing| changed(airing).unwrap_or(airing));
        beyond(airings, self.settled).filter(move |airing| airing.lasts_beyond(after))
    }

    /// What is on.
    pub(crate) fn now(&self) -> Option<Airing> {
        self.on.map(|on| on.airing)
    }

    /// What comes next.
    pub(crate) fn next(&self) -> Option<Airing> {
        self.next
    }

    /// What is on and all that comes, as far as it is not over at `after`.
    pub(crate) fn plan(&self, after: Timestamp) -> impl Iterator<Item = Airing> {
        let on = self.now();
        on.into_iter().chain(beyond(self.airings(after), on.map_or(Timestamp::MIN, end)))
    }

    /// Whether nothing is wanted of it any more.
    pub(super) fn is_over(&self) -> bool {
        self.on.is_none() && self.next.is_none() && matches!(self.state, State::Off | State::Failed(..))
    }

    /// Whether its run is this one.
    pub(super) fn is_run_by(&self, run: u64) -> bool {
        self.state == State::Running(run)
    }

    /// Compares what is wanted with what is, and says what to do about it.
    pub(super) fn look(&mut self, now: Now) -> Option<Step> {
        self.doubt(now);
        if let Some(on) = &mut self.on {
            on.count(now);
        }
        if let Some(on) = self.on.take_if(|on| on.is_over(now)) {
            self.settle(on.airing, now);
        }
        if self.on.is_none()
            && let Some(airing) = self.current(now)
        {
            // What was handed in late was not missed.
            let due = airing.start.max(self.since);
            let missed = now.wall.duration_since(due) > GRACE;
            if missed && self.schedule().is_some_and(Schedule::skips_missed) {
                self.settle_current(now);
            } else {
                self.on = Some(On::new(airing, now));
            }
        }
        self.find_next(now);
        match (self.on.is_some(), self.state) {
            (true, State::Off) if self.keyless => None,
            (true, State::Off) => {
                self.state = State::Starting(0);
                Some(Step::Begin)
            }
            (true, State::Failed(times, again)) if again <= now.passed => {
                self.state = State::Starting(times);
                Some(Step::Begin)
            }
            (false, State::Starting(_) | State::Running(_)) => {
                self.state = State::Off;
                Some(Step::End)
            }
            (false, State::Failed(..)) => {
                self.state = State::Off;
                None
            }
            _ => None,
        }
    }

    /// Forgets what a clock that was wrong by far made of it.
    fn doubt(&mut self, now: Now) {
        let is_wrong = |at: Timestamp| at.duration_since(now.wall) > WRONG;
        let since = Now { wall: self.since, ..now };
        if now.is_plausible() && (is_wrong(self.since) || !since.is_plausible()) {
            self.since = now.wall;
        }
        if is_wrong(self.decided) {
            (self.settled, self.decided) = (Timestamp::MIN, Timestamp::MIN);
        }
        self.on = self.on.filter(|on| on.ends.is_some() || !is_wrong(on.airing.start));
    }

    /// Is done with an airing, whatever the clock will show.
    fn settle(&mut self, airing: Airing, now: Now) {
        self.changed = self.changed.filter(|changed| changed.start > airing.start);
        // Its end may have been moved or dropped, and that shall neither leave a rest of it nor take what comes later with it.
        let planned = self.first(airing.start, |planned| planned.contains(airing.start)).map(end);
        let until = airing.end.unwrap_or(now.wall);
        self.settled = planned.into_iter().chain([until]).fold(self.settled, Timestamp::max);
        self.decided = now.wall;
    }

    /// Is done with what should be on: under an airing without an end there may be another one.
    fn settle_current(&mut self, now: Now) {
        while let Some(airing) = self.current(now) {
            self.settle(airing, now);
        }
    }

    /// Finds what comes next: of one that was restored nobody has looked for that yet.
    pub(crate) fn find_next(&mut self, now: Now) {
        let after = self.now().map_or(now.wall, end);
        let free = if self.on.is_some() { after } else { Timestamp::MIN };
        let next = beyond(self.airings(after), free).find(|airing| airing.start > now.wall);
        self.next = next;
    }

    /// What should be on, by the wall clock.
    fn current(&self, now: Now) -> Option<Airing> {
        self.first(now.wall, |airing| airing.contains(now.wall))
    }

    fn first(&self, after: Timestamp, fits: impl FnOnce(&Airing) -> bool) -> Option<Airing> {
        self.airings(after).next().filter(fits)
    }

    /// When to look again at the latest, by the wall clock.
    pub(super) fn wall_due(&self) -> Option<Timestamp> {
        match &self.on {
            Some(on) if on.ends.is_some() => None,
            Some(on) => on.airing.end,
            None => self.next.map(|next| next.start),
        }
    }

    /// The same by what has passed.
    pub(super) fn passed_due(&self) -> Option<Duration> {
        let again = match self.state {
            State::Failed(_, again) if self.on.is_some() => Some(again),
            _ => None,
        };
        let ends = self.on.and_then(|on| on.ends);
        again.into_iter().chain(ends).min()
    }

    /// It is wanted right now, also if somebody had stopped it before.
    pub(crate) fn want(&mut self, now: Now) {
        (self.settled, self.decided) = (Timestamp::MIN, Timestamp::MIN);
        if self.on.is_none() {
            self.on = self.current(now).map(|airing| On::new(airing, now));
        }
        self.find_next(now);
    }

    /// It runs. Returns whether that is wanted.
    pub(crate) fn started(&mut self, run: u64) -> bool {
        self.state = if self.on.is_some() { State::Running(run) } else { State::Off };
        self.on.is_some()
    }

    /// It could not be started. Returns when that is tried again, if it is.
    pub(super) fn failed(&mut self, now: Now) -> Option<Duration> {
        let times = match self.state {
            State::Starting(times) | State::Failed(times, _) => times,
            State::Off => 0,
            // That was another start, before this one.
            State::Running(_) => return None,
        };
        let delay = FIRST_RETRY.saturating_mul(1 << times.min(10)).min(LONGEST_RETRY);
        self.state = match self.on {
            Some(_) => State::Failed(times.saturating_add(1), now.passed + delay),
            None => State::Off,
        };
        self.on.map(|_| delay)
    }

    /// Its run has ended: what was on is done with, and what comes later is not.
    pub(super) fn ended(&mut self, now: Now) {
        // The clock may have gone on to another airing, of which nothing has run.
        let is_over = self.on.is_some_and(|on| on.is_over(now));
        self.end(now, !is_over);
    }

    /// Somebody ended it: what is on now is done with, and what comes later is not.
    pub(super) fn stopped(&mut self, now: Now) {
        self.end(now, true);
    }

    fn end(&mut self, now: Now, with_current: bool) {
        if let Some(on) = self.on.take() {
            self.settle(on.airing, now);
        }
        if with_current {
            self.settle_current(now);
        }
        self.state = State::Off;
        self.find_next(now);
    }

    /// Gives it another schedule. What runs and is wanted by that one as well goes on.
    pub(crate) fn reschedule(&mut self, spec: Arc<StreamSpec>, now: Now) {
        let (state, keyless) = (self.state, self.keyless);
        *self = Self { state, keyless, ..Self::new(spec, now) };
        if state != State::Off {
            self.want(now);
        }
    }

    /// Moves the end of what is on, or of what comes next. Returns the new one; `None` when there is no end.
    pub(crate) fn extend(&mut self, by: SignedDuration, now: Now) -> Option<Timestamp> {
        if let Some(on) = &mut self.on {
            let end = on.airing.end?.checked_add(by).ok()?;
            on.airing.end = Some(end);
            let moved = |ends: Duration| SignedDuration::try_from(ends).ok()?.checked_add(by);
            let moved = on.ends.and_then(moved).map(|ends| ends.max(SignedDuration::ZERO).unsigned_abs());
            on.ends = moved.or(on.ends);
            self.find_next(now);
            return Some(end);
        }
        let next = self.next?;
        let end = next.end?.checked_add(by).ok()?.max(next.start);
        self.changed = Some(Airing { end: Some(end), ..next });
        self.find_next(now);
        Some(end)
    }

    /// Drops the end of what is on, or of what comes next: from then on it is on the air until it is stopped. Returns whether
    /// there was one.
    pub(crate) fn clear_end(&mut self) -> bool {
        let endless = |airing: &mut Airing| airing.end.take().is_some();
        if let Some(on) = &mut self.on {
            on.ends = None;
            self.next = None;
            return endless(&mut on.airing);
        }
        let Some(next) = &mut self.next else { return false };
        let had = endless(next);
        self.changed = self.next;
        had
    }
}

impl On {
    fn new(airing: Airing, now: Now) -> Self {
        let mut on = Self { airing, ends: None };
        on.count(now);
        on
    }

    /// From now on its end is a matter of what passes, if it is one at all.
    fn count(&mut self, now: Now) {
        let end = self.airing.end.filter(|end| self.airing.elapsed && *end > now.wall);
        self.ends = self.ends.or_else(|| end.map(|end| now.passed_at(end)));
    }

    fn is_over(&self, now: Now) -> bool {
        match self.ends {
            Some(ends) => ends <= now.passed,
            None => !self.airing.lasts_beyond(now.wall),
        }
    }
}

/// When an airing is over, as an instant.
fn end(airing: Airing) -> Timestamp {
    airing.end.unwrap_or(Timestamp::MAX)
}

/// What of some airings lies beyond an instant, each as far as it lies beyond those before it as well.
fn beyond(airings: impl Iterator<Item = Airing>, mut free: Timestamp) -> impl Iterator<Item = Airing> {
    let cut = move |airing: Airing| {
        // There are endlessly many that begin before the end of time.
        (free < Timestamp::MAX).then(|| {
            let start = airing.start.max(free);
            free = free.max(end(airing));
            airing.end.is_none_or(|end| start < end).then_some(Airing { start, ..airing })
        })
    };
    airings.map_while(cut).flatten()
}
