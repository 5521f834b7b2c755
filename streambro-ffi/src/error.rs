//! What went wrong, in words.

use std::{
    ffi::{CString, c_char},
    ptr,
};

use streambro_core::Error;

use crate::{
    boundary::{free, look, read, terminated},
    result::streambro_result,
};

/// What went wrong: its class, what it happened to, and what to do about it.
///
/// Methods: `streambro_error_code`, `streambro_error_subject`, `streambro_error_detail`, `streambro_error_message`,
/// `streambro_error_free`.
#[derive(Debug)]
pub struct streambro_error {
    code: streambro_result,
    subject: CString,
    detail: CString,
    message: CString,
}

impl streambro_error {
    pub(crate) fn new(error: &Error) -> Self {
        Self {
            code: error.kind.into(),
            subject: terminated(&*error.subject),
            detail: terminated(&*error.detail),
            message: terminated(error.to_string()),
        }
    }
}

/// Returns the code, which is what the call returned as well; `STREAMBRO_RESULT_OK` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_error_code(error: *const streambro_error) -> streambro_result {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(error, streambro_result::Ok, |error| error.code) }
}

/// Returns what it happened to: a stream's id, a path, a setting, an argument. Never a key. Lives as long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_error_subject(error: *const streambro_error) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(error, ptr::null(), |error| error.subject.as_ptr()) }
}

/// Returns what went wrong and what to do about it, in a sentence. Lives as long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_error_detail(error: *const streambro_error) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(error, ptr::null(), |error| error.detail.as_ptr()) }
}

/// Returns all of it in one line, `code: subject: detail`. Lives as long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_error_message(error: *const streambro_error) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(error, ptr::null(), |error| error.message.as_ptr()) }
}

/// Frees an error. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_error_free(error: *mut streambro_error) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free(error) });
}
