//! The wall between C and Rust: no panic, no null pointer and no foreign text passes it unseen.

use std::{
    any::Any,
    cell::Cell,
    ffi::{CStr, CString, c_char},
    panic::{self, AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use serde::{Serialize, de::DeserializeOwned};
use streambro_core::{Error, ErrorKind};

use crate::{error::streambro_error, result::streambro_result};

#[cfg(not(panic = "unwind"))]
compile_error!("streambro turns panics into result codes: build it with `panic = \"unwind\"`");

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What a function returns that has nothing to hand over.
pub(crate) const DONE: Result<streambro_result> = Ok(streambro_result::Ok);

/// The process that uses the library; 0 before anyone does.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Runs what an exported function does: a failure, a panic and a fork all become a code and an error.
pub(crate) fn call<F>(out_error: *mut *mut streambro_error, body: F) -> streambro_result
where
    F: FnOnce() -> Result<streambro_result>,
{
    let outcome = guard(|| {
        check_fork()?;
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

/// The only place that catches panics. Returns what one said, and where.
fn guard<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    // What panics is told by a code, or by the reason of a stream. This library has Rust's runtime for itself: nobody else's
    // hook is touched.
    QUIET.call_once(|| {
        panic::set_hook(Box::new(|panic| PLACE.set(panic.location().map(ToString::to_string))));
    });
    // What a panic leaves behind is only ever looked at through locks that know of it.
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| match PLACE.take() {
        Some(place) => format!("{} ({place})", words(&*panic)),
        None => words(&*panic),
    })
}

thread_local! {
    /// Where this thread panicked.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

/// Whether this is a child of the process that uses the library.
pub(crate) fn is_forked() -> bool {
    let owner = OWNER.load(Relaxed);
    owner != 0 && owner != process::id()
}

/// Remembers whose library it is. A child has none of its threads, and perhaps its locks as they happened to be.
fn check_fork() -> Result<()> {
    if OWNER.compare_exchange(0, process::id(), Relaxed, Relaxed).is_ok() || !is_forked() {
        return Ok(());
    }
    let detail = "this process was forked from one that uses streambro: `exec` in it, or leave streambro to its parent";
    Err(fault(ErrorKind::Forked, "streambro", detail))
}

/// What went wrong here rather than beneath.
pub(crate) fn fault(kind: ErrorKind, subject: &str, detail: impl Into<String>) -> Error {
    Error { kind, subject: subject.to_owned(), detail: detail.into() }
}

/// A mistake of the program that calls.
pub(crate) fn misused(subject: &str, detail: impl Into<String>) -> Error {
    fault(ErrorKind::InvalidArgument, subject, detail)
}

fn null(name: &str) -> Error {
    misused(name, "it is NULL")
}

/// A pointer that came from C.
pub(crate) trait Given<'a, T> {
    /// What is there.
    ///
    /// # Safety
    /// It is null, or points to a value that stays what it is for `'a`.
    unsafe fn given(self, name: &str) -> Result<&'a T>;
}

impl<'a, T: 'a> Given<'a, T> for *const T {
    unsafe fn given(self, name: &str) -> Result<&'a T> {
        // SAFETY: the caller's word.
        unsafe { self.as_ref() }.ok_or_else(|| null(name))
    }
}

/// A pointer to what is to be changed.
pub(crate) trait Changed<'a, T> {
    /// What is there.
    ///
    /// # Safety
    /// It is null, or points to a value that nobody else uses for `'a`.
    unsafe fn changed(self, name: &str) -> Result<&'a mut T>;
}

impl<'a, T: 'a> Changed<'a, T> for *mut T {
    unsafe fn changed(self, name: &str) -> Result<&'a mut T> {
        // SAFETY: the caller's word.
        unsafe { self.as_mut() }.ok_or_else(|| null(name))
    }
}

/// A text that came from C.
pub(crate) trait Text<'a> {
    /// What it says.
    ///
    /// # Safety
    /// It is null, or ends with a zero and stays what it is for `'a`.
    unsafe fn text(self, name: &str) -> Result<&'a str>;

    /// The same where null stands for none.
    ///
    /// # Safety
    /// As for [`text`](Self::text).
    unsafe fn text_or_null(self, name: &str) -> Result<Option<&'a str>>;
}

impl<'a> Text<'a> for *const c_char {
    unsafe fn text(self, name: &str) -> Result<&'a str> {
        // SAFETY: the caller's word.
        unsafe { self.text_or_null(name) }?.ok_or_else(|| null(name))
    }

    unsafe fn text_or_null(self, name: &str) -> Result<Option<&'a str>> {
        if self.is_null() {
            return Ok(None);
        }
        // SAFETY: it is not null; the rest is the caller's word.
        let text = unsafe { CStr::from_ptr(self) };
        text.to_str().map(Some).map_err(|_| misused(name, "it is not UTF-8"))
    }
}

/// Reads JSON that came from C.
pub(crate) fn parse<T: DeserializeOwned>(name: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| fault(ErrorKind::InvalidSpec, name, error.to_string()))
}

/// Where a result goes; written only on success.
pub(crate) struct Out<T>(*mut T);

/// A pointer to where a result goes.
pub(crate) trait Place<T> {
    /// Looks at it before anything is done.
    ///
    /// # Safety
    /// It is null, or can be written to as long as the result lives.
    unsafe fn place(self, name: &str) -> Result<Out<T>>;

    /// The same where null says that nobody wants to know.
    ///
    /// # Safety
    /// As for [`place`](Self::place).
    unsafe fn place_or_null(self) -> Out<T>;
}

impl<T> Place<T> for *mut T {
    unsafe fn place(self, name: &str) -> Result<Out<T>> {
        if self.is_null() { Err(null(name)) } else { Ok(Out(self)) }
    }

    unsafe fn place_or_null(self) -> Out<T> {
        Out(self)
    }
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

impl<T> Out<*mut T> {
    /// Hands over an object: from now on it is the caller's.
    pub(crate) fn give(self, object: T) -> Result<streambro_result> {
        self.set(Box::into_raw(Box::new(object)))
    }
}

impl Out<*mut c_char> {
    /// Hands over a text.
    pub(crate) fn text(self, text: impl Into<String>) -> Result<streambro_result> {
        self.set(terminated(text).into_raw())
    }

    /// The same as JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<streambro_result> {
        let text = serde_json::to_string(value);
        self.text(text.map_err(|error| fault(ErrorKind::Host, "json", error.to_string()))?)
    }
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
