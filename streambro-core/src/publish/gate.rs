//! Spreads reconnects out, so that a thousand streams that lost one server do not break it again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Reconnects a second, over all hosts (DESIGN 4).
const PER_SECOND: u32 = 50;
/// Reconnects a second to one host (DESIGN 4).
const PER_SECOND_AND_HOST: u32 = 20;

/// Gives every reconnect its turn. First starts do not pass through here.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    all: Option<Instant>,
    hosts: HashMap<String, Instant>,
}

impl Gate {
    /// Reserves the next turn for `host` and returns when it is: `now` or later.
    pub(crate) fn reserve(&self, host: &str, now: Instant) -> Instant {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.hosts.retain(|_, next| *next > now);
        let turn = [turns.all, turns.hosts.get(host).copied()].into_iter().flatten().fold(now, Instant::max);
        turns.all = Some(turn.max(turns.all.unwrap_or(turn)) + Duration::from_secs(1) / PER_SECOND);
        turns.hosts.insert(host.to_owned(), turn + Duration::from_secs(1) / PER_SECOND_AND_HOST);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_reconnects_keep_the_caps() {
        let (gate, now) = (Gate::default(), Instant::now());
        let turns: Vec<_> = (0..1_000).map(|_| gate.reserve("a", now) - now).collect();
        assert_eq!(turns[0], Duration::ZERO);
        assert!(turns[20] >= Duration::from_secs(1), "{:?}", turns[20]);
        assert!(turns[999] >= Duration::from_millis(49_900), "{:?}", turns[999]);
    }

    #[test]
    fn many_hosts_share_the_cap_of_all() {
        let (gate, now) = (Gate::default(), Instant::now());
        let last = (0..=100).map(|n| gate.reserve(&n.to_string(), now) - now).max().unwrap();
        assert_eq!(last, Duration::from_secs(2));
    }

    #[test]
    fn an_idle_gate_lets_the_next_one_through_at_once() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.reserve("a", now);
        let later = now + Duration::from_secs(1);
        assert_eq!(gate.reserve("a", later), later);
    }
}
