//! The parts of the program that runs a week's schedule: the file, the clock, the table, and what happens in words.

pub mod clock;
pub mod options;
pub mod table;
pub mod week;
pub mod words;

/// What a part of the program fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
