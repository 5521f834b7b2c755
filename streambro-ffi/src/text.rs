//! Texts that belong to the caller.

use std::ffi::{CString, c_char};

use crate::boundary::look;

/// Frees a text that a function has handed over. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_text_free(text: *mut c_char) {
    look((), || {
        if !text.is_null() {
            // SAFETY: it came from `CString::into_raw`, and the caller is done with it.
            drop(unsafe { CString::from_raw(text) });
        }
    });
}
