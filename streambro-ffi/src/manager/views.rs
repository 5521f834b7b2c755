//! Looking at streams, and at the manager as a whole.

use std::ffi::c_char;

use streambro_embed::with;

use super::streambro_manager;
use crate::{
    boundary::{call, given, place, say, tell, text},
    error::streambro_error,
    phase::streambro_phase,
    result::streambro_result,
};

/// Says in which phase a stream is, also while it waits for its time.
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
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_phase", out_phase)?) };
        let status = with!(manager, m => m.status(id))?;
        out.set(status.phase.into())
    })
}

/// Writes what is known of a stream now: phases, reasons, counters, its destinations one by one. Form: `status`.
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
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_json", out_json)?) };
        tell(out, &with!(manager, m => m.status(id))?)
    })
}

/// Writes the same of every stream, by id; those that have ended included, until they are forgotten. Form: `list`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_list(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &with!(manager, m => m.list()))
    })
}

/// Writes the latest lines of a stream's log, oldest first. Form: `logs`.
///
/// Errors: `NOT_FOUND`, also for one that only waits for its time.
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
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_json", out_json)?) };
        tell(out, &with!(manager, m => m.logs(id))?)
    })
}

/// Writes the latest runs that have ended, oldest first. Form: `history`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_history(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &with!(manager, m => m.history()))
    })
}

/// Writes what all streams used at the last measurement, together; `null` before the first. Form: `usage`.
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
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &manager.whole()?.usage())
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
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_text", out_text)?) };
        say(out, manager.whole()?.open_metrics())
    })
}

/// Compares what the manager believes with what there is, and writes what does not match: places, tasks, connections, disk
/// threads. Form: `audit`.
///
/// Returns at once when all is well; else blocks for about a second, because starts and goodbyes are seen halfway.
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
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &manager.wait(|whole| async move { whole.audit().await })?)
    })
}

/// Looks whether this host can carry what the manager is set up for, and writes what to do about it. Form: `doctor`.
///
/// Blocks for well under a second on a healthy host, and never over 10 s.
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
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &manager.wait(|whole| async move { whole.doctor().await })?)
    })
}
