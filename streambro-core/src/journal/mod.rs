//! What is written down: a log for each stream, and a record of each run. Bounded, and only when something happens.

mod books;
mod line;
mod log;
mod record;

pub(crate) use books::{Books, Keep, RunEnd};
pub(crate) use line::{Entry, What};
pub use line::{LogLevel, LogLine};
pub(crate) use log::Log;
pub use record::RunRecord;
