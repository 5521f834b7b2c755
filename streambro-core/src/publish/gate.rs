//! Spreads reconnects out, so that a thousand streams that lost one server do not break it again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Reconnects a second, over all hosts (DESIGN 4).
const PER_SECOND: usize = 50;
/// Reconnects a second to one host (DESIGN 4).
const PER_SECOND_AND_HOST: usize = 20;

/// Gives every reconnect its turn. First starts do not pass through here.
///
/// A reconnect asks when it is due, not before, and first for its host and then for all: a turn that was promised for
/// later would keep everyone waiting who is due until then. Promised turns order the crowd; what has passed keeps the
/// cap, also after a pause of the host, when many promises are due at once.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Lanes>);

#[derive(Debug, Default)]
struct Lanes {
    all: Lane,
    hosts: HashMap<String, Lane>,
}

/// One cap.
#[derive(Debug, Default)]
struct Lane {
    /// The next turn that has not been promised.
    next: Option<Instant>,
    /// Those that passed within the last second.
    passed: VecDeque<Instant>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Gate {
    /// Promises the next turn among those to the same `host` and returns when it is: `now` or later.
    pub(crate) fn reserve_host(&self, host: &str, now: Instant) -> Instant {
        let mut lanes = self.lanes();
        lanes.hosts.retain(|_, lane| !lane.is_idle(now));
        lanes.hosts.entry(host.to_owned()).or_default().reserve(PER_SECOND_AND_HOST, now)
    }

    /// Gives back a turn among those to the same host that nobody will use.
    pub(crate) fn give_back_host(&self, host: &str, now: Instant) {
        if let Some(lane) = self.lanes().hosts.get_mut(host) {
            lane.give_back(PER_SECOND_AND_HOST, now);
        }
    }

    /// Promises the next turn among all and returns when it is: `now` or later.
    pub(crate) fn reserve(&self, now: Instant) -> Instant {
        self.lanes().all.reserve(PER_SECOND, now)
    }

    /// Gives back a turn among all that nobody will use.
    pub(crate) fn give_back(&self, now: Instant) {
        self.lanes().all.give_back(PER_SECOND, now);
    }

    /// Lets one whose turns have come pass to its `host`, or says when to ask again.
    pub(crate) fn pass(&self, host: &str, now: Instant) -> Result<(), Instant> {
        let mut lanes = self.lanes();
        let Lanes { all, hosts } = &mut *lanes;
        let at_host = hosts.entry(host.to_owned()).or_default();
        // Both at the same moment: who was held up by the one must not find the other's second over.
        let free = all.full_until(PER_SECOND, now).max(at_host.full_until(PER_SECOND_AND_HOST, now));
        if let Some(again) = free {
            return Err(again);
        }
        all.passed.push_back(now);
        at_host.passed.push_back(now);
        Ok(())
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn reserve(&mut self, per_second: usize, now: Instant) -> Instant {
        let turn = self.next.map_or(now, |next| next.max(now));
        self.next = Some(turn + SECOND / per_second as u32);
        turn
    }

    /// Those behind it move up by one turn, as far as they have not been promised theirs. Two that were promised the same
    /// moment are kept apart when they pass.
    fn give_back(&mut self, per_second: usize, now: Instant) {
        self.next = self
            .next
            .and_then(|next| next.checked_sub(SECOND / per_second as u32))
            .filter(|next| *next > now);
    }

    /// When the next one may pass, if that is not now.
    fn full_until(&mut self, per_second: usize, now: Instant) -> Option<Instant> {
        self.passed.retain(|at| now < *at + SECOND);
        self.passed.front().filter(|_| self.passed.len() >= per_second).map(|first| *first + SECOND)
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now) && self.passed.iter().all(|at| *at + SECOND <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BinaryHeap, iter::repeat_n};

    use super::*;

    /// Sends so many reconnects, all due at once, through both turns as their supervisors do, each woken `late`.
    /// Returns when each passed, in order.
    fn all_due<'a>(
        gate: &Gate,
        hosts: impl Iterator<Item = &'a str>,
        now: Instant,
        late: impl Fn(Duration) -> Duration,
    ) -> Vec<Duration> {
        all_passed(gate, hosts, now, late).into_iter().map(|(at, _)| at).collect()
    }

    fn all_passed<'a>(
        gate: &Gate,
        hosts: impl Iterator<Item = &'a str>,
        now: Instant,
        late: impl Fn(Duration) -> Duration,
    ) -> Vec<(Duration, &'a str)> {
        let mut waiting: BinaryHeap<_> =
            hosts.map(|host| Reverse((gate.reserve_host(host, now), host, false))).collect();
        let mut passed = vec![];
        let mut clock = now;
        while let Some(Reverse((at, host, had_turn))) = waiting.pop() {
            clock = clock.max(at + late(at - now));
            let next = if had_turn { gate.pass(host, clock).err() } else { Some(gate.reserve(clock)) };
            match next {
                Some(at) => waiting.push(Reverse((at, host, true))),
                None => passed.push((clock - now, host)),
            }
        }
        passed
    }

    /// The most that passed in any second.
    fn most(passed: &[Duration]) -> usize {
        let within =
            |from: &Duration| passed.iter().filter(|at| *at >= from && **at < *from + SECOND).count();
        passed.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn a_thousand_reconnects_keep_the_cap_of_their_host() {
        let passed = all_due(&Gate::default(), repeat_n("a", 1_000), Instant::now(), |_| Duration::ZERO);
        assert_eq!((passed[0], most(&passed)), (Duration::ZERO, 20));
        assert!(passed[999] < SECOND * 50, "{:?}", passed[999]);
    }

    #[test]
    fn turns_that_a_pause_of_the_host_has_piled_up_do_not_pass_at_once() {
        // Asleep from the third to the eighth second.
        let asleep = |at: Duration| (SECOND * 3..SECOND * 8).contains(&at).then(|| SECOND * 8 - at);
        let late = |at| asleep(at).unwrap_or_default();
        let passed = all_due(&Gate::default(), repeat_n("a", 400), Instant::now(), late);
        assert_eq!((passed.len(), most(&passed)), (400, 20));
    }

    #[test]
    fn many_hosts_share_the_cap_of_all() {
        let hosts: Vec<_> = (0..200).map(|n| n.to_string()).collect();
        let hosts = hosts.iter().map(String::as_str);
        let passed = all_due(&Gate::default(), hosts, Instant::now(), |_| Duration::ZERO);
        assert_eq!(most(&passed), 50);
        assert!(passed[199] < SECOND * 4, "{:?}", passed[199]);
    }

    #[test]
    fn a_crowd_at_one_host_does_not_hold_up_another() {
        let (gate, now) = (Gate::default(), Instant::now());
        for _ in 0..1_000 {
            gate.reserve_host("crowded", now);
        }
        assert_eq!(gate.reserve_host("free", now), now);
        assert_eq!((gate.reserve(now), gate.pass("free", now)), (now, Ok(())));
    }

    #[test]
    fn a_host_keeps_its_cap_when_those_to_it_are_held_up_by_a_crowd_to_others() {
        let others: Vec<_> = (0..200).map(|n| n.to_string()).collect();
        let hosts = others.iter().map(String::as_str).chain(repeat_n("a", 80));
        let passed = all_passed(&Gate::default(), hosts, Instant::now(), |_| Duration::ZERO);
        let to_a: Vec<_> = passed.iter().filter(|(_, host)| *host == "a").map(|(at, _)| *at).collect();
        assert_eq!((to_a.len(), most(&to_a)), (80, 20));
    }

    #[test]
    fn turns_that_are_given_back_hold_up_nobody() {
        let (gate, now) = (Gate::default(), Instant::now());
        for _ in 0..1_000 {
            gate.reserve_host("a", now);
            gate.reserve(now);
        }
        for _ in 0..1_000 {
            gate.give_back_host("a", now);
            gate.give_back(now);
        }
        assert_eq!((gate.reserve_host("a", now), gate.reserve(now)), (now, now));
    }

    #[test]
    fn an_idle_gate_forgets_its_hosts() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.reserve_host("a", now);
        gate.pass("a", now).unwrap();
        gate.reserve_host("b", now + SECOND);
        assert_eq!(gate.lanes().hosts.keys().collect::<Vec<_>>(), ["b"]);
    }
}
