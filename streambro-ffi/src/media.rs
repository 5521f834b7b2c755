//! What needs no manager: looking into files.

use std::{ffi::c_char, fs::File, io::BufWriter};

use streambro_core::{Encode, ErrorKind, Repeat};

use crate::{
    boundary::{Place, Text, call, fault, parse},
    error::streambro_error,
    result::streambro_result,
};

/// Writes what is in an MP4 or FLV file, and whether it can go out as it is. Reads its tables and no more.
///
/// Errors: `SOURCE_UNREADABLE`, `SOURCE_INVALID`, `SOURCE_UNSUPPORTED`, `HOST`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_probe(
    path: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (path, out) = unsafe { (path.text("path")?, out_json.place("out_json")?) };
        out.json(&streambro_core::probe(path)?)
    })
}

/// Writes the command line of ffmpeg that would encode a file, as an array of strings, for people to try. It holds no key
/// and no destination. The encoding is JSON, as below `encode` in the video of a spec.
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
            unsafe { (encode_json.text("encode_json")?, path.text("path")?, out_json.place("out_json")?) };
        let encode: Encode = parse("encode", encode_json)?;
        out.json(&streambro_core::command(&encode, path)?)
    })
}

/// Writes what a destination would receive of a file to an FLV file, as fast as the disks go, so many times in a row. Writes
/// a report. What was there is overwritten.
///
/// Errors: as for `streambro_probe`; `INVALID_SPEC` for no time at all; `HOST` when it cannot be written.
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
            unsafe { (path.text("path")?, target.text("target")?, out_json.place("out_json")?) };
        let file = File::create(target).map_err(|error| fault(ErrorKind::Host, target, error.to_string()))?;
        out.json(&streambro_core::remux(path.as_ref(), BufWriter::new(file), Repeat::Times(times))?)
    })
}
