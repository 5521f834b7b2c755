//! The threads that the library owns.

use std::{future::Future, io, sync::Arc};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use streambro_core::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use crate::boundary::{Result, fault, guard, own};

/// The threads on which streams run. They leave every signal to the host's own threads.
#[derive(Clone, Debug)]
pub(crate) struct Host(Arc<Threads>);

#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Host {
    /// Starts so many threads; with 0, one for each processor.
    ///
    /// # Errors
    /// `Host` when there can be no more threads.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        own();
        let mut builder = Builder::new_multi_thread();
        if threads > 0 {
            builder.worker_threads(threads);
        }
        builder.thread_name("streambro").enable_all();
        // A thread that cannot be started makes tokio panic.
        let runtime = guard(|| without_signals(|| builder.build()))
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| fault(ErrorKind::Host, "threads", format!("they cannot be started: {error}")))?;
        Ok(Self(Arc::new(Threads(Some(runtime)))))
    }

    /// Does something on those threads, so that others which it starts leave signals alone as well, and waits for it in this
    /// one.
    pub(crate) fn wait<F>(&self, work: F) -> Result<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let gone = || fault(ErrorKind::Closed, "manager", "its threads are gone");
        let runtime = self.0.0.as_ref().ok_or_else(gone)?;
        let panicked = |panic: String| fault(ErrorKind::Panicked, "streambro", panic);
        match runtime.block_on(runtime.spawn(guarded(work))) {
            Ok(done) => done.map_err(panicked),
            Err(_) => Err(gone()),
        }
    }
}

/// Guards each step of some work.
async fn guarded<F: Future>(work: F) -> Result<F::Output, String> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match guard(|| work.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Whoever frees the last handle does not wait for a disk.
            runtime.shutdown_background();
        }
    }
}

/// Starts threads that leave signals to the host: one that they took would interrupt none of its calls. What a thread does to
/// itself, and what looks at all of them in turn, stays theirs.
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    use Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS, SIGTRAP};

    let mut left = SigSet::all();
    for own in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS, SIGTRAP] {
        left.remove(own);
    }
    // New threads begin with this one's mask. It fails for no mask.
    let before = left.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
    let started = start();
    if let Some(before) = before {
        let _ = before.thread_set_mask();
    }
    started
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_what_is_waited_for_says_what_and_where() {
        let host = Host::new(1).unwrap();
        let error = host.wait(async { panic!("over there") }).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Panicked);
        assert!(error.detail.starts_with("over there (streambro-ffi/src/host.rs:"), "{error}");
        assert_eq!(host.wait(async { 7 }).unwrap(), 7);
    }

    #[test]
    fn the_caller_keeps_its_own_mask_and_the_threads_have_another() {
        let before = SigSet::thread_get_mask().unwrap();
        let host = Host::new(1).unwrap();
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
        let mask = host.wait(async { SigSet::thread_get_mask().unwrap() }).unwrap();
        assert!(mask.contains(Signal::SIGTERM) && mask.contains(Signal::SIGALRM));
        assert!(!mask.contains(Signal::SIGSEGV));
    }
}
