//! Where a stream's media comes from: packets in due order, and the bytes behind them.

mod disk;
mod feed;
mod reader;

pub(crate) use disk::{Disk, Disks};
pub(crate) use feed::{Batch, Feed, FeedMark, Fill};
pub(crate) use reader::{Piece, Reader};
