//! What a stream will take, and what is in its way. Pure: facts in, decisions out.

mod analyze;
mod capacity;
mod cost;
mod explain;
mod facts;
mod finding;
mod joint;
mod known;
mod road;

pub use analyze::Analysis;
pub(crate) use analyze::{Question, analyze, differences, survey};
pub use capacity::{Capacity, Room, Share};
pub(crate) use capacity::{Machine, capacity};
pub use cost::Cost;
pub(crate) use cost::{Work, demand};
pub(crate) use explain::verdict;
pub use explain::{Explanation, Plan, Verdict};
pub(crate) use facts::Facts;
pub use finding::{Finding, FindingKind};
pub(crate) use joint::Format;
pub(crate) use known::Known;
pub(crate) use road::road;
pub use road::{Block, Road};
