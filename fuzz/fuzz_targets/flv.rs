//! The input is an FLV file.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|file: &[u8]| -> Corpus {
    if !file.starts_with(b"FLV") {
        return Corpus::Reject;
    }
    streambro_fuzz::media::exercise(file);
    Corpus::Keep
});
