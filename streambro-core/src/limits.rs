//! How many streams may run: a ledger, and places in it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many streams a manager runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Limits {
    /// In all; `None` is unlimited.
    pub streams: Option<usize>,
    /// For each user; `None` is unlimited.
    pub streams_per_user: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { streams: Some(20), streams_per_user: Some(5) }
    }
}

/// Which limit refused, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The manager's limit.
    Streams(usize),
    /// The user's limit.
    StreamsPerUser(usize),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streams(limit) => write!(
                f,
                "all {limit} places are taken; stop a stream, or raise the limit with `max_streams`"
            ),
            Self::StreamsPerUser(limit) => write!(
                f,
                "the user has {limit} streams already; stop one, or raise the limit with `max_streams_per_user`"
            ),
        }
    }
}

/// Who holds places. One lock, held for a lookup: two starts can never share the last place.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_user: BTreeMap<String, usize>,
}

impl Ledger {
    /// Creates an empty ledger.
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default() })
    }

    /// Takes a place, or says which limit is in the way.
    ///
    /// # Errors
    /// The first limit that is reached: the manager's, then the user's.
    pub(crate) fn admit(self: &Arc<Self>, user: Option<&str>) -> Result<Permit, Refusal> {
        let mut taken = self.taken();
        if let Some(limit) = self.limits.streams.filter(|limit| taken.all >= *limit) {
            return Err(Refusal::Streams(limit));
        }
        if let Some(user) = user {
            let mine = taken.by_user.get(user).copied().unwrap_or(0);
            if let Some(limit) = self.limits.streams_per_user.filter(|limit| mine >= *limit) {
                return Err(Refusal::StreamsPerUser(limit));
            }
            taken.by_user.insert(user.to_owned(), mine + 1);
        }
        taken.all += 1;
        drop(taken);
        Ok(Permit { ledger: Arc::clone(self), user: user.map(str::to_owned) })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // The counters are whole at every instant: a panic elsewhere cannot have left them torn.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place. Dropping it gives the place back, whatever ended the stream.
#[derive(Debug)]
pub(crate) struct Permit {
    ledger: Arc<Ledger>,
    user: Option<String>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.ledger.taken();
        taken.all -= 1;
        if let Some(user) = &self.user
            && let Some(mine) = taken.by_user.get_mut(user)
        {
            *mine -= 1;
            if *mine == 0 {
                taken.by_user.remove(user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_twenty_in_all_and_five_a_user() {
        let ledger = Ledger::new(Limits::default());
        let alice: Vec<_> = (0..5).map(|_| ledger.admit(Some("alice")).unwrap()).collect();
        assert_eq!(ledger.admit(Some("alice")).unwrap_err(), Refusal::StreamsPerUser(5));
        let rest: Vec<_> = (0..15).map(|_| ledger.admit(None).unwrap()).collect();
        assert_eq!(ledger.admit(None).unwrap_err(), Refusal::Streams(20));
        drop((alice, rest));
        assert_eq!(ledger.taken().all, 0);
        assert!(ledger.taken().by_user.is_empty());
    }

    #[test]
    fn six_hundred_threads_never_pass_a_limit_by_one() {
        let ledger = Ledger::new(Limits { streams: Some(50), streams_per_user: Some(50) });
        let permits: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..600)
                .map(|n| {
                    let ledger = &ledger;
                    scope.spawn(move || ledger.admit(Some(if n % 2 == 0 { "a" } else { "b" })).ok())
                })
                .collect();
            starts.into_iter().filter_map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(permits.len(), 50);
    }
}
