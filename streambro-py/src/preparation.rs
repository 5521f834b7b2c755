//! Renditions that are made ahead of time.

use std::sync::Arc;

use pyo3::prelude::*;
use streambro_embed::{Kept, Threads, write};

use crate::{
    call::call,
    made::{Made, within},
    pending::Pending,
};

/// A rendition that is being made. Dropped before it is finished, it is given up and leaves nothing.
#[pyclass(frozen, module = "streambro._native")]
#[derive(Debug)]
pub(crate) struct Preparation(Kept<(Arc<streambro_core::Preparation>, Threads)>);

impl Preparation {
    pub(crate) fn new(preparation: streambro_core::Preparation, threads: Threads) -> Self {
        Self(Kept::new((Arc::new(preparation), threads)))
    }
}

#[pymethods]
impl Preparation {
    fn progress(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || write(&self.0.0.progress()))
    }

    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || {
            self.0.0.cancel();
            Ok(())
        })
    }

    #[pyo3(signature = (timeout_ms=None))]
    fn wait(&self, py: Python<'_>, timeout_ms: Option<u64>) -> PyResult<Pending> {
        call(py, || {
            let (preparation, threads) = (Arc::clone(&self.0.0), &self.0.1);
            Pending::begin(threads, async move {
                Made::json(&within(timeout_ms, "preparation", preparation.wait()).await??)
            })
        })
    }
}
