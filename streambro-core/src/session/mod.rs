//! A running stream: one playhead, and a leg for each destination.

mod end;
mod goodbye;
mod leg;
mod playhead;
mod pump;
mod remux;

pub(crate) use end::LegEnd;
pub(crate) use leg::{Leg, LegCounters, Road, Signal, SignalKind};
pub(crate) use playhead::Playhead;
pub use remux::{RemuxReport, remux};
