//! To come.

use super::process::{Exit, LaunchError};

/// What a death was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeathKind {
    /// There is no such program.
    MissingBinary,
    /// It cannot be executed.
    NotExecutable,
    /// It has no such encoder.
    NoEncoder,
    /// The device is busy.
    DeviceBusy,
    /// No memory.
    OutOfMemory,
    /// The file is no good.
    BadInput,
    /// The host lacks something.
    HostLacks,
    /// Anything else.
    Failed,
}

/// Why one died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    /// What.
    pub(crate) kind: DeathKind,
    /// In words.
    pub(crate) detail: String,
}

/// Says why.
pub(crate) fn classify(
    end: Result<Exit, &LaunchError>,
    words: &[String],
    _made: bool,
    _asked: bool,
) -> Death {
    match end {
        Ok(exit) => Death { kind: DeathKind::Failed, detail: format!("{exit:?}: {}", words.join("; ")) },
        Err(error) => Death { kind: DeathKind::MissingBinary, detail: error.to_string() },
    }
}
