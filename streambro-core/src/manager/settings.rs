//! The settings of a manager as data, for configuration files and other languages.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::Builder;
use crate::{
    ffmpeg::Sandbox,
    limits::Admission,
    monitor::Alerts,
    spec::{DestinationPolicy, Encoder, Version},
};

/// What a [`Builder`] is told, as data: each field is its method of the same name, with the unit where there is one.
///
/// As JSON it carries `"v": 1` and refuses unknown fields; what is left out stays at its default.
///
/// ```
/// use streambro_core::{Builder, Settings};
///
/// let settings: Settings = serde_json::from_str(r#"{"v": 1, "max_streams": 1000, "media_root": "/srv/media"}"#)?;
/// let builder = Builder::from(settings);
/// # let _ = builder;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    v: Version,
    /// Lifts all limits but those that stand beside it.
    #[serde(default)]
    pub unlimited: bool,
    /// Streams at once.
    pub max_streams: Option<usize>,
    /// Streams at once of each user.
    pub max_streams_per_user: Option<usize>,
    /// Destinations at each host.
    pub max_streams_per_host: Option<usize>,
    /// What all streams send together, in bits per second.
    pub max_bandwidth: Option<u64>,
    /// The estimated memory of all streams, in bytes.
    pub max_stream_memory: Option<u64>,
    /// The estimated CPU of all streams, in percent of one core.
    pub max_stream_cpu: Option<u32>,
    /// The resident memory of the process beyond which nothing is started, in bytes.
    pub max_process_memory: Option<u64>,
    /// The streams that hardware encoders encode at once, by encoder.
    #[serde(default)]
    pub max_encoder_sessions: BTreeMap<Encoder, usize>,
    /// What happens to a stream for which there is no place.
    pub admission: Option<Admission>,
    /// What `capacity` leaves to others, in bytes.
    pub memory_reserve: Option<u64>,
    /// The directory outside of which no file is opened.
    pub media_root: Option<PathBuf>,
    /// Where streams may go.
    pub destinations: Option<DestinationPolicy>,
    /// How often is measured what streams use, in milliseconds; 0 is never.
    pub monitor_every_ms: Option<u64>,
    /// From when on a stream uses too much.
    pub alerts: Option<Alerts>,
    /// Lines of each stream's log.
    pub log_lines: Option<usize>,
    /// How long a stream that has ended can be looked at, in milliseconds.
    pub keep_ended_ms: Option<u64>,
    /// Records of runs.
    pub history: Option<usize>,
    /// The ffmpeg to use.
    pub ffmpeg: Option<PathBuf>,
    /// In which order encoders are tried.
    pub encoder_order: Option<Vec<Encoder>>,
    /// Where renditions are kept.
    pub renditions: Option<Renditions>,
    /// How much of the sandbox around ffmpeg must hold.
    pub sandbox: Option<Sandbox>,
    /// What else ffmpeg may read and execute.
    #[serde(default)]
    pub ffmpeg_libraries: Vec<PathBuf>,
    /// Takes raw options of ffmpeg from specs.
    #[serde(default)]
    pub allow_raw_options: bool,
    /// The directory of the state.
    #[cfg(feature = "state")]
    pub state_dir: Option<PathBuf>,
    /// Keeps keys there as they are.
    #[serde(default)]
    pub keep_keys_in_clear: bool,
    /// Begins anew when what is there cannot be used.
    #[cfg(feature = "state")]
    #[serde(default)]
    pub set_invalid_state_aside: bool,
}

/// Where renditions are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Renditions {
    /// The directory.
    pub dir: PathBuf,
    /// The most that they take, in bytes.
    pub quota_bytes: u64,
}

impl From<Settings> for Builder {
    fn from(settings: Settings) -> Self {
        /// Says what was said.
        fn say<T>(builder: Builder, said: Option<T>, how: impl FnOnce(Builder, T) -> Builder) -> Builder {
            match said {
                Some(said) => how(builder, said),
                None => builder,
            }
        }
        /// Switches on what was switched on.
        fn on(builder: Builder, is_on: bool, how: impl FnOnce(Builder) -> Builder) -> Builder {
            if is_on { how(builder) } else { builder }
        }
        let every = |builder: Self, ms| builder.monitor_every(Duration::from_millis(ms));
        let ended = |builder: Self, ms| builder.keep_ended(Duration::from_millis(ms));
        let renditions = |builder: Self, kept: Renditions| builder.renditions(kept.dir, kept.quota_bytes);

        // First: it lifts what is said before it.
        let mut builder = on(Self::default(), settings.unlimited, Self::unlimited);
        builder = say(builder, settings.max_streams, Self::max_streams);
        builder = say(builder, settings.max_streams_per_user, Self::max_streams_per_user);
        builder = say(builder, settings.max_streams_per_host, Self::max_streams_per_host);
        builder = say(builder, settings.max_bandwidth, Self::max_bandwidth);
        builder = say(builder, settings.max_stream_memory, Self::max_stream_memory);
        builder = say(builder, settings.max_stream_cpu, Self::max_stream_cpu);
        builder = say(builder, settings.max_process_memory, Self::max_process_memory);
        for (encoder, sessions) in settings.max_encoder_sessions {
            builder = builder.max_encoder_sessions(encoder, sessions);
        }
        builder = say(builder, settings.admission, Self::admission);
        builder = say(builder, settings.memory_reserve, Self::memory_reserve);
        builder = say(builder, settings.media_root, Self::media_root);
        builder = say(builder, settings.destinations, Self::destinations);
        builder = say(builder, settings.monitor_every_ms, every);
        builder = say(builder, settings.alerts, Self::alerts);
        builder = say(builder, settings.log_lines, Self::log_lines);
        builder = say(builder, settings.keep_ended_ms, ended);
        builder = say(builder, settings.history, Self::history);
        builder = say(builder, settings.ffmpeg, Self::ffmpeg);
        builder = say(builder, settings.encoder_order, Self::encoder_order);
        builder = say(builder, settings.renditions, renditions);
        builder = say(builder, settings.sandbox, Self::sandbox);
        for dir in settings.ffmpeg_libraries {
            builder = builder.ffmpeg_libraries(dir);
        }
        builder = on(builder, settings.allow_raw_options, Self::allow_raw_options);
        #[cfg(feature = "state")]
        {
            builder = say(builder, settings.state_dir, Self::state_dir);
            builder = on(builder, settings.set_invalid_state_aside, Self::set_invalid_state_aside);
        }
        on(builder, settings.keep_keys_in_clear, Self::keep_keys_in_clear)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StreamManager;

    fn builder(json: &str) -> Builder {
        serde_json::from_str::<Settings>(json).unwrap().into()
    }

    #[test]
    fn what_is_left_out_stays_at_its_default() {
        assert_eq!(format!("{:?}", builder(r#"{"v": 1}"#)), format!("{:?}", StreamManager::builder()));
    }

    #[test]
    fn every_setting_is_what_its_method_says() {
        let said = builder(
            r#"{
                "v": 1, "unlimited": true, "max_streams": 1, "max_streams_per_user": 2, "max_streams_per_host": 3,
                "max_bandwidth": 4, "max_stream_memory": 5, "max_stream_cpu": 6, "max_process_memory": 7,
                "max_encoder_sessions": {"nvenc": 8}, "admission": {"queue": {"max_waiting": 9}},
                "memory_reserve": 10, "media_root": "/media", "destinations": {"allow": ["*.example.com", "10.0.0.0/8"]},
                "monitor_every_ms": 11, "alerts": {"cpu_percent": 12.5, "memory_bytes": 13, "hold": 14, "action": "stop"},
                "log_lines": 15, "keep_ended_ms": 16, "history": 17, "ffmpeg": "/opt/ffmpeg",
                "encoder_order": ["vaapi", "x264"], "renditions": {"dir": "/kept", "quota_bytes": 18},
                "sandbox": "required", "ffmpeg_libraries": ["/opt/lib"], "allow_raw_options": true,
                "state_dir": "/state", "keep_keys_in_clear": true, "set_invalid_state_aside": true
            }"#,
        );
        let rules = ["*.example.com", "10.0.0.0/8"].map(|rule| rule.parse().unwrap());
        let alerts =
            Alerts::default().cpu_percent(12.5).memory_bytes(13).hold(14).action(crate::AlertAction::Stop);
        let meant = StreamManager::builder()
            .unlimited()
            .max_streams(1)
            .max_streams_per_user(2)
            .max_streams_per_host(3)
            .max_bandwidth(4)
            .max_stream_memory(5)
            .max_stream_cpu(6)
            .max_process_memory(7)
            .max_encoder_sessions(Encoder::Nvenc, 8)
            .admission(Admission::Queue { max_waiting: 9 })
            .memory_reserve(10)
            .media_root("/media")
            .destinations(DestinationPolicy::Allow(rules.into()))
            .monitor_every(Duration::from_millis(11))
            .alerts(alerts)
            .log_lines(15)
            .keep_ended(Duration::from_millis(16))
            .history(17)
            .ffmpeg("/opt/ffmpeg")
            .encoder_order([Encoder::Vaapi, Encoder::X264])
            .renditions("/kept", 18)
            .sandbox(Sandbox::Required)
            .ffmpeg_libraries("/opt/lib")
            .allow_raw_options()
            .state_dir("/state")
            .keep_keys_in_clear()
            .set_invalid_state_aside();
        assert_eq!(format!("{said:?}"), format!("{meant:?}"));
    }

    #[test]
    fn another_version_and_unknown_fields_are_refused() {
        for broken in [r#"{"v": 2}"#, "{}", r#"{"v": 1, "max_stream": 3}"#] {
            serde_json::from_str::<Settings>(broken).unwrap_err();
        }
    }
}
