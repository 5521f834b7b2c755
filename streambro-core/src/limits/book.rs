//! What the ledger's lock protects: who holds what, and who waits.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    task::Waker,
};

use super::{
    demand::Demand,
    limit::{Limit, LimitUse, Limits},
};
use crate::spec::Encoder;

/// Places and the queue before them.
///
/// Between two calls nobody waits who could have a place: every change ends with [`hand_over`](Self::hand_over).
#[derive(Debug)]
pub(super) struct Book {
    limits: Limits,
    pub(super) max_waiting: usize,
    entries: BTreeMap<u64, Entry>,
    /// Who waits: the highest priority first, then the lowest key.
    queue: BTreeSet<(Reverse<i32>, u64)>,
    next: u64,
    pub(super) used: Used,
    /// The process's memory when it was last measured, and which measurement that was.
    measured: (u64, u64),
}

/// What granted entries take together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) streams: u64,
    by_user: BTreeMap<String, u64>,
    by_host: BTreeMap<String, u64>,
    by_encoder: BTreeMap<Encoder, u64>,
    bits_per_second: u64,
    memory_bytes: u64,
    microcores: u64,
    /// Of entries that were granted after the last measurement.
    unmeasured_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    demand: Demand,
    priority: i32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Whom to wake when that changes.
    Waiting(Vec<Waker>),
    /// The measurement before it was granted.
    Granted { measured: u64 },
}

/// One limit as a demand sees it. Owned only where it is shown.
#[derive(Clone, Copy)]
struct Line<'a> {
    limit: Limit,
    of: Option<&'a str>,
    used: u64,
    asked: u64,
    max: Option<u64>,
}

impl Line<'_> {
    fn is_over(&self) -> bool {
        // Who asks for nothing more is in nobody's way.
        self.asked > 0 && self.max.is_some_and(|max| self.used.saturating_add(self.asked) > max)
    }

    fn can_never_fit(&self) -> bool {
        self.max.is_some_and(|max| self.asked > max)
    }

    fn shown(self) -> LimitUse {
        let Self { limit, of, used, asked, max } = self;
        LimitUse::new(limit, of, used, asked, max)
    }
}

impl Book {
    pub(super) fn new(limits: Limits, max_waiting: usize) -> Self {
        Self {
            limits,
            max_waiting,
            entries: BTreeMap::new(),
            queue: BTreeSet::new(),
            next: 0,
            used: Used::default(),
            measured: (0, 0),
        }
    }

    /// Every limit as `demand` sees it, the queue's aside.
    pub(super) fn uses(&self, demand: &Demand) -> Vec<LimitUse> {
        self.shared(demand).into_iter().chain(self.own(demand)).map(Line::shown).collect()
    }

    /// The queue as one more stream sees it.
    pub(super) fn queue_use(&self) -> LimitUse {
        let (used, max) = (self.queue.len() as u64, Some(self.max_waiting as u64));
        LimitUse::new(Limit::Waiting, None, used, 1, max)
    }

    /// The first limit that is in the way of `demand` now.
    pub(super) fn over(&self, demand: &Demand) -> Option<LimitUse> {
        let shared = self.shared(demand).into_iter();
        shared.chain(self.own(demand)).find(Line::is_over).map(Line::shown)
    }

    /// The first limit that `demand` passes by itself.
    pub(super) fn never(&self, demand: &Demand) -> Option<LimitUse> {
        let shared = self.shared(demand).into_iter();
        shared.chain(self.own(demand)).find(Line::can_never_fit).map(Line::shown)
    }

    /// The sessions of an encoder, if all of them are taken.
    pub(super) fn over_sessions(&self, encoder: Encoder) -> Option<LimitUse> {
        let demand = Demand { session: Some(encoder), ..Demand::default() };
        self.own(&demand).find(Line::is_over).map(Line::shown)
    }

    /// Enters a demand at its place in the queue.
    pub(super) fn enter(&mut self, demand: Demand, priority: i32) -> u64 {
        let key = self.next;
        self.next += 1;
        self.queue.insert((Reverse(priority), key));
        self.entries.insert(key, Entry { demand, priority, state: State::Waiting(vec![]) });
        key
    }

    /// Takes an entry out, wherever it is, and returns who waited for it.
    pub(super) fn leave(&mut self, key: u64) -> Vec<Waker> {
        let Some(entry) = self.entries.remove(&key) else { return vec![] };
        match entry.state {
            State::Waiting(wakers) => {
                self.queue.remove(&(Reverse(entry.priority), key));
                wakers
            }
            State::Granted { measured } => {
                self.used.give_back(&entry.demand, measured == self.measured.1);
                vec![]
            }
        }
    }

    /// Gives every waiting entry a place that can have one, in order, and returns whom to wake.
    pub(super) fn hand_over(&mut self) -> Vec<Waker> {
        let mut woken = vec![];
        while let Some((priority, key)) = self.next_in_turn() {
            self.queue.remove(&(priority, key));
            if let Some(entry) = self.entries.get_mut(&key) {
                let granted = State::Granted { measured: self.measured.1 };
                if let State::Waiting(wakers) = std::mem::replace(&mut entry.state, granted) {
                    woken.extend(wakers);
                }
                self.used.take(&entry.demand);
            }
        }
        woken
    }

    /// Whether the next place is this entry's.
    pub(super) fn is_next(&self, key: u64) -> bool {
        self.next_in_turn().is_some_and(|(_, next)| next == key)
    }

    /// The first that waits and can have a place.
    fn next_in_turn(&self) -> Option<(Reverse<i32>, u64)> {
        // Users, hosts and encoders that somebody waits for: nobody of them may overtake.
        let mut awaited: BTreeSet<(Limit, Option<&str>)> = BTreeSet::new();
        for &(priority, key) in &self.queue {
            let demand = &self.entries.get(&key)?.demand;
            let mut passes = true;
            for line in self.own(demand) {
                if line.is_over() || awaited.contains(&(line.limit, line.of)) {
                    awaited.insert((line.limit, line.of));
                    passes = false;
                }
            }
            if !passes {
                continue;
            }
            // What all share is kept for the first that needs it.
            let held_up = self.shared(demand).iter().any(Line::is_over);
            return (!held_up).then_some((priority, key));
        }
        None
    }

    /// What an entry asks for.
    pub(super) fn demand(&self, key: u64) -> Option<&Demand> {
        self.entries.get(&key).map(|entry| &entry.demand)
    }

    /// Changes what an entry asks for. `Err` names the limit in the way, and leaves everything as it was.
    ///
    /// One that has its place keeps it and takes or gives back the difference; one that waits keeps its turn among its
    /// priority.
    pub(super) fn change(&mut self, key: u64, demand: &Demand, priority: i32) -> Result<(), LimitUse> {
        if let Some(never) = self.never(demand) {
            return Err(never);
        }
        let Some(mut entry) = self.entries.remove(&key) else { return Ok(()) };
        let done = match &mut entry.state {
            State::Waiting(_) => {
                self.queue.remove(&(Reverse(entry.priority), key));
                self.queue.insert((Reverse(priority), key));
                Ok(())
            }
            State::Granted { measured } => {
                let fresh = *measured == self.measured.1;
                self.used.give_back(&entry.demand, fresh);
                // What was measured holds the old demand's memory already.
                let held = if fresh { 0 } else { entry.demand.process_bytes };
                let grown = demand.process_bytes.saturating_sub(held);
                match self.over(&Demand { process_bytes: grown, ..demand.clone() }) {
                    None => {
                        self.used.take(demand);
                        *measured = self.measured.1;
                        Ok(())
                    }
                    Some(over) => {
                        self.used.take(&entry.demand);
                        if !fresh {
                            self.used.unmeasured_bytes -= entry.demand.process_bytes;
                        }
                        Err(over)
                    }
                }
            }
        };
        if done.is_ok() {
            (entry.demand, entry.priority) = (demand.clone(), priority);
        }
        self.entries.insert(key, entry);
        done
    }

    /// The encoder of which an entry holds a session.
    pub(super) fn session(&self, key: u64) -> Option<Encoder> {
        self.entries.get(&key).filter(|_| self.is_granted(key))?.demand.session
    }

    /// Whether an entry has its place.
    pub(super) fn is_granted(&self, key: u64) -> bool {
        self.entries.get(&key).is_some_and(|entry| matches!(entry.state, State::Granted { .. }))
    }

    /// Asks for a wake when an entry gets its place or leaves. `false` when it need not wait.
    pub(super) fn wait(&mut self, key: u64, waker: &Waker) -> bool {
        let Some(Entry { state: State::Waiting(wakers), .. }) = self.entries.get_mut(&key) else {
            return false;
        };
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        true
    }

    /// An entry's place in the queue, from 1, and the first limit in its way.
    ///
    /// The limit is `None` when nothing but its turn is in the way.
    pub(super) fn position(&self, key: u64) -> Option<(usize, Option<LimitUse>)> {
        let entry = self.entries.get(&key)?;
        let before = self.queue.range(..(Reverse(entry.priority), key)).count();
        Some((before + 1, self.over(&entry.demand)))
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many streams there may be at once, in all and for each user; anything where the others wait.
    pub(super) fn most_streams(&self) -> (Option<u64>, Option<u64>) {
        match self.max_waiting {
            0 => (self.limits.streams, self.limits.streams_per_user),
            _ => (None, None),
        }
    }

    pub(super) fn limits_process_memory(&self) -> bool {
        self.limits.process_bytes.is_some()
    }

    /// Takes note of the process's memory.
    pub(super) fn measure(&mut self, process_bytes: u64) {
        self.measured = (process_bytes, self.measured.1 + 1);
        self.used.unmeasured_bytes = 0;
    }

    /// The limits that all streams share.
    fn shared<'a>(&self, demand: &'a Demand) -> [Line<'a>; 5] {
        let Self { limits, used, .. } = self;
        let line = |limit, used, asked, max| Line { limit, of: None, used, asked, max };
        let process = self.measured.0.saturating_add(used.unmeasured_bytes);
        [
            line(Limit::Streams, used.streams, 1, limits.streams),
            line(Limit::Bandwidth, used.bits_per_second, demand.bits_per_second, limits.bits_per_second),
            line(Limit::Memory, used.memory_bytes, demand.memory_bytes, limits.memory_bytes),
            line(Limit::Cpu, used.microcores, demand.microcores, limits.microcores),
            line(Limit::ProcessMemory, process, demand.process_bytes, limits.process_bytes),
        ]
    }

    /// The limits of the demand's user, hosts and encoder.
    fn own<'a>(&self, demand: &'a Demand) -> impl Iterator<Item = Line<'a>> {
        let Self { limits, used, .. } = self;
        let user = demand.user.as_deref().map(|user| Line {
            limit: Limit::StreamsPerUser,
            of: Some(user),
            used: used.by_user.get(user).copied().unwrap_or(0),
            asked: 1,
            max: limits.streams_per_user,
        });
        let hosts = demand.hosts.iter().map(|(host, asked)| Line {
            limit: Limit::StreamsPerHost,
            of: Some(host),
            used: used.by_host.get(host).copied().unwrap_or(0),
            asked: *asked,
            max: limits.streams_per_host,
        });
        let session = demand.session.map(|encoder| Line {
            limit: Limit::EncoderSessions,
            of: Some(encoder.name()),
            used: used.by_encoder.get(&encoder).copied().unwrap_or(0),
            asked: 1,
            max: limits.encoder_sessions.get(&encoder).copied(),
        });
        user.into_iter().chain(hosts).chain(session)
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> &Used {
        &self.used
    }
}

impl Used {
    fn take(&mut self, demand: &Demand) {
        self.streams += 1;
        if let Some(user) = &demand.user {
            *self.by_user.entry(user.clone()).or_default() += 1;
        }
        for (host, count) in &demand.hosts {
            *self.by_host.entry(host.clone()).or_default() += count;
        }
        if let Some(encoder) = demand.session {
            *self.by_encoder.entry(encoder).or_default() += 1;
        }
        // Sums of 64 bits: demands are estimates of real streams, and saturate where they are made.
        self.bits_per_second += demand.bits_per_second;
        self.memory_bytes += demand.memory_bytes;
        self.microcores += demand.microcores;
        self.unmeasured_bytes += demand.process_bytes;
    }

    fn give_back(&mut self, demand: &Demand, unmeasured: bool) {
        self.streams -= 1;
        if let Some(user) = &demand.user {
            lower(&mut self.by_user, user, 1);
        }
        for (host, count) in &demand.hosts {
            lower(&mut self.by_host, host, *count);
        }
        if let Some(encoder) = &demand.session {
            lower(&mut self.by_encoder, encoder, 1);
        }
        self.bits_per_second -= demand.bits_per_second;
        self.memory_bytes -= demand.memory_bytes;
        self.microcores -= demand.microcores;
        if unmeasured {
            self.unmeasured_bytes -= demand.process_bytes;
        }
    }
}

/// Takes so many off, and leaves nothing where there is none left.
fn lower<K: Ord>(taken: &mut BTreeMap<K, u64>, key: &K, count: u64) {
    if let Some(left) = taken.get_mut(key) {
        *left -= count;
        if *left == 0 {
            taken.remove(key);
        }
    }
}
