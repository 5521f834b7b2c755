//! What happened, pulled.

use std::{
    os::fd::AsRawFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pyo3::prelude::*;
use streambro_core::ErrorKind;
use streambro_embed::{Kept, write};

use crate::call::{call, wait};

/// A reader's own bounded queue of events.
#[pyclass(frozen, module = "streambro._native")]
#[derive(Debug)]
pub(crate) struct Subscription(Kept<Mutex<streambro_core::Subscription>>);

impl Subscription {
    pub(crate) fn new(subscription: streambro_core::Subscription) -> Self {
        Self(Kept::new(Mutex::new(subscription)))
    }

    fn queue(&self) -> MutexGuard<'_, streambro_core::Subscription> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Subscription {
    /// A descriptor that can be read while events wait, and for ever once the manager is gone. Never read it.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        call(py, || Ok(self.queue().fd()?.as_raw_fd()))
    }

    /// The next event, if there is one.
    fn take(&self, py: Python<'_>) -> PyResult<Option<String>> {
        call(py, || self.queue().try_next().map(|event| write(&event)).transpose())
    }

    /// Whether no event will ever come.
    fn is_over(&self, py: Python<'_>) -> PyResult<bool> {
        call(py, || Ok(self.queue().is_closed()))
    }

    /// Waits until there is an event or none will come, for so many milliseconds at most. Signals are seen meanwhile.
    ///
    /// Returns whether the time was enough, and the event.
    #[pyo3(signature = (timeout_ms=None))]
    fn wait(&self, py: Python<'_>, timeout_ms: Option<u64>) -> PyResult<(bool, Option<String>)> {
        let seen = wait(py, timeout_ms, |slice| match self.queue().next_blocking(Some(slice)) {
            Ok(event) => Ok(Some(event.map(|event| write(&event)).transpose()?)),
            Err(error) if error.kind == ErrorKind::TimedOut => Ok(None),
            Err(error) => Err(error),
        })?;
        Ok((seen.is_some(), seen.flatten()))
    }
}
