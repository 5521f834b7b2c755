//! Looking at streams, and at the manager as a whole.

use std::ffi::c_char;

use super::{streambro_manager, with};
use crate::{
    boundary::{Given, Place, Text, call},
    error::streambro_error,
    phase::streambro_phase,
    result::streambro_result,
};

/// Says in which phase a stream is.
///
/// Errors: `NOT_FOUND`, also when it has ended and is forgotten, a minute later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_phase(
    manager: *const streambro_manager,
    id: *const c_char,
    out_phase: *mut streambro_phase,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (manager.given("manager")?, id.text("id")?, out_phase.place("out_phase")?) };
        let status = with!(manager, m => m.status(id))?;
        out.set(status.phase.into())
    })
}

/// Writes what is known of a stream now: phases, reasons, counters, its destinations one by one. The schema is `status` in
/// `docs/schema`.
///
/// Errors: `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_status(
    manager: *const streambro_manager,
    id: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (manager.given("manager")?, id.text("id")?, out_json.place("out_json")?) };
        out.json(&with!(manager, m => m.status(id))?)
    })
}

/// Writes the same of every stream as an array, by id; those that have ended included, until they are forgotten.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_list(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_json.place("out_json")?) };
        out.json(&with!(manager, m => m.list()))
    })
}

/// Writes the latest lines of a stream's log as an array, oldest first.
///
/// Errors: `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_logs(
    manager: *const streambro_manager,
    id: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (manager.given("manager")?, id.text("id")?, out_json.place("out_json")?) };
        out.json(&with!(manager, m => m.logs(id))?)
    })
}

/// Writes the latest runs that have ended as an array, oldest first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_history(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_json.place("out_json")?) };
        out.json(&with!(manager, m => m.history()))
    })
}

/// Writes what all streams used at the last measurement, together; `null` before the first.
///
/// Errors: `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_usage(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_json.place("out_json")?) };
        out.json(&manager.whole()?.usage())
    })
}

/// Writes the figures of all streams as a page that Prometheus reads, in the OpenMetrics text format.
///
/// Errors: `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_metrics(
    manager: *const streambro_manager,
    out_text: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_text.place("out_text")?) };
        out.text(manager.whole()?.open_metrics())
    })
}

/// Compares what the manager believes with what there is, and writes what does not match: places, connections, processes.
///
/// Errors: `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_audit(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_json.place("out_json")?) };
        let whole = manager.whole()?.clone();
        out.json(&manager.host.wait(async move { whole.audit().await }))
    })
}

/// Looks whether this host can carry what the manager is set up for, and writes what to do about it. Blocks for a few
/// seconds at most.
///
/// Errors: `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_doctor(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_json.place("out_json")?) };
        let whole = manager.whole()?.clone();
        out.json(&manager.host.wait(async move { whole.doctor().await }))
    })
}
