//! A store in a directory of its own.
//!
//! `state.redb` holds the records, `lock` is locked for as long as the store lives. Both are for their owner alone.

use std::{
    fs::{File, Permissions, TryLockError},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use redb::Database;
use rustix::{
    fs::{AtFlags, OFlags},
    io::Errno,
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::spawn_blocking,
};

use super::{
    file::{self, Records},
    store::{Change, Store},
};
use crate::{
    clock,
    error::{Error, ErrorKind, Result},
    sys::dir::{self, FLAGS, Found, MODE, Purpose},
};

const PURPOSE: Purpose =
    Purpose { what: "the directory for the state", harm: "put streams of their own on the air" };
const LOCK: &str = "lock";
const STATE: &str = "state.redb";
/// Where a new one is made, so that what stands under its own name is whole.
const DRAFT: &str = "state.redb.new";

/// Keeps records in a directory. Its calls are cancel safe: a commit that has begun goes on by itself, as a whole.
///
/// A commit is on the disk after two syncs. The file begins with 72 KiB, 48 of them on the disk, and grows with what it
/// holds. Dropping the store blocks for a sync or two and then lets others have the directory.
#[derive(Debug)]
pub(crate) struct RedbStore(Arc<Mutex<Kept>>);

/// A store that has just been opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: RedbStore,
    /// Where the state is that was not to be used, and why.
    pub(crate) set_aside: Option<(PathBuf, String)>,
}

impl RedbStore {
    /// Opens a directory; makes it if it is not there.
    ///
    /// What cannot be used is left as it is, or with `set_aside` given another name, and nothing is kept then.
    ///
    /// # Errors
    /// `StateInUse` when another manager has it, at once. `StateInvalid` when what is there is damaged, of another program
    /// or newer. `NotAllowed` when others may write there, `Host` when the system says no.
    pub(crate) async fn open(path: &Path, set_aside: bool) -> Result<Opened> {
        let path = path.to_owned();
        aside(move || Kept::open(&path, set_aside)).await?
    }

    /// Gives what is there another name, whatever it is, and begins with nothing. Returns where it is now.
    ///
    /// # Errors
    /// `Host` when the system says no.
    pub(crate) async fn renew(&self) -> Result<PathBuf> {
        let mut kept = self.alone().await;
        aside(move || kept.renew()).await?
    }

    /// The one after the other, in the order in which they were asked for.
    async fn alone(&self) -> OwnedMutexGuard<Kept> {
        Arc::clone(&self.0).lock_owned().await
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn load(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let kept = self.alone().await;
        aside(move || kept.load()).await?
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut kept = self.alone().await;
        aside(move || kept.commit(&changes)).await?
    }
}

/// Does what waits for the disk where the runtime waits for disks.
async fn aside<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    spawn_blocking(job).await.map_err(|error| {
        if error.is_panic() {
            Error::new(ErrorKind::Host, "state", "what keeps it died; please report it")
        } else {
            Error::new(ErrorKind::Closed, "state", "the runtime is shutting down")
        }
    })
}

/// The directory while it is ours.
#[derive(Debug)]
struct Kept {
    /// From the first commit on, and until one fails: redb does not go on after that. Before the lock: it is closed first.
    database: Option<Database>,
    /// Whether the file has been read from end to end since redb wrote to it last.
    verified: bool,
    dir: Directory,
    _lock: Lock,
}

impl Kept {
    fn open(path: &Path, set_aside: bool) -> Result<Opened> {
        let (handle, path) = dir::open(path, PURPOSE)?;
        let dir = Directory { handle, path };
        let lock = dir.lock()?;
        let mut gone = None;
        let there = match dir.verify() {
            Ok(records) => records.is_some(),
            Err(error) if set_aside && error.kind == ErrorKind::StateInvalid => {
                gone = Some((dir.set_aside()?, error.detail));
                false
            }
            Err(error) => return Err(error),
        };
        if !there {
            dir.create().map_err(|error| dir.host("the state cannot be kept", &error))?;
        }
        let kept = Self { database: None, verified: true, dir, _lock: lock };
        Ok(Opened { store: RedbStore(Arc::new(Mutex::new(kept))), set_aside: gone })
    }

    fn renew(&mut self) -> Result<PathBuf> {
        self.database = None;
        let gone = self.dir.set_aside()?;
        self.dir.create().map_err(|error| self.dir.host("the state cannot be kept", &error))?;
        self.verified = true;
        Ok(gone)
    }

    fn load(&self) -> Result<Records> {
        match &self.database {
            Some(database) => file::records(database).map_err(|why| self.dir.invalid(&why)),
            None => self.dir.verify()?.ok_or_else(|| self.dir.invalid("it has gone")),
        }
    }

    fn commit(&mut self, changes: &[Change]) -> Result<()> {
        // Taken out: one that fails in any way does not come back.
        let database = match self.database.take() {
            Some(database) => database,
            None => self.database()?,
        };
        file::keep(&database, changes)
            .map_err(|error| self.dir.host("the state could not be kept", &error))?;
        self.database = Some(database);
        Ok(())
    }

    fn database(&mut self) -> Result<Database> {
        let host = |error| self.dir.host("the state could not be opened", &error);
        if !self.verified {
            self.dir.verify()?;
        }
        let Found::File(file) = dir::file(&self.dir.handle, STATE, OFlags::RDWR).map_err(host)? else {
            return Err(self.dir.invalid("it has gone"));
        };
        let database = file::open(file).map_err(host);
        self.verified = false;
        database
    }
}

/// The lock on a directory. It is given back also when a child that is just being born holds a copy of its descriptor.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[derive(Debug)]
struct Directory {
    handle: File,
    path: PathBuf,
}

impl Directory {
    fn lock(&self) -> Result<Lock> {
        let host = |error: io::Error| self.host("the state cannot be locked", &error);
        let file = match dir::file(&self.handle, LOCK, OFlags::RDWR).map_err(host)? {
            Found::File(file) => file,
            Found::Nothing => {
                let flags = FLAGS.union(OFlags::RDWR).union(OFlags::CREATE);
                let made = rustix::fs::openat(&self.handle, LOCK, flags, MODE);
                File::from(made.map_err(|error| host(error.into()))?)
            }
            Found::Other => {
                let detail = "there is no file but something else in its place; remove it";
                return Err(Error::new(ErrorKind::NotAllowed, self.name(LOCK), detail));
            }
        };
        own(&file).map_err(host)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::Error(error)) => Err(host(error)),
            Err(TryLockError::WouldBlock) => {
                let detail = format!(
                    "another manager, of this process or another, keeps its state there; end that one (`fuser -v {}` says which process), or give each a directory of its own",
                    self.name(LOCK)
                );
                Err(Error::new(ErrorKind::StateInUse, self.path.display().to_string(), detail))
            }
        }
    }

    /// What the file holds; `None` when there is none. It is not touched.
    fn verify(&self) -> Result<Option<Records>> {
        let host = |error| self.host("the state cannot be read", &error);
        match dir::file(&self.handle, STATE, OFlags::RDONLY).map_err(host)? {
            Found::Nothing => Ok(None),
            Found::Other => Err(self.invalid("it is no file but something else")),
            Found::File(file) => {
                own(&file).map_err(host)?;
                file::verify(&file).map_err(host)?.map(Some).map_err(|why| self.invalid(&why))
            }
        }
    }

    /// Makes a store without records. Killed halfway, it leaves a draft that the next one replaces.
    fn create(&self) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.handle, DRAFT, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = FLAGS.union(OFlags::RDWR).union(OFlags::CREATE).union(OFlags::EXCL);
        let draft = File::from(rustix::fs::openat(&self.handle, DRAFT, flags, MODE)?);
        own(&draft)?;
        file::create(draft.try_clone()?)?;
        draft.sync_all()?;
        rustix::fs::renameat(&self.handle, DRAFT, &self.handle, STATE)?;
        self.handle.sync_all()
    }

    /// Gives what is not to be used a name of its own.
    fn set_aside(&self) -> Result<PathBuf> {
        let host = |error: Errno| self.host("the state cannot be set aside", &error.into());
        for at in clock::unix_ms().. {
            let name = format!("{STATE}.refused-{at}");
            // We hold the lock: nobody else makes such names.
            match rustix::fs::statat(&self.handle, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                Ok(_) => continue,
                Err(error) => return Err(host(error)),
            }
            rustix::fs::renameat(&self.handle, STATE, &self.handle, &name).map_err(host)?;
            rustix::fs::fsync(&self.handle).map_err(host)?;
            return Ok(self.path.join(name));
        }
        Err(host(Errno::EXIST))
    }

    fn name(&self, file: &str) -> String {
        self.path.join(file).display().to_string()
    }

    fn invalid(&self, why: &str) -> Error {
        let detail = format!(
            "{why}; it was left as it is: put a copy of it in its place, or move it away to begin with nothing"
        );
        Error::new(ErrorKind::StateInvalid, self.name(STATE), detail)
    }

    fn host(&self, what: &str, error: &io::Error) -> Error {
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there",
            io::ErrorKind::ReadOnlyFilesystem => "mount it so that it can be written to",
            io::ErrorKind::PermissionDenied => "let this user read and write there",
            _ => "see what the system says about that disk (`dmesg`)",
        };
        Error::new(ErrorKind::Host, self.path.display().to_string(), format!("{what}: {error}; {remedy}"))
    }
}

/// Takes from others what the umask or a copy has given them.
fn own(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o777 == 0o600 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}
