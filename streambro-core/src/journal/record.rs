//! What remains of a run.

use serde::{Deserialize, Serialize};

use crate::{spec::StreamId, status::Reason};

/// What one run of a stream was, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RunRecord {
    /// The stream's name.
    pub id: StreamId,
    /// Its user, if it was given one.
    pub user: Option<String>,
    /// When it started, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When it ended, in milliseconds since 1970.
    pub ended_unix_ms: u64,
    /// Why it ended.
    pub reason: Reason,
    /// The same in words: at most 1 KiB, without control characters. Never a key.
    pub detail: String,
    /// Bytes handed to all sockets, protocol overhead included, TLS not.
    pub bytes: u64,
    /// How often the source began again.
    pub laps: u64,
    /// Times that a destination went live again after having been live.
    pub reconnects: u64,
    /// How far the stream's clock came, in milliseconds of media.
    pub media_ms: u64,
}
