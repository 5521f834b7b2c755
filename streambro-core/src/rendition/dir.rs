//! The directory of the renditions, and nothing outside it.
//!
//! Names are of digits; files are opened beneath the open directory, never through a link.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{AtFlags, FileType, OFlags, Timespec, Timestamps, UTIME_OMIT},
    io::Errno,
};

use super::{
    failure::{Failure, FailureKind},
    fault,
};
use crate::{
    error::Error,
    sys::dir::{self, FLAGS, Found, MODE, Purpose},
};

const PURPOSE: Purpose =
    Purpose { what: "the directory for renditions", harm: "put pictures on your channels" };
/// How long to wait for the lock on the directory. It is held for a few system calls, unless its holder was stopped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to get it.
const TRY_AGAIN: Duration = Duration::from_millis(5);
/// Names tried for a draft before something else must be wrong.
const MAX_NAMES: u32 = 1_000;

/// The directory.
#[derive(Debug)]
pub(super) struct Dir {
    handle: File,
    path: PathBuf,
    /// Taken before the lock on the directory: that belongs to the handle and would let in every thread of this process.
    gate: Mutex<()>,
    /// The time of the latest use, in nanoseconds since 1970.
    newest: AtomicI64,
}

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rendition,
    /// What someone writes, or wrote before he died.
    Draft,
    /// A link, a directory, a pipe under a name of ours.
    Foreign,
}

/// A name in the directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// In bytes.
    pub(super) len: u64,
    /// When it was used last, in nanoseconds since 1970.
    pub(super) used: i64,
}

/// The lock on the directory: who holds it is alone with all names.
pub(super) struct Locked<'a> {
    dir: &'a Dir,
    _gate: MutexGuard<'a, ()>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the handle would do it as well.
        let _ = self.dir.handle.unlock();
    }
}

impl Dir {
    /// Opens the directory; makes it, for its owner alone, if it is not there.
    ///
    /// # Errors
    /// `NotAllowed` when it belongs to someone else or others may write to it, `Host` when the system says no.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (handle, path) = dir::open(path, PURPOSE)?;
        Ok(Self { handle, path, gate: Mutex::default(), newest: AtomicI64::new(0) })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until this thread is alone with the directory, among all processes.
    ///
    /// # Errors
    /// `Busy` when somebody was there for 5 s; `Io` where the file system has no locks.
    pub(super) fn lock(&self) -> Result<Locked<'_>, Failure> {
        let until = Instant::now() + PATIENCE;
        // It guards no memory.
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.handle.try_lock() {
                Ok(()) => return Ok(Locked { dir: self, _gate: gate }),
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(TRY_AGAIN),
                Err(TryLockError::WouldBlock) => {
                    let dir = self.path.display();
                    let detail = format!("another process keeps {dir} locked; see who with `fuser -v {dir}`");
                    return Err(Failure::new(FailureKind::Busy, detail));
                }
                Err(TryLockError::Error(error)) => return Err(Failure::io(&self.path, &error)),
            }
        }
    }

    /// Everything of ours in the directory. What has another name is left alone.
    pub(super) fn entries(&self, _: &Locked<'_>) -> io::Result<Vec<Entry>> {
        let mut found = vec![];
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let Some(kind) = kind(name) else { continue };
            let stat = match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            found.push(Entry {
                name: name.to_owned(),
                kind: if is_file { kind } else { Kind::Foreign },
                len: if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
                used: nanoseconds(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
            });
        }
        Ok(found)
    }

    /// Opens a file for reading; `None` when there is no such file, or something else has its name.
    pub(super) fn file(&self, name: &str) -> io::Result<Option<File>> {
        self.open_file(name, OFlags::RDONLY)
    }

    /// Opens a file that nobody has open and locks it; `None` when somebody has or it is gone.
    pub(super) fn unused(&self, name: &str, _: &Locked<'_>) -> io::Result<Option<File>> {
        // NFS grants a lock against others only to who may write.
        let Some(file) = self.open_file(name, OFlags::RDWR)? else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open_file(&self, name: &str, access: OFlags) -> io::Result<Option<File>> {
        Ok(match dir::file(&self.handle, name, access)? {
            Found::File(file) => Some(file),
            Found::Nothing | Found::Other => None,
        })
    }

    /// Makes an empty file for a draft and locks it. Nobody sweeps it meanwhile: that takes the directory's lock.
    pub(super) fn draft(&self, _: &Locked<'_>) -> io::Result<(String, File)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let flags = FLAGS.union(OFlags::RDWR).union(OFlags::CREATE).union(OFlags::EXCL);
        for _ in 0..MAX_NAMES {
            let name = format!("{:x}-{:x}.part", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            fault::point();
            match rustix::fs::openat(&self.handle, &name, flags, MODE) {
                Ok(file) => {
                    let file = File::from(file);
                    fault::point();
                    return match file.try_lock() {
                        Ok(()) => Ok((name, file)),
                        Err(error) => {
                            self.remove(&name)?;
                            Err(error.into())
                        }
                    };
                }
                // Of another process with this number, before this one or beside it in another container.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes a name, whatever it stands for. One that is gone is no error; a directory with something in it is.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fault::point();
        let removed = match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            // Linux and POSIX differ on what it is to unlink a directory.
            Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR),
            other => other,
        };
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a draft, whose bytes are on the disk, its final name.
    pub(super) fn publish(&self, draft: &str, name: &str, _: &Locked<'_>) -> io::Result<()> {
        fault::point();
        rustix::fs::renameat(&self.handle, draft, &self.handle, name)?;
        Ok(())
    }

    /// Puts the names on the disk. Without it a new one may not outlast a power cut: then the file is made once more,
    /// which is no reason to fail.
    pub(super) fn sync(&self) {
        fault::point();
        let _ = rustix::fs::fsync(&self.handle);
    }

    /// Marks a file as used now, and after every other. A file system that cannot is no reason to fail.
    pub(super) fn touch(&self, file: &File) {
        let _ = rustix::fs::futimens(file, &modified(self.stamp()));
    }

    /// Puts times that lie ahead back to now, in their order: the clock was wrong when they were made, and such a file
    /// would outlive all others. Later uses come after every one that stands there.
    pub(super) fn settle(&self, entries: &mut [Entry], _: &Locked<'_>) {
        let now = now();
        entries.sort_by_key(|entry| entry.used);
        for entry in entries.iter_mut() {
            if entry.used > now {
                entry.used = self.stamp();
                let time = modified(entry.used);
                let _ = rustix::fs::utimensat(&self.handle, &entry.name, &time, AtFlags::SYMLINK_NOFOLLOW);
            }
            self.newest.fetch_max(entry.used, Ordering::Relaxed);
        }
    }

    /// A time that was not given before, in nanoseconds since 1970: now, or just after the last one.
    fn stamp(&self) -> i64 {
        let now = now();
        let next = |newest: i64| now.max(newest.saturating_add(1));
        next(self.newest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(next(n))).unwrap_or(now))
    }
}

/// What a name of ours stands for.
fn kind(name: &str) -> Option<Kind> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(digest) = name.strip_suffix(".flv") {
        return (digest.len() == 64 && is_hex(digest)).then_some(Kind::Rendition);
    }
    let (process, number) = name.strip_suffix(".part")?.split_once('-')?;
    (is_hex(process) && is_hex(number)).then_some(Kind::Draft)
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn nanoseconds(seconds: i128, nanoseconds: i128) -> i64 {
    i64::try_from(seconds * 1_000_000_000 + nanoseconds).unwrap_or(i64::MAX)
}

/// Changes the modification time alone.
fn modified(ns: i64) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec {
            tv_sec: ns.div_euclid(1_000_000_000),
            tv_nsec: ns.rem_euclid(1_000_000_000),
        },
    }
}
