//! What a stream plays.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::{disk::Disk, production::Production, roll::Rolls, tape::Tape};
use crate::{
    media::{index::Layer, part::Part, program::Program},
    plan::{Facts, Format},
    spec::Encoder,
    status::Reason,
    survey::Opened,
};

/// A source that is open and understood.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// It is copied as it is.
    Film(Arc<Opened>),
    /// What ffmpeg made of it before is copied.
    Kept(Arc<Opened>, Kept),
    /// ffmpeg makes something of it.
    Production(Box<Production>),
    /// Many, the first of which is open; what is heard may be another list.
    Lists(Rolls),
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
    /// One after the other; what is heard may be another list.
    Rolls(Rolls),
}

/// A file that the native reader understands, and the way to its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    /// The open file.
    pub opened: Arc<Opened>,
    /// The threads of the device it is on.
    pub disk: Arc<Disk>,
}

/// What an item of a playlist plays.
#[derive(Debug)]
pub(crate) enum Show {
    /// Nothing: it stands before the first one.
    Nothing,
    /// A film, as it is.
    Clip(Box<Clip>),
    /// What ffmpeg makes of one.
    Tape(Staged),
}

/// What ffmpeg makes of an item. Dropped, or told so, it is made no further.
#[derive(Debug)]
pub(crate) struct Staged {
    /// What has been made.
    pub(crate) tape: Arc<Tape>,
    /// How far into the item it begins, in milliseconds.
    pub(crate) skip_ms: u64,
    /// How long it plays, in milliseconds, where that is known.
    pub(crate) length_ms: Option<u64>,
    /// What one destination is sent.
    pub(crate) bits_per_second: u64,
    /// Why it ends before its time, once it does.
    pub(crate) fault: Arc<OnceLock<(Reason, String)>>,
    /// Ends what makes it.
    pub(crate) maker: CancellationToken,
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.maker.cancel();
    }
}

impl Show {
    /// How far into the item it begins, in milliseconds.
    pub(super) fn skip_ms(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Clip(clip) => clip.skip_ms,
            Self::Tape(staged) => staged.skip_ms,
        }
    }

    /// It plays no longer: no more is made of it.
    pub(super) fn retire(&self) {
        if let Self::Tape(staged) = self {
            staged.maker.cancel();
        }
    }

    /// How long it plays, in milliseconds, where that is known.
    pub(super) fn length_ms(&self) -> Option<u64> {
        match self {
            Self::Nothing => Some(0),
            Self::Clip(clip) => Some(clip.part.index.length_ms()),
            Self::Tape(staged) => staged.length_ms,
        }
    }

    /// What one destination is sent.
    pub(super) fn bits_per_second(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Clip(clip) => {
                let opened = &clip.film.opened;
                Facts::of(&opened.index, opened.len).bits_per_second
            }
            Self::Tape(staged) => staged.bits_per_second,
        }
    }

    /// What goes around its first frames.
    pub(super) fn program(&self) -> Option<Arc<Program>> {
        match self {
            Self::Nothing => None,
            Self::Clip(clip) => Some(Arc::clone(&clip.program)),
            Self::Tape(staged) => staged.tape.first_program(),
        }
    }
}

/// An item of a playlist that can be played: a film, or a part of it, as one of a stream's.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    /// The film.
    pub(crate) film: Film,
    /// What of it plays.
    pub(crate) part: Part,
    /// What goes around its frames in this stream.
    pub(crate) program: Arc<Program>,
    /// How far into the item it begins, in milliseconds.
    pub(crate) skip_ms: u64,
}

impl Clip {
    /// A part of a film as an item of a stream of this format.
    pub(crate) fn new(film: Film, part: Part, skip_ms: u64, format: &Format) -> Self {
        let opened = &film.opened;
        let alone = || Program::new(&opened.index.view(part.layer), format.audio());
        let program = match (part.layer, &opened.index.audio) {
            (Layer::Both, Some(_)) => Arc::clone(&opened.program),
            // Without a sound of its own it is as silent as the rest of the stream.
            (Layer::Both, None) | (Layer::Picture, _) => Arc::new(alone()),
            (Layer::Sound, _) => Arc::new(alone().under_a_picture()),
        };
        Self { film, part, program, skip_ms }
    }
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
