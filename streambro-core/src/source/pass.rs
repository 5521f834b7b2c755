//! One run of ffmpeg, from its start to its end, as data.

use crate::status::Reason;

/// How a run of ffmpeg ended. Times are milliseconds of the film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PassEnd {
    /// It has come to the end of its source, after so much media.
    Lap { ms: u64 },
    /// The same, and from now on a file plays.
    Stored,
    /// It was asked to end.
    Stopped { reached_ms: u64 },
    /// It ended by itself before the end of its source, or had to be ended.
    Failed { fault: PassFault, reason: Reason, detail: String, reached_ms: u64 },
}

/// What could mend a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassFault {
    /// Another try.
    Passing,
    /// Another encoder.
    Encoder,
    /// Nothing.
    Hopeless,
}
