//! Keeps a stream on the air: the one layer that retries.

mod backoff;
mod fsm;
mod run;

pub(crate) use run::{Run, Services, supervise};
