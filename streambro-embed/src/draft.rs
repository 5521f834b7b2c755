//! A file made of another one.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use streambro_core::{ErrorKind, RemuxReport, Repeat};

use crate::{Result, fault};

/// Writes what a destination would receive of a file, so many times in a row, to another one, which is there once it is whole.
///
/// Blocks until then.
///
/// # Errors
/// Those of [`streambro_core::remux`]; `Host` when it cannot be written.
pub fn remux(path: &Path, target: &Path, times: u32) -> Result<RemuxReport> {
    let mut draft = Draft { target: target.to_owned(), written: None };
    let report = streambro_core::remux(path, &mut draft, Repeat::Times(times))?;
    let failed = |error: io::Error| fault(ErrorKind::Host, &target.to_string_lossy(), error.to_string());
    draft.keep().map_err(failed)?;
    Ok(report)
}

/// A file that takes its place once it is whole. It is begun with its first byte: by then the source is open.
struct Draft {
    target: PathBuf,
    /// Where it is until then.
    written: Option<(PathBuf, File)>,
}

impl Draft {
    fn begin(&mut self) -> io::Result<&mut File> {
        let (_, file) = match &mut self.written {
            Some(written) => written,
            written => {
                let mut name = OsString::from(".");
                name.push(self.target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
                name.push(format!(".{}", process::id()));
                let path = self.target.with_file_name(name);
                let file = File::create_new(&path)?;
                written.insert((path, file))
            }
        };
        Ok(file)
    }

    fn keep(mut self) -> io::Result<()> {
        self.begin()?;
        if let Some((path, _)) = &self.written {
            fs::rename(path, &self.target)?;
        }
        self.written = None;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begin()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.written.as_mut().map_or(Ok(()), |(_, file)| file.flush())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.written {
            let _ = fs::remove_file(path);
        }
    }
}
