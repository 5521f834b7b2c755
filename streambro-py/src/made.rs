//! What a call hands to Python.

use std::time::Duration;

use pyo3::{IntoPyObjectExt, prelude::*};
use serde::Serialize;
use streambro_embed::{Result, Scope, Threads, write};

use crate::{call::timed_out, manager::Manager, preparation::Preparation, stream::Stream};

/// What came of something that takes time.
#[derive(Debug)]
pub(crate) enum Made {
    Nothing,
    Json(String),
    Number(u64),
    Flag(bool),
    Manager(Scope),
    Stream(streambro_core::Stream, Threads),
    Preparation(streambro_core::Preparation, Threads),
}

impl Made {
    /// # Errors
    /// `Host`.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self> {
        Ok(Self::Json(write(value)?))
    }

    pub(crate) fn number(number: usize) -> Self {
        Self::Number(number as u64)
    }

    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Nothing => Ok(py.None()),
            Self::Json(text) => text.into_py_any(py),
            Self::Number(number) => number.into_py_any(py),
            Self::Flag(flag) => flag.into_py_any(py),
            Self::Manager(scope) => Manager::new(scope).into_py_any(py),
            Self::Stream(stream, threads) => Stream::new(stream, threads).into_py_any(py),
            Self::Preparation(preparation, threads) => Preparation::new(preparation, threads).into_py_any(py),
        }
    }
}

/// Waits for something, for so long at most.
///
/// # Errors
/// `TimedOut`.
pub(crate) async fn within<T>(
    timeout_ms: Option<u64>,
    subject: &str,
    work: impl Future<Output = T>,
) -> Result<T> {
    match timeout_ms {
        None => Ok(work.await),
        Some(ms) => {
            tokio::time::timeout(Duration::from_millis(ms), work).await.map_err(|_| timed_out(subject))
        }
    }
}
