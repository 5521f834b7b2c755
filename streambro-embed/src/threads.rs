//! The threads that the library owns.

use std::{future::Future, io, marker::PhantomData, sync::Arc};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use streambro_core::{Error, ErrorKind};
use tokio::{
    runtime::{Builder, Runtime},
    task::AbortHandle,
};

use crate::{Result, fault, fork::own, guard, panicked};

/// The threads on which streams run. They leave every signal to the host's own threads.
#[derive(Clone, Debug)]
pub struct Threads(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Threads {
    /// Starts so many threads; with 0, one for each processor.
    ///
    /// # Errors
    /// `Host` when there can be no more threads.
    pub fn new(threads: usize) -> Result<Self> {
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
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    /// Does something on those threads, so that others which it starts leave signals alone as well, and waits for it in this
    /// one.
    ///
    /// # Errors
    /// `Panicked` when that panics, `Closed` when the threads are gone.
    pub fn wait<F>(&self, work: F) -> Result<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let runtime = self.runtime()?;
        match runtime.block_on(runtime.spawn(guarded(work))) {
            Ok(done) => done.map_err(panicked),
            Err(_) => Err(gone()),
        }
    }

    /// Begins something on those threads, and waits for nothing. What became of it `then` is told there, just once: also when it
    /// panics, is given up, or loses its threads.
    ///
    /// # Errors
    /// `Closed` when the threads are gone.
    pub fn begin<F, T>(&self, work: F, then: T) -> Result<Work>
    where
        F: Future<Output: Send> + Send + 'static,
        T: FnOnce(Result<F::Output>) + Send + 'static,
    {
        let teller = Teller { then: Some(then), told: PhantomData };
        let task = self.runtime()?.spawn(async move {
            let done = guarded(work).await.map_err(panicked);
            teller.tell(done);
        });
        Ok(Work(task.abort_handle()))
    }

    fn runtime(&self) -> Result<&Runtime> {
        self.0.0.as_ref().ok_or_else(gone)
    }
}

/// Something that goes on.
#[derive(Debug)]
pub struct Work(AbortHandle);

impl Work {
    /// Drops it where it is.
    pub fn give_up(&self) {
        self.0.abort();
    }
}

/// Tells what became of some work, whatever becomes of it.
struct Teller<T, F: FnOnce(Result<T>)> {
    then: Option<F>,
    told: PhantomData<fn(T)>,
}

impl<T, F: FnOnce(Result<T>)> Teller<T, F> {
    fn tell(mut self, done: Result<T>) {
        if let Some(then) = self.then.take() {
            then(done);
        }
    }
}

impl<T, F: FnOnce(Result<T>)> Drop for Teller<T, F> {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(Err(gone()));
        }
    }
}

fn gone() -> Error {
    fault(ErrorKind::Closed, "manager", "its threads are gone")
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

impl Drop for Owned {
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
    use std::{pin::Pin, sync::mpsc};

    use super::*;

    #[test]
    fn a_panic_in_what_is_waited_for_says_what_and_where() {
        let threads = Threads::new(1).unwrap();
        let error = threads.wait(async { panic!("over there") }).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Panicked);
        assert!(error.detail.starts_with("over there (streambro-embed/src/threads.rs:"), "{error}");
        assert_eq!(threads.wait(async { 7 }).unwrap(), 7);
    }

    #[test]
    fn whoever_begins_something_is_told_once_what_became_of_it() {
        let threads = Threads::new(1).unwrap();
        let (tell, told) = mpsc::channel();
        let begin = |work: Pin<Box<dyn Future<Output = u8> + Send>>| {
            let tell = tell.clone();
            threads.begin(work, move |done| tell.send(done).unwrap()).unwrap()
        };
        begin(Box::pin(async { 7 }));
        assert_eq!(told.recv().unwrap().unwrap(), 7);
        begin(Box::pin(async { panic!("over there") }));
        assert_eq!(told.recv().unwrap().unwrap_err().kind, ErrorKind::Panicked);
        begin(Box::pin(std::future::pending())).give_up();
        assert_eq!(told.recv().unwrap().unwrap_err().kind, ErrorKind::Closed);
        begin(Box::pin(std::future::pending()));
        drop(threads);
        assert_eq!(told.recv().unwrap().unwrap_err().kind, ErrorKind::Closed);
        drop(tell);
        assert!(told.recv().is_err(), "it was told twice");
    }

    #[test]
    fn the_caller_keeps_its_own_mask_and_the_threads_have_another() {
        let before = SigSet::thread_get_mask().unwrap();
        let threads = Threads::new(1).unwrap();
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
        let mask = threads.wait(async { SigSet::thread_get_mask().unwrap() }).unwrap();
        assert!(mask.contains(Signal::SIGTERM) && mask.contains(Signal::SIGALRM));
        assert!(!mask.contains(Signal::SIGSEGV));
    }
}
