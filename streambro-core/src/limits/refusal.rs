//! Why there is no place, in words.

use std::fmt;

use super::limit::{Limit, LimitUse};

/// Why a stream gets no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The limit in the way.
    pub limit: LimitUse,
    /// How many wait, if the queue would have been the way out and was full.
    pub queue: Option<u64>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.limit)?;
        match &self.queue {
            None => Ok(()),
            Some(waiting) => write!(f, "; {waiting} streams wait already, and no more may"),
        }
    }
}

impl fmt::Display for LimitUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, used, asked, .. } = self;
        let max = self.max.unwrap_or(u64::MAX);
        let of = self.of.as_deref().unwrap_or_default();
        let amount = |amount| Amount(*limit, amount);
        match limit {
            Limit::Streams => write!(
                f,
                "{used} of {max} places are taken; stop a stream, or raise the limit with `max_streams`"
            ),
            Limit::StreamsPerUser => write!(
                f,
                "the user has {used} of {max} streams; stop one, or raise the limit with `max_streams_per_user`"
            ),
            Limit::StreamsPerHost => write!(
                f,
                "{used} of {max} destinations at {of} are taken and {asked} more asked for; stop a stream that goes \
                 there, or raise the limit with `max_streams_per_host`"
            ),
            Limit::EncoderSessions => write!(
                f,
                "{used} of {max} sessions of {of} are taken; wait until a stream gives one back, encode with x264, or \
                 raise the limit with `max_encoder_sessions` if the device allows more"
            ),
            Limit::Waiting => write!(f, "{used} of {max} places in the queue are taken"),
            _ => {
                let (what, remedy) = match limit {
                    Limit::Bandwidth => {
                        ("bandwidth", "stop a stream, lower the bit rate, or raise `max_bandwidth`")
                    }
                    Limit::Memory => ("the streams' memory", "stop a stream, or raise `max_stream_memory`"),
                    Limit::Cpu => ("the streams' CPU", "stop a stream, or raise `max_stream_cpu`"),
                    Limit::ProcessMemory => {
                        ("the process's memory", "stop a stream, or raise `max_process_memory`")
                    }
                    _ => (limit.name(), "there is no more"),
                };
                let (used, asked, max) = (amount(*used), amount(*asked), amount(max));
                write!(f, "{used} of {max} of {what} are taken and {asked} more asked for; {remedy}")
            }
        }
    }
}

/// An amount with its unit, for people.
struct Amount(Limit, u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(limit, amount) = self;
        #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
        let amount = *amount as f64;
        match limit.unit() {
            "bit/s" => write!(f, "{:.2} Mb/s", amount / 1e6),
            "bytes" => write!(f, "{:.2} MB", amount / 1e6),
            "microcores" => write!(f, "{:.2} % of a core", amount / 1e4),
            unit => write!(f, "{amount} {unit}"),
        }
    }
}
