//! The parts of the density benchmark: many streams from one process into a sink in another.

pub mod clip;
pub mod due;
pub mod process;
pub mod sink;
