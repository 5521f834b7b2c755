//! The parts of the program that runs a channel: what is typed, what is done, what is shown, and the demo.

pub mod command;
pub mod console;
pub mod demo;
pub mod desk;

/// What a part of the program fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
