//! What needs no manager: looking into files, and at the host.

use std::ffi::c_char;

use streambro_core::{Encode, Host, Platform};

use crate::{
    boundary::{call, parse, place, tell, text},
    error::streambro_error,
    result::streambro_result,
};

/// Writes what is in an MP4 or FLV file, and whether it can go out as it is. Reads its tables and no more; knows of no media
/// root. Form: `probe`.
///
/// Blocks for as long as the file system does. Errors: `SOURCE_UNREADABLE`, `SOURCE_INVALID`, `SOURCE_UNSUPPORTED`, `HOST`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_probe(
    path: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (path, out) = unsafe { (text("path", path)?, place("out_json", out_json)?) };
        tell(out, &streambro_core::probe(path)?)
    })
}

/// Writes the command line of ffmpeg that would encode a file, as an array of strings, for people to try. It holds no key
/// and no destination. Form: `encode`.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_command(
    encode_json: *const c_char,
    path: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (encode_json, path, out) =
            unsafe { (text("encode_json", encode_json)?, text("path", path)?, place("out_json", out_json)?) };
        let encode: Encode = parse("encode", encode_json)?;
        tell(out, &streambro_core::command(&encode, path)?)
    })
}

/// Writes what a destination would receive of a file to an FLV file, as fast as the disks go, so many times in a row; knows
/// of no media root. Writes a report. Form: `remux`.
///
/// The target is there once it is whole, in the place of what was there. Blocks until then. Errors: as for
/// `streambro_probe`; `INVALID_SPEC` for no time at all; `HOST` when it cannot be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_remux(
    path: *const c_char,
    target: *const c_char,
    times: u32,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (path, target, out) =
            unsafe { (text("path", path)?, text("target", target)?, place("out_json", out_json)?) };
        tell(out, &streambro_embed::remux(path.as_ref(), target.as_ref(), times)?)
    })
}

/// Writes what of this host counts for streams: memory, processors, load, descriptors, and the limits of control groups.
/// Form: `host`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_host(
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let out = unsafe { place("out_json", out_json) }?;
        tell(out, &Host::sample())
    })
}

/// Writes what a platform recommends and allows, with date and source. The platform is JSON, such as `"youtube"`. Forms:
/// `platform`, `profile`.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_platform(
    platform_json: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (platform_json, out) =
            unsafe { (text("platform_json", platform_json)?, place("out_json", out_json)?) };
        let platform: Platform = parse("platform", platform_json)?;
        tell(out, platform.profile())
    })
}
