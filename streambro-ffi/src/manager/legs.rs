//! Destinations that come and go while a stream is on the air.

use std::ffi::c_char;

use streambro_core::Destination;
use streambro_embed::with;

use super::streambro_manager;
use crate::{
    boundary::{DONE, call, given, parse, place, text},
    error::streambro_error,
    result::streambro_result,
};

/// Adds a destination to a stream that runs. It joins at the next keyframe; the others notice nothing. Does not wait for it.
///
/// `out_leg` is its number, by which it is named from now on. Errors: `NOT_FOUND`; `INVALID_SPEC`, also for one that the
/// stream has already and beyond 32; `NOT_ALLOWED`, `LIMIT_REACHED`, `OVERLAP`, `ENDED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_add_destination(
    manager: *const streambro_manager,
    id: *const c_char,
    url: *const c_char,
    key: *const c_char,
    out_leg: *mut usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, url, key, out) = unsafe {
            (
                given("manager", manager)?,
                text("id", id)?,
                text("url", url)?,
                text("key", key)?,
                place("out_leg", out_leg)?,
            )
        };
        let destination = Destination::new(url, key)?;
        out.set(with!(manager, m => m.add_destination(id, destination))?)
    })
}

/// The same with all that a destination may say: `{"url": ..., "key": ..., "backup": ..., "trust": ...}`. Form:
/// `destination`.
///
/// Errors: the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_add_destination_json(
    manager: *const streambro_manager,
    id: *const c_char,
    json: *const c_char,
    out_leg: *mut usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, json, out) = unsafe {
            (given("manager", manager)?, text("id", id)?, text("json", json)?, place("out_leg", out_leg)?)
        };
        let destination: Destination = parse("destination", json)?;
        out.set(with!(manager, m => m.add_destination(id, destination))?)
    })
}

/// Takes a destination from a stream: it says goodbye, the others notice nothing. Its number may be given to another one
/// then.
///
/// Errors: `NOT_FOUND`; `INVALID_SPEC` for the last one: stop the stream instead; `ENDED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_remove_destination(
    manager: *const streambro_manager,
    id: *const c_char,
    leg: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (given("manager", manager)?, text("id", id)?) };
        with!(manager, m => m.remove_destination(id, leg))?;
        DONE
    })
}

/// Lets a destination rest, or puts it on the air again, with fresh retries.
///
/// Errors: `NOT_FOUND`, `ENDED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_enable_destination(
    manager: *const streambro_manager,
    id: *const c_char,
    leg: usize,
    on: bool,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (given("manager", manager)?, text("id", id)?) };
        with!(manager, m => m.enable_destination(id, leg, on))?;
        DONE
    })
}

/// Makes the connection of a destination anew at its next keyframe. Does nothing to one that is not on the air.
///
/// Errors: `NOT_FOUND`, `ENDED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_rotate_destination(
    manager: *const streambro_manager,
    id: *const c_char,
    leg: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (given("manager", manager)?, text("id", id)?) };
        with!(manager, m => m.rotate_destination(id, leg))?;
        DONE
    })
}
