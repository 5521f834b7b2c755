//! ffmpeg: what it is told, how it is run and watched, and what it says. It never touches the network.

mod args;
#[cfg_attr(not(test), expect(dead_code, reason = "the pipe source and the encoder probe use it"))]
mod death;
mod encoders;
mod process;
mod progress;
mod sandbox;
mod tools;
mod words;

pub use args::command;
pub(crate) use args::{AudioJob, Codec, Decoder, Format, Job, LEAD, Shape, Sound, argv};
pub(crate) use death::{Death, DeathKind, classify};
pub(crate) use process::{Environment, Exit, Launch, LaunchError, Process};
pub(crate) use progress::Progress;
pub(crate) use sandbox::{Sandbox, SandboxPlan};
pub(crate) use words::Words;
