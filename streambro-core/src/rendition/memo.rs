//! Which files were hashed already.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::hash::{ContentHash, hash};

/// Files remembered: about 100 KB.
const MAX_KNOWN: usize = 1_024;

/// How often who waits for another's hashing looks at its own `stop`.
const LOOK: Duration = Duration::from_millis(50);

/// A file that changed more recently than this may change again without a new time: clocks of file systems tick slowly,
/// on FAT every 2 s.
const SETTLED: Duration = Duration::from_secs(3);

/// The hashes of files by what tells one file from another, so that each is read once for a process.
#[derive(Debug, Default)]
pub(super) struct Memo {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<Identity, ContentHash>,
    /// Oldest first.
    order: VecDeque<Identity>,
    /// Being read now, and how far that is.
    under_way: HashMap<Identity, Arc<AtomicU64>>,
}

/// What makes a file the same file, unchanged. Whoever sets a modification time back moves the change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Memo {
    /// Returns the hash of a file; `None` when `stop` was set meanwhile.
    ///
    /// Who asks while another thread reads the same file waits for that one and shares its result.
    ///
    /// # Errors
    /// Those of the file; `InvalidData` when it changed while it was read.
    pub(super) fn hash(
        &self,
        file: &File,
        stop: &AtomicBool,
        progress: &AtomicU64,
    ) -> io::Result<Option<ContentHash>> {
        let identity = Identity::of(file)?;
        let mut state = self.lock();
        let reached = loop {
            if let Some(hash) = state.known.get(&identity) {
                progress.store(identity.len, Ordering::Relaxed);
                return Ok(Some(*hash));
            }
            let Some(reached) = state.under_way.get(&identity) else {
                let reached = Arc::new(AtomicU64::new(0));
                state.under_way.insert(identity, Arc::clone(&reached));
                break reached;
            };
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            progress.store(reached.load(Ordering::Relaxed), Ordering::Relaxed);
            state = self.ended.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(state);
        let _turn = Turn { memo: self, identity };
        let found = hash(file, identity.len, stop, |at| {
            progress.store(at, Ordering::Relaxed);
            reached.store(at, Ordering::Relaxed);
        })?;
        let Some(found) = found else { return Ok(None) };
        if Identity::of(file)? != identity {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file changed while it was read"));
        }
        if identity.is_settled() {
            self.lock().remember(identity, found);
        }
        Ok(Some(found))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole at every instant, whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, identity: Identity, hash: ContentHash) {
        if self.order.len() == MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        if self.known.insert(identity, hash).is_none() {
            self.order.push_back(identity);
        }
    }
}

impl Identity {
    fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    /// Whether the next change is sure to show.
    fn is_settled(&self) -> bool {
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { return false };
        let last = self.modified.0.max(self.changed.0);
        u64::try_from(last).is_ok_and(|last| last + SETTLED.as_secs() <= now.as_secs())
    }
}

/// One thread's reading of one file. Whoever waits for it goes on when it is dropped, however it ended.
struct Turn<'a> {
    memo: &'a Memo,
    identity: Identity,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.memo.lock().under_way.remove(&self.identity);
        self.memo.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, path::Path, sync::atomic::AtomicUsize, thread, time::Instant};

    use super::*;

    /// A file that nobody has changed for a while, but for its inode: that is waited for.
    fn settled(path: &Path, bytes: &[u8]) -> File {
        std::fs::write(path, bytes).unwrap();
        let file = File::open(path).unwrap();
        let begun = Instant::now();
        while !Identity::of(&file).unwrap().is_settled() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the clock stands still");
            thread::sleep(Duration::from_millis(20));
        }
        file
    }

    fn once(memo: &Memo, file: &File) -> (ContentHash, u64) {
        let progress = AtomicU64::new(0);
        let hash = memo.hash(file, &AtomicBool::new(false), &progress).unwrap().unwrap();
        (hash, progress.into_inner())
    }

    #[test]
    fn the_hash_is_blake3_of_the_whole_content() {
        let mut file = tempfile::tempfile().unwrap();
        let empty = once(&Memo::default(), &file);
        // The first of BLAKE3's own test vectors.
        assert_eq!(empty.0.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        let bytes: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        assert_eq!(once(&Memo::default(), &file), (super::super::hash::of(&bytes), 1_000_003));
    }

    #[test]
    fn a_file_is_read_once_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (path, memo) = (dir.path().join("film"), Memo::default());
        let file = settled(&path, b"one");
        let first = once(&memo, &file);
        assert_eq!(memo.lock().known.len(), 1);
        // Told from memory: a wrong answer that is planted there comes out.
        let planted = super::super::hash::of(b"planted");
        memo.lock().known.values_mut().for_each(|hash| *hash = planted);
        assert_eq!(once(&memo, &file), (planted, 3));
        // Another content of the same length, with the old modification time.
        let modified = file.metadata().unwrap().modified().unwrap();
        std::fs::write(&path, b"two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        let second = once(&memo, &file).0;
        assert_eq!(second, super::super::hash::of(b"two"));
        assert_ne!(first.0, second);
        // It changed a moment ago: what it is now is not remembered.
        assert_eq!(memo.lock().known.len(), 1);
    }

    #[test]
    fn a_memo_is_bounded_and_forgets_the_oldest() {
        let mut state = State::default();
        let identity = |inode| Identity { device: 1, inode, len: 1, modified: (1, 1), changed: (1, 1) };
        for inode in 0..3 * MAX_KNOWN as u64 {
            state.remember(identity(inode), super::super::hash::of(&inode.to_be_bytes()));
        }
        assert_eq!((state.known.len(), state.order.len()), (MAX_KNOWN, MAX_KNOWN));
        assert!(!state.known.contains_key(&identity(0)));
        assert!(state.known.contains_key(&identity(3 * MAX_KNOWN as u64 - 1)));
    }

    #[test]
    fn hashing_tells_how_far_it_is_and_stops_when_it_is_told_to() {
        // A hole of a terabyte: nobody waits for its end.
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 40).unwrap();
        let (memo, progress) = (Memo::default(), [AtomicU64::new(0), AtomicU64::new(0)]);
        let stops = [AtomicBool::new(false), AtomicBool::new(false)];
        let stopped = AtomicUsize::new(0);
        thread::scope(|scope| {
            for (stop, progress) in stops.iter().zip(&progress) {
                let (memo, file, stopped) = (&memo, &file, &stopped);
                scope.spawn(move || {
                    assert!(memo.hash(file, stop, progress).unwrap().is_none());
                    stopped.fetch_add(1, Ordering::Relaxed);
                });
            }
            // Both tell: the one that reads, and the one that waits for it.
            for progress in &progress {
                until(|| progress.load(Ordering::Relaxed) > 0);
            }
            assert_eq!(memo.lock().under_way.len(), 1);
            // Whichever is stopped, the other goes on.
            stops[0].store(true, Ordering::Relaxed);
            until(|| stopped.load(Ordering::Relaxed) == 1);
            until(|| memo.lock().under_way.len() == 1);
            let before = progress[1].load(Ordering::Relaxed);
            until(|| progress[1].load(Ordering::Relaxed) > before);
            stops[1].store(true, Ordering::Relaxed);
        });
        assert_eq!(stopped.into_inner(), 2);
        assert!(memo.lock().under_way.is_empty());
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"short").unwrap();
        let error = hash(&file, 6, &AtomicBool::new(false), |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    fn until(mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it never comes");
            thread::yield_now();
        }
    }
}
