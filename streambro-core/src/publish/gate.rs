//! Spreads reconnects out, so that a thousand streams that lost one server do not break it again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Reconnects a second, over all hosts (DESIGN 4).
const PER_SECOND: u32 = 50;
/// Reconnects a second to one host (DESIGN 4).
const PER_SECOND_AND_HOST: u32 = 20;

/// Gives every reconnect its turn. First starts do not pass through here.
///
/// A reconnect asks when it is due, not before, and first for its host and then for all: a turn that was promised for
/// later would keep everyone waiting who is due until then.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    all: Option<Instant>,
    hosts: HashMap<String, Instant>,
}

impl Gate {
    /// Reserves the next turn among those to the same `host` and returns when it is: `now` or later.
    pub(crate) fn reserve_host(&self, host: &str, now: Instant) -> Instant {
        let mut turns = self.turns();
        turns.hosts.retain(|_, next| *next > now);
        let turn = turns.hosts.get(host).copied().unwrap_or(now);
        turns.hosts.insert(host.to_owned(), turn + gap(PER_SECOND_AND_HOST));
        turn
    }

    /// Reserves the next turn among all and returns when it is: `now` or later.
    pub(crate) fn reserve(&self, now: Instant) -> Instant {
        let mut turns = self.turns();
        let turn = turns.all.map_or(now, |next| next.max(now));
        turns.all = Some(turn + gap(PER_SECOND));
        turn
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two turns. So many with these gaps last a whole second: however a second is cut, it sees no more.
fn gap(per_second: u32) -> Duration {
    Duration::from_secs(1) / (per_second - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends so many reconnects, due at once, through both turns. Returns when each may go, sorted.
    fn all_due<'a>(gate: &Gate, hosts: impl Iterator<Item = &'a str>, now: Instant) -> Vec<Duration> {
        let mut at_host: Vec<_> = hosts.map(|host| gate.reserve_host(host, now)).collect();
        at_host.sort();
        at_host.into_iter().map(|turn| gate.reserve(turn) - now).collect()
    }

    #[test]
    fn a_thousand_reconnects_keep_the_caps() {
        let (gate, now) = (Gate::default(), Instant::now());
        let turns = all_due(&gate, std::iter::repeat_n("a", 1_000), now);
        assert_eq!(turns[0], Duration::ZERO);
        let most = |window: Duration| turns.iter().filter(|turn| **turn <= window).count();
        assert_eq!(most(Duration::from_secs(1)), 20);
        assert!(turns[999] < Duration::from_secs(53), "{:?}", turns[999]);
    }

    #[test]
    fn many_hosts_share_the_cap_of_all() {
        let (gate, now) = (Gate::default(), Instant::now());
        let hosts: Vec<_> = (0..=100).map(|n| n.to_string()).collect();
        let turns = all_due(&gate, hosts.iter().map(String::as_str), now);
        assert_eq!(turns.iter().filter(|turn| **turn <= Duration::from_secs(1)).count(), 50);
        assert!(turns[100] < Duration::from_millis(2_100), "{:?}", turns[100]);
    }

    #[test]
    fn a_crowd_at_one_host_does_not_hold_up_another() {
        let (gate, now) = (Gate::default(), Instant::now());
        for _ in 0..1_000 {
            gate.reserve_host("crowded", now);
        }
        assert_eq!(gate.reserve(gate.reserve_host("free", now)), now);
    }

    #[test]
    fn an_idle_gate_lets_the_next_one_through_at_once() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.reserve(gate.reserve_host("a", now));
        let later = now + Duration::from_secs(1);
        assert_eq!(gate.reserve(gate.reserve_host("a", later)), later);
    }
}
