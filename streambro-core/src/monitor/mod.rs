//! Looks at the machine and at processes: what there is, what is used, and when it is too much.
//!
//! Looking is apart from judging: [`cgroup`], [`text`], [`meter`] and [`alarm`] are pure.

mod cgroup;
mod host;
mod process;
mod root;
mod text;

pub use host::Host;
pub use process::ProcessSample;
pub(crate) use root::Root;
