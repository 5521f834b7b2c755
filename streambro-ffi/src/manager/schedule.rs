//! When streams are on the air.

use std::{ffi::c_char, time::Duration};

use streambro_core::Schedule;
use streambro_embed::{instant, most, with};

use super::{streambro_manager, wait};
use crate::{
    boundary::{DONE, call, given, parse, place, tell, text},
    error::streambro_error,
    result::streambro_result,
    spec::streambro_spec,
};

/// Plans a stream: it is put on the air and taken off as its schedule says. Its source is opened when its time comes. Done
/// also when it is planned just so.
///
/// Writes what is on or comes first; `null` when nothing is left of the schedule, and nothing was planned. Form: `airing`.
///
/// Errors: `INVALID_SPEC`, also for a spec without a schedule; `ALREADY_EXISTS`, `NOT_ALLOWED`; `OVERLAP` when another
/// stream sends to the same place meanwhile; `LIMIT_REACHED` when there will be no place for it; `CLOSED`.
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
            unsafe { (given("manager", manager)?, given("spec", spec)?, place("out_json", out_json)?) };
        let spec = spec.whole()?;
        tell(out, &wait!(manager, m => async move { m.schedule(spec).await })?)
    })
}

/// Gives a planned stream another schedule, which is JSON. What runs and is wanted by that as well goes on. Form:
/// `schedule`.
///
/// Writes what is on or comes first, as `streambro_manager_schedule` does. Errors: `NOT_FOUND` when none of this id is
/// planned; `INVALID_SPEC`, `OVERLAP`, `LIMIT_REACHED`, `CLOSED`: the old schedule stays then.
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
                given("manager", manager)?,
                text("id", id)?,
                text("schedule_json", schedule_json)?,
                place("out_json", out_json)?,
            )
        };
        let schedule: Schedule = parse("schedule", schedule_json)?;
        let id = id.to_owned();
        tell(out, &wait!(manager, m => async move { m.reschedule(&id, schedule).await })?)
    })
}

/// Lets a stream go on for so many milliseconds longer: what is on, or what comes next.
///
/// Writes what that is now. Form: `airing`. Errors: `NOT_FOUND` when none of this id is planned; `INVALID_SPEC` when it has
/// no end; `OVERLAP`, `LIMIT_REACHED`, `CLOSED`.
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
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_json", out_json)?) };
        let (id, by) = (id.to_owned(), Duration::from_millis(by_ms));
        tell(out, &wait!(manager, m => async move { m.extend(&id, by).await })?)
    })
}

/// Drops the end of what is on, or of what comes next: the stream goes on until it is stopped.
///
/// `out_had_end` says whether there was one. Errors: `NOT_FOUND` when none of this id is planned; `OVERLAP`,
/// `LIMIT_REACHED`, `CLOSED`.
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
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_had_end", out_had_end)?) };
        let id = id.to_owned();
        out.set(wait!(manager, m => async move { m.clear_end(&id).await })?)
    })
}

/// Takes a stream out of the plan: it is wanted neither now nor later. Does not wait for its goodbye.
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
        let (manager, id) = unsafe { (given("manager", manager)?, text("id", id)?) };
        let id = id.to_owned();
        wait!(manager, m => async move { m.cancel(&id).await })?;
        DONE
    })
}

/// Writes the next `count` times at which planned streams begin, the soonest first; what is on is in the status. At most
/// 10,000. Form: `upcoming`.
///
/// Errors: `INVALID_ARGUMENT` for more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_upcoming(
    manager: *const streambro_manager,
    count: usize,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        let count = most("count", count)?;
        tell(out, &with!(manager, m => m.upcoming(count)))
    })
}

/// Writes the next `count` times at which a schedule has its stream on the air, as seen from `from_unix_ms`, with notes on
/// changes of the clocks; at most 10,000. The schedule is JSON. Reads nothing but that. Forms: `schedule`, `preview`.
///
/// Errors: `INVALID_SPEC`; `INVALID_ARGUMENT` for more, or an instant beyond the year 9999.
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
            unsafe { (text("schedule_json", schedule_json)?, place("out_json", out_json)?) };
        let schedule: Schedule = parse("schedule", schedule_json)?;
        tell(out, &schedule.preview(instant("from_unix_ms", from_unix_ms)?, most("count", count)?))
    })
}
