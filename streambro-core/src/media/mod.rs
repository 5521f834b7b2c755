//! What is in a file and when each piece of it is due. No socket, no process, no clock.
//!
//! A [`Cursor`](cursor::Cursor) walks an open file and yields [`Sample`](packet::Sample)s in decode order, in the ticks
//! of their track. A [`Timeline`](timeline::Timeline) places them on the stream's one clock and yields packets in
//! milliseconds. Neither carries media bytes: both say where the bytes lie.

pub mod aac;
pub mod amf0;
pub(crate) mod bits;
pub(crate) mod configs;
pub mod cursor;
pub mod error;
pub mod flv;
pub mod foreign;
pub mod format;
pub mod h264;
pub mod index;
pub(crate) mod lane;
pub(crate) mod mp4;
pub mod packet;
pub(crate) mod part;
pub mod probe;
pub(crate) mod program;
pub mod read;
pub mod sniff;
pub mod timeline;
pub(crate) mod window;
