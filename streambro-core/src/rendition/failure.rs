//! Why a rendition could not be kept.

use std::{io, path::Path};

/// Why a rendition could not be made, found or removed. Never a reason to end a stream: it only encodes once more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Failure {
    /// The class of the failure.
    pub(crate) kind: FailureKind,
    /// A sentence for people: what happened, to what, what to do.
    pub(crate) detail: String,
}

/// The class of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The disk, or the share of it that this user has, is full.
    NoSpace,
    /// It would pass the quota, and nothing that nobody uses is left to remove.
    OverQuota,
    /// What was appended is not a whole FLV file.
    Malformed,
    /// Another process kept the directory locked.
    Busy,
    /// The system said no for another reason.
    Io,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// What `error` means for something in the directory at `dir`.
    pub(super) fn io(dir: &Path, error: &io::Error) -> Self {
        let dir = dir.display();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::new(
                FailureKind::NoSpace,
                format!(
                    "no room on the disk for a rendition in {dir}: {error}; free space or lower the quota"
                ),
            ),
            _ => Self::new(FailureKind::Io, format!("the renditions in {dir} cannot be used: {error}")),
        }
    }
}
