//! Who opens the items of a playlist while it plays.

use std::fmt;

use async_trait::async_trait;

use super::{film::Clip, roll::Wanted};
use crate::{error::Result, plan::Format};

/// Opens the items of a playlist while it plays.
#[async_trait]
pub(crate) trait Opener: fmt::Debug + Send + Sync {
    /// Opens an item, and makes sure that it can join a stream of this format. Cancel safe.
    async fn open(&self, wanted: &Wanted, format: &Format) -> Result<Clip>;
}
