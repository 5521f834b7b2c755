//! What outlives a manager.

mod keeper;
mod keys;
mod kills;
mod places;
mod restart;
mod trouble;
