//! A small disk for tests, which fills up.

use std::{path::Path, process::Command};

/// A file system in memory, gone with the test.
pub(crate) struct Mount(tempfile::TempDir);

impl Mount {
    /// One of a size such as `64k`. `None`, with the reason printed, where that is not allowed.
    pub(crate) fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(dir)),
            Ok(done) => {
                eprintln!("skipped: cannot mount a tmpfs: {}", String::from_utf8_lossy(&done.stderr));
                None
            }
            Err(error) => {
                eprintln!("skipped: no mount here: {error}");
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Mounts it anew with other options.
    pub(crate) fn set(&self, options: &str) {
        assert!(Command::new("mount").args(["-o", options]).arg(self.path()).status().unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
