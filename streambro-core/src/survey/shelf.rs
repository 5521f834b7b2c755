//! Open files and their indexes, shared by all streams that play them.

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{Semaphore, oneshot};

use super::{
    look::{Probe, look_at},
    open::{OpenError, Root, open},
};
use crate::{
    error::{Error, ErrorKind},
    media::{
        cursor,
        error::{MediaError, Unsupported},
        format::Format,
        index::Index,
        program::Program,
        sniff::sniff,
    },
    sys,
};

/// Surveys under way at once. Each holds a thread for as long as its file system takes.
const MAX_SURVEYS: usize = 256;
/// The same among files of one folder: a mount that is dead must not keep everybody waiting.
const MAX_SURVEYS_OF_A_FOLDER: usize = 16;

/// A source that is open and understood.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The open file: what happens to its name does not matter any more.
    pub file: File,
    /// Its length when it was opened, in bytes.
    pub len: u64,
    /// The device it is on: reads of one device share their threads.
    pub device: u64,
    /// What is in it.
    pub index: Arc<Index>,
    /// What receivers must be told of it.
    pub program: Arc<Program>,
}

/// A source that ffmpeg may read: a regular file inside the jail, whose format we have seen ourselves.
#[derive(Clone, Debug)]
pub(crate) struct Gated {
    /// The open file: its name never reaches ffmpeg.
    pub file: Arc<File>,
    /// Its length when it was opened, in bytes.
    pub len: u64,
    /// What its own first bytes say.
    pub format: Format,
}

/// A source, seen from all sides.
#[derive(Debug)]
pub(crate) struct Examined {
    /// As ffmpeg may read it.
    pub gated: Gated,
    /// What the native readers say; `None` for formats that they do not read.
    pub probe: Option<Probe>,
    /// As it is copied natively, if it can be.
    pub opened: Option<Arc<Opened>>,
}

impl Examined {
    /// Whether it can be copied natively.
    pub(crate) fn is_native(&self) -> bool {
        self.opened.is_some()
    }
}

/// What makes a file the same file, unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

/// Keeps one open file and one index for each file in use.
#[derive(Debug)]
pub(crate) struct Shelf {
    root: Option<Root>,
    opened: Mutex<HashMap<Identity, Weak<Opened>>>,
    surveys: Arc<Semaphore>,
    folders: Mutex<HashMap<PathBuf, Weak<Semaphore>>>,
}

impl Shelf {
    /// Creates an empty shelf; with a `root`, nothing outside it is ever opened.
    pub(crate) fn new(root: Option<Root>) -> Arc<Self> {
        Arc::new(Self {
            root,
            opened: Mutex::default(),
            surveys: Arc::new(Semaphore::new(MAX_SURVEYS)),
            folders: Mutex::default(),
        })
    }

    /// Opens and understands a file, or returns what another stream has open already.
    ///
    /// The work is done on a thread of its own, so that a dead network mount holds up nothing else. Cancel safe: the
    /// thread finishes and its result is dropped.
    ///
    /// # Errors
    /// `NotAllowed`, `SourceUnreadable`, `SourceInvalid`, `SourceUnsupported`; `TimedOut` after `patience`.
    pub(crate) async fn survey(
        self: &Arc<Self>,
        path: &Path,
        patience: Duration,
    ) -> Result<Arc<Opened>, Error> {
        self.aside(path, patience, Self::take).await
    }

    /// Looks at a file from all sides: opens it for ffmpeg, measures it where it is read natively, and opens it like
    /// [`survey`](Self::survey) if nothing is in the way. Cancel safe as that.
    ///
    /// # Errors
    /// As [`probe`](super::probe) and `survey`; what cannot be copied is a finding, not an error. A playlist and what is none
    /// of the formats are `SourceUnsupported`.
    pub(crate) async fn examine(
        self: &Arc<Self>,
        path: &Path,
        patience: Duration,
    ) -> Result<Examined, Error> {
        let job = |shelf: &Self, path: &Path| {
            let name = path.display().to_string();
            let file = open_source(shelf.root.as_ref(), path, &name)?;
            let len = file.metadata().map_err(|error| source_error(&name, &error.into()))?.len();
            let format = sniff(&file, len).map_err(|error| source_error(&name, &error))?;
            let probe = match format {
                Format::Mov | Format::Flv => Some(look_at(&file, len, &name)?),
                Format::Matroska | Format::MpegTs => None,
            };
            let native = probe.as_ref().is_some_and(Probe::is_native);
            let opened = if native { Some(shelf.take(path)?) } else { None };
            Ok(Examined { gated: Gated { file: Arc::new(file), len, format }, probe, opened })
        };
        self.aside(path, patience, job).await
    }

    /// Does a job on a thread of its own, for as long as there is patience.
    async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        path: &Path,
        patience: Duration,
        job: impl FnOnce(&Self, &Path) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let name = path.display().to_string();
        let late = |_| {
            let detail = format!("the file system did not answer within {} s", patience.as_secs());
            Error::new(ErrorKind::TimedOut, &name, detail)
        };
        let survey = async {
            // They go with the thread, not with who waits for it: a mount that is dead keeps its threads.
            let in_folder = self.folder_of(path).acquire_owned().await;
            let place = Arc::clone(&self.surveys).acquire_owned().await;
            let (reply, answer) = oneshot::channel();
            let (shelf, path) = (Arc::clone(self), path.to_owned());
            std::thread::Builder::new()
                .name("streambro-survey".to_owned())
                .spawn(move || {
                    let _ = reply.send(job(&shelf, &path));
                    drop((place, in_folder));
                })
                .map_err(|error| {
                    let remedy = sys::lack_of_threads(&error).unwrap_or("no thread could be started");
                    Error::new(ErrorKind::Host, "thread", format!("{error}: {remedy}"))
                })?;
            let gone = |_| Error::new(ErrorKind::SourceInvalid, &name, "the survey died; please report it");
            answer.await.map_err(gone)?
        };
        tokio::time::timeout(patience, survey).await.map_err(late)?
    }

    /// Who may survey files of the same folder. Forgotten when nobody does.
    fn folder_of(&self, path: &Path) -> Arc<Semaphore> {
        let folder = path.parent().unwrap_or(path);
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = folders.get(folder).and_then(Weak::upgrade) {
            return known;
        }
        folders.retain(|_, surveys| surveys.strong_count() > 0);
        let surveys = Arc::new(Semaphore::new(MAX_SURVEYS_OF_A_FOLDER));
        folders.insert(folder.to_owned(), Arc::downgrade(&surveys));
        surveys
    }

    /// The blocking form of [`survey`](Self::survey).
    pub(crate) fn take(&self, path: &Path) -> Result<Arc<Opened>, Error> {
        let name = path.display().to_string();
        let file = open_source(self.root.as_ref(), path, &name)?;
        let facts = file.metadata().map_err(|error| source_error(&name, &error.into()))?;
        let identity = Identity {
            device: facts.dev(),
            inode: facts.ino(),
            len: facts.len(),
            changed: (facts.mtime(), facts.mtime_nsec()),
        };
        if let Some(known) = self.find(&identity) {
            return Ok(known);
        }
        let index = cursor::open(&file, identity.len)
            .map_err(|error| source_error(&name, &in_words(&file, identity.len, error)))?;
        if let Some(obstacle) = index.length_obstacle() {
            return Err(source_error(&name, &MediaError::Unsupported(vec![obstacle])));
        }
        let opened = Arc::new(Opened {
            file,
            len: identity.len,
            device: identity.device,
            program: Arc::new(Program::new(&index, &index.audio_config())),
            index: Arc::new(index),
        });
        let mut shelf = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.retain(|_, opened| opened.strong_count() > 0);
        // Two surveys of one file may have run side by side: the first one stays.
        if let Some(known) = shelf.get(&identity).and_then(Weak::upgrade) {
            return Ok(known);
        }
        shelf.insert(identity, Arc::downgrade(&opened));
        Ok(opened)
    }

    /// Lets no survey begin until the answer is dropped.
    #[cfg(test)]
    pub(crate) async fn hold_up(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(MAX_SURVEYS).unwrap();
        Arc::clone(&self.surveys).acquire_many_owned(all).await.unwrap()
    }

    fn find(&self, identity: &Identity) -> Option<Arc<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(identity).and_then(Weak::upgrade)
    }
}

/// Understands `len` bytes of a file that streambro has made itself. Blocks for as long as the file system does.
pub(crate) fn adopt(file: &File, len: u64) -> Result<Opened, MediaError> {
    let file = file.try_clone()?;
    let device = file.metadata()?.dev();
    let index = cursor::open(&file, len)?;
    let program = Arc::new(Program::new(&index, &index.audio_config()));
    Ok(Opened { file, len, device, program, index: Arc::new(index) })
}

/// Opens a file, with an error about `name`.
pub(super) fn open_source(root: Option<&Root>, path: &Path, name: &str) -> Result<File, Error> {
    open(root, path).map_err(|error| {
        if let OpenError::Io(io) = &error
            && let Some(remedy) = sys::lack(io)
        {
            return Error::new(ErrorKind::Host, name, format!("{io}: {remedy}"));
        }
        let kind = match &error {
            OpenError::Outside => ErrorKind::NotAllowed,
            OpenError::NotAFile(_) | OpenError::Empty => ErrorKind::SourceInvalid,
            OpenError::Io(_) => ErrorKind::SourceUnreadable,
        };
        Error::new(kind, name, error.to_string())
    })
}

/// The same error, with what the file is instead where it is none of the native formats.
pub(super) fn in_words(file: &File, len: u64, error: MediaError) -> MediaError {
    match &error {
        MediaError::Unsupported(what) if what[..] == [Unsupported::Container] => {
            sniff(file, len).err().unwrap_or(error)
        }
        _ => error,
    }
}

/// A reader's error as an error about `name`.
pub(crate) fn source_error(name: &str, error: &MediaError) -> Error {
    let kind = match error {
        MediaError::Io(_) => ErrorKind::SourceUnreadable,
        MediaError::Unsupported(_) => ErrorKind::SourceUnsupported,
        _ => ErrorKind::SourceInvalid,
    };
    Error::new(kind, name, error.to_string())
}
