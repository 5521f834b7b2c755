//! Flash Video: the file format whose tags are RTMP's messages (Adobe Flash Video File Format Specification 10.1, E).

pub(crate) mod read;
pub(crate) mod tag;
