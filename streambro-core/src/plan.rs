//! Whether and how a source can go out. Pure: facts in, decision out.

use std::num::NonZeroU32;

use crate::media::index::Index;

/// An item shorter than this would make the stream spin, in milliseconds.
const MIN_ITEM_MS: u128 = 100;

/// No film is longer than a year; broken time stamps are. In milliseconds.
const MAX_ITEM_MS: u128 = 365 * 24 * 60 * 60 * 1_000;

/// Checks that `index` can be copied, as often as wanted.
///
/// # Errors
/// A sentence that says why not.
pub(crate) fn check(index: &Index) -> Result<(), String> {
    let length =
        |duration: u64, timescale: NonZeroU32| u128::from(duration) * 1_000 / u128::from(timescale.get());
    let ms = match (&index.video, &index.audio) {
        (Some(video), _) => length(video.duration, video.timescale),
        (None, Some(audio)) => length(audio.duration, audio.timescale),
        (None, None) => 0,
    };
    match ms {
        ..MIN_ITEM_MS => Err(format!("it lasts {ms} ms; a stream needs at least {MIN_ITEM_MS} ms")),
        MIN_ITEM_MS..=MAX_ITEM_MS => Ok(()),
        _ => Err("its time stamps span more than a year".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::index::TrackInfo;

    fn check_length(duration: u64) -> Result<(), String> {
        let video = TrackInfo {
            timescale: NonZeroU32::new(1_000).unwrap(),
            configs: vec![],
            first_dts: 0,
            first_pts: 0,
            min_composition: 0,
            duration,
            samples: 1,
        };
        check(&Index { video: Some(video), audio: None, layout: Default::default() })
    }

    #[test]
    fn items_that_would_spin_or_never_end_are_refused() {
        assert_eq!(check_length(99).unwrap_err(), "it lasts 99 ms; a stream needs at least 100 ms");
        check_length(100).unwrap();
        check_length(10 * 60 * 60 * 1_000).unwrap();
        check_length(u64::MAX).unwrap_err();
    }
}
