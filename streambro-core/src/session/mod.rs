//! A running stream: one playhead, and a leg for each destination.

mod end;
mod goodbye;
mod leg;
mod manner;
mod playhead;
mod pump;
mod remux;
mod road;

pub(crate) use end::LegEnd;
pub(crate) use leg::Leg;
pub(crate) use manner::Manner;
pub(crate) use playhead::Playhead;
pub use remux::{RemuxReport, remux};
pub(crate) use road::{LegCounters, Road, SignalKind, Signals};
