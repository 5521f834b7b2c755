//! The input is what ffmpeg writes to its standard error, behind bytes that say how it is cut.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use streambro_core::fuzz::words;
use streambro_fuzz::pieces::{cuts, pieces};

/// Lines, bytes of all of them, and bytes of one with the mark that it was cut.
const BOUNDS: (usize, usize, usize) = (100, 16 * 1_024, 400 + 3);

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((cuts, bytes)) = cuts(input) else { return Corpus::Reject };
    let heard = words(std::iter::once(bytes));
    let (lines, all, one) = BOUNDS;
    assert!(heard.lines.len() <= lines && heard.lines.iter().map(String::len).sum::<usize>() <= all);
    for line in &heard.lines {
        assert!(!line.is_empty() && line.len() <= one && !line.contains(char::is_control), "{line:?}");
    }
    let said = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty()).count();
    assert_eq!(heard.dropped + heard.lines.len() as u64, said as u64);
    assert_eq!(words(pieces(bytes, cuts)), heard, "how it is cut makes a difference");
    Corpus::Keep
});
