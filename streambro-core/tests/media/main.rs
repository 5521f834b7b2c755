//! The readers of media files: built files, broken files, and ffmpeg's own.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod build;
mod fragments;
mod hostile;
mod long;
mod oracle;
mod refusals;
mod tables;
mod walk;
