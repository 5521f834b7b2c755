//! What streams and the process use, as the monitor saw it.

use serde::Serialize;

/// What a stream, or the whole process, used over the monitor's last interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Usage {
    /// Processor time in percent of one core.
    pub cpu_percent: f64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Bits handed to the network per second.
    pub bits_per_second: u64,
    /// Whether processor time and memory are estimates. A natively copied stream shares this process with the others
    /// and with the host's own work: its part is its share by bytes of what the process used, and of the memory that it
    /// has taken since the manager was built. A host that works hard itself makes it look larger than it is. A stream's
    /// ffmpeg is measured, and added.
    pub estimated: bool,
    /// When it was measured, in milliseconds since 1970.
    pub sampled_unix_ms: u64,
}

impl Usage {
    pub(crate) fn new(
        cpu_percent: f64,
        memory_bytes: u64,
        bits_per_second: u64,
        sampled_unix_ms: u64,
    ) -> Self {
        Self { cpu_percent, memory_bytes, bits_per_second, estimated: false, sampled_unix_ms }
    }
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resource {
    /// A stream's processor time, in percent of one core.
    Cpu,
    /// A stream's memory, in bytes.
    Memory,
    /// The resident memory of the whole process, in bytes.
    ProcessMemory,
}
