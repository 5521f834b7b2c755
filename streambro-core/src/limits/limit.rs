//! The limits there are, and how much of each is used.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::spec::Encoder;

/// What NVIDIA's drivers allow on GeForce cards, all cards of a machine together: 8 since January 2024, 2 to 5 with older
/// drivers (NVIDIA's "Video Encode and Decode GPU Support Matrix", by github.com/keylase/nvidia-patch issue 776 of
/// 2024-03-24). Professional cards have no limit, and no driver says which kind it is.
const NVENC_SESSIONS: u64 = 8;

/// The limits of a manager. `None` is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Streams, in all.
    pub streams: Option<u64>,
    /// Streams, for each user.
    pub streams_per_user: Option<u64>,
    /// Destinations, for each host.
    pub streams_per_host: Option<u64>,
    /// What all streams send.
    pub bits_per_second: Option<u64>,
    /// Estimated memory of all streams.
    pub memory_bytes: Option<u64>,
    /// Estimated CPU of all streams, in millionths of one core.
    pub microcores: Option<u64>,
    /// Measured memory of the process.
    pub process_bytes: Option<u64>,
    /// Sessions of hardware encoders. One that is not in here is unlimited.
    pub encoder_sessions: BTreeMap<Encoder, u64>,
}

impl Limits {
    /// No limits at all.
    pub(crate) const NONE: Self = Self {
        streams: None,
        streams_per_user: None,
        streams_per_host: None,
        bits_per_second: None,
        memory_bytes: None,
        microcores: None,
        process_bytes: None,
        encoder_sessions: BTreeMap::new(),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: Some(20),
            streams_per_user: Some(5),
            encoder_sessions: BTreeMap::from([(Encoder::Nvenc, NVENC_SESSIONS)]),
            ..Self::NONE
        }
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $unit:literal;)*) => {
        /// Something of which there is only so much.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Limit {
            $($(#[$doc])* $name,)*
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name that JSON, C, Python and the documentation use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What it is counted in. Microcores are millionths of one CPU core: 10,000 are 1 %.
            pub fn unit(self) -> &'static str {
                match self {
                    $(Self::$name => $unit,)*
                }
            }
        }
    };
}

limits! {
    /// Streams of the manager: [`max_streams`](crate::Builder::max_streams).
    Streams = "streams", "streams";
    /// Streams of one user: [`max_streams_per_user`](crate::Builder::max_streams_per_user).
    StreamsPerUser = "streams_per_user", "streams";
    /// Destinations at one host: [`max_streams_per_host`](crate::Builder::max_streams_per_host).
    StreamsPerHost = "streams_per_host", "destinations";
    /// What all streams send: [`max_bandwidth`](crate::Builder::max_bandwidth).
    Bandwidth = "bandwidth", "bit/s";
    /// Estimated memory of all streams: [`max_stream_memory`](crate::Builder::max_stream_memory).
    Memory = "memory", "bytes";
    /// Estimated CPU of all streams: [`max_stream_cpu`](crate::Builder::max_stream_cpu).
    Cpu = "cpu", "microcores";
    /// Measured memory of this process: [`max_process_memory`](crate::Builder::max_process_memory).
    ProcessMemory = "process_memory", "bytes";
    /// Sessions of one hardware encoder: [`max_encoder_sessions`](crate::Builder::max_encoder_sessions).
    EncoderSessions = "encoder_sessions", "sessions";
    /// Streams that wait for a place: [`Admission::Queue`](super::Admission::Queue).
    Waiting = "waiting", "streams";
    /// Free memory of the host beyond the [reserve](crate::Builder::memory_reserve). Tells in
    /// [`capacity`](crate::StreamManager::capacity) only.
    HostMemory = "host_memory", "bytes";
    /// Idle CPU of the host. Tells in [`capacity`](crate::StreamManager::capacity) only.
    HostCpu = "host_cpu", "microcores";
    /// Free bandwidth of the host, where it is known. Tells in [`capacity`](crate::StreamManager::capacity) only.
    HostBandwidth = "host_bandwidth", "bit/s";
    /// File descriptors the process may still open. Tells in [`capacity`](crate::StreamManager::capacity) only.
    Descriptors = "descriptors", "descriptors";
}

/// How much of a limit is used, and how much more is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LimitUse {
    /// Which.
    pub limit: Limit,
    /// The user, the host or the encoder whose limit it is; `None` for a limit of the manager.
    pub of: Option<String>,
    /// What is taken now, in [units of the limit](Limit::unit).
    pub used: u64,
    /// What the stream asks for.
    pub asked: u64,
    /// What there is in all; `None` is unlimited.
    pub max: Option<u64>,
    /// By how much the limit would be passed; 0 when there is room.
    pub over: u64,
}

impl LimitUse {
    pub(crate) fn new(limit: Limit, of: Option<&str>, used: u64, asked: u64, max: Option<u64>) -> Self {
        let over = max.map_or(0, |max| used.saturating_add(asked).saturating_sub(max));
        Self { limit, of: of.map(str::to_owned), used, asked, max, over }
    }

    /// Whether there is room.
    pub fn fits(&self) -> bool {
        self.over == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json_form() {
        for limit in Limit::ALL {
            assert_eq!(serde_json::to_value(limit).unwrap(), limit.name());
        }
    }
}
