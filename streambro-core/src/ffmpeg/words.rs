//! The last words of a program: bounded, whatever it writes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Lines kept (reliability.md P18).
const LINES: usize = 100;
/// Bytes of all lines kept.
const BYTES: usize = 16 * 1_024;
/// Bytes kept of one line.
const LINE: usize = 400;

/// What a program said last, line by line. The oldest lines go first, and are counted.
#[derive(Debug, Default)]
pub(crate) struct Words(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<String>,
    bytes: usize,
    /// The number of the oldest line kept; so many have gone.
    first: u64,
    /// The line under way, up to [`LINE`] bytes of it, and whether it was longer.
    open: Vec<u8>,
    cut: bool,
}

/// Lines since an observer last looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) lines: Vec<String>,
    /// Lines that were gone before they were seen.
    pub(crate) missed: u64,
    /// What to ask for next time.
    pub(crate) next: u64,
}

impl Words {
    /// Takes what the program wrote. Lines end with a line feed or a carriage return.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut ring = self.lock();
        // What would be pushed out again by the rest is not even made a line.
        let whole = bytes.windows(2).filter(|pair| !is_end(pair[0]) && is_end(pair[1])).count();
        let mut skip = whole.saturating_sub(LINES);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| is_end(*byte)) {
            if skip > 0 && end > 0 {
                skip -= 1;
                ring.skip();
            } else {
                ring.append(&rest[..end]);
                ring.close();
            }
            rest = &rest[end + 1..];
        }
        ring.append(rest);
    }

    /// Ends the last line: nothing more comes.
    pub(crate) fn end(&self) {
        self.lock().close();
    }

    /// The lines from number `next` on; 0 asks for all that are kept.
    pub(crate) fn since(&self, next: u64) -> News {
        let ring = self.lock();
        let missed = ring.first.saturating_sub(next);
        let seen = usize::try_from(next.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        News {
            lines: ring.lines.iter().skip(seen).cloned().collect(),
            missed,
            next: next.max(ring.first + ring.lines.len() as u64),
        }
    }

    /// All lines kept, the oldest first.
    pub(crate) fn last(&self) -> Vec<String> {
        self.since(0).lines
    }

    /// How many lines have gone to make room.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().first
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Lines are whole at every instant, whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn append(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.open.len()).min(bytes.len());
        self.open.extend_from_slice(&bytes[..room]);
        self.cut |= room < bytes.len();
    }

    /// Ends a line that has no chance to be kept, nor has any before it.
    fn skip(&mut self) {
        self.open.clear();
        self.cut = false;
        self.first += self.lines.len() as u64 + 1;
        self.lines.clear();
        self.bytes = 0;
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let line = clean(&self.open, self.cut);
        self.open.clear();
        self.cut = false;
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(gone) = self.lines.pop_front() else { break };
            self.bytes -= gone.len();
            self.first += 1;
        }
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Makes a line safe to show: valid text, no control characters, nothing that hides or turns it around.
fn clean(bytes: &[u8], cut: bool) -> String {
    let mut line = String::with_capacity(bytes.len().min(LINE) + '…'.len_utf8());
    let text = String::from_utf8_lossy(bytes);
    // A character that the cut went through is no fault of the program's.
    let text = if cut { text.trim_end_matches('\u{fffd}') } else { &text };
    let mut cut = cut;
    for c in text.chars() {
        let c = match c {
            '\t' => ' ',
            c if c.is_control() || hides(c) => '\u{fffd}',
            c => c,
        };
        if line.len() + c.len_utf8() > LINE {
            cut = true;
            break;
        }
        line.push(c);
    }
    if cut {
        line.push('…');
    }
    line
}

fn hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_come_whole_however_they_were_cut() {
        let words = Words::default();
        for part in ["one", " and a half\ntw", "", "o\r\n\n\rthree"] {
            words.push(part.as_bytes());
        }
        assert_eq!(words.last(), ["one and a half", "two"]);
        words.end();
        words.end();
        assert_eq!(words.last(), ["one and a half", "two", "three"]);
    }

    #[test]
    fn an_observer_sees_each_line_once_and_is_told_what_it_missed() {
        let words = Words::default();
        words.push(b"a\nb\n");
        let news = words.since(0);
        assert_eq!((news.lines, news.missed, news.next), (vec!["a".to_owned(), "b".to_owned()], 0, 2));
        assert_eq!(words.since(2), News { lines: vec![], missed: 0, next: 2 });
        let many: String = (0..250).map(|n| format!("line {n}\n")).collect();
        words.push(many.as_bytes());
        let news = words.since(2);
        assert_eq!((news.lines.len(), news.missed, news.next), (100, 150, 252));
        assert_eq!((news.lines[99].as_str(), words.dropped()), ("line 249", 152));
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_costs_its_cap() {
        let words = Words::default();
        for _ in 0..10_240 {
            words.push(&[b'x'; 1_024]);
        }
        assert!(words.lock().open.capacity() <= 2 * LINE);
        words.push("\nnext\n".as_bytes());
        let last = words.last();
        assert_eq!((last[0].len(), last[1].as_str()), (LINE + '…'.len_utf8(), "next"));
        assert!(last[0].ends_with("x…"));
    }

    #[test]
    fn long_lines_push_out_more_than_short_ones() {
        let words = Words::default();
        for _ in 0..100 {
            words.push(&[b'x'; LINE]);
            words.push(b"\n");
        }
        let last = words.last();
        assert!(last.len() == BYTES / LINE && words.dropped() == (100 - last.len()) as u64);
    }

    #[test]
    fn foreign_bytes_become_a_line_that_moves_and_hides_nothing() {
        let words = Words::default();
        words.push(b"a\x1b[2J\x07\t\xff\xc3\xe2\x80\xae\xc2\x9bz\n");
        let line = &words.last()[0];
        assert!(!line.chars().any(|c| c.is_control() || hides(c)), "{line:?}");
        assert!(line.starts_with('a') && line.ends_with('z'));
    }

    #[test]
    fn a_cut_between_the_bytes_of_a_character_leaves_no_broken_one() {
        for shift in 0..4 {
            let words = Words::default();
            words.push(("x".repeat(shift) + &"🎈".repeat(200) + "\n").as_bytes());
            let line = &words.last()[0];
            assert!(line.ends_with("🎈…") && line.len() <= LINE + 3, "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_written_the_bounds_hold_and_every_line_is_counted(
            parts in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..600), 0..8)
        ) {
            let words = Words::default();
            let mut count = 0;
            let whole = parts.concat();
            for part in &parts {
                words.push(part);
            }
            words.end();
            for line in whole.split(|byte| is_end(*byte)) {
                count += u64::from(!line.is_empty());
            }
            let news = words.since(0);
            prop_assert!(news.lines.len() <= LINES);
            prop_assert!(news.lines.iter().map(String::len).sum::<usize>() <= BYTES);
            prop_assert_eq!(news.missed + news.lines.len() as u64, count);
        }
    }
}
