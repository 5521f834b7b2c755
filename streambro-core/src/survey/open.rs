//! Opens a file without trusting its name.

use std::{
    fs::File,
    io,
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// The path leads outside the media root.
    #[error("the path leads outside the media root")]
    Outside,
    /// It is a directory, a pipe, a device or a socket.
    #[error("this is {0}, not a regular file")]
    NotAFile(&'static str),
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Never blocks on a FIFO, never becomes a controlling terminal, never leaks into a child.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens that a concurrent rename may spoil before the slow way is taken.
#[cfg(target_os = "linux")]
const MAX_TRIES: u32 = 1_000;

/// For the root itself, which is only a place to walk from.
#[cfg(target_os = "linux")]
const ROOT_FLAGS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const ROOT_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens `path` for reading; beneath `root` if there is one.
///
/// Blocks for as long as the file system does.
pub(crate) fn open(root: Option<&Root>, path: &Path) -> Result<File, OpenError> {
    let file = match root {
        Some(root) => beneath(root, path)?,
        None => File::from(rustix::fs::openat(CWD, path, FLAGS, Mode::empty()).map_err(io::Error::from)?),
    };
    let kind = file.metadata()?;
    let file_type = {
        use std::os::unix::fs::FileTypeExt;
        let kind = kind.file_type();
        match () {
            () if kind.is_dir() => Some("a directory"),
            () if kind.is_fifo() => Some("a pipe"),
            () if kind.is_block_device() || kind.is_char_device() => Some("a device"),
            () if kind.is_socket() => Some("a socket"),
            () => None,
        }
    };
    match file_type {
        Some(what) => Err(OpenError::NotAFile(what)),
        None if kind.len() == 0 => Err(OpenError::Empty),
        None => Ok(file),
    }
}

/// The one directory from which files may be opened.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    written: PathBuf,
    real: PathBuf,
}

impl Root {
    /// Resolves a directory, once: later the root is what it was then.
    ///
    /// # Errors
    /// Those of the file system; `NotADirectory`.
    pub(crate) fn new(written: PathBuf) -> io::Result<Self> {
        let real = std::fs::canonicalize(&written)?;
        if real.is_dir() { Ok(Self { written, real }) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// `path` as seen from the root, whichever way it was written.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        relative(&self.written, path).or_else(|| relative(&self.real, path))
    }
}

/// Opens `path` so that no symbolic link, `..` or race can lead outside `root`: the kernel checks while it walks.
fn beneath(root: &Root, path: &Path) -> Result<File, OpenError> {
    let inside = root.inside(path).ok_or(OpenError::Outside)?;
    let directory =
        rustix::fs::openat(CWD, &root.real, ROOT_FLAGS, Mode::empty()).map_err(io::Error::from)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
        for _ in 0..MAX_TRIES {
            match openat2(&directory, &inside, FLAGS, Mode::empty(), resolve) {
                Ok(file) => return Ok(file.into()),
                Err(Errno::XDEV) => return Err(OpenError::Outside),
                // Something on the way was renamed while the kernel walked.
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Before Linux 5.6, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => break,
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }
    step_by_step(directory, &inside)
}

/// The same without the kernel's help: one component at a time, following no link at all.
fn step_by_step(mut directory: rustix::fd::OwnedFd, inside: &Path) -> Result<File, OpenError> {
    let mut components = inside.components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else { return Err(OpenError::Outside) };
        let flags = match components.peek() {
            Some(_) => OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC),
            None => FLAGS,
        };
        directory = match rustix::fs::openat(&directory, name, flags.union(OFlags::NOFOLLOW), Mode::empty()) {
            Ok(next) => next,
            Err(Errno::LOOP | Errno::NOTDIR) => return Err(OpenError::Outside),
            Err(error) => return Err(io::Error::from(error).into()),
        };
    }
    Ok(directory.into())
}

/// `path` as seen from `root`, by whole components: `/data-evil` is not under `/data`.
fn relative(root: &Path, path: &Path) -> Option<PathBuf> {
    let inside = if path.is_absolute() { path.strip_prefix(root).ok()? } else { path };
    let mut clean = PathBuf::new();
    for component in inside.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            // Not resolved in text: what `a/..` means depends on what `a` is.
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!clean.as_os_str().is_empty()).then_some(clean)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::symlink,
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    struct Jail {
        // Held for its Drop.
        _base: tempfile::TempDir,
        root: PathBuf,
        outside: PathBuf,
    }

    impl Jail {
        fn open(&self, path: &Path) -> Result<File, OpenError> {
            open(Some(&Root::new(self.root.clone()).unwrap()), path)
        }
    }

    fn jail() -> Jail {
        let base = tempfile::tempdir().unwrap();
        let (root, outside) = (base.path().join("data"), base.path().join("data-evil"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(root.join("in.mp4"), "inside").unwrap();
        fs::write(outside.join("out.mp4"), "outside").unwrap();
        Jail { _base: base, root, outside }
    }

    fn text(file: &File) -> String {
        let mut text = String::new();
        io::Read::read_to_string(&mut &*file, &mut text).unwrap();
        text
    }

    #[test]
    fn files_under_the_root_open_by_relative_and_absolute_path() {
        let jail = jail();
        symlink("in.mp4", jail.root.join("link.mp4")).unwrap();
        for path in
            [Path::new("in.mp4"), Path::new("./in.mp4"), &jail.root.join("in.mp4"), Path::new("link.mp4")]
        {
            assert_eq!(text(&jail.open(path).unwrap()), "inside", "{path:?}");
        }
    }

    #[test]
    fn nothing_outside_the_root_opens() {
        let jail = jail();
        symlink(jail.outside.join("out.mp4"), jail.root.join("absolute.mp4")).unwrap();
        symlink("../data-evil", jail.root.join("dir")).unwrap();
        let evil = jail.outside.join("out.mp4");
        for path in
            ["../data-evil/out.mp4", "absolute.mp4", "dir/out.mp4", "in.mp4/../../data-evil/out.mp4", "", "."]
                .map(Path::new)
                .into_iter()
                .chain([evil.as_path(), Path::new("/etc/passwd")])
        {
            assert!(matches!(jail.open(path), Err(OpenError::Outside)), "{path:?}");
        }
    }

    #[test]
    fn without_the_kernels_help_no_link_is_followed() {
        let jail = jail();
        symlink("../data-evil", jail.root.join("dir")).unwrap();
        symlink("in.mp4", jail.root.join("link.mp4")).unwrap();
        let root = || -> rustix::fd::OwnedFd { File::open(&jail.root).unwrap().into() };
        assert_eq!(text(&step_by_step(root(), Path::new("in.mp4")).unwrap()), "inside");
        for path in ["dir/out.mp4", "link.mp4", "in.mp4/x"] {
            let refused = step_by_step(root(), Path::new(path));
            assert!(matches!(refused, Err(OpenError::Outside)), "{path}");
        }
    }

    #[test]
    fn a_link_swapped_ten_thousand_times_never_leads_outside() {
        let jail = jail();
        let (stop, link) = (AtomicBool::new(false), jail.root.join("swap.mp4"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let fresh = jail.root.join("fresh");
                while !stop.load(Ordering::Relaxed) {
                    for target in ["in.mp4", "../data-evil/out.mp4"] {
                        symlink(target, &fresh).unwrap();
                        fs::rename(&fresh, &link).unwrap();
                    }
                }
            });
            let mut opened = 0;
            for _ in 0..10_000 {
                if let Ok(file) = jail.open(Path::new("swap.mp4")) {
                    assert_eq!(text(&file), "inside");
                    opened += 1;
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(opened > 0, "the race never let the good file through: the test proves nothing");
        });
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let jail = jail();
        rustix::fs::mknodat(CWD, jail.root.join("fifo"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        fs::write(jail.root.join("empty"), "").unwrap();
        let refused = |path: &Path| open(None, path).unwrap_err().to_string();
        assert_eq!(refused(&jail.root), "this is a directory, not a regular file");
        assert_eq!(refused(&jail.root.join("fifo")), "this is a pipe, not a regular file");
        assert_eq!(refused(Path::new("/dev/zero")), "this is a device, not a regular file");
        assert_eq!(refused(&jail.root.join("empty")), "the file is empty");
    }
}
