//! Looks at the world before a stream starts: opens the source inside its jail and learns what is in it.

mod look;
mod measure;
mod open;
mod shelf;

pub use look::{Probe, probe};
pub(crate) use measure::measure;
pub(crate) use open::Root;
pub(crate) use shelf::{Examined, Gated, Opened, Shelf, adopt, source_error};
