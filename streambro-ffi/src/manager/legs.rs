//! Destinations that come and go while a stream is on the air.

use std::ffi::c_char;

use streambro_core::Destination;

use super::{streambro_manager, with};
use crate::{
    boundary::{DONE, Given, Place, Text, call, parse},
    error::streambro_error,
    result::streambro_result,
};

/// Adds a destination to a stream that runs. It joins at the next keyframe; the others notice nothing.
///
/// `out_leg` is its number, by which it is named from now on. Errors: `NOT_FOUND`, `INVALID_SPEC`, `ALREADY_EXISTS` for the
/// same URL and key, `ENDED`, `LIMIT_REACHED`, `OVERLAP`.
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
                manager.given("manager")?,
                id.text("id")?,
                url.text("url")?,
                key.text("key")?,
                out_leg.place("out_leg")?,
            )
        };
        let destination = Destination::new(url, key)?;
        out.set(with!(manager, m => m.add_destination(id, destination))?)
    })
}

/// The same with all that a destination may say: `{"url": ..., "key": ..., "backup": ..., "trust": ...}`. The schema is
/// `destination` in `docs/schema`.
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
            (manager.given("manager")?, id.text("id")?, json.text("json")?, out_leg.place("out_leg")?)
        };
        let destination: Destination = parse("destination", json)?;
        out.set(with!(manager, m => m.add_destination(id, destination))?)
    })
}

/// Takes a destination from a stream. The others notice nothing.
///
/// Errors: `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_remove_destination(
    manager: *const streambro_manager,
    id: *const c_char,
    leg: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (manager.given("manager")?, id.text("id")?) };
        with!(manager, m => m.remove_destination(id, leg))?;
        DONE
    })
}

/// Lets a destination rest, or go on.
///
/// Errors: `NOT_FOUND`.
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
        let (manager, id) = unsafe { (manager.given("manager")?, id.text("id")?) };
        with!(manager, m => m.enable_destination(id, leg, on))?;
        DONE
    })
}

/// Makes the connection of a destination anew at its next keyframe.
///
/// Errors: `NOT_FOUND`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_rotate_destination(
    manager: *const streambro_manager,
    id: *const c_char,
    leg: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id) = unsafe { (manager.given("manager")?, id.text("id")?) };
        with!(manager, m => m.rotate_destination(id, leg))?;
        DONE
    })
}
