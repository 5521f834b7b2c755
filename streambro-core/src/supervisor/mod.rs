//! Keeps a stream on the air: the one layer that retries.

mod backoff;
mod fsm;
mod run;
mod turn;

pub(crate) use run::{Run, Services};
pub(crate) use turn::run;
