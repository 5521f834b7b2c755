//! Decoder configurations, wherever they were found.

use super::aac::AudioSpecificConfig;
use super::error::{MediaError, Unsupported};
use super::h264::{AvcC, Sps};
use super::index::{AudioConfig, VideoConfig};
use super::packet::Track;

/// Parses an AVCDecoderConfigurationRecord that was found at `offset`.
pub(crate) fn video_config(avcc: Box<[u8]>, offset: u64) -> Result<VideoConfig, MediaError> {
    let missing = || MediaError::Unsupported(vec![Unsupported::NoConfiguration(Track::Video)]);
    if avcc.is_empty() {
        return Err(missing());
    }
    let malformed = |what| MediaError::Malformed { what, offset };
    let record = AvcC::parse(&avcc).ok_or_else(|| malformed("the H.264 configuration is broken"))?;
    if record.sps.is_empty() || !record.has_pps {
        return Err(missing());
    }
    let sps = Sps::parse(record.sps).ok_or_else(|| malformed("the sequence parameter set is broken"))?;
    Ok(VideoConfig {
        width: sps.width,
        height: sps.height,
        profile: sps.profile,
        level: sps.level,
        nal_length_size: record.nal_length_size,
        avcc,
    })
}

/// Parses an AudioSpecificConfig that was found at `offset`.
pub(crate) fn audio_config(asc: Box<[u8]>, offset: u64) -> Result<AudioConfig, MediaError> {
    if asc.is_empty() {
        return Err(MediaError::Unsupported(vec![Unsupported::NoConfiguration(Track::Audio)]));
    }
    let malformed = MediaError::Malformed { what: "the AAC configuration is broken", offset };
    let config = AudioSpecificConfig::parse(&asc).ok_or(malformed)?;
    // Main, LC, LTP and the two that hide LC: what legacy RTMP peers decode.
    if !matches!(config.object_type, 1 | 2 | 4 | 5 | 29) {
        return Err(codec(Track::Audio, format!("MPEG-4 audio object type {}", config.object_type)));
    }
    Ok(AudioConfig {
        object_type: config.object_type,
        sample_rate: config.sample_rate,
        channel_config: config.channel_config,
        frame_samples: config.frame_samples,
        asc,
    })
}

pub(crate) fn codec(track: Track, codec: String) -> MediaError {
    MediaError::Unsupported(vec![Unsupported::Codec { track, codec }])
}

pub(crate) fn too_large(what: &'static str) -> MediaError {
    MediaError::Unsupported(vec![Unsupported::TooLarge(what)])
}

/// A four-character code as text.
pub(crate) fn name(kind: &[u8; 4]) -> String {
    kind.escape_ascii().to_string().trim_end().to_owned()
}
