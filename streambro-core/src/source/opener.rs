//! Who opens the items of a playlist while it plays.

use std::fmt;

use async_trait::async_trait;

use super::{film::Clip, production::Production, roll::Wanted};
use crate::{
    error::Result,
    plan::{Format, Work},
    spec::StreamSpec,
};

/// Opens the items of a playlist while it plays.
#[async_trait]
pub(crate) trait Opener: fmt::Debug + Send + Sync {
    /// Opens an item of a stream, and makes sure that it can join one of this format. Cancel safe.
    async fn open(&self, wanted: &Wanted, format: &Format, spec: &StreamSpec) -> Result<Opening>;
}

impl Opening {
    /// How ffmpeg makes it, if it does.
    pub(crate) fn work(&self) -> Option<Work> {
        match self {
            Self::Clip(_) => None,
            Self::Production(made, _) => Some(made.work),
        }
    }
}

/// An item that is open and understood.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It is copied as it is.
    Clip(Box<Clip>),
    /// ffmpeg makes something of it, from so many milliseconds of the film on.
    Production(Box<Production>, u64),
}
