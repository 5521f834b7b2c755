//! ffmpeg: what it is told, how it is run and watched, and what it says. It never touches the network.

#[cfg_attr(not(test), expect(dead_code, reason = "the supervisor of ffmpeg will use it"))]
mod args;
mod death;
mod encoders;
#[cfg_attr(not(test), expect(dead_code, reason = "the pipe source and the encoder probe use it"))]
mod process;
mod progress;
mod sandbox;
mod tools;
#[cfg_attr(not(test), expect(dead_code, reason = "the pipe source and the encoder probe use it"))]
mod words;

pub use args::command;
