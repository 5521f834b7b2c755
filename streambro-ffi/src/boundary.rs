//! The wall between C and Rust: no panic, no null pointer and no foreign text passes it unseen.

mod arg;
mod panics;

use std::{
    ffi::{CString, c_char},
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use serde::{Serialize, de::DeserializeOwned};
use streambro_core::{Error, ErrorKind};

pub(crate) use self::{
    arg::{Out, changed, given, list, most, place, place_or_null, text, text_or_null},
    panics::guard,
};
use crate::{error::streambro_error, result::streambro_result};

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What a function returns that has nothing to hand over.
pub(crate) const DONE: Result<streambro_result> = Ok(streambro_result::Ok);

/// The process whose threads the library's are; 0 before there are any.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Runs what an exported function does: a failure, a panic and a fork all become a code and an error.
pub(crate) fn call<F>(out_error: *mut *mut streambro_error, body: F) -> streambro_result
where
    F: FnOnce() -> Result<streambro_result>,
{
    let outcome = guard(|| {
        if is_forked() {
            return Err(forked());
        }
        #[cfg(feature = "test-hooks")]
        crate::hooks::trip(std::any::type_name::<F>());
        body()
    });
    let error = match outcome {
        Ok(Ok(done)) => return done,
        Ok(Err(error)) => error,
        Err(panic) => fault(ErrorKind::Panicked, "streambro", panic),
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

/// Takes note that there are threads now: those of this process, and of no child of it.
pub(crate) fn own() {
    let _ = OWNER.compare_exchange(0, process::id(), Relaxed, Relaxed);
}

/// Whether this is a child that was forked from the process with the threads: it has none of them, and perhaps its locks as they
/// happened to be.
fn is_forked() -> bool {
    let owner = OWNER.load(Relaxed);
    owner != 0 && owner != process::id()
}

fn forked() -> Error {
    let detail = "this process was forked from one that uses streambro: `exec` in it, or leave streambro to its parent";
    fault(ErrorKind::Forked, "streambro", detail)
}

/// What went wrong here rather than beneath.
pub(crate) fn fault(kind: ErrorKind, subject: &str, detail: impl Into<String>) -> Error {
    Error { kind, subject: subject.to_owned(), detail: detail.into() }
}

/// A mistake of the program that calls.
pub(crate) fn misused(subject: &str, detail: impl Into<String>) -> Error {
    fault(ErrorKind::InvalidArgument, subject, detail)
}

/// Reads JSON that came from C.
pub(crate) fn parse<T: DeserializeOwned>(name: &str, json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| fault(ErrorKind::InvalidSpec, name, without_values(&error.to_string())))
}

/// What a reader of JSON says, without the texts that it quotes: a key may stand in a wrong place.
fn without_values(says: &str) -> String {
    for (opens, closes, instead) in [
        ("string \"", "\", expected", "a string"),
        ("unknown variant `", "`, expected", "an unknown variant"),
    ] {
        if let Some((before, quoted)) = says.split_once(opens) {
            let after = quoted.rsplit_once(closes).map_or("", |(_, after)| after);
            return format!("{before}{instead}, expected{after}");
        }
    }
    says.to_owned()
}

/// Hands over a text.
pub(crate) fn say(out: Out<*mut c_char>, text: impl Into<String>) -> Result<streambro_result> {
    out.set(terminated(text).into_raw())
}

/// The same as JSON.
pub(crate) fn tell(out: Out<*mut c_char>, value: &impl Serialize) -> Result<streambro_result> {
    let text = serde_json::to_string(value);
    say(out, text.map_err(|error| fault(ErrorKind::Host, "json", error.to_string()))?)
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
    use streambro_core::{Destination, StreamSpec};

    use super::*;

    #[test]
    fn a_key_in_a_wrong_place_is_in_no_error() {
        for json in [
            r#""canary-key""#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": "k", "backup": ["canary-key"]}"#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": 7}"#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": "k", "trust": "canary-key"}"#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": "k", "lag": "canary-key\", expected nothing"}"#,
        ] {
            let error = parse::<Destination>("destination", json).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let json = r#"{"v": 1, "id": "a", "source": {"file": "x"}, "destinations": "rtmp://a/canary-key"}"#;
        let error = parse::<StreamSpec>("spec", json).unwrap_err();
        assert_eq!(error.detail, "invalid type: a string, expected a sequence at line 1 column 82");
    }

    #[test]
    fn texts_with_zeros_still_end_where_they_end() {
        assert_eq!(terminated("a\0b").to_str(), Ok("a\u{2400}b"));
    }
}
