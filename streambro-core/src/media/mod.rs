//! What is in a file and when each piece of it is due. No socket, no process, no clock.
//!
//! A [`Cursor`](cursor::Cursor) walks an open file and yields [`Sample`](packet::Sample)s in decode order, in the ticks
//! of their track. A [`Timeline`](timeline::Timeline) places them on the stream's one clock and yields packets in
//! milliseconds. Neither carries media bytes: both say where the bytes lie.

pub mod amf0;
pub mod error;
pub mod index;
pub mod packet;
pub mod read;
pub mod timeline;
