//! The input is what ffmpeg writes into its pipe, behind bytes that say how it is cut.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use streambro_core::fuzz::record;
use streambro_core::media::flv::stream::Demuxer;
use streambro_core::media::packet::Track;
use streambro_fuzz::pieces::{cuts, pieces};

/// What was taken of a tag: its track, its time, what it is and its payload.
type Tag = (Track, u32, String, Vec<u8>);

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((cuts, bytes)) = cuts(input) else { return Corpus::Reject };
    let whole = take(std::iter::once(bytes));
    let cut = take(pieces(bytes, cuts));
    assert_eq!(whole, cut, "how it is cut makes a difference");
    let payload: usize = whole.0.iter().map(|(.., payload)| payload.len()).sum();
    assert!(payload <= bytes.len());
    // The recorder may stop before the demuxer does, at a configuration that it does not take.
    let (error, recorded) = record(std::iter::once(bytes));
    assert_eq!(record(pieces(bytes, cuts)), (error.clone(), recorded));
    assert!(recorded <= whole.0.len());
    assert!(error.is_some() || whole.1.is_none());
    Corpus::Keep
});

/// All tags, and the error that ended them.
fn take<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Tag>, Option<String>) {
    let (mut demuxer, mut tags) = (Demuxer::default(), vec![]);
    for piece in pieces {
        demuxer.push(piece);
        loop {
            match demuxer.take() {
                Ok(Some(unit)) => {
                    assert!(!unit.payload.is_empty() && unit.body.ends_with(unit.payload));
                    let kind = format!("{:?}", unit.kind);
                    tags.push((unit.track, unit.timestamp, kind, unit.payload.to_vec()));
                }
                Ok(None) => break,
                Err(error) => return (tags, Some(error.to_string())),
            }
        }
    }
    (tags, None)
}
