//! What the targets share.

pub mod media;
pub mod pieces;
