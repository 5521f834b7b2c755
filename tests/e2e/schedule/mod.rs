//! On the air when it should be.

mod desk;
mod mission;
