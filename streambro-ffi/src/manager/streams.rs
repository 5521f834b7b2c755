//! Putting streams on the air and taking them off.

use std::ffi::c_char;

use streambro_embed::with;
use tokio::time::timeout;

use super::{patience, streambro_manager, wait};
use crate::{
    boundary::{DONE, Result, call, given, place_or_null, text},
    error::streambro_error,
    phase,
    result::streambro_result,
    spec::streambro_spec,
};

/// Puts a stream on the air, and keeps it there until it is stopped or ends by itself. Done also when just this stream runs
/// already.
///
/// Blocks until its source is open and understood, not until it is live: `streambro_manager_wait_for` does that.
///
/// Errors: `INVALID_SPEC`, `ALREADY_EXISTS` when a stream of this id runs with another spec, `NOT_ALLOWED`,
/// `SOURCE_UNREADABLE`, `SOURCE_INVALID`, `SOURCE_UNSUPPORTED`, `ENCODER_UNAVAILABLE`, `LIMIT_REACHED`, `OVERLAP`,
/// `TIMED_OUT`, `HOST`, `CLOSED`; `ENDED` when a `replace` took its place meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_start(
    manager: *const streambro_manager,
    spec: *const streambro_spec,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, spec) = unsafe { (given("manager", manager)?, given("spec", spec)?) };
        let spec = spec.whole()?;
        wait!(manager, m => m.start(spec))?;
        DONE
    })
}

/// Puts a spec in the place of the one that a stream has. The new source is opened first: if that fails, the stream goes on
/// as it is.
///
/// Blocks until the old connections have said goodbye, for some seconds at most.
///
/// Errors: `NOT_FOUND` when no stream has this id; else as `streambro_manager_start`, but for `ALREADY_EXISTS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_replace(
    manager: *const streambro_manager,
    spec: *const streambro_spec,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, spec) = unsafe { (given("manager", manager)?, given("spec", spec)?) };
        let spec = spec.whole()?;
        wait!(manager, m => m.replace(spec))?;
        DONE
    })
}

/// Ends a stream, with a goodbye. Does not wait for it; stopping one that has ended is fine. Of a stream with a schedule
/// this ends what is on now, and not what comes later.
///
/// Errors: `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_stop(
    manager: *const streambro_manager,
    id: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (given("manager", manager)?, text("id", id)?) };
        with!(manager, m => m.stop(id))?;
        DONE
    })
}

/// Ends every stream, forgets those that have ended, and cancels every schedule. Does not wait.
///
/// `out_count` is how many this call has told to end; NULL if nobody wants to know.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_clear_all(
    manager: *const streambro_manager,
    out_count: *mut usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place_or_null(out_count)) };
        let count = with!(manager, m => m.clear_all());
        out.set(count)
    })
}

/// Waits until a stream is in a phase, one of `streambro_phase`, for at most `timeout_ms` milliseconds; below 0 as long as
/// it takes.
///
/// It sees the phase that the stream is in, not one that has passed. `LIVE` is when every destination is on the air.
/// `TIMEOUT` when it has not come there in time. Errors: `NOT_FOUND` when it does not run, also when it waits for its time;
/// `ENDED` when it ends before; `INVALID_ARGUMENT` for a number that is no phase.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_wait_for(
    manager: *const streambro_manager,
    id: *const c_char,
    phase: u32,
    timeout_ms: i64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (given("manager", manager)?, text("id", id)?) };
        let phase = phase::of(phase)?;
        let id = id.to_owned();
        wait!(manager, m => async move { wait_for(m.wait_for(&id, phase), timeout_ms).await })
    })
}

/// # Errors
/// Those of what is waited for.
async fn wait_for(done: impl Future<Output = Result<()>>, timeout_ms: i64) -> Result<streambro_result> {
    match patience(timeout_ms) {
        None => done.await?,
        Some(patience) => match timeout(patience, done).await {
            Ok(done) => done?,
            Err(_) => return Ok(streambro_result::Timeout),
        },
    }
    DONE
}
