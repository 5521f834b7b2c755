//! What planning needs to know of a file.

use crate::media::index::{AudioConfig, Index, TrackInfo};

/// Bytes of a small chunk header (type 1, RTMP 1.0, 5.3.1.2.2) with its basic header.
const CHUNK: u64 = 8;

/// Bytes before an AVC picture in a video message (FLV 10.1, E.4.3).
const VIDEO_HEADER: u64 = 5;

/// Bytes before an AAC frame in an audio message (FLV 10.1, E.4.2).
const AUDIO_HEADER: u64 = 2;

/// Bytes of a frame of silence.
const SILENT_FRAME: u64 = 8;

/// A long message has a header of one byte before each further chunk of 4,096.
const FURTHER_CHUNK: u64 = 4_096;

/// What planning needs to know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// What one destination is sent: the file's own rate and the overhead of RTMP, but not that of TCP and TLS.
    pub bits_per_second: u64,
}

impl Facts {
    /// Reads them off an index and the file's length in bytes.
    ///
    /// The rate is the file's length over its duration: tracks that do not play count as well, so that it is too high
    /// rather than too low, and nothing has to be read.
    pub(crate) fn of(index: &Index, len: u64) -> Self {
        let media = ratio(len.into(), 8_000, index.length_ms());
        let silent = AudioConfig::silent();
        let silent_rate = ratio(silent.sample_rate.into(), 1, silent.frame_samples.into());
        let audio = match &index.audio {
            Some(track) => messages(track).saturating_mul(CHUNK + AUDIO_HEADER),
            None => silent_rate.saturating_mul(CHUNK + AUDIO_HEADER + SILENT_FRAME),
        };
        let video = index.video.as_ref().map_or(0, messages).saturating_mul(CHUNK + VIDEO_HEADER);
        let headers = audio.saturating_add(video).saturating_mul(8).saturating_add(media / FURTHER_CHUNK);
        Self { bits_per_second: media.saturating_add(headers) }
    }
}

/// Messages a second, rounded up.
fn messages<C>(track: &TrackInfo<C>) -> u64 {
    ratio(track.samples.into(), track.timescale.get().into(), track.duration).saturating_add(1)
}

fn ratio(amount: u128, by: u64, per: u64) -> u64 {
    u64::try_from(amount * u128::from(by) / u128::from(per.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::media::index::Layout;

    #[test]
    fn the_rate_is_that_of_the_file_and_a_little_for_headers() {
        let video = TrackInfo {
            timescale: NonZeroU32::new(30_000).unwrap(),
            configs: vec![],
            first_dts: 0,
            first_pts: 0,
            min_composition: 0,
            duration: 300_000,
            samples: 300,
        };
        let index = Index { video: Some(video), audio: None, layout: Layout::default() };
        // 10 s of 4 Mb/s.
        let facts = Facts::of(&index, 5_000_000);
        assert!((4_000_000..4_040_000).contains(&facts.bits_per_second), "{facts:?}");
    }
}
