//! The public verbs: start, stop, replace, and looking.

mod audit;
mod builder;
mod clear;
mod doctor;
mod ffmpeg;
mod launch;
mod legs;
mod lists;
mod memory;
mod metrics;
mod monitor;
mod open;
mod outlook;
mod place;
mod prepare;
mod registry;
mod settings;
#[cfg(feature = "signals")]
mod signals;
mod stream;
mod timetable;
mod user;
mod verbs;
mod views;
mod workshop;

pub use audit::{Audit, AuditFinding, Mismatch};
pub use builder::Builder;
pub use doctor::{Check, Diagnosis};
pub use prepare::{Preparation, PrepareOutcome, PrepareProgress, PrepareStage};
pub use settings::{Renditions, Settings};
#[cfg(feature = "signals")]
pub use signals::{EndSignal, shutdown_on_signals};
pub use stream::Stream;
pub use timetable::Upcoming;
pub use user::UserScope;
pub use verbs::StreamManager;

#[cfg(test)]
mod sessions_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod user_tests;
