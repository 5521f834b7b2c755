//! On the air when it should be.

mod clocks;
mod crowd;
mod desk;
mod mission;
