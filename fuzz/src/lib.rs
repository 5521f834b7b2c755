//! What the targets share.

pub mod media;
