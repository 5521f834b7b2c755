//! ffmpeg: what it is told, how it is run and watched, and what it says. It never touches the network.

mod args;
mod death;
mod encoders;
mod process;
mod progress;
mod sandbox;
mod tools;
mod words;
