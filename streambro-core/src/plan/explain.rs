//! What would become of a stream, in words and figures.

use serde::Serialize;

use super::{capacity::Share, cost::Cost, finding::Finding};
use crate::{
    limits::{Demand, Limit, LimitUse, Prospect},
    spec::StreamId,
};

/// What [`explain`](crate::StreamManager::explain) says of a spec.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Explanation {
    /// Which stream.
    pub id: StreamId,
    /// How it would be sent; `None` when it cannot be.
    pub plan: Option<Plan>,
    /// What is worth knowing of the file: first what is in the way, then what may disappoint.
    pub findings: Vec<Finding>,
    /// What it would take; `None` without a plan.
    pub cost: Option<Cost>,
    /// Every limit it touches, as it is now.
    pub limits: Vec<LimitUse>,
    /// What `start` would do now.
    pub verdict: Verdict,
    /// What it would ask of the ledger.
    #[serde(skip)]
    pub(crate) demand: Option<Demand>,
}

impl Explanation {
    /// Whether it would be on its way at once.
    pub fn would_start(&self) -> bool {
        self.verdict == Verdict::Start
    }

    /// Makes it a kind of stream for [`capacity`](crate::StreamManager::capacity): with its user, its hosts and its cost.
    /// `None` without a plan.
    pub fn share(&self) -> Option<Share> {
        Some(Share::of(self.cost?, self.demand.clone()?))
    }
}

/// How a stream is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Plan {
    /// As it is in the file, from inside this process.
    Copy,
    /// As it is in the file; ffmpeg writes it anew in a form that is read natively.
    Remux,
    /// The picture as it is in the file; ffmpeg encodes the sound.
    EncodeAudio,
    /// ffmpeg encodes picture and sound.
    Encode,
}

/// What `start` would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum Verdict {
    /// Put it on its way.
    Start,
    /// Let it wait.
    #[non_exhaustive]
    Queue {
        /// Its place in the queue, from 1.
        position: usize,
        /// The first limit in its way; `None` when nothing but its turn is.
        limit: Option<Limit>,
        /// The user, the host or the encoder whose limit that is.
        of: Option<String>,
        /// By how much the limit would be passed, in its unit.
        over: u64,
    },
    /// Refuse it with `LimitReached`.
    #[non_exhaustive]
    Refuse {
        /// The first limit in its way.
        limit: Limit,
        /// The user, the host or the encoder whose limit that is.
        of: Option<String>,
        /// By how much the limit would be passed, in its unit.
        over: u64,
        /// The same in words, and what to do about it.
        detail: String,
    },
    /// Refuse it, because the source cannot be sent: see the findings.
    Unsupported,
    /// The id has a stream: `start` returns that one if it is the same, and `AlreadyExists` if it is not.
    IdTaken,
}

/// What a ledger's outlook means for the stream.
pub(crate) fn verdict(outlook: &Prospect) -> Verdict {
    match outlook {
        Prospect::Granted => Verdict::Start,
        Prospect::Waits { position, limit } => Verdict::Queue {
            position: *position,
            limit: limit.as_ref().map(|line| line.limit),
            of: limit.as_ref().and_then(|line| line.of.clone()),
            over: limit.as_ref().map_or(0, |line| line.over),
        },
        Prospect::Refused(refusal) => Verdict::Refuse {
            limit: refusal.limit.limit,
            of: refusal.limit.of.clone(),
            over: refusal.limit.over,
            detail: refusal.to_string(),
        },
    }
}
