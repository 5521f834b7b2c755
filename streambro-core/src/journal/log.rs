//! The log of one stream.

use std::collections::VecDeque;

use super::line::{Entry, LogLine};

/// Bytes for each line that may be kept: 16 KB for a hundred.
const SIZE_PER_LINE: usize = 160;

/// What a log may take however few lines it keeps: enough for the longest one.
const MIN_SIZE: usize = 2_048;

/// The latest lines. Takes no memory before the first one.
#[derive(Debug)]
pub(crate) struct Log {
    lines: usize,
    size: usize,
    entries: VecDeque<Entry>,
}

impl Log {
    /// An empty log that keeps at most so many lines.
    pub(crate) fn new(lines: usize) -> Self {
        Self { lines, size: 0, entries: VecDeque::new() }
    }

    /// Adds a line; the oldest ones make room.
    pub(crate) fn add(&mut self, entry: Entry) {
        if self.lines == 0 {
            return;
        }
        let most = self.lines.saturating_mul(SIZE_PER_LINE).max(MIN_SIZE);
        self.size += entry.size();
        while self.entries.len() >= self.lines || self.size > most {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size -= oldest.size();
        }
        self.entries.push_back(entry);
    }

    /// The lines, oldest first.
    pub(crate) fn read(&self) -> Vec<LogLine> {
        self.entries.iter().map(Entry::line).collect()
    }

    /// Gives everything back and keeps nothing any more.
    pub(crate) fn free(&mut self) {
        *self = Self::new(0);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::{
        journal::What,
        status::{LegPhase, Phase, Reason},
    };

    fn numbered(n: u32) -> Entry {
        let (phase, reason) = (LegPhase::Waiting, Some(Reason::Unreachable));
        Entry::new(What::Leg { leg: 0, phase, reason, ms: NonZeroU32::new(n) }, "refused")
    }

    #[test]
    fn a_hundred_lines_stay_a_hundred_and_are_the_latest() {
        let mut log = Log::new(100);
        for n in 1..=10_000 {
            log.add(numbered(n));
        }
        let lines = log.read();
        assert_eq!(lines.len(), 100);
        for (line, n) in lines.iter().zip(9_901..) {
            assert!(line.message.contains(&format!("in {n} ms")), "{line:?}");
        }
        assert!(log.entries.capacity() <= 128);
    }

    #[test]
    fn a_log_is_bounded_in_bytes_too() {
        let mut log = Log::new(100);
        let long = Entry::new(What::Phase(Phase::Ended, None), &"x".repeat(10_000));
        for _ in 0..1_000 {
            log.add(long.clone());
            assert_eq!(log.size, log.entries.iter().map(Entry::size).sum::<usize>());
            assert!(log.size <= 16_000);
        }
        assert!(log.read().len() >= 16);
        log.add(numbered(7));
        assert!(log.read().last().unwrap().message.contains("in 7 ms"));
    }

    #[test]
    fn a_log_of_one_line_holds_the_longest() {
        let mut log = Log::new(1);
        for _ in 0..3 {
            log.add(Entry::new(What::Phase(Phase::Ended, None), &"x".repeat(10_000)));
            assert_eq!(log.read().len(), 1);
        }
    }

    #[test]
    fn a_log_of_no_lines_and_one_that_was_freed_keep_nothing() {
        let (mut none, mut freed) = (Log::new(0), Log::new(100));
        freed.add(numbered(0));
        freed.free();
        for log in [&mut none, &mut freed] {
            log.add(numbered(1));
            assert!(log.read().is_empty() && log.entries.capacity() == 0);
        }
    }

    #[test]
    fn going_live_takes_less_than_a_third_of_a_kilobyte() {
        let mut log = Log::new(100);
        let leg = |phase| What::Leg { leg: 0, phase, reason: None, ms: None };
        for what in [
            leg(LegPhase::Connecting),
            What::Phase(Phase::Starting, None),
            leg(LegPhase::Publishing),
            leg(LegPhase::Live),
            What::Phase(Phase::Live, None),
        ] {
            log.add(Entry::new(what, ""));
        }
        assert!(size_of::<Log>() + log.entries.capacity() * size_of::<Entry>() < 341);
    }
}
