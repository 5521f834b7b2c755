//! What a stream plays.

use std::sync::Arc;

use super::{disk::Disk, tape::Tape};
use crate::survey::Opened;

/// What a stream plays.
#[derive(Clone, Debug)]
pub(crate) enum Reel {
    /// A file, as it is.
    Film(Film),
    /// What ffmpeg makes of one.
    Tape(Arc<Tape>),
}

/// A file that the native reader understands, and the way to its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    /// The open file.
    pub opened: Arc<Opened>,
    /// The threads of the device it is on.
    pub disk: Arc<Disk>,
}
