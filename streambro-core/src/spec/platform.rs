//! What platforms ask of a stream: data, each number with its source and the day it was read.
//!
//! A number that could not be found where the platform publishes it is `None`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Destination;

/// A platform that streams are published to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Platform {
    /// YouTube Live.
    #[serde(rename = "youtube")]
    YouTube,
    /// Twitch.
    Twitch,
    /// Facebook Live.
    Facebook,
    /// Kick.
    Kick,
    /// Any other, with what it asks for.
    Custom(Box<PlatformProfile>),
}

impl Platform {
    /// Recognises the platform by the destination's host. `None` for any other host.
    ///
    /// `*.live-video.net` is Amazon IVS, which Kick runs on and others may: where it is not Kick, name the platform by
    /// hand.
    pub fn of(destination: &Destination) -> Option<Self> {
        Self::of_host(destination.url.host())
    }

    /// The same by the host alone, in lower case.
    pub(crate) fn of_host(host: &str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        HOSTS.iter().find(|(domain, _)| within(host, domain)).map(|(_, platform)| platform.clone())
    }

    /// Returns what it asks for.
    pub fn profile(&self) -> &PlatformProfile {
        match self {
            Self::YouTube => &YOUTUBE,
            Self::Twitch => &TWITCH,
            Self::Facebook => &FACEBOOK,
            Self::Kick => &KICK,
            Self::Custom(profile) => profile,
        }
    }
}

/// Domains of ingest servers. They and all below them belong to the platform.
const HOSTS: &[(&str, Platform)] = &[
    // a.rtmp.youtube.com, a.rtmps.youtube.com, b.rtmps.youtube.com (obs-studio, services.json, 000d038).
    ("youtube.com", Platform::YouTube),
    // live.twitch.tv, live-fra.twitch.tv (the same file). Two parts of IVS are Twitch's own.
    ("twitch.tv", Platform::Twitch),
    ("contribute.live-video.net", Platform::Twitch),
    ("ingest.global-contribute.live-video.net", Platform::Twitch),
    // live-api-s.facebook.com.
    ("facebook.com", Platform::Facebook),
    // fa723fc1b171.global-contribute.live-video.net and its like.
    ("live-video.net", Platform::Kick),
];

/// Whether `host` is `domain` or below it, by whole labels.
fn within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What a platform asks of a stream. Rates are bits per second. What it does not say is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PlatformProfile {
    /// Its name for people.
    pub name: Cow<'static, str>,
    /// Bitrates of the picture, by size and frame rate, the smallest first.
    pub bands: Cow<'static, [Band]>,
    /// The distance of keyframes that it asks for, in milliseconds.
    pub keyframe_interval_ms: Option<u64>,
    /// The longest distance of keyframes that it takes, in milliseconds.
    pub max_keyframe_interval_ms: Option<u64>,
    /// The most lines of a picture; columns if it is upright.
    pub max_lines: Option<u32>,
    /// The most pictures per second.
    pub max_fps: Option<u32>,
    /// The most bits of sound.
    pub max_audio_bitrate: Option<u64>,
    /// Samples of sound per second that it takes. Empty: any.
    pub sample_rates: Cow<'static, [u32]>,
    /// The most channels of sound.
    pub max_channels: Option<u32>,
    /// It ends a broadcast after so many hours.
    pub max_session_hours: Option<u32>,
    /// It keeps no recording of a broadcast that lasts longer, in hours.
    pub max_recorded_hours: Option<u32>,
    /// Where the numbers are from.
    pub sources: Cow<'static, [Origin]>,
}

/// Bitrates of the picture for one size and frame rate, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Lines of the smallest picture that it is for; columns if it is upright.
    pub lines: u32,
    /// Pictures per second of the fastest one that it is for.
    pub fps: u32,
    /// Less is too little.
    pub min: Option<u64>,
    /// More is too much.
    pub max: Option<u64>,
}

/// Where numbers are from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The page.
    pub url: Cow<'static, str>,
    /// The day on which it was read, as YYYY-MM-DD.
    pub read: Cow<'static, str>,
}

impl PlatformProfile {
    /// What most platforms ask for: what counts where the destination's host is no platform's.
    pub fn general() -> &'static Self {
        &GENERAL
    }

    /// The band for a picture of so many lines and pictures per second.
    ///
    /// A picture that is smaller than all bands has the most of the smallest, and no least.
    pub(crate) fn band(&self, lines: u32, fps: f64) -> Option<Band> {
        let smallest = self.bands.iter().map(|band| band.lines).min()?;
        let size = self.bands.iter().map(|band| band.lines).filter(|size| *size <= lines).max();
        let of_size = || self.bands.iter().filter(|band| band.lines == size.unwrap_or(smallest));
        // 29.97 and 30 are the same to a platform; so are 59.94, 60 and what a rounded time stamp makes of them.
        let fits = of_size().filter(|band| fps <= f64::from(band.fps) + 0.5).min_by_key(|band| band.fps);
        let band = *fits.or_else(|| of_size().max_by_key(|band| band.fps))?;
        Some(Band { min: size.and(band.min), ..band })
    }
}

/// In kb/s; a least of 0 stands for none.
const fn band(lines: u32, fps: u32, min_kbps: u64, max_kbps: u64) -> Band {
    let min = if min_kbps == 0 { None } else { Some(min_kbps * 1_000) };
    Band { lines, fps, min, max: Some(max_kbps * 1_000) }
}

const NOTHING: PlatformProfile = PlatformProfile {
    name: Cow::Borrowed(""),
    bands: Cow::Borrowed(&[]),
    keyframe_interval_ms: None,
    max_keyframe_interval_ms: None,
    max_lines: None,
    max_fps: None,
    max_audio_bitrate: None,
    sample_rates: Cow::Borrowed(&[]),
    max_channels: None,
    max_session_hours: None,
    max_recorded_hours: None,
    sources: Cow::Borrowed(&[]),
};

macro_rules! sources {
    ($($url:literal read $day:literal),+ $(,)?) => {
        Cow::Borrowed(&[$(Origin { url: Cow::Borrowed($url), read: Cow::Borrowed($day) }),+])
    };
}

/// What is commonly asked for with 720p and 1080p: near all four platforms, and none's own numbers.
static GENERAL: PlatformProfile = PlatformProfile {
    name: Cow::Borrowed("most platforms"),
    bands: Cow::Borrowed(&[band(720, 60, 2_500, 4_000), band(1_080, 60, 4_000, 6_000)]),
    keyframe_interval_ms: Some(2_000),
    max_keyframe_interval_ms: Some(4_000),
    ..NOTHING
};

static YOUTUBE: PlatformProfile = PlatformProfile {
    name: Cow::Borrowed("YouTube"),
    // The most is the rate that is recommended for H.264, where the page as it was read has one; the page ends for 720p,
    // whose most is that of an older reading. The least is that of the ranges, which are for H.265 and AV1 as well:
    // H.264 needs no less.
    bands: Cow::Borrowed(&[
        band(240, 30, 0, 8_000),
        band(720, 30, 3_000, 8_000),
        band(720, 60, 3_000, 8_000),
        band(1_080, 30, 3_000, 8_000),
        band(1_080, 60, 4_000, 12_000),
        band(1_440, 30, 5_000, 15_000),
        band(1_440, 60, 6_000, 24_000),
        band(2_160, 30, 8_000, 30_000),
        band(2_160, 60, 10_000, 35_000),
    ]),
    keyframe_interval_ms: Some(2_000),
    // The API's `gopSizeLong`.
    max_keyframe_interval_ms: Some(4_000),
    max_lines: Some(2_160),
    max_fps: Some(60),
    // The API has `audioBitrateHigh`, but not above which rate.
    max_audio_bitrate: None,
    // `audioSampleRate` recommends these two.
    sample_rates: Cow::Borrowed(&[44_100, 48_000]),
    // A broadcast may last for ever; one of more than 12 hours is not archived.
    max_recorded_hours: Some(12),
    sources: sources![
        "https://support.google.com/youtube/answer/2853702" read "2026-11-25",
        "https://developers.google.com/youtube/v3/live/docs/liveStreams/health_status_messages" read "2026-11-25",
        "https://support.google.com/youtube/answer/6247592" read "2026-11-25",
    ],
    ..NOTHING
};

static TWITCH: PlatformProfile = PlatformProfile {
    name: Cow::Borrowed("Twitch"),
    // "Recommended bitrate range 3 to 6 megabits"; what it wants for each size was not found.
    bands: Cow::Borrowed(&[band(240, 60, 0, 6_000), band(720, 60, 3_000, 6_000)]),
    keyframe_interval_ms: Some(2_000),
    // "25/30 or 50/60 frames per second".
    max_fps: Some(60),
    max_audio_bitrate: Some(320_000),
    sample_rates: Cow::Borrowed(&[44_100, 48_000]),
    max_channels: Some(2),
    max_session_hours: Some(48),
    sources: sources![
        "https://www.twitch.tv/creatorcamp/en/paths/going-live/broadcast-recommendations/" read "2026-11-25",
        "https://help.twitch.tv/customer/portal/articles/1253460-broadcast-requirements" read "2026-11-25",
    ],
    ..NOTHING
};

static FACEBOOK: PlatformProfile = PlatformProfile {
    name: Cow::Borrowed("Facebook"),
    bands: Cow::Borrowed(&[
        band(360, 60, 400, 1_000),
        band(480, 60, 600, 2_000),
        band(720, 30, 1_500, 4_000),
        band(720, 60, 2_250, 6_000),
        band(1_080, 30, 3_000, 6_000),
        band(1_080, 60, 4_500, 9_000),
    ]),
    keyframe_interval_ms: Some(2_000),
    max_keyframe_interval_ms: Some(4_000),
    max_lines: Some(1_080),
    max_fps: Some(60),
    max_audio_bitrate: Some(256_000),
    sample_rates: Cow::Borrowed(&[44_100, 48_000]),
    max_channels: Some(2),
    max_session_hours: Some(8),
    sources: sources!["https://developers.facebook.com/docs/live-video-api/reference" read "2026-11-25"],
    ..NOTHING
};

/// Kick's own numbers were not found: only what Amazon IVS, on which it runs, says of keyframes.
static KICK: PlatformProfile = PlatformProfile {
    name: Cow::Borrowed("Kick"),
    keyframe_interval_ms: Some(2_000),
    sources: sources!["https://docs.aws.amazon.com/ivs/latest/userguide/streaming-config.html" read "2026-11-25"],
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Platform; 4] = [Platform::YouTube, Platform::Twitch, Platform::Facebook, Platform::Kick];

    #[test]
    fn platforms_are_known_by_their_ingest_hosts_and_by_no_lookalike() {
        for (host, platform) in [
            ("a.rtmps.youtube.com", Some(Platform::YouTube)),
            ("a.rtmp.youtube.com.", Some(Platform::YouTube)),
            ("live.twitch.tv", Some(Platform::Twitch)),
            ("live-fra.twitch.tv", Some(Platform::Twitch)),
            ("ingest.global-contribute.live-video.net", Some(Platform::Twitch)),
            ("sin.contribute.live-video.net", Some(Platform::Twitch)),
            ("live-api-s.facebook.com", Some(Platform::Facebook)),
            ("fa723fc1b171.global-contribute.live-video.net", Some(Platform::Kick)),
            ("youtube.com.evil.example", None),
            ("notyoutube.com", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(Platform::of_host(host), platform, "{host}");
        }
        let destination = Destination::new("rtmps://A.RTMPS.YouTube.com/live2", "key").unwrap();
        assert_eq!(Platform::of(&destination), Some(Platform::YouTube));
    }

    #[test]
    fn every_number_has_a_source_and_a_day_and_bands_are_in_order() {
        for platform in ALL {
            let profile = platform.profile();
            assert!(!profile.sources.is_empty(), "{platform:?}");
            for source in profile.sources.iter() {
                let shape: String =
                    source.read.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
                assert!(source.url.starts_with("https://") && shape == "0000-00-00", "{source:?}");
            }
            assert!(profile.bands.is_sorted_by_key(|band| (band.lines, band.fps)), "{platform:?}");
            for band in profile.bands.iter() {
                assert!(band.min.unwrap_or(0) < band.max.unwrap_or(u64::MAX), "{platform:?}: {band:?}");
            }
        }
    }

    #[test]
    fn a_picture_finds_its_band() {
        let limits = |profile: &PlatformProfile, lines, fps| {
            profile
                .band(lines, fps)
                .map(|band| (band.min.map(|min| min / 1_000), band.max.map(|max| max / 1_000)))
        };
        let general = PlatformProfile::general();
        assert_eq!(limits(general, 720, 30.0), Some((Some(2_500), Some(4_000))));
        assert_eq!(limits(general, 1_080, 59.94), Some((Some(4_000), Some(6_000))));
        assert_eq!(limits(general, 360, 30.0), Some((None, Some(4_000))));
        assert_eq!(limits(general, 900, 30.0), Some((Some(2_500), Some(4_000))));
        assert_eq!(limits(general, 4_320, 1e9), Some((Some(4_000), Some(6_000))));
        let facebook = Platform::Facebook;
        assert_eq!(limits(facebook.profile(), 720, 29.97), Some((Some(1_500), Some(4_000))));
        assert_eq!(limits(facebook.profile(), 720, 50.0), Some((Some(2_250), Some(6_000))));
        assert_eq!(limits(facebook.profile(), 720, f64::NAN), Some((Some(2_250), Some(6_000))));
        assert_eq!(limits(Platform::Kick.profile(), 720, 30.0), None);
    }

    #[test]
    fn names_in_json_do_not_change_and_a_custom_one_comes_back() {
        let names: Vec<_> = ALL.iter().map(|platform| serde_json::to_value(platform).unwrap()).collect();
        assert_eq!(names, ["youtube", "twitch", "facebook", "kick"]);
        let custom: Platform = serde_json::from_str(
            r#"{"custom":{"name":"ours","bands":[{"lines":720,"fps":30,"min":null,"max":2000000}],"max_fps":25}}"#,
        )
        .unwrap();
        assert_eq!((custom.profile().max_fps, custom.profile().bands[0].max), (Some(25), Some(2_000_000)));
        let again = serde_json::to_string(&custom).unwrap();
        assert_eq!(serde_json::from_str::<Platform>(&again).unwrap(), custom);
        serde_json::from_str::<Platform>(r#"{"custom":{"nome":"ours"}}"#).unwrap_err();
    }
}
