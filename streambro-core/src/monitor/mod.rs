//! Looks at the machine and at processes: what there is, what is used, and when it is too much.
//!
//! Looking is apart from judging: [`cgroup`], [`text`], [`meter`] and [`alarm`] are pure.

mod alarm;
mod cgroup;
mod gauge;
mod host;
pub(crate) mod meter;
mod process;
mod root;
mod text;

pub(crate) use alarm::Alarm;
pub use alarm::{AlertAction, Alerts};
pub(crate) use gauge::{Change, Gauge};
pub use host::Host;
pub use process::ProcessSample;
pub(crate) use root::Root;
