//! ffmpeg: what it is told, how it is run and watched, and what it says. It never touches the network.

mod args;
mod ask;
mod death;
mod encoders;
#[cfg(feature = "test-hooks")]
pub(crate) mod fuzz;
mod process;
mod progress;
mod sandbox;
pub(crate) mod tools;
mod words;

pub use args::command;
pub(crate) use args::{AudioJob, Codec, Decoder, Job, LEAD, Shape, Sound, argv};
pub(crate) use death::{Death, DeathKind, Evidence, classify, unborn};
pub use encoders::{Availability, EncoderReport};
pub(crate) use encoders::{Encoders, chain};
pub(crate) use process::{Cookie, Environment, Exit, Launch, LaunchError, Process, end_leftovers};
pub(crate) use progress::Progress;
pub use sandbox::Sandbox;
pub(crate) use sandbox::{Lacking, SandboxPlan};
pub(crate) use words::Words;
