//! What ffmpeg says, for fuzzers.

use super::{Words, progress::Parser};

/// Reads progress that comes in these pieces, and returns the latest whole block in words.
pub fn progress<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut parser = Parser::default();
    let latest = pieces.into_iter().filter_map(|piece| parser.push(piece)).last();
    format!("{latest:?}")
}

/// What is kept of words.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    /// The lines, the oldest first.
    pub lines: Vec<String>,
    /// How many lines before them are gone.
    pub dropped: u64,
}

/// Hears words that come in these pieces.
pub fn words<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let words = Words::default();
    pieces.into_iter().for_each(|piece| words.push(piece));
    words.end();
    Heard { lines: words.last(), dropped: words.dropped() }
}
