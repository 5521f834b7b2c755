//! What takes time.

use std::{
    io::{self, PipeReader, PipeWriter, Write},
    os::fd::AsRawFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pyo3::prelude::*;
use streambro_core::ErrorKind;
use streambro_embed::{Kept, Result, Threads, Work, fault, refuse_forked};

use crate::{
    call::{call, wait},
    error::raised,
    made::Made,
};

/// Something that was begun, and what comes of it. Dropped before that, it is given up.
#[pyclass(frozen, generic, module = "streambro._native")]
#[derive(Debug)]
pub(crate) struct Pending(Kept<Begun>);

#[derive(Debug)]
struct Begun {
    outcome: Arc<Outcome>,
    work: Work,
    /// Its threads stay until it is done.
    _threads: Threads,
}

#[derive(Debug, Default)]
struct Outcome {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    done: Option<Result<Made>>,
    is_done: bool,
    pipe: Option<(PipeReader, Option<PipeWriter>)>,
}

impl Pending {
    /// Begins something.
    pub(crate) fn begin<F>(threads: &Threads, work: F) -> Result<Self>
    where
        F: Future<Output = Result<Made>> + Send + 'static,
    {
        let outcome = Arc::new(Outcome::default());
        let told = Arc::clone(&outcome);
        let work = threads.begin(work, move |done| told.set(done.flatten()))?;
        Ok(Self(Kept::new(Begun { outcome, work, _threads: threads.clone() })))
    }
}

#[pymethods]
impl Pending {
    /// Whether it is done.
    fn is_done(&self, py: Python<'_>) -> PyResult<bool> {
        call(py, || Ok(self.0.outcome.state().is_done))
    }

    /// A descriptor that can be read once it is done. It closes with this object; never read it.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        call(py, || self.0.outcome.fileno())
    }

    /// Waits until it is done, for so many milliseconds at most. Signals are seen meanwhile.
    #[pyo3(signature = (timeout_ms=None))]
    fn wait(&self, py: Python<'_>, timeout_ms: Option<u64>) -> PyResult<bool> {
        Ok(wait(py, timeout_ms, |slice| Ok(self.0.outcome.wait(slice)))?.is_some())
    }

    /// Hands over what came of it, once.
    fn take(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        call(py, || self.0.outcome.take())?.into_python(py)
    }

    /// Gives it up: what was not done by then does not happen.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        refuse_forked().map_err(|error| raised(py, error))?;
        self.0.work.give_up();
        Ok(())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.work.give_up();
    }
}

impl Outcome {
    fn set(&self, done: Result<Made>) {
        let mut state = self.state();
        state.done = Some(done);
        state.is_done = true;
        if let Some(mut writer) = state.pipe.as_mut().and_then(|(_, writer)| writer.take()) {
            // The end of the pipe tells it as well.
            let _ = writer.write(&[0]);
        }
        self.changed.notify_all();
    }

    fn wait(&self, slice: Duration) -> Option<()> {
        let waiting = self.changed.wait_timeout_while(self.state(), slice, |state| !state.is_done);
        let (state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        state.is_done.then_some(())
    }

    fn take(&self) -> Result<Made> {
        let nothing = || fault(ErrorKind::InvalidArgument, "pending", "it is not done, or was taken already");
        self.state().done.take().unwrap_or_else(|| Err(nothing()))
    }

    fn fileno(&self) -> Result<i32> {
        let mut state = self.state();
        if state.pipe.is_none() {
            let (reader, writer) = io::pipe().map_err(|error| {
                fault(ErrorKind::Host, "pending", format!("no descriptor is left: {error}"))
            })?;
            // Without its other end it can be read at once.
            state.pipe = Some((reader, (!state.is_done).then_some(writer)));
        }
        Ok(state.pipe.as_ref().map_or(-1, |(reader, _)| reader.as_raw_fd()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
