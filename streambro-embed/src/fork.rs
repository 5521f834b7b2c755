//! Forks: a child has none of the threads, and perhaps the locks as they happened to be.

use std::{
    mem,
    ops::Deref,
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use streambro_core::ErrorKind;

use crate::{Result, fault};

/// The process whose threads the library's are; 0 before there are any.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Takes note that there are threads now: those of this process, and of no child of it.
pub(crate) fn own() {
    let _ = OWNER.compare_exchange(0, process::id(), Relaxed, Relaxed);
}

/// Whether this is a child that was forked from the process with the threads.
pub fn is_forked() -> bool {
    let owner = OWNER.load(Relaxed);
    owner != 0 && owner != process::id()
}

/// Lets nothing be done in such a child.
///
/// # Errors
/// `Forked`.
pub fn refuse_forked() -> Result<()> {
    if !is_forked() {
        return Ok(());
    }
    let detail = "this process was forked from one that uses streambro: `exec` in it, or leave streambro to its parent";
    Err(fault(ErrorKind::Forked, "streambro", detail))
}

/// Something that has to do with threads: a child that was forked forgets it instead of dropping it.
#[derive(Debug)]
pub struct Kept<T>(Arc<T>);

impl<T> Kept<T> {
    /// Keeps it.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if is_forked() {
            // A handle that nobody has is never the last one.
            mem::forget(Arc::clone(&self.0));
        }
    }
}
