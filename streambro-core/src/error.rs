//! The one error type of the public face.

use std::fmt;

use serde::{Serialize, Serializer};

/// The result of a public operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The class of the failure.
    pub kind: ErrorKind,
    /// What it happened to: a stream id, a path, a setting. Never a key.
    pub subject: String,
    /// A sentence for people.
    pub detail: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), detail: detail.into() }
    }
}

#[cfg(feature = "schema")]
as_text!(ErrorKind, "ErrorKind", "The class of an error, by its name in `docs/errors.md`.");

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind.name(), self.subject, self.detail)
    }
}

impl std::error::Error for Error {}

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $name:ident = $number:literal, $text:literal;)*) => {
        /// The class of an [`Error`]. The numbers are the C result codes: they are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum ErrorKind {
            $($(#[doc = $meaning])+ $name = $number,)*
        }

        impl ErrorKind {
            /// Every kind, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name that C, Python and the documentation use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Returns what it means, in a sentence or two.
            pub fn meaning(self) -> &'static str {
                match self {
                    // Each line of a comment begins with the space that belongs between two of them.
                    $(Self::$name => concat!($($meaning),+).trim_ascii(),)*
                }
            }
        }
    };
}

kinds! {
    /// A setting is missing, malformed or contradicts another.
    InvalidSpec = 100, "invalid_spec";
    /// Another stream with another spec has this id.
    AlreadyExists = 101, "already_exists";
    /// No stream has this id.
    NotFound = 102, "not_found";
    /// A path or destination is outside what the host allows.
    NotAllowed = 103, "not_allowed";
    /// Somebody else has changed it meanwhile: look at it again, then change it.
    Conflict = 104, "conflict";
    /// Two streams would send to one destination at the same time.
    Overlap = 105, "overlap";
    /// The program that calls made a mistake: a null pointer, a text that is not UTF-8, a number without a meaning. Of C and
    /// Python.
    InvalidArgument = 106, "invalid_argument";
    /// The source cannot be opened or read.
    SourceUnreadable = 110, "source_unreadable";
    /// The source breaks the rules of its format.
    SourceInvalid = 111, "source_invalid";
    /// The source is sound but cannot be copied natively.
    SourceUnsupported = 112, "source_unsupported";
    /// There is no ffmpeg, or none of the encoders that were asked for works here.
    EncoderUnavailable = 113, "encoder_unavailable";
    /// What ffmpeg was asked for it could not make.
    EncoderFailed = 114, "encoder_failed";
    /// What is kept in the state directory is damaged, of another program or of a newer streambro. It was left as it is.
    StateInvalid = 120, "state_invalid";
    /// Another manager, of this process or another, uses the state directory.
    StateInUse = 121, "state_in_use";
    /// A limit of the manager is reached.
    LimitReached = 200, "limit_reached";
    /// The manager is shutting down or gone.
    Closed = 300, "closed";
    /// The stream ended before what was waited for.
    Ended = 301, "ended";
    /// Something took longer than its time allows.
    TimedOut = 302, "timed_out";
    /// The host lacks something that streambro needs: a thread, a file descriptor, memory, a directory that can be used.
    Host = 400, "host";
    /// The process was forked after it had used streambro, and this is the child: it has none of the threads. Let it `exec`, or
    /// use streambro in the parent alone. Of C and Python.
    Forked = 401, "forked";
    /// A mistake in streambro itself, caught before it could do harm: other streams go on. Please report it. Of C and Python.
    Panicked = 402, "panicked";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_the_published_table() {
        let table: Vec<_> = ErrorKind::ALL.iter().map(|kind| (*kind as u32, kind.name())).collect();
        assert_eq!(
            table,
            [
                (100, "invalid_spec"),
                (101, "already_exists"),
                (102, "not_found"),
                (103, "not_allowed"),
                (104, "conflict"),
                (105, "overlap"),
                (106, "invalid_argument"),
                (110, "source_unreadable"),
                (111, "source_invalid"),
                (112, "source_unsupported"),
                (113, "encoder_unavailable"),
                (114, "encoder_failed"),
                (120, "state_invalid"),
                (121, "state_in_use"),
                (200, "limit_reached"),
                (300, "closed"),
                (301, "ended"),
                (302, "timed_out"),
                (400, "host"),
                (401, "forked"),
                (402, "panicked"),
            ]
        );
    }
}
