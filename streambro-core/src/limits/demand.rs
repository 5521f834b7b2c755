//! What a stream asks for.

use std::collections::BTreeMap;

use crate::spec::Encoder;

/// What one stream takes while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Whose it is.
    pub user: Option<String>,
    /// How many destinations it has at each host; names in lower case.
    pub hosts: BTreeMap<String, u64>,
    /// What it sends, all destinations together.
    pub bits_per_second: u64,
    /// Memory of the host, in bytes: the process's, the kernel's and that of child processes.
    pub memory_bytes: u64,
    /// The part of it that shows in this process.
    pub process_bytes: u64,
    /// CPU, in millionths of one core.
    pub microcores: u64,
    /// The hardware encoder of which it takes a session: one at most, for it runs one ffmpeg at a time.
    ///
    /// A stream that falls back to another encoder while it runs keeps what it has: where it is on the air must not depend
    /// on a place, and the device refuses by itself what is too much for it.
    pub session: Option<Encoder>,
}
