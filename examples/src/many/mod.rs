//! The parts of the demo with three users: the scene, and the table that shows it.

pub mod notes;
pub mod scene;
pub mod table;

/// What a part of the demo fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
