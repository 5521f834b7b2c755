//! What is measured, what is told of it, and whether what a manager believes is so.

mod alerts;
mod audit;
mod metrics;
mod rig;
mod signals;
mod usage;
