//! What the C ABI and the Python package of streambro share: how to live in a process that belongs to somebody else.
//!
//! A [`Scope`] is the manager with [`Threads`] of its own, which run the streams
//! and take none of the host's signals, [`guard`] turns panics into words, a child that was
//! forked is [told](refuse_forked), and [`parse`] reads JSON without repeating what may be a key.

mod draft;
mod fork;
mod json;
mod numbers;
mod panics;
mod scope;
mod threads;

use streambro_core::{Error, ErrorKind};

pub use self::{
    draft::remux,
    fork::{Kept, is_forked, refuse_forked},
    json::{parse, write},
    numbers::{MOST, instant, most},
    panics::guard,
    scope::{Scope, Seen},
    threads::{Threads, Work},
};

/// The result of what crosses a border.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says what went wrong here rather than beneath.
pub fn fault(kind: ErrorKind, subject: &str, detail: impl Into<String>) -> Error {
    Error { kind, subject: subject.to_owned(), detail: detail.into() }
}

/// Says what panicked.
pub fn panicked(panic: String) -> Error {
    fault(ErrorKind::Panicked, "streambro", panic)
}
