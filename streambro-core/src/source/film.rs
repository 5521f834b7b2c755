//! What a stream plays.

use std::sync::Arc;

use super::{disk::Disk, production::Production, tape::Tape};
use crate::{spec::Encoder, survey::Opened};

/// A source that is open and understood.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// It is copied as it is.
    Film(Arc<Opened>),
    /// What ffmpeg made of it before is copied.
    Kept(Arc<Opened>, Kept),
    /// ffmpeg makes something of it.
    Production(Box<Production>),
}

/// Where a rendition comes from.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// What encoded its picture; `None` where it was copied.
    pub encoder: Option<Encoder>,
    /// Why ffmpeg was needed.
    pub why: String,
}

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

impl Reel {
    /// Declares that nothing more of this lap can be made.
    pub(crate) fn skip_lap(&self) {
        if let Self::Tape(tape) = self {
            tape.end(0, true);
        }
    }

    /// Declares that everything has been made.
    pub(crate) fn close(&self) {
        if let Self::Tape(tape) = self {
            tape.close();
        }
    }
}
