//! What a stream will take, and what is in its way. Pure: facts in, decisions out.

mod capacity;
mod cost;
mod explain;
mod facts;

pub use capacity::{Capacity, Room, Share};
pub(crate) use capacity::{Machine, capacity};
pub use cost::Cost;
pub(crate) use cost::demand;
pub use explain::{Explanation, Finding, FindingKind, Plan, Verdict};
pub(crate) use explain::{findings, verdict};
pub(crate) use facts::Facts;
