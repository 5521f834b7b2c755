//! What the example programs share.

pub mod receiver;
