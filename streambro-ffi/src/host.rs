//! The runtime that the library owns.

use std::{future::Future, panic::resume_unwind, sync::Arc};

use nix::sys::signal::{SigSet, Signal};
use streambro_core::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use crate::boundary::{Result, fault};

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
        let mut builder = Builder::new_multi_thread();
        if threads > 0 {
            builder.worker_threads(threads);
        }
        let runtime = builder.thread_name("streambro").on_thread_start(leave_signals).enable_all().build();
        runtime
            .map(|runtime| Self(Arc::new(Threads(Some(runtime)))))
            .map_err(|error| fault(ErrorKind::Host, "threads", format!("they cannot be started: {error}")))
    }

    /// Does something on those threads, so that those which it starts itself leave signals alone as well, and waits for it in
    /// this one.
    pub(crate) fn wait<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Some(runtime) = &self.0.0 else { unreachable!("it goes with the last handle") };
        match runtime.block_on(runtime.spawn(work)) {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => panic!("{error}"),
            },
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Whoever frees the last handle does not wait for a disk.
            runtime.shutdown_background();
        }
    }
}

/// A signal that one of ours took would interrupt none of the host's calls. What a thread does to itself stays with it.
fn leave_signals() {
    use Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS, SIGTRAP};

    let mut left = SigSet::all();
    for own in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS, SIGTRAP] {
        left.remove(own);
    }
    // It fails for no mask.
    let _ = left.thread_block();
}
