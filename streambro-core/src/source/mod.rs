//! Where a stream's media comes from: packets in due order, and the bytes behind them.

mod disk;
mod feed;
mod film;
#[cfg(feature = "test-hooks")]
pub(crate) mod fuzz;
mod keeper;
mod opener;
mod pass;
mod place;
mod production;
mod reader;
mod recorder;
mod roll;
mod rundown;
mod tape;

pub(crate) use disk::Disks;
pub(crate) use feed::{Batch, Feed, FeedMark, Fill};
pub(crate) use film::{Clip, Film, Kept, Prepared, Reel, Show, Staged};
pub(crate) use keeper::{Keep, Keeper};
pub(crate) use opener::{Opener, Opening};
pub(crate) use pass::{Child, PassEnd, PassFault, PassFigures, PassNews, PassSource};
pub(crate) use place::{FilePlace, ListPlace, ListPlaces, Place, Start};
pub(crate) use production::{Production, Way};
pub(crate) use reader::{Piece, Reader};
pub(crate) use roll::{Roll, Rolls, Wanted};
pub(crate) use rundown::Rundown;
pub(crate) use tape::Tape;
