//! What calls return.

use std::{
    collections::BTreeMap,
    ffi::{CString, c_char},
    ptr,
    sync::LazyLock,
};

use streambro_core::ErrorKind;

use crate::boundary::{look, terminated};

/// What came of a call. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum streambro_result {
    /// It is done.
    Ok = 0,
    /// Not in the time that was given: no error, and no error object is made.
    Timeout = 1,
    /// Nothing more will come: no error, and no error object is made.
    End = 2,
    /// A setting is missing, malformed or contradicts another.
    InvalidSpec = 100,
    /// Another stream with another spec has this id.
    AlreadyExists = 101,
    /// No stream has this id.
    NotFound = 102,
    /// A path or destination is outside what the host allows.
    NotAllowed = 103,
    /// Somebody else has changed it meanwhile: look at it again, then change it.
    Conflict = 104,
    /// Two streams would send to one destination at the same time.
    Overlap = 105,
    /// The program that calls made a mistake: a null pointer, a text that is not UTF-8, a number without a meaning.
    InvalidArgument = 106,
    /// The source cannot be opened or read.
    SourceUnreadable = 110,
    /// The source breaks the rules of its format.
    SourceInvalid = 111,
    /// The source is sound but cannot be copied natively.
    SourceUnsupported = 112,
    /// There is no ffmpeg, or none of the encoders that were asked for works here.
    EncoderUnavailable = 113,
    /// What ffmpeg was asked for it could not make.
    EncoderFailed = 114,
    /// What is kept in the state directory is damaged, of another program or of a newer streambro. It was left as it is.
    StateInvalid = 120,
    /// Another manager, of this process or another, uses the state directory.
    StateInUse = 121,
    /// A limit of the manager is reached.
    LimitReached = 200,
    /// The manager is shutting down or gone.
    Closed = 300,
    /// The stream ended before what was waited for.
    Ended = 301,
    /// Something took longer than its time allows.
    TimedOut = 302,
    /// The host lacks something that streambro needs: a thread, a file descriptor, memory, a directory that can be used.
    Host = 400,
    /// The process was forked after it had used streambro, and this is the child.
    Forked = 401,
    /// A mistake in streambro itself, caught before it could do harm: other streams go on. Please report it.
    Panicked = 402,
}

impl streambro_result {
    const ALL: [Self; 24] = [
        Self::Ok,
        Self::Timeout,
        Self::End,
        Self::InvalidSpec,
        Self::AlreadyExists,
        Self::NotFound,
        Self::NotAllowed,
        Self::Conflict,
        Self::Overlap,
        Self::InvalidArgument,
        Self::SourceUnreadable,
        Self::SourceInvalid,
        Self::SourceUnsupported,
        Self::EncoderUnavailable,
        Self::EncoderFailed,
        Self::StateInvalid,
        Self::StateInUse,
        Self::LimitReached,
        Self::Closed,
        Self::Ended,
        Self::TimedOut,
        Self::Host,
        Self::Forked,
        Self::Panicked,
    ];
}

impl From<ErrorKind> for streambro_result {
    fn from(kind: ErrorKind) -> Self {
        let same = Self::ALL.into_iter().find(|result| *result as u32 == kind as u32);
        // A test holds that there is one for each.
        same.unwrap_or(Self::Host)
    }
}

/// Returns the name of a code, such as `"not_found"`: the one in JSON and in the documentation. NULL for a number that is none.
/// The text is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn streambro_result_name(code: u32) -> *const c_char {
    look(ptr::null(), || words(code).map_or(ptr::null(), |(name, _)| name.as_ptr()))
}

/// Returns what a code means, in a sentence or two. NULL for a number that is none. The text is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn streambro_result_meaning(code: u32) -> *const c_char {
    look(ptr::null(), || words(code).map_or(ptr::null(), |(_, meaning)| meaning.as_ptr()))
}

/// Name and meaning.
fn words(code: u32) -> Option<&'static (CString, CString)> {
    static WORDS: LazyLock<BTreeMap<u32, (CString, CString)>> = LazyLock::new(|| {
        let none = [
            (0, "ok", "It is done."),
            (1, "timeout", "Not in the time that was given."),
            (2, "end", "Nothing more will come."),
        ];
        let kinds = ErrorKind::ALL.iter().map(|kind| (*kind as u32, kind.name(), kind.meaning()));
        let all = none.into_iter().chain(kinds);
        all.map(|(code, name, meaning)| (code, (terminated(name), terminated(meaning)))).collect()
    });
    WORDS.get(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_number_and_its_name() {
        for kind in ErrorKind::ALL {
            let result = streambro_result::from(*kind);
            assert_eq!(result as u32, *kind as u32, "{kind:?} is missing in `streambro_result`");
            assert_eq!(words(*kind as u32).unwrap().0.to_str(), Ok(kind.name()));
            assert_eq!(format!("{result:?}"), format!("{kind:?}"));
        }
        assert_eq!(streambro_result::ALL.len(), ErrorKind::ALL.len() + 3);
        assert!(streambro_result_name(99).is_null());
    }
}
