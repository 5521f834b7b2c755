//! Directories in which we alone write, and their files: beneath the open directory, never through a link.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
};

use crate::error::{Error, ErrorKind};

/// Never through a link, never waiting for a FIFO, never into a child.
pub(crate) const FLAGS: OFlags =
    OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// Files are for their owner alone (reliability S17).
pub(crate) const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What a directory is for, in words for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose {
    /// As in "the directory for renditions".
    pub(crate) what: &'static str,
    /// What whoever may write to it could do, as in "put pictures on your channels".
    pub(crate) harm: &'static str,
}

/// What is found under a name.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file, open.
    File(File),
    /// No such name.
    Nothing,
    /// A link, a directory, a pipe.
    Other,
}

/// Opens a directory, and returns it with its absolute path; makes it, for its owner alone, if it is not there.
///
/// # Errors
/// `NotAllowed` when it belongs to someone else or others may write to it, `Host` when the system says no.
pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<(File, PathBuf), Error> {
    let name = path.display().to_string();
    let Purpose { what, harm } = purpose;
    let host = |error: io::Error| {
        let detail =
            format!("{what} cannot be used: {error}; name one that you may write to, or let it be made");
        Error::new(ErrorKind::Host, &name, detail)
    };
    let path = std::path::absolute(path).map_err(host)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(host)?;
    let flags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    let opened = rustix::fs::openat(CWD, &path, flags, Mode::empty());
    let handle = File::from(opened.map_err(|error| host(error.into()))?);
    let meta = handle.metadata().map_err(host)?;
    let refusal = if meta.uid() != rustix::process::geteuid().as_raw() {
        Some(format!("it belongs to another user: whoever owns it could {harm}"))
    } else if meta.mode() & 0o022 != 0 {
        Some(format!("others may write to it and could {harm}; `chmod go-w` it"))
    } else {
        None
    };
    match refusal {
        Some(detail) => Err(Error::new(ErrorKind::NotAllowed, name, detail)),
        None => Ok((handle, path)),
    }
}

/// Opens a file of a directory.
pub(crate) fn file(dir: &File, name: &str, access: OFlags) -> io::Result<Found> {
    // A look before: to open a device may do something.
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {}
        Ok(_) => return Ok(Found::Other),
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(error) => return Err(error.into()),
    }
    let file = match rustix::fs::openat(dir, name, FLAGS.union(access), Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(Errno::LOOP | Errno::NXIO) => return Ok(Found::Other),
        Err(error) => return Err(error.into()),
    };
    Ok(if file.metadata()?.is_file() { Found::File(file) } else { Found::Other })
}
