//! What fuzzers reach of the rest: everything that takes bytes of a program of others.

pub use crate::{
    ffmpeg::fuzz::{Heard, progress, words},
    source::fuzz::record,
};
