//! What a run of ffmpeg makes, for fuzzers.

use std::sync::Arc;

use super::{Tape, recorder::Recorder};

/// Records what comes out of a pipe in these pieces, up to the first error, and returns that and how often something was
/// recorded in between.
pub fn record<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Option<String>, usize) {
    let mut recorder = Recorder::new(Arc::new(Tape::default()));
    let mut recorded = 0;
    let mut push = |piece| recorder.push(piece, |_| recorded += 1);
    let error = pieces.into_iter().find_map(|piece| push(piece).err()).map(|error| error.to_string());
    recorder.end(true);
    let _ = recorder.shown_ms();
    (error, recorded)
}
