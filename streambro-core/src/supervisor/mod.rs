//! Keeps a stream on the air: the one layer that retries.

mod backoff;
mod budget;
mod fsm;
mod leg;
mod passes;
mod run;
mod table;
mod turn;

pub(crate) use passes::{Next, Passes};
pub(crate) use run::{OutletRefusal, Run, Services};
pub(crate) use turn::run;
