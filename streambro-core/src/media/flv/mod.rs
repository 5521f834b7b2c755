//! FLV, as a file and as what RTMP carries: the body of an RTMP media message is the body of an FLV tag.
//!
//! Section numbers are those of the Adobe Flash Video File Format Specification 10.1.

pub(crate) mod clock;
pub mod metadata;
pub mod prefix;
pub(crate) mod read;
pub mod stream;
pub(crate) mod tag;
pub mod write;
