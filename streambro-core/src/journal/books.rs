//! What a manager keeps of all its runs.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{line::clean, record::RunRecord};
use crate::{spec::StreamId, status::Reason};

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Lines of each stream's log.
    pub lines: usize,
    /// Records of runs.
    pub runs: usize,
    /// How long a stream that has ended, and its log, can still be looked at.
    pub ended: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { lines: 100, runs: 1_000, ended: Duration::from_secs(60) }
    }
}

/// The history, and the news of ends.
#[derive(Debug)]
pub(crate) struct Books {
    /// How much is kept.
    pub keep: Keep,
    history: Mutex<History>,
    ended: Notify,
    /// Runs that have ended, for who keeps the agenda; `None` while nobody does.
    ends: Mutex<Option<Vec<RunEnd>>>,
    ends_told: Notify,
}

/// The latest runs that have ended, oldest first.
#[derive(Debug, Default)]
struct History {
    runs: VecDeque<RunRecord>,
    /// So many there were.
    count: u64,
}

/// A run has ended.
#[derive(Clone, Debug)]
pub(crate) struct RunEnd {
    pub id: StreamId,
    /// Which one it was of all.
    pub run: u64,
    pub reason: Reason,
}

impl Books {
    /// Books without an entry.
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            history: Mutex::default(),
            ended: Notify::new(),
            ends: Mutex::default(),
            ends_told: Notify::new(),
        }
    }

    /// Enters a run that has ended; the oldest one makes room.
    pub(crate) fn enter(&self, mut record: RunRecord) {
        if self.keep.runs == 0 {
            return;
        }
        record.detail = clean(&record.detail).into();
        let mut history = self.records();
        while history.runs.len() >= self.keep.runs {
            history.runs.pop_front();
        }
        history.runs.push_back(record);
        history.count += 1;
    }

    /// Takes over what another process has kept, oldest first; before anything is entered.
    pub(crate) fn restore(&self, records: Vec<RunRecord>) {
        let surplus = records.len().saturating_sub(self.keep.runs);
        let mut history = self.records();
        history.runs = records.into_iter().skip(surplus).collect();
    }

    /// How many runs were entered, and those of them that were not among the first `seen`, as far as they are still there.
    pub(crate) fn since(&self, seen: u64) -> (u64, Vec<RunRecord>) {
        let history = self.records();
        let new = usize::try_from(history.count.saturating_sub(seen)).unwrap_or(usize::MAX);
        let known = history.runs.len().saturating_sub(new);
        (history.count, history.runs.iter().skip(known).cloned().collect())
    }

    /// The runs that have ended, oldest first.
    pub(crate) fn history(&self) -> Vec<RunRecord> {
        self.records().runs.iter().cloned().collect()
    }

    /// Tells that something has ended, which is to be forgotten some day.
    pub(crate) fn tell_end(&self) {
        self.ended.notify_one();
    }

    /// Waits until something has ended since this was last waited for. For one waiter. Cancel safe.
    pub(crate) async fn wait_for_end(&self) {
        self.ended.notified().await;
    }

    /// Keeps ends from now on, for [`take_ends`](Self::take_ends).
    pub(crate) fn keep_ends(&self) {
        self.ends().get_or_insert_default();
    }

    /// Hands an end over, if anyone wants it.
    pub(crate) fn hand_over(&self, end: RunEnd) {
        if let Some(ends) = &mut *self.ends() {
            ends.push(end);
            self.ends_told.notify_one();
        }
    }

    /// Takes the runs that have ended since.
    pub(crate) fn take_ends(&self) -> Vec<RunEnd> {
        self.ends().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Waits until there is another. For one waiter. Cancel safe.
    pub(crate) async fn wait_for_ends(&self) {
        self.ends_told.notified().await;
    }

    fn ends(&self) -> MutexGuard<'_, Option<Vec<RunEnd>>> {
        // Likewise.
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, History> {
        // Whole at every instant, whatever panicked.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{spec::StreamId, status::Reason};

    fn record(n: u64) -> RunRecord {
        RunRecord {
            id: StreamId::parse("s").unwrap(),
            user: None,
            started_unix_ms: n,
            ended_unix_ms: n,
            reason: Reason::Refused,
            detail: "no\nway".repeat(1_000),
            bytes: 0,
            laps: 0,
            reconnects: 0,
            media_ms: 0,
        }
    }

    fn filled(runs: usize) -> Vec<RunRecord> {
        let books = Books::new(Keep { runs, ..Keep::default() });
        (0..2_500).for_each(|n| books.enter(record(n)));
        books.history()
    }

    #[test]
    fn the_latest_thousand_runs_are_kept_in_order() {
        assert!(filled(Keep::default().runs).iter().map(|run| run.started_unix_ms).eq(1_500..2_500));
        assert_eq!(filled(1).len(), 1);
        assert!(filled(0).is_empty());
    }

    #[test]
    fn a_record_keeps_foreign_words_short_and_in_one_line() {
        let run = filled(1).pop().unwrap();
        assert!(run.detail.len() <= 1_024 && !run.detail.contains(char::is_control));
    }
}
