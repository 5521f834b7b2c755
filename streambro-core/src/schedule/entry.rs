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
    /// What ends by then is done with.
    settled: Timestamp,
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
    Starting,
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
            state: State::Off,
            keyless: false,
        }
    }

    /// The same whose keys are not known: it waits for them.
    pub(crate) fn without_keys(self) -> Self {
        Self { keyless: true, ..self }
    }

    /// The same with a spec that has them.
    pub(crate) fn with_keys(self, spec: Arc<StreamSpec>) -> Self {
        Self { spec, keyless: false, ..self }
    }

    /// Whether somebody must bring its keys before it can begin.
    pub(crate) fn waits_for_keys(&self) -> bool {
        self.keyless
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
            let left = on.ends.map(|ends| ends.saturating_sub(now.passed));
            // The wall clock may have been set since.
            let end = left.and_then(|left| now.wall.checked_add(left).ok()).or(on.airing.end);
            airing(Airing { end, ..on.airing })
        });
        Stored { since: self.since, settled: self.settled, on, changed: self.changed.map(airing) }
    }

    fn schedule(&self) -> Option<&Schedule> {
        self.spec.schedule.as_deref()
    }

    /// Whether it is wanted by the wall clock.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.schedule().is_some()
    }

    /// When it is wanted, as far as that is not over at `after`.
    pub(crate) fn airings(&self, after: Timestamp) -> impl Iterator<Item = Airing> {
        let always = Airing::new(self.since, None, false);
        let always = self.schedule().is_none().then_some(always);
        let scheduled =
            self.schedule().into_iter().flat_map(move |schedule| schedule.airings(self.since, after));
        always.into_iter().chain(scheduled).filter_map(|airing| {
            let airing = self.changed.filter(|changed| changed.start == airing.start).unwrap_or(airing);
            airing.end.is_none_or(|end| end > self.settled).then_some(airing)
        })
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
        let later = move |airing: &Airing| on.is_none_or(|on| on.end.is_some_and(|end| airing.start >= end));
        on.into_iter().chain(self.airings(after).filter(later))
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
        let was_on = self.on.is_some();
        if let Some(on) = &mut self.on {
            if on.airing.elapsed && on.ends.is_none() {
                on.ends = on.airing.end.map(|end| now.passed_at(end));
            }
            if on.is_over(now) {
                let end = on.airing.end.unwrap_or(Timestamp::MAX);
                self.settled = self.settled.max(end);
                self.on = None;
            }
        }
        if self.on.is_none()
            && let Some(airing) = self.current(now)
        {
            // What was handed in late was not missed.
            let due = airing.start.max(self.since);
            let missed = !was_on && now.wall.duration_since(due) > GRACE;
            if missed && self.schedule().is_some_and(Schedule::skips_missed) {
                self.settled = airing.end.unwrap_or(Timestamp::MAX);
            } else {
                self.on = Some(On::new(airing, now));
            }
        }
        self.find_next(now);
        match (self.on.is_some(), self.state) {
            (true, State::Off) if self.keyless => None,
            (true, State::Off) => {
                self.state = State::Starting;
                Some(Step::Begin)
            }
            (true, State::Failed(_, again)) if again <= now.passed => Some(Step::Begin),
            (false, State::Starting | State::Running(_)) => {
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

    fn find_next(&mut self, now: Now) {
        let after = self.now().map_or(Some(now.wall), |on| on.end);
        self.next = after.and_then(|after| self.first(after, |airing| airing.start > now.wall));
    }

    /// What should be on, by the wall clock.
    fn current(&self, now: Now) -> Option<Airing> {
        self.first(now.wall, |_| true).filter(|airing| airing.contains(now.wall))
    }

    fn first(&self, after: Timestamp, fits: impl FnMut(&Airing) -> bool) -> Option<Airing> {
        self.airings(after).find(fits)
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
        self.settled = Timestamp::MIN;
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
            State::Failed(times, _) => times,
            _ => 0,
        };
        let delay = FIRST_RETRY.saturating_mul(1 << times.min(10)).min(LONGEST_RETRY);
        self.state = match self.on {
            Some(_) => State::Failed(times.saturating_add(1), now.passed + delay),
            None => State::Off,
        };
        self.on.map(|_| delay)
    }

    /// It has ended, or somebody ended it: what is on now is done with, and what comes later is not.
    pub(super) fn ended(&mut self, now: Now) {
        // One whose end was dropped takes no later window with it.
        self.changed = None;
        let on = self.on.take().map(|on| on.airing.end.unwrap_or(now.wall));
        let current = self.current(now).map(|airing| airing.end.unwrap_or(Timestamp::MAX));
        self.settled = on.into_iter().chain(current).fold(self.settled, Timestamp::max);
        self.state = State::Off;
        self.find_next(now);
    }

    /// Gives it another schedule. What runs and is wanted by that one as well goes on.
    pub(crate) fn reschedule(&mut self, spec: Arc<StreamSpec>, now: Now) {
        let state = self.state;
        *self = Self { state, ..Self::new(spec, now) };
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
        let changed = Airing { end: Some(end), ..next };
        (self.changed, self.next) = (Some(changed), Some(changed));
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
        Self { airing, ends: airing.end.filter(|_| airing.elapsed).map(|end| now.passed_at(end)) }
    }

    fn is_over(&self, now: Now) -> bool {
        match self.ends {
            Some(ends) => ends <= now.passed,
            None => !self.airing.lasts_beyond(now.wall),
        }
    }
}
