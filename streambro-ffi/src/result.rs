//! What calls return.

use std::ffi::{CStr, c_char};

use streambro_core::ErrorKind;

use crate::boundary::look;

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

/// Returns the name of a code, such as `"not_found"`: the one in JSON and in the documentation. NULL for a number that is
/// none. The text is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn streambro_result_name(code: u32) -> *const c_char {
    look(std::ptr::null(), || name(code).map_or(std::ptr::null(), CStr::as_ptr))
}

fn name(code: u32) -> Option<&'static CStr> {
    Some(match streambro_result::ALL.into_iter().find(|result| *result as u32 == code)? {
        streambro_result::Ok => c"ok",
        streambro_result::Timeout => c"timeout",
        streambro_result::End => c"end",
        streambro_result::InvalidSpec => c"invalid_spec",
        streambro_result::AlreadyExists => c"already_exists",
        streambro_result::NotFound => c"not_found",
        streambro_result::NotAllowed => c"not_allowed",
        streambro_result::Conflict => c"conflict",
        streambro_result::Overlap => c"overlap",
        streambro_result::InvalidArgument => c"invalid_argument",
        streambro_result::SourceUnreadable => c"source_unreadable",
        streambro_result::SourceInvalid => c"source_invalid",
        streambro_result::SourceUnsupported => c"source_unsupported",
        streambro_result::EncoderUnavailable => c"encoder_unavailable",
        streambro_result::EncoderFailed => c"encoder_failed",
        streambro_result::StateInvalid => c"state_invalid",
        streambro_result::StateInUse => c"state_in_use",
        streambro_result::LimitReached => c"limit_reached",
        streambro_result::Closed => c"closed",
        streambro_result::Ended => c"ended",
        streambro_result::TimedOut => c"timed_out",
        streambro_result::Host => c"host",
        streambro_result::Forked => c"forked",
        streambro_result::Panicked => c"panicked",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_number_and_its_name() {
        for kind in ErrorKind::ALL {
            let result = streambro_result::from(*kind);
            assert_eq!(result as u32, *kind as u32, "{kind:?} is missing in `streambro_result`");
            assert_eq!(name(*kind as u32).unwrap().to_str().unwrap(), kind.name());
            assert_eq!(format!("{result:?}"), format!("{kind:?}"));
        }
        assert_eq!(streambro_result::ALL.len(), ErrorKind::ALL.len() + 3);
        assert!(streambro_result_name(99).is_null());
    }
}
