//! What ffmpeg does for a stream.

use serde::Serialize;

use crate::spec::Encoder;

/// What ffmpeg does for a stream that cannot be copied as it is, or shall not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Encoding {
    /// Why ffmpeg is needed.
    pub why: String,
    /// Whether ffmpeg runs, and if not, why not.
    pub state: EncodingState,
    /// What encodes the picture; `None` where it is copied.
    pub encoder: Option<Encoder>,
    /// Whether the encoder's device decodes as well.
    pub device_decodes: bool,
    /// The process, while ffmpeg runs.
    pub pid: Option<u32>,
    /// What holds around it, while it runs.
    pub sandbox: Option<SandboxLevel>,
    /// Runs of ffmpeg since the start.
    pub runs: u64,
    /// How far it is in the film, in milliseconds.
    pub reached_ms: u64,
    /// How much is made that no destination has been sent yet, in milliseconds.
    pub ahead_ms: u64,
    /// Memory that what is made takes here, in bytes: what is ahead, and what a destination that comes back begins with.
    pub buffered_bytes: u64,
    /// Lines of the current run's words that were lost, because it said more than anybody could read.
    pub lost_words: u64,
    /// Pictures made by the current run.
    pub frames: u64,
    /// Media made in the time it took, by ffmpeg's own account: 1 is real time. It is held back once it is ahead.
    pub speed: f64,
}

impl Encoding {
    /// Of what was made before the stream began.
    pub(crate) fn kept(why: String, encoder: Option<Encoder>) -> Self {
        Self {
            why,
            state: EncodingState::Kept,
            encoder,
            device_decodes: false,
            pid: None,
            sandbox: None,
            runs: 0,
            reached_ms: 0,
            ahead_ms: 0,
            buffered_bytes: 0,
            lost_words: 0,
            frames: 0,
            speed: 0.0,
        }
    }
}

/// Whether ffmpeg runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EncodingState {
    /// It runs.
    Running,
    /// It does not: it is about to begin, or waits after a failure.
    Waiting,
    /// It is needed no more: what it made is kept and copied.
    Kept,
    /// Everything has been made, or the stream has ended.
    Over,
}

/// What really holds around an ffmpeg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SandboxLevel {
    /// No program that it starts gets more rights than it has.
    pub no_new_privs: bool,
    /// It reads its input and what a program needs to start, and writes to no file.
    pub files: bool,
    /// It neither makes nor takes TCP connections.
    pub tcp: bool,
    /// The version of the kernel's Landlock; 0 where there is none.
    pub landlock: u32,
}
