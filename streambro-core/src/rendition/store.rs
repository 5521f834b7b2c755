//! Renditions on the disk, within a quota.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64},
    },
};

use serde::Serialize;
use tokio_util::task::TaskTracker;

use super::{
    dir::{Dir, Entry, Kind, Locked},
    draft::Draft,
    failure::{Failure, FailureKind},
    fault,
    hash::ContentHash,
    key::Key,
    memo::Memo,
    record::{self, Flaw, Keyframe, MAX_RECORD, Record, TAG_SIZE},
};
use crate::{
    error::{Error, ErrorKind},
    media::read::ReadAt,
};

/// How much a draft takes of the quota at once: at 4 Mb/s its next look at the directory is 8 s away.
const STEP: u64 = 4 << 20;
/// But no more than this part of the quota.
const STEP_PART: u64 = 16;

/// The renditions in one directory.
///
/// Several stores, of one process or many, may have the same directory: the quota holds for what all of them write, and
/// should be the same. Nothing is kept in memory that the directory does not say.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) dir: Dir,
    quota: u64,
    /// What is open here, so that all streams of a rendition share one index.
    open: Mutex<HashMap<String, Weak<Rendition>>>,
    memo: Memo,
    /// Who writes to it.
    writers: TaskTracker,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RenditionUsage {
    /// Bytes of all files, those under way included. Those take up to 4 MB ahead.
    pub bytes: u64,
    /// Renditions that can be played.
    pub count: usize,
    /// Renditions that someone writes.
    pub drafts: usize,
    /// The most that `bytes` may be.
    pub quota: u64,
}

/// A rendition that is open, and stays on the disk for as long as it is.
#[derive(Debug)]
pub(crate) struct Rendition {
    file: File,
    path: PathBuf,
    /// Bytes of the whole file.
    size: u64,
    record: Record,
}

impl Rendition {
    /// The open file. A copy made with `try_clone` keeps it on the disk as well.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Its path, for people: the name may be gone while the file is open.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of media from the start of the file. Behind them is one more tag, of script data, that plays nothing.
    pub(crate) fn len(&self) -> u64 {
        self.record.len
    }

    /// How long it plays, in milliseconds.
    pub(crate) fn duration_ms(&self) -> u64 {
        self.record.duration_ms
    }

    #[cfg_attr(not(test), expect(dead_code, reason = "who begins inside of a film will ask"))]
    /// The last keyframe at `ms` or before; `None` when there is none.
    pub(crate) fn keyframe(&self, ms: u64) -> Option<Keyframe> {
        let after = self.record.keys.partition_point(|key| key.ms <= ms);
        self.record.keys[..after].last().copied()
    }
}

/// What was found under a name.
pub(super) enum Found {
    Whole(Arc<Rendition>),
    Nothing,
    /// Something that is no rendition of the key.
    Broken(Flaw),
}

impl Store {
    /// Opens a directory; makes it, for its owner alone, if it is not there. Removes what writers that died have left
    /// and, where it is over `quota` (in bytes), what was not used for longest.
    ///
    /// # Errors
    /// `NotAllowed` when the directory belongs to someone else or others may write to it; `Host` when the system says no.
    pub(crate) fn open(path: &Path, quota: u64) -> Result<Arc<Self>, Error> {
        let dir = Dir::open(path)?;
        let store =
            Self { dir, quota, open: Mutex::default(), memo: Memo::default(), writers: TaskTracker::new() };
        store
            .begin()
            .map_err(|failure| Error::new(ErrorKind::Host, path.display().to_string(), failure.detail))?;
        Ok(Arc::new(store))
    }

    /// Who writes here holds a token of it, so that a process that ends in order waits until nothing half written is left.
    pub(crate) fn writers(&self) -> &TaskTracker {
        &self.writers
    }

    fn begin(&self) -> Result<(), Failure> {
        let locked = self.dir.lock()?;
        let mut entries = self.entries(&locked)?;
        self.dir.settle(&mut entries, &locked);
        self.sweep(&mut entries, &locked)?;
        let over = total(&entries).saturating_sub(self.quota);
        // As far as it goes: what others play stays.
        let (victims, _) = self.victims(entries, over, &locked)?;
        victims.iter().try_for_each(|name| self.take_away(name))
    }

    /// Returns the hash of a file's content; `None` when `stop` was set meanwhile. Each file is read once.
    ///
    /// `progress` counts the bytes of the file that were read: 10 GB take seconds at best, on a slow disk minutes.
    ///
    /// # Errors
    /// Those of the file; `InvalidData` when it changed while it was read.
    pub(crate) fn hash(
        &self,
        file: &File,
        stop: &AtomicBool,
        progress: &AtomicU64,
    ) -> io::Result<Option<ContentHash>> {
        self.memo.hash(file, stop, progress)
    }

    /// Opens a rendition and marks it as used. `None` when there is none; one that is not whole is removed.
    ///
    /// Once it is open this costs two system calls: who asks at every lap is remembered as the one who used it last.
    ///
    /// # Errors
    /// `Io`, `Busy`. The rendition may be there all the same.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<Arc<Rendition>>, Failure> {
        match self.look(key).map_err(|error| self.failure(&error))? {
            Found::Whole(rendition) => Ok(Some(rendition)),
            Found::Nothing => Ok(None),
            // Again where nobody can put a whole one there meanwhile.
            Found::Broken(_) => self.find_alone(key, &self.dir.lock()?),
        }
    }

    /// The same by who holds the lock on the directory.
    pub(super) fn find_alone(&self, key: &Key, _: &Locked<'_>) -> Result<Option<Arc<Rendition>>, Failure> {
        match self.look(key).map_err(|error| self.failure(&error))? {
            Found::Whole(rendition) => Ok(Some(rendition)),
            Found::Nothing => Ok(None),
            Found::Broken(flaw) => {
                let path = self.dir.path().join(key.name());
                tracing::warn!(path = %path.display(), flaw, "removed what is no rendition");
                self.dir.remove(key.name()).map_err(|error| self.failure(&error))?;
                Ok(None)
            }
        }
    }

    /// Begins a rendition that nobody sees before it is finished.
    ///
    /// `likely` is how large it may become, in bytes: one that cannot fit is refused here, before it has displaced others.
    ///
    /// # Errors
    /// `OverQuota`, `NoSpace`, `Io`, `Busy`.
    pub(crate) fn create(self: &Arc<Self>, key: &Key, likely: u64) -> Result<Draft, Failure> {
        if likely > self.quota {
            return Err(self.over_quota());
        }
        let locked = self.dir.lock()?;
        self.sweep(&mut self.entries(&locked)?, &locked)?;
        let (name, file) = self.dir.draft(&locked).map_err(|error| self.failure(&error))?;
        Ok(Draft::new(Arc::clone(self), key.clone(), name, file))
    }

    /// How much there is now.
    ///
    /// # Errors
    /// `Io`, `Busy`.
    pub(crate) fn usage(&self) -> Result<RenditionUsage, Failure> {
        let entries = self.entries(&self.dir.lock()?)?;
        let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
        let (count, drafts) = (count(Kind::Rendition), count(Kind::Draft));
        Ok(RenditionUsage { bytes: total(&entries), count, drafts, quota: self.quota })
    }

    #[cfg(test)]
    /// Removes a rendition, also one that plays: whoever has it open plays on, and its space comes back when he ends.
    /// Returns whether it was there.
    ///
    /// # Errors
    /// `Io`, `Busy`.
    pub(crate) fn remove(&self, key: &Key) -> Result<bool, Failure> {
        let locked = self.dir.lock()?;
        let was_there = self.entries(&locked)?.iter().any(|entry| entry.name == key.name());
        self.take_away(key.name())?;
        Ok(was_there)
    }

    /// Removes every rendition, as [`remove`](Self::remove) does. What is being written stays. Returns how many.
    ///
    /// # Errors
    /// `Io`, `Busy`.
    pub(crate) fn clear(&self) -> Result<usize, Failure> {
        let locked = self.dir.lock()?;
        let mut entries = self.entries(&locked)?;
        self.sweep(&mut entries, &locked)?;
        entries.retain(|entry| entry.kind == Kind::Rendition);
        entries.iter().try_for_each(|entry| self.take_away(&entry.name))?;
        Ok(entries.len())
    }

    /// Lets the file of a draft grow from `from` to `to` bytes at least. Returns the size that it has now: the size is
    /// what other processes count.
    pub(super) fn grow(&self, file: &File, from: u64, to: u64) -> Result<u64, Failure> {
        if to > self.quota {
            return Err(self.over_quota());
        }
        let locked = self.dir.lock()?;
        let need = to.saturating_sub(from);
        let mut entries = self.entries(&locked)?;
        let mut free = self.quota.saturating_sub(total(&entries));
        if free < need {
            self.sweep(&mut entries, &locked)?;
            let used = total(&entries);
            free = self.quota.saturating_sub(used);
            if free < need {
                let short = used.saturating_add(need) - self.quota;
                let (victims, freed) = self.victims(entries, short, &locked)?;
                if freed < short {
                    return Err(self.over_quota());
                }
                victims.iter().try_for_each(|name| self.take_away(name))?;
                free = need;
            }
        }
        let size = from + need.max(STEP.min(self.quota / STEP_PART).min(free));
        fault::point();
        file.set_len(size).map_err(|error| self.failure(&error))?;
        Ok(size)
    }

    /// Removes what has a name of ours and is no file, and the drafts whose writers are dead.
    fn sweep(&self, entries: &mut Vec<Entry>, locked: &Locked<'_>) -> Result<(), Failure> {
        let mut left = vec![];
        for entry in entries.drain(..) {
            let remove = match entry.kind {
                Kind::Rendition => false,
                Kind::Foreign => true,
                Kind::Draft => {
                    let unused = self.dir.unused(&entry.name, locked);
                    unused.map_err(|error| self.failure(&error))?.is_some()
                }
            };
            if !remove {
                left.push(entry);
            } else if let Err(error) = self.dir.remove(&entry.name) {
                // A directory with something in it: it hides a rendition at worst.
                let path = self.dir.path().join(&entry.name);
                tracing::warn!(path = %path.display(), %error, "cannot remove what is no rendition");
            }
        }
        *entries = left;
        Ok(())
    }

    /// Chooses so many bytes of what nobody plays, least recently used first. Returns their names, and how many it found.
    fn victims(
        &self,
        mut entries: Vec<Entry>,
        short: u64,
        locked: &Locked<'_>,
    ) -> Result<(Vec<String>, u64), Failure> {
        entries.retain(|entry| entry.kind == Kind::Rendition);
        entries.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
        let (mut names, mut freed) = (vec![], 0_u64);
        for entry in entries {
            if freed >= short {
                break;
            }
            if self.dir.unused(&entry.name, locked).map_err(|error| self.failure(&error))?.is_some() {
                freed = freed.saturating_add(entry.len);
                names.push(entry.name);
            }
        }
        Ok((names, freed))
    }

    fn take_away(&self, name: &str) -> Result<(), Failure> {
        self.opened().remove(name);
        self.dir.remove(name).map_err(|error| self.failure(&error))
    }

    fn look(&self, key: &Key) -> io::Result<Found> {
        let known = self.opened().get(key.name()).and_then(Weak::upgrade);
        if let Some(rendition) = known {
            let meta = rendition.file.metadata()?;
            // Else somebody has removed or cut it since.
            if meta.nlink() > 0 && meta.len() == rendition.size {
                self.dir.touch(&rendition.file);
                return Ok(Found::Whole(rendition));
            }
        }
        let found = self.read(key)?;
        if let Found::Whole(rendition) = &found {
            self.dir.touch(&rendition.file);
            let mut opened = self.opened();
            opened.retain(|_, known| known.strong_count() > 0);
            opened.insert(key.name().to_owned(), Arc::downgrade(rendition));
        }
        Ok(found)
    }

    fn read(&self, key: &Key) -> io::Result<Found> {
        let Some(file) = self.dir.file(key.name())? else {
            return Ok(Found::Nothing);
        };
        match file.try_lock_shared() {
            Ok(()) => {}
            // By who is about to remove it.
            Err(TryLockError::WouldBlock) => return Ok(Found::Nothing),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let meta = file.metadata()?;
        if meta.nlink() == 0 {
            return Ok(Found::Nothing);
        }
        match check(&file, meta.len(), key) {
            Ok(record) => {
                let path = self.dir.path().join(key.name());
                Ok(Found::Whole(Arc::new(Rendition { file, path, size: meta.len(), record })))
            }
            Err(Check::Flaw(flaw)) => Ok(Found::Broken(flaw)),
            Err(Check::Io(error)) => Err(error),
        }
    }

    pub(super) fn failure(&self, error: &io::Error) -> Failure {
        Failure::io(self.dir.path(), error)
    }

    fn over_quota(&self) -> Failure {
        let (dir, quota) = (self.dir.path().display(), self.quota);
        let detail = format!(
            "a rendition does not fit in {dir} beside those that play: the quota is {quota} bytes; raise it"
        );
        Failure::new(FailureKind::OverQuota, detail)
    }

    fn entries(&self, locked: &Locked<'_>) -> Result<Vec<Entry>, Failure> {
        self.dir.entries(locked).map_err(|error| self.failure(&error))
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<String, Weak<Rendition>>> {
        // Whole at every instant, whatever panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn total(entries: &[Entry]) -> u64 {
    entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.len))
}

enum Check {
    Flaw(Flaw),
    Io(io::Error),
}

impl From<Flaw> for Check {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<io::Error> for Check {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Flaw("it was cut while it was read"),
            _ => Self::Io(error),
        }
    }
}

/// Reads the record of a file of `len` bytes and holds it against the file and `key`.
fn check(file: &File, len: u64, key: &Key) -> Result<Record, Check> {
    let mut size = [0; 4];
    file.read_exact_at(&mut size, len.checked_sub(TAG_SIZE).ok_or("it is empty")?)?;
    let size = u32::from_be_bytes(size);
    let at = record::last_tag(len, size).filter(|_| size <= MAX_RECORD).ok_or("it ends in no record")?;
    let mut tag = vec![0; size as usize];
    file.read_exact_at(&mut tag, at)?;
    let record = Record::decode(&tag, len)?;
    if record.text != key.text() {
        return Err("it is of something else".into());
    }
    if !ends_whole(file, record.len)? {
        return Err("it is no whole FLV file".into());
    }
    Ok(record)
}

/// Whether the first `len` bytes of a file are FLV that begins and ends with a whole tag.
pub(super) fn ends_whole(file: &File, len: u64) -> io::Result<bool> {
    let mut size = [0; 4];
    let Some(at) = len.checked_sub(TAG_SIZE) else { return Ok(false) };
    file.read_exact_at(&mut size, at)?;
    let size = u32::from_be_bytes(size);
    let Some(last) = record::last_tag(len, size) else { return Ok(false) };
    let (mut head, mut tail) = ([0; 4], [0; 4]);
    file.read_exact_at(&mut head, 0)?;
    file.read_exact_at(&mut tail, last)?;
    Ok(record::is_whole(&head, &tail, size))
}
