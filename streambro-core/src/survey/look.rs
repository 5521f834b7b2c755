//! A look at a file, for people and programs that must decide what to do with it.

use std::path::Path;

use super::shelf::{open_source, source_error};
use crate::{
    error::Result,
    media::probe::{self, MediaInfo},
};

/// Reports what is in a file: tracks, codec parameters, duration, keyframe intervals, bitrates.
///
/// Reads every table of the file, but no more of its media than the first picture; a film of ten hours takes a fraction
/// of a second and no more memory than a short one. Blocks for as long as the file system does.
///
/// # Errors
/// `SourceUnreadable`, `SourceInvalid`; `SourceUnsupported` with every reason why the file cannot be copied natively.
pub fn probe(path: impl AsRef<Path>) -> Result<MediaInfo> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let file = open_source(None, path, &name)?;
    let len = file.metadata().map_err(|error| source_error(&name, &error.into()))?.len();
    probe::probe(&file, len).map_err(|error| source_error(&name, &error))
}
