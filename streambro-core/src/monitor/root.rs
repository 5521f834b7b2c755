//! Where the kernel shows itself.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// No file that is looked at is longer: `smaps` of a process with many thousand mappings is cut.
const MAX_TEXT: u64 = 4 << 20;

/// The folder that holds `proc` and `sys`: `/`, but for tests.
#[derive(Clone, Debug)]
pub(crate) struct Root(PathBuf);

impl Default for Root {
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl Root {
    /// Another root, laid out like a real one.
    #[cfg(test)]
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where `path` of the real root is.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a file, as far as it can be read.
    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let mut bytes = vec![];
        File::open(self.path(path)).ok()?.take(MAX_TEXT).read_to_end(&mut bytes).ok()?;
        Some(
            String::from_utf8(bytes).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into()),
        )
    }
}
