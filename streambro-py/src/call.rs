//! The wall between Python and Rust.

use std::time::{Duration, Instant};

use pyo3::{marker::Ungil, prelude::*};
use serde::de::DeserializeOwned;
use streambro_core::ErrorKind;
use streambro_embed::{Result, fault, guard, panicked, refuse_forked};

use crate::error::raised;

/// After how long a wait looks for signals: Ctrl-C is to be seen within a fifth of a second.
const SLICE: Duration = Duration::from_millis(100);

/// Does something with the interpreter left to others. A failure, a panic and a fork all become an exception.
pub(crate) fn call<T, F>(py: Python<'_>, work: F) -> PyResult<T>
where
    T: Ungil + Send,
    F: FnOnce() -> Result<T> + Ungil + Send,
{
    refuse_forked()
        .and_then(|()| py.detach(|| guard(work).map_err(panicked).flatten()))
        .map_err(|error| raised(py, error))
}

/// Looks again and again, for a tenth of a second each time, until there is something or the time is up.
pub(crate) fn wait<T, F>(py: Python<'_>, timeout_ms: Option<u64>, look: F) -> PyResult<Option<T>>
where
    T: Ungil + Send,
    F: Fn(Duration) -> Result<Option<T>> + Ungil + Send + Sync,
{
    let end = timeout_ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
    loop {
        let slice = end.map_or(SLICE, |end| SLICE.min(end.saturating_duration_since(Instant::now())));
        let seen = call(py, || look(slice))?;
        if seen.is_some() || slice < SLICE {
            return Ok(seen);
        }
        py.check_signals()?;
    }
}

/// Reads what Python wrote as JSON. It has never been a text with lines and columns there.
///
/// # Errors
/// `InvalidSpec`.
pub(crate) fn parse<T: DeserializeOwned>(name: &str, json: &str) -> Result<T> {
    streambro_embed::parse(name, json).map_err(|mut error| {
        if let Some((says, _)) = error.detail.rsplit_once(" at line ") {
            error.detail = says.to_owned();
        }
        error
    })
}

/// What Python gets for a time that is up.
pub(crate) fn timed_out(subject: &str) -> streambro_core::Error {
    fault(ErrorKind::TimedOut, subject, "not in time")
}
