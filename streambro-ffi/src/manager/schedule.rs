//! When streams are on the air.

use std::{ffi::c_char, time::Duration};

use streambro_core::Schedule;

use super::{streambro_manager, wait, with};
use crate::{
    boundary::{DONE, Given, Place, Text, call, parse},
    error::streambro_error,
    result::streambro_result,
    spec::{instant, streambro_spec},
};

/// Keeps a stream on the air when its schedule says so, from now on.
///
/// Writes the next time at which it is, or that it is on now; `null` for one without a schedule. Errors: as for
/// `streambro_manager_start` but for its source, which is opened when its time comes; `OVERLAP` when another stream sends to
/// the same place meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_schedule(
    manager: *const streambro_manager,
    spec: *const streambro_spec,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, spec, out) =
            unsafe { (manager.given("manager")?, spec.given("spec")?, out_json.place("out_json")?) };
        let spec = spec.whole()?;
        out.json(&wait!(manager, m => async move { m.schedule(spec).await })?)
    })
}

/// Gives a stream another schedule, which is JSON; the schema is `schedule` in `docs/schema`. What runs and is wanted by
/// that as well goes on.
///
/// Writes the next time as `streambro_manager_schedule` does. Errors: `NOT_FOUND`, `INVALID_SPEC`, `OVERLAP`,
/// `LIMIT_REACHED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_reschedule(
    manager: *const streambro_manager,
    id: *const c_char,
    schedule_json: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, schedule_json, out) = unsafe {
            (
                manager.given("manager")?,
                id.text("id")?,
                schedule_json.text("schedule_json")?,
                out_json.place("out_json")?,
            )
        };
        let schedule: Schedule = parse("schedule", schedule_json)?;
        let id = id.to_owned();
        out.json(&wait!(manager, m => async move { m.reschedule(&id, schedule).await })?)
    })
}

/// Lets a stream go on for so many milliseconds longer: what is on, or what comes next.
///
/// Writes what that is now. Errors: `NOT_FOUND`; `INVALID_SPEC` when it has no end; `OVERLAP`, `LIMIT_REACHED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_extend(
    manager: *const streambro_manager,
    id: *const c_char,
    by_ms: u64,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (manager.given("manager")?, id.text("id")?, out_json.place("out_json")?) };
        let (id, by) = (id.to_owned(), Duration::from_millis(by_ms));
        out.json(&wait!(manager, m => async move { m.extend(&id, by).await })?)
    })
}

/// Drops the end of what is on, or of what comes next: the stream goes on until it is stopped.
///
/// `out_had_end` says whether there was one. Errors: `NOT_FOUND`, `OVERLAP`, `LIMIT_REACHED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_clear_end(
    manager: *const streambro_manager,
    id: *const c_char,
    out_had_end: *mut bool,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (manager.given("manager")?, id.text("id")?, out_had_end.place("out_had_end")?) };
        let id = id.to_owned();
        out.set(wait!(manager, m => async move { m.clear_end(&id).await })?)
    })
}

/// Wants a stream no more, neither now nor later.
///
/// Errors: `NOT_FOUND` when none of this id is planned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_cancel(
    manager: *const streambro_manager,
    id: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (manager.given("manager")?, id.text("id")?) };
        let id = id.to_owned();
        wait!(manager, m => async move { m.cancel(&id).await })?;
        DONE
    })
}

/// Writes what is on and comes next of all streams, by time, as an array of at most `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_upcoming(
    manager: *const streambro_manager,
    count: usize,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (manager.given("manager")?, out_json.place("out_json")?) };
        out.json(&with!(manager, m => m.upcoming(count)))
    })
}

/// Writes the next `count` times at which a schedule has its stream on the air, as seen from `from_unix_ms`, with notes on
/// changes of the clocks, as an array. The schedule is JSON. Reads nothing but that.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_schedule_preview(
    schedule_json: *const c_char,
    from_unix_ms: i64,
    count: usize,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (schedule_json, out) =
            unsafe { (schedule_json.text("schedule_json")?, out_json.place("out_json")?) };
        let schedule: Schedule = parse("schedule", schedule_json)?;
        out.json(&schedule.preview(instant("from_unix_ms", from_unix_ms)?, count))
    })
}
