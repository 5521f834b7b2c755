//! One run of a stream.

use pyo3::prelude::*;
use streambro_core::{Error, Phase, StreamStatus};
use streambro_embed::{Kept, Threads, write};

use crate::{
    call::{call, parse},
    made::{Made, within},
    pending::Pending,
};

/// A handle on one run of a stream. Dropping it changes nothing.
#[pyclass(frozen, module = "streambro._native")]
#[derive(Debug)]
pub(crate) struct Stream(Kept<(streambro_core::Stream, Threads)>);

impl Stream {
    pub(crate) fn new(stream: streambro_core::Stream, threads: Threads) -> Self {
        Self(Kept::new((stream, threads)))
    }
}

/// Says where a stream is that has not come where it was waited for, and why.
fn still(late: Error, status: &StreamStatus) -> Error {
    let troubles = status.legs.iter().map(|leg| leg.detail.as_str()).chain([status.detail.as_str()]);
    let why = troubles.filter(|words| !words.is_empty()).map(|words| format!(": {words}")).next();
    let detail = format!("{}; it is {}{}", late.detail, status.phase.name(), why.unwrap_or_default());
    Error { detail, ..late }
}

#[pymethods]
impl Stream {
    #[getter]
    fn id(&self) -> &str {
        self.0.0.id().as_str()
    }

    fn status(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || write(&self.0.0.status()))
    }

    fn logs(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || write(&self.0.0.logs()))
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || {
            self.0.0.stop();
            Ok(())
        })
    }

    #[pyo3(signature = (phase_json, timeout_ms=None))]
    fn wait_for(&self, py: Python<'_>, phase_json: &str, timeout_ms: Option<u64>) -> PyResult<Pending> {
        call(py, || {
            let phase: Phase = parse("phase", phase_json)?;
            let (stream, threads) = (self.0.0.clone(), &self.0.1);
            Pending::begin(threads, async move {
                let reached = within(timeout_ms, stream.id().as_str(), stream.wait_for(phase)).await;
                reached.unwrap_or_else(|late| Err(still(late, &stream.status())))?;
                Ok(Made::Nothing)
            })
        })
    }

    #[pyo3(signature = (timeout_ms=None))]
    fn ended(&self, py: Python<'_>, timeout_ms: Option<u64>) -> PyResult<Pending> {
        call(py, || {
            let (stream, threads) = (self.0.0.clone(), &self.0.1);
            Pending::begin(threads, async move {
                Made::json(&within(timeout_ms, stream.id().as_str(), stream.ended()).await?)
            })
        })
    }
}
