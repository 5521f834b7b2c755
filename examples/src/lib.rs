//! What the example programs share.

pub mod memory;
pub mod receiver;
