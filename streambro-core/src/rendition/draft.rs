//! A rendition under way.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use super::{
    failure::{Failure, FailureKind},
    fault,
    key::Key,
    record::{Keyframe, Keys, Record},
    store::{Rendition, Store, ends_whole},
};

/// A rendition that is being written. Dropped before it is finished, it leaves nothing behind; when the process dies
/// instead, the next one sweeps it away.
#[derive(Debug)]
pub(crate) struct Draft {
    store: Arc<Store>,
    key: Key,
    /// Its name in the directory, as long as it has one.
    name: Option<String>,
    /// Locked: who could lock it would know that its writer is dead.
    file: File,
    /// Bytes appended.
    len: u64,
    /// What it takes of the quota: the size of the file.
    size: u64,
    keys: Keys,
    /// Why it was given up.
    failed: Option<Failure>,
}

impl Draft {
    pub(super) fn new(store: Arc<Store>, key: Key, name: String, file: File) -> Self {
        Self { store, key, name: Some(name), file, len: 0, size: 0, keys: Keys::default(), failed: None }
    }

    /// Bytes appended so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends bytes of the FLV file.
    ///
    /// Blocks for as long as the disk does: what goes live meanwhile must not wait for it.
    ///
    /// # Errors
    /// `NoSpace`, `OverQuota`, `Io`, `Busy`. The draft is then given up and its space is free; every later call says the
    /// same.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let written = self.write(bytes);
        if let Err(failure) = &written {
            self.failed = Some(failure.clone());
            self.give_up();
        }
        written
    }

    /// Remembers that a keyframe's tag begins at `offset`; `ms` is its time from the start, in milliseconds.
    ///
    /// In order. One that lies before the last or behind the end is not in the index.
    pub(crate) fn mark_key(&mut self, ms: u64, offset: u64) {
        self.keys.add(Keyframe { ms, offset });
    }

    /// Publishes the rendition, `duration_ms` long: from now on it is found, also by other processes, and whole.
    ///
    /// When somebody else has published the same meanwhile, that one stays and is returned.
    ///
    /// # Errors
    /// `Malformed` when what was appended is not FLV or ends within a tag, else as [`append`](Self::append). Nothing is
    /// left behind.
    pub(crate) fn finish(mut self, duration_ms: u64) -> Result<Arc<Rendition>, Failure> {
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        let store = Arc::clone(&self.store);
        let failure = |error| store.failure(&error);
        if !ends_whole(&self.file, self.len).map_err(failure)? {
            let detail = "a rendition is not kept: the encoder's output ends within a tag, or is not FLV";
            return Err(Failure::new(FailureKind::Malformed, detail));
        }
        let keys = std::mem::take(&mut self.keys).finish(self.len);
        let text = self.key.text().to_owned();
        let record = Record { text, len: self.len, duration_ms, keys }.encode().ok_or_else(|| {
            Failure::new(FailureKind::Malformed, "a rendition is not kept: its settings are too long")
        })?;
        self.write(&record)?;
        fault::point();
        self.file.set_len(self.len).map_err(failure)?;
        fault::point();
        self.file.sync_all().map_err(failure)?;
        self.publish()
    }

    fn publish(&mut self) -> Result<Arc<Rendition>, Failure> {
        let store = Arc::clone(&self.store);
        let locked = store.dir.lock()?;
        if let Some(same) = store.find_alone(&self.key, &locked)? {
            return Ok(same);
        }
        // From a writer's lock to a reader's, so that it can be opened and not be removed before it is.
        fault::point();
        self.file.lock_shared().map_err(|error| store.failure(&error))?;
        let name = self.name.as_deref().unwrap_or_default();
        store.dir.publish(name, self.key.name(), &locked).map_err(|error| store.failure(&error))?;
        self.name = None;
        let made = store.find_alone(&self.key, &locked)?;
        drop(locked);
        store.dir.sync();
        made.ok_or_else(|| {
            Failure::new(FailureKind::Io, "a rendition is not what was written: is the disk sound?")
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let end = self.len.saturating_add(bytes.len() as u64);
        if end > self.size {
            self.size = self.store.grow(&self.file, self.size, end)?;
        }
        fault::point();
        self.file.write_all_at(bytes, self.len).map_err(|error| self.store.failure(&error))?;
        self.len = end;
        Ok(())
    }

    /// Gives its name and its space back.
    fn give_up(&mut self) {
        if let Some(name) = self.name.take() {
            let _ = self.store.dir.remove(&name);
            let _ = self.file.set_len(0);
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.give_up();
    }
}
