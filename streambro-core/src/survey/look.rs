//! A look at a file, for people and programs that must decide what to do with it.

use std::{fs::File, path::Path};

use serde::Serialize;

use super::{
    open::Root,
    shelf::{in_words, open_source, source_error},
};
use crate::{
    error::Result,
    media::{
        error::{MediaError, Unsupported},
        probe::{self, MediaInfo},
    },
};

/// What is in a file, and whether it can go out as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Probe {
    /// Tracks, codec parameters, durations, rates. `None` when an obstacle is in the way of knowing.
    pub info: Option<MediaInfo>,
    /// Every reason why the file cannot be copied natively. Empty: it can.
    pub obstacles: Vec<Unsupported>,
}

impl Probe {
    /// Whether the native engine can copy the file.
    pub fn is_native(&self) -> bool {
        self.obstacles.is_empty()
    }
}

/// Reports what is in an MP4 or FLV file, and whether it can go out as it is.
///
/// Reads every table of the file, but no more of its media than the first picture; a film of ten hours takes a fraction
/// of a second and no more memory than a short one. Blocks for as long as the file system does.
///
/// # Errors
/// `SourceUnreadable`; `SourceInvalid` when it is no regular file or breaks the rules of its format; `SourceUnsupported`
/// when it is neither MP4 nor FLV; `Host` when a descriptor or memory is lacking.
pub fn probe(path: impl AsRef<Path>) -> Result<Probe> {
    look(None, path.as_ref())
}

/// The same, beneath `root` if there is one.
pub(super) fn look(root: Option<&Root>, path: &Path) -> Result<Probe> {
    let name = path.display().to_string();
    let file = open_source(root, path, &name)?;
    let len = file.metadata().map_err(|error| source_error(&name, &error.into()))?.len();
    look_at(&file, len, &name)
}

/// The same of `len` bytes of an open file.
pub(super) fn look_at(file: &File, len: u64, name: &str) -> Result<Probe> {
    match probe::probe(file, len) {
        Ok(mut info) => {
            let obstacles = std::mem::take(&mut info.obstacles);
            Ok(Probe { info: Some(info), obstacles })
        }
        Err(MediaError::Unsupported(obstacles)) if obstacles != [Unsupported::Container] => {
            Ok(Probe { info: None, obstacles })
        }
        Err(error) => Err(source_error(name, &in_words(file, len, error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_bundled_clip_is_native() {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4");
        let found = probe(clip).unwrap();
        assert!(found.is_native());
        let info = found.info.unwrap();
        assert_eq!((info.duration_ms, info.video.unwrap().first_is_idr), (8_000, Some(true)));
    }

    #[test]
    fn what_is_no_media_is_an_error_about_the_file() {
        let error = probe(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::SourceUnsupported);
        assert!(error.subject.ends_with("Cargo.toml"), "{error}");
    }
}
