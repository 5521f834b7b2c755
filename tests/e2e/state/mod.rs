//! What outlives a manager.

mod keeper;
mod kills;
mod places;
mod restart;
mod trouble;
