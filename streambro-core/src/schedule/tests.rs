//! What the tests of schedules share.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp, civil::time};

use super::{Agenda, Entry, Now, Order, Stored};
use crate::spec::{Destination, Schedule, Source, StreamId, StreamSpec, Window};

/// Both clocks, as a test wants them.
pub(super) struct Clocks {
    pub(super) wall: Timestamp,
    pub(super) passed: Duration,
}

impl Clocks {
    /// On Monday, the first of June, 2026. The machine is up for an hour.
    pub(super) fn at(time: &str) -> Self {
        Self { wall: at(&format!("2026-06-01T{time}")), passed: Duration::from_secs(3_600) }
    }

    pub(super) fn now(&self) -> Now {
        Now { wall: self.wall, passed: self.passed }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.passed += time;
        self.wall = self.wall.saturating_add(SignedDuration::try_from(time).unwrap()).unwrap();
    }

    pub(super) fn set(&mut self, time: &str) {
        self.wall = at(time);
    }

    /// Sets the wall clock, by so many seconds.
    pub(super) fn jump(&mut self, seconds: i64) {
        self.wall += SignedDuration::from_secs(seconds);
    }
}

/// An instant, in UTC.
pub(super) fn at(time: &str) -> Timestamp {
    format!("{time}Z").parse().unwrap()
}

pub(super) fn duration(text: &str) -> Duration {
    text.parse::<SignedDuration>().unwrap().unsigned_abs()
}

/// Each day from noon to one.
pub(super) fn noon() -> Schedule {
    Schedule::new().window(Window::daily(time(12, 0, 0, 0), time(13, 0, 0, 0)))
}

/// Each day from noon on for so long.
pub(super) fn noon_for(time_text: &str) -> Schedule {
    Schedule::new().window(Window::daily(time(12, 0, 0, 0), duration(time_text)))
}

pub(super) fn sid(id: &str) -> StreamId {
    StreamId::parse(id).unwrap()
}

pub(super) fn spec(id: &str, schedule: impl Into<Option<Schedule>>) -> Arc<StreamSpec> {
    let spec = StreamSpec::new(id, Source::file("film.mp4"))
        .destination(Destination::new("rtmp://127.0.0.1/live", id).unwrap());
    Arc::new(match schedule.into() {
        Some(schedule) => spec.schedule(schedule),
        None => spec,
    })
}

/// What of an entry is read back from a file.
pub(super) fn stored(entry: &Entry, now: Now) -> Stored {
    let text = serde_json::to_string(&entry.stored(now)).unwrap();
    let read = serde_json::from_str(&text).unwrap();
    assert_eq!(entry.stored(now), read, "{text}");
    read
}

pub(super) fn stored_all(agenda: &Agenda, now: Now) -> BTreeMap<StreamId, (Stored, StreamSpec)> {
    let stored = |entry: &Entry| (entry.stored(now), StreamSpec::clone(&entry.spec));
    agenda.entries().map(|(id, entry)| (id.clone(), stored(entry))).collect()
}

/// An agenda, both clocks, and the runs that a manager would have.
pub(super) struct Desk {
    pub(super) agenda: Agenda,
    pub(super) clocks: Clocks,
    pub(super) runs: u64,
}

impl Desk {
    pub(super) fn at(time: &str) -> Self {
        Self { agenda: Agenda::default(), clocks: Clocks::at(time), runs: 0 }
    }

    /// The usual desk: it is a quarter to noon, and "a" is on from noon to one each day.
    pub(super) fn daily() -> Self {
        let mut desk = Self::at("11:45");
        desk.put("a", noon());
        desk
    }

    pub(super) fn put(&mut self, id: &str, schedule: impl Into<Option<Schedule>>) {
        let entry = Entry::new(spec(id, schedule), self.clocks.now());
        self.agenda.put(sid(id), entry, self.clocks.now());
    }

    /// Looks, and says what is ordered: `+a` begins, `-a` ends.
    pub(super) fn look(&mut self) -> String {
        let (orders, wait) = self.agenda.look(self.clocks.now());
        if let Some(wait) = wait {
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        }
        let tell = |order: &Order| match order {
            Order::Begin(id, ..) => format!("+{}", id.as_str()),
            Order::End(id, _) => format!("-{}", id.as_str()),
        };
        orders.iter().map(tell).collect::<Vec<_>>().join(" ")
    }

    /// Lets time pass, looks as told, and starts whatever begins. Returns all orders and when they came.
    pub(super) fn run(&mut self, time: &str) -> Vec<String> {
        let until = self.clocks.passed + duration(time);
        let mut log = vec![];
        loop {
            let orders = self.look();
            for order in orders.split_whitespace() {
                log.push(format!("{order} {}", self.clocks.wall.strftime("%H:%M:%S")));
                if let Some(id) = order.strip_prefix('+') {
                    self.start(id);
                }
            }
            let (_, wait) = self.agenda.look(self.clocks.now());
            let left = until - self.clocks.passed;
            if left.is_zero() {
                return log;
            }
            self.clocks.pass(wait.unwrap_or(left).min(left));
        }
    }

    pub(super) fn start(&mut self, id: &str) -> bool {
        self.runs += 1;
        self.agenda.started(&sid(id), self.runs, self.clocks.now())
    }

    pub(super) fn stop(&mut self, id: &str) {
        self.agenda.stopped(&sid(id), self.clocks.now());
    }

    pub(super) fn fail(&mut self, id: &str) -> Option<Duration> {
        self.agenda.failed(&sid(id), self.clocks.now())
    }

    pub(super) fn extend(&mut self, id: &str, minutes: i64) -> Option<Timestamp> {
        self.agenda.extend(&sid(id), SignedDuration::from_mins(minutes), self.clocks.now())
    }

    pub(super) fn clear_end(&mut self, id: &str) -> bool {
        self.agenda.clear_end(&sid(id), self.clocks.now())
    }

    pub(super) fn reschedule(&mut self, id: &str, schedule: impl Into<Option<Schedule>>) {
        self.agenda.reschedule(&sid(id), spec(id, schedule), self.clocks.now());
    }

    pub(super) fn entry(&self, id: &str) -> Option<&Entry> {
        self.agenda.get(&sid(id))
    }

    pub(super) fn is_on(&self, id: &str) -> bool {
        self.entry(id).is_some_and(|entry| entry.now().is_some())
    }

    /// The process ends, and another one begins with what was stored, after some time.
    pub(super) fn restart(&mut self, time: &str) {
        let now = self.clocks.now();
        let stored: Vec<_> = self
            .agenda
            .entries()
            .map(|(id, entry)| (id.clone(), entry.spec.clone(), stored(entry, now)))
            .collect();
        self.clocks.pass(duration(time));
        self.agenda = Agenda::default();
        for (id, spec, stored) in stored {
            self.agenda.put(id, Entry::restored(spec, &stored), self.clocks.now());
        }
    }
}
