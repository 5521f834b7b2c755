//! Errors as Python's exceptions: each kind is a class, which Python defines.

use pyo3::{prelude::*, sync::PyOnceLock};
use streambro_core::Error;

/// Makes the exception of an error.
pub(crate) fn raised(py: Python<'_>, error: Error) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

    let make = MAKE
        .get_or_try_init(py, || Ok::<_, PyErr>(py.import("streambro._errors")?.getattr("error")?.unbind()));
    let Error { kind, subject, detail } = error;
    match make.and_then(|make| make.call1(py, (kind.name(), kind as u32, subject, detail))) {
        Ok(exception) => PyErr::from_value(exception.into_bound(py)),
        Err(error) => error,
    }
}
