//! The C ABI of streambro.
//!
//! `boundary` is the wall: each exported function is a few lines inside one of its calls. What the functions promise stands in
//! `include/streambro.h`, which cbindgen makes of this crate; its first page, in `cbindgen.toml`, has the conventions.

#![expect(non_camel_case_types, reason = "they are called the same in C")]
#![expect(clippy::missing_safety_doc, reason = "the conventions of the header hold for every function")]

mod boundary;
pub mod builder;
pub mod error;
pub mod events;
#[cfg(feature = "test-hooks")]
mod hooks;
pub mod manager;
pub mod media;
pub mod phase;
pub mod preparation;
pub mod result;
pub mod spec;
pub mod text;
pub mod version;
pub mod words;
