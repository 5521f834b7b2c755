//! What the example programs share.

pub mod density;
pub mod many;
pub mod memory;
pub mod receiver;
