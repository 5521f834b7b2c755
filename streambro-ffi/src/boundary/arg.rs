//! What comes from C and goes there: pointers that are looked at before anything is done.

use std::{
    ffi::{CStr, c_char},
    slice,
};

use streambro_embed::MOST;

use super::{DONE, Result, misused};
use crate::result::streambro_result;

/// An object that several threads may use at once.
///
/// # Safety
/// It is null, or points to one that nobody changes or frees meanwhile.
pub(crate) unsafe fn given<'a, T: Sync>(name: &str, object: *const T) -> Result<&'a T> {
    // SAFETY: the caller's word.
    unsafe { object.as_ref() }.ok_or_else(|| null(name))
}

/// An object that is changed.
///
/// # Safety
/// It is null, or points to one that nobody else uses meanwhile.
pub(crate) unsafe fn changed<'a, T: Send>(name: &str, object: *mut T) -> Result<&'a mut T> {
    // SAFETY: the caller's word.
    unsafe { object.as_mut() }.ok_or_else(|| null(name))
}

/// A text.
///
/// # Safety
/// It is null, or ends with a zero and stays what it is meanwhile.
pub(crate) unsafe fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller's word.
    unsafe { text_or_null(name, text) }?.ok_or_else(|| null(name))
}

/// The same where null stands for none.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn text_or_null<'a>(name: &str, text: *const c_char) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null; the rest is the caller's word.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| misused(name, "it is not UTF-8"))
}

/// An array.
///
/// # Safety
/// It is null, or there are so many, and they stay what they are meanwhile.
pub(crate) unsafe fn list<'a, T>(name: &str, first: *const T, count: usize) -> Result<&'a [T]> {
    if first.is_null() || !(1..=MOST).contains(&count) {
        return Err(misused(name, format!("there is no array of {count}; there may be 1 to {MOST}")));
    }
    // SAFETY: the caller's word.
    Ok(unsafe { slice::from_raw_parts(first, count) })
}

/// Where a result goes; written only on success.
pub(crate) struct Out<T>(*mut T);

/// Where a result goes.
///
/// # Safety
/// It is null, or can be written to as long as the result lives.
pub(crate) unsafe fn place<T>(name: &str, out: *mut T) -> Result<Out<T>> {
    if out.is_null() { Err(null(name)) } else { Ok(Out(out)) }
}

/// The same where null says that nobody wants to know.
///
/// # Safety
/// As for [`place`].
pub(crate) unsafe fn place_or_null<T>(out: *mut T) -> Out<T> {
    Out(out)
}

impl<T> Out<T> {
    /// Hands over a value.
    pub(crate) fn set(self, value: T) -> Result<streambro_result> {
        if !self.0.is_null() {
            // SAFETY: it was promised when it was made.
            unsafe { self.0.write(value) };
        }
        DONE
    }
}

impl<T: Send> Out<*mut T> {
    /// Hands over an object: from now on it is the caller's.
    pub(crate) fn give(self, object: T) -> Result<streambro_result> {
        self.set(Box::into_raw(Box::new(object)))
    }
}

fn null(name: &str) -> super::Error {
    misused(name, "it is NULL")
}
