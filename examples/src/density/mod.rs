//! The parts of the density benchmark: many streams from one process into a sink in another.

pub mod audit;
pub mod clip;
pub mod due;
pub mod film;
pub mod fleet;
pub mod options;
pub mod outage;
pub mod process;
pub mod server;
pub mod sink;
pub mod sockets;
pub mod stall;
pub mod stats;

/// What a part of the benchmark fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
