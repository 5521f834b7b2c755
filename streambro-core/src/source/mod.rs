//! Where a stream's media comes from: packets in due order, and the bytes behind them.

mod disk;
mod feed;
mod film;
mod pass;
mod reader;
mod recorder;
mod tape;

pub(crate) use disk::Disks;
pub(crate) use feed::{Batch, Feed, FeedMark, Fill};
pub(crate) use film::{Film, Reel};
pub(crate) use pass::{PassEnd, PassFault};
pub(crate) use reader::{Piece, Reader};
pub(crate) use tape::Tape;
