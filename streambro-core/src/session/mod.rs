//! A running stream: one playhead, and a leg for each destination.

mod end;
mod goodbye;
mod leg;
mod playhead;
mod pump;
mod remux;
mod road;

pub(crate) use end::LegEnd;
pub(crate) use leg::Leg;
pub(crate) use playhead::Playhead;
pub(crate) use pump::Manner;
pub use remux::{RemuxReport, remux};
pub(crate) use road::{LegCounters, Road, SignalKind, Signals};
