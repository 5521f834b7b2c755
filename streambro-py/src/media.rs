//! What needs no manager: looking into files, and at the host.

use std::path::PathBuf;

use pyo3::prelude::*;
use streambro_core::{Builder, Encode, Host, Platform, Reason, Schedule, Settings};
use streambro_embed::{Threads, instant, most, write};

use crate::{
    call::{call, parse},
    made::Made,
    pending::Pending,
};

/// The version of the library.
#[pyfunction]
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[pyfunction]
pub(crate) fn probe(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    call(py, || write(&streambro_core::probe(&path)?))
}

#[pyfunction]
pub(crate) fn remux(py: Python<'_>, path: PathBuf, target: PathBuf, times: u32) -> PyResult<String> {
    call(py, || write(&streambro_embed::remux(&path, &target, times)?))
}

#[pyfunction]
pub(crate) fn command(py: Python<'_>, encode_json: &str, path: PathBuf) -> PyResult<String> {
    call(py, || {
        let encode: Encode = parse("encode", encode_json)?;
        write(&streambro_core::command(&encode, &path)?)
    })
}

#[pyfunction]
pub(crate) fn host(py: Python<'_>) -> PyResult<String> {
    call(py, || write(&Host::sample()))
}

#[pyfunction]
pub(crate) fn platform(py: Python<'_>, platform_json: &str) -> PyResult<String> {
    call(py, || {
        let platform: Platform = parse("platform", platform_json)?;
        write(platform.profile())
    })
}

/// The next times at which a schedule has its stream on the air.
#[pyfunction]
pub(crate) fn preview(
    py: Python<'_>,
    schedule_json: &str,
    from_unix_ms: i64,
    count: usize,
) -> PyResult<String> {
    call(py, || {
        let schedule: Schedule = parse("schedule", schedule_json)?;
        write(&schedule.preview(instant("start", from_unix_ms)?, most("count", count)?))
    })
}

/// What of this host keeps these settings from being carried.
#[pyfunction]
pub(crate) fn doctor(py: Python<'_>, settings_json: &str) -> PyResult<Pending> {
    call(py, || {
        let settings: Settings = parse("settings", settings_json)?;
        Pending::begin(&Threads::new(1)?, async { Made::json(&Builder::from(settings).doctor().await) })
    })
}

/// What a reason means.
#[pyfunction]
pub(crate) fn meaning(reason: &str) -> Option<&'static str> {
    known(reason).map(Reason::meaning)
}

/// What to do about a reason.
#[pyfunction]
pub(crate) fn remedy(reason: &str) -> Option<&'static str> {
    known(reason).map(Reason::remedy)
}

fn known(name: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.name() == name)
}
