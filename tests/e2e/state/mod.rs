//! What outlives a manager.

mod restart;
