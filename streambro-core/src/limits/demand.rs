//! What a stream asks for.

use std::collections::BTreeMap;

use crate::spec::Encoder;

/// What one stream takes while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Whose it is.
    pub user: Option<String>,
    /// How many destinations it has at each host; names in lower case.
    pub hosts: BTreeMap<String, u64>,
    /// What it sends, all destinations together.
    pub bits_per_second: u64,
    /// Memory of the host, in bytes: the process's, the kernel's and that of child processes.
    pub memory_bytes: u64,
    /// The part of it that shows in this process.
    pub process_bytes: u64,
    /// CPU, in millionths of one core.
    pub microcores: u64,
    /// The hardware encoder of which it takes a session: one at most, for it runs one ffmpeg at a time.
    ///
    /// A stream that falls back to another encoder while it runs keeps what it has: where it is on the air must not depend
    /// on a place, and the device refuses by itself what is too much for it.
    pub session: Option<Encoder>,
}

impl Demand {
    /// The same with another destination that asks for this.
    pub(crate) fn with(mut self, more: &Self) -> Self {
        for (host, count) in &more.hosts {
            *self.hosts.entry(host.clone()).or_default() += count;
        }
        self.each(more, u64::saturating_add)
    }

    /// The same without a destination that asked for this.
    pub(crate) fn without(mut self, less: &Self) -> Self {
        for (host, count) in &less.hosts {
            if let Some(left) = self.hosts.get_mut(host) {
                *left = left.saturating_sub(*count);
            }
        }
        self.hosts.retain(|_, count| *count > 0);
        self.each(less, u64::saturating_sub)
    }

    fn each(self, other: &Self, of: fn(u64, u64) -> u64) -> Self {
        Self {
            bits_per_second: of(self.bits_per_second, other.bits_per_second),
            memory_bytes: of(self.memory_bytes, other.memory_bytes),
            process_bytes: of(self.process_bytes, other.process_bytes),
            microcores: of(self.microcores, other.microcores),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(host: &str) -> Demand {
        let hosts = [(host.to_owned(), 1)].into();
        Demand {
            hosts,
            bits_per_second: 3,
            memory_bytes: 5,
            process_bytes: 2,
            microcores: 7,
            ..Demand::default()
        }
    }

    #[test]
    fn what_is_added_and_taken_away_again_leaves_no_trace() {
        let first = one("a");
        let both = first.clone().with(&one("b"));
        assert_eq!((both.hosts.len(), both.bits_per_second), (2, 6));
        assert_eq!(both.without(&one("b")), first);
        let twice = first.clone().with(&one("a"));
        assert_eq!(twice.hosts["a"], 2);
        assert_eq!(twice.without(&one("a")), first);
    }
}
