//! What is known of an open file: its tracks, their configurations, and where their tables lie.

use std::num::NonZeroU32;

use super::{
    error::Unsupported,
    lane::Lane,
    packet::{Sample, Track},
};

/// Everything a [`Cursor`](super::cursor::Cursor) needs of a file. Shared between all streams that play it.
///
/// Its size does not depend on the file's length: tables stay in the file.
#[derive(Debug)]
pub struct Index {
    /// The video track that plays, if there is one.
    pub video: Option<TrackInfo<VideoConfig>>,
    /// The audio track that plays, if there is one.
    pub audio: Option<TrackInfo<AudioConfig>>,
    /// How to walk them.
    pub(crate) layout: Layout,
}

/// What of a file plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layer {
    #[default]
    Both,
    Picture,
    Sound,
}

/// Where the tables of an open file lie.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) video: Option<Lane>,
    pub(crate) audio: Option<Lane>,
    /// Bytes of the file.
    pub(crate) len: u64,
}

/// A shorter item would make a looping stream spin, in milliseconds.
pub(super) const MIN_LENGTH_MS: u64 = 100;

/// No film is longer than a year; broken time stamps are. In milliseconds.
const MAX_LENGTH_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

impl Index {
    /// How long an item lasts, in milliseconds: as long as its video, else its audio.
    pub(crate) fn length_ms(&self) -> u64 {
        let length = |duration: u64, timescale: NonZeroU32| {
            u64::try_from(u128::from(duration) * 1_000 / u128::from(timescale.get())).unwrap_or(u64::MAX)
        };
        match (&self.video, &self.audio) {
            (Some(video), _) => length(video.duration, video.timescale),
            (None, Some(audio)) => length(audio.duration, audio.timescale),
            (None, None) => 0,
        }
    }

    /// Ticks of the leading track in milliseconds.
    pub(crate) fn ms(&self, ticks: u64) -> u64 {
        let timescale = match (&self.video, &self.audio) {
            (Some(video), _) => video.timescale,
            (None, Some(audio)) => audio.timescale,
            (None, None) => NonZeroU32::MIN,
        };
        u64::try_from(u128::from(ticks) * 1_000 / u128::from(timescale.get())).unwrap_or(u64::MAX)
    }

    /// Milliseconds in ticks of the leading track.
    pub(crate) fn ticks(&self, ms: u64) -> u64 {
        let timescale = match (&self.video, &self.audio) {
            (Some(video), _) => video.timescale,
            (None, Some(audio)) => audio.timescale,
            (None, None) => NonZeroU32::MIN,
        };
        u64::try_from(u128::from(ms) * u128::from(timescale.get()) / 1_000).unwrap_or(u64::MAX)
    }

    /// The audio format of a stream that plays this: the file's own, else the one that every platform takes.
    pub(crate) fn audio_config(&self) -> AudioConfig {
        let own = self.audio.as_ref().and_then(|audio| audio.configs.first());
        own.cloned().unwrap_or_else(AudioConfig::silent)
    }

    /// The decode time of the first sample of the leading track: the picture's, else the sound's.
    pub(crate) fn leading_dts(&self) -> i64 {
        match (&self.video, &self.audio) {
            (Some(video), _) => video.first_dts,
            (None, Some(audio)) => audio.first_dts,
            (None, None) => 0,
        }
    }

    /// The same of its presentation time.
    pub(crate) fn leading_pts(&self) -> i64 {
        match (&self.video, &self.audio) {
            (Some(video), _) => video.first_pts,
            (None, Some(audio)) => audio.first_pts,
            (None, None) => 0,
        }
    }

    /// The same without the way to its samples: of one track alone, if that is all that plays.
    pub(crate) fn view(&self, layer: Layer) -> Self {
        Self {
            video: self.video.clone().filter(|_| layer != Layer::Sound),
            audio: self.audio.clone().filter(|_| layer != Layer::Picture),
            layout: Layout::default(),
        }
    }

    /// Whether a receiver can begin with a sample.
    pub(crate) fn is_entrance(&self, sample: &Sample) -> bool {
        sample.key && (sample.track == Track::Video) == self.video.is_some()
    }

    /// The same as if nothing had been before `sample`, which is an entrance.
    pub(crate) fn beginning_with(&self, sample: &Sample) -> Self {
        let mut index =
            Self { video: self.video.clone(), audio: self.audio.clone(), layout: Layout::default() };
        match (&mut index.video, &mut index.audio) {
            (Some(video), audio) => {
                (video.first_dts, video.first_pts) = (sample.dts, sample.pts);
                if let Some(audio) = audio {
                    let at = i128::from(sample.pts) * i128::from(audio.timescale.get());
                    let at = at / i128::from(video.timescale.get());
                    audio.first_dts = i64::try_from(at).unwrap_or(audio.first_dts);
                    audio.first_pts = audio.first_dts;
                }
            }
            (None, Some(audio)) => (audio.first_dts, audio.first_pts) = (sample.dts, sample.pts),
            (None, None) => {}
        }
        index
    }

    /// Whether its length is in the way of playing it.
    pub(crate) fn length_obstacle(&self) -> Option<Unsupported> {
        match self.length_ms() {
            ms @ ..MIN_LENGTH_MS => Some(Unsupported::TooShort { ms }),
            MIN_LENGTH_MS..=MAX_LENGTH_MS => None,
            _ => Some(Unsupported::TooLong),
        }
    }
}

/// One track of a file. Times are ticks of `timescale` on the item's clock (see [`Sample`](super::packet::Sample)).
#[derive(Debug, Clone)]
pub struct TrackInfo<C> {
    /// Ticks per second.
    pub timescale: NonZeroU32,
    /// Decoder configurations in the order of `Sample::config`. Never empty.
    pub configs: Vec<C>,
    /// Decode time of the first sample the cursor yields.
    pub first_dts: i64,
    /// Presentation time of the first sample the cursor yields.
    pub first_pts: i64,
    /// The smallest `pts - dts` of all samples.
    pub min_composition: i64,
    /// From the first decode time to the end of the last sample, in ticks: holes between fragments count.
    pub duration: u64,
    /// How many samples there are.
    pub samples: u64,
}

/// An AVC decoder configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// The AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), as in the file.
    pub avcc: Box<[u8]>,
    /// Coded picture after cropping, in pixels.
    pub width: u32,
    /// Coded picture after cropping, in pixels.
    pub height: u32,
    /// profile_idc.
    pub profile: u8,
    /// level_idc, ten times the level's number.
    pub level: u8,
    /// Bytes of each NAL unit's length field: 1, 2 or 4.
    pub nal_length_size: u8,
}

/// An AAC decoder configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// The AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), as in the file.
    pub asc: Box<[u8]>,
    /// Audio object type: 2 is AAC-LC, 5 HE-AAC, 29 HE-AAC v2.
    pub object_type: u8,
    /// Samples per second of the core coder (HE-AAC: half of what is heard).
    pub sample_rate: u32,
    /// channelConfiguration.
    pub channel_config: u8,
    /// Samples of the core coder in a frame: 1,024 or 960.
    pub frame_samples: u16,
}

impl AudioConfig {
    /// How long a frame sounds, in milliseconds, rounded.
    pub(crate) fn frame_ms(&self) -> i64 {
        let rate = i64::from(self.sample_rate.max(1));
        ((i64::from(self.frame_samples) * 1_000 + rate / 2) / rate).max(1)
    }

    /// AAC-LC at a rate and with channels that AAC has a number for; else as [`silent`](Self::silent).
    pub(crate) fn lc(sample_rate: u32, channels: u8) -> Self {
        let index = super::aac::SAMPLE_RATES.iter().position(|rate| *rate == sample_rate);
        let Some(index) = index.filter(|_| (1..=7).contains(&channels)) else { return Self::silent() };
        // object type 2, frequency index, channel configuration, GASpecificConfig all 0 (ISO/IEC 14496-3, 1.6.2.1)
        let bits = 2_u16 << 11 | (index as u16) << 7 | u16::from(channels) << 3;
        Self { asc: bits.to_be_bytes().into(), sample_rate, channel_config: channels, ..Self::silent() }
    }

    /// The track of a stream whose file has no sound: AAC-LC, 48 kHz, stereo, which every platform takes.
    pub fn silent() -> Self {
        Self {
            // object type 2, frequency index 3, channel configuration 2, GASpecificConfig all 0
            asc: [0x11, 0x90].into(),
            object_type: 2,
            sample_rate: 48_000,
            channel_config: 2,
            frame_samples: 1_024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(duration: u64) -> Option<Unsupported> {
        let video = TrackInfo {
            timescale: NonZeroU32::new(1_000).unwrap(),
            configs: vec![],
            first_dts: 0,
            first_pts: 0,
            min_composition: 0,
            duration,
            samples: 1,
        };
        Index { video: Some(video), audio: None, layout: Layout::default() }.length_obstacle()
    }

    #[test]
    fn items_that_would_spin_or_never_end_are_no_films() {
        assert_eq!(obstacle(99), Some(Unsupported::TooShort { ms: 99 }));
        assert_eq!(obstacle(100), None);
        assert_eq!(obstacle(10 * 60 * 60 * 1_000), None);
        assert_eq!(obstacle(u64::MAX), Some(Unsupported::TooLong));
    }
}
