//! How much may run at once: limits, a ledger of who holds what, and a queue for who waits.

mod admission;
mod book;
mod demand;
mod ledger;
mod limit;
mod refusal;

pub use admission::Admission;
pub(crate) use demand::Demand;
pub(crate) use ledger::{Ledger, Permit, Prospect};
pub(crate) use limit::Limits;
pub use limit::{Limit, LimitUse};
pub(crate) use refusal::Refusal;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
