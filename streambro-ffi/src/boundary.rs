//! The wall between C and Rust: no panic, no null pointer and no foreign text passes it unseen.

mod arg;

use std::ffi::{CString, c_char};

use serde::Serialize;
use streambro_core::{Error, ErrorKind};
pub(crate) use streambro_embed::{Result, fault, parse};
use streambro_embed::{guard, is_forked, panicked, refuse_forked, write};

pub(crate) use self::arg::{Out, changed, given, list, place, place_or_null, text, text_or_null};
use crate::{error::streambro_error, result::streambro_result};

/// What a function returns that has nothing to hand over.
pub(crate) const DONE: Result<streambro_result> = Ok(streambro_result::Ok);

/// Runs what an exported function does: a failure, a panic and a fork all become a code and an error.
pub(crate) fn call<F>(out_error: *mut *mut streambro_error, body: F) -> streambro_result
where
    F: FnOnce() -> Result<streambro_result>,
{
    let outcome = guard(|| {
        refuse_forked()?;
        #[cfg(feature = "test-hooks")]
        crate::hooks::trip(std::any::type_name::<F>());
        body()
    });
    let error = match outcome {
        Ok(Ok(done)) => return done,
        Ok(Err(error)) => error,
        Err(panic) => panicked(panic),
    };
    let code = error.kind.into();
    if !out_error.is_null() {
        let error = Box::into_raw(Box::new(streambro_error::new(&error)));
        // SAFETY: it is not null, so the caller can be written to there.
        unsafe { out_error.write(error) };
    }
    code
}

/// Runs what an exported function without a code does; if it panics, that is as if there were nothing.
pub(crate) fn look<T, F: FnOnce() -> T>(nothing: T, body: F) -> T {
    guard(|| {
        #[cfg(feature = "test-hooks")]
        crate::hooks::trip(std::any::type_name::<F>());
        body()
    })
    .unwrap_or(nothing)
}

/// The same with one look at an object; of null there is nothing.
///
/// # Safety
/// `object` is null, or points to one that nobody changes or frees meanwhile.
pub(crate) unsafe fn read<T, R, F>(object: *const T, nothing: R, what: F) -> R
where
    F: FnOnce(&T) -> R,
{
    let seen = guard(|| {
        #[cfg(feature = "test-hooks")]
        crate::hooks::trip(std::any::type_name::<F>());
        // SAFETY: the caller's word.
        unsafe { object.as_ref() }.map(what)
    });
    seen.ok().flatten().unwrap_or(nothing)
}

/// A mistake of the program that calls.
pub(crate) fn misused(subject: &str, detail: impl Into<String>) -> Error {
    fault(ErrorKind::InvalidArgument, subject, detail)
}

/// Hands over a text.
pub(crate) fn say(out: Out<*mut c_char>, text: impl Into<String>) -> Result<streambro_result> {
    out.set(terminated(text).into_raw())
}

/// The same as JSON.
pub(crate) fn tell(out: Out<*mut c_char>, value: &impl Serialize) -> Result<streambro_result> {
    say(out, write(value)?)
}

/// A text as C wants it. A zero in its middle becomes what stands for one on paper.
pub(crate) fn terminated(text: impl Into<String>) -> CString {
    CString::new(text.into()).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\u{2400}");
        CString::new(text).unwrap_or_default()
    })
}

/// Takes an object back, and drops it.
///
/// # Safety
/// It is null, or came from [`Out::give`] and nobody uses it any more.
pub(crate) unsafe fn free<T>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: the caller's word.
        drop(unsafe { Box::from_raw(object) });
    }
}

/// The same for what has to do with threads: a child that was forked forgets it, for it has none of them.
///
/// # Safety
/// As for [`free`].
pub(crate) unsafe fn free_or_forget<T>(object: *mut T) {
    if !is_forked() {
        // SAFETY: the caller's word.
        unsafe { free(object) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_zeros_still_end_where_they_end() {
        assert_eq!(terminated("a\0b").to_str(), Ok("a\u{2400}b"));
    }
}
