//! The input is what ffmpeg says of its progress, behind bytes that say how it is cut.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use streambro_core::fuzz::progress;
use streambro_fuzz::pieces::{cuts, pieces};

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((cuts, bytes)) = cuts(input) else { return Corpus::Reject };
    let whole = progress(std::iter::once(bytes));
    assert!(!whole.contains("NaN") && !whole.contains("inf"), "{whole}");
    assert_eq!(progress(pieces(bytes, cuts)), whole, "how it is cut makes a difference");
    Corpus::Keep
});
