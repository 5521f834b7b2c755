//! Whether and how a source can go out. Pure: facts in, decision out.

use crate::media::index::Index;

/// An item shorter than this would make the stream spin, in milliseconds.
const MIN_ITEM_MS: u128 = 100;

/// Checks that `index` can be copied, as often as wanted.
///
/// # Errors
/// A sentence that says why not.
pub(crate) fn check(index: &Index) -> Result<(), String> {
    let length = |duration: u64, timescale: std::num::NonZeroU32| {
        u128::from(duration) * 1_000 / u128::from(timescale.get())
    };
    let ms = match (&index.video, &index.audio) {
        (Some(video), _) => length(video.duration, video.timescale),
        (None, Some(audio)) => length(audio.duration, audio.timescale),
        (None, None) => 0,
    };
    if ms < MIN_ITEM_MS {
        return Err(format!("it lasts {ms} ms; a stream needs at least {MIN_ITEM_MS} ms"));
    }
    Ok(())
}
