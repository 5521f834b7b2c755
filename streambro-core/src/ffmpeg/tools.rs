//! Which ffmpeg there is.

use std::{
    fmt, fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::ask::{Answer, Ear, Question, ask};
use crate::error::{Error, ErrorKind};

/// The oldest ffmpeg that is tested: Debian 12's.
pub(crate) const FLOOR: (u32, u32) = (5, 1);

/// It answers within 50 ms; a cold disk may take longer.
const TIME: Duration = Duration::from_secs(4);
/// More than its banner.
const MAX_WORDS: usize = 16 * 1_024;
/// How long one that did not answer is not asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// An ffmpeg that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tools {
    pub(crate) ffmpeg: PathBuf,
    /// The one beside it, else the one on the path.
    pub(crate) ffprobe: Option<PathBuf>,
    /// Unknown for a build from its sources.
    pub(crate) version: Option<(u32, u32)>,
    /// As it says it: `5.1.9-0+deb12u1`.
    pub(crate) version_text: String,
    pub(crate) identity: Identity,
}

/// Which file an ffmpeg is. An upgrade makes it another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

/// Why there is no ffmpeg to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// There is none at this path, or on the path.
    Missing(Option<PathBuf>),
    /// It is there and may not be run.
    NotExecutable(PathBuf),
    /// It is there and is no program of this machine.
    Foreign(PathBuf),
    /// It does not answer as ffmpeg does.
    Mute(PathBuf, String),
}

impl Lack {
    /// What is the matter, without the remedy.
    pub(crate) fn what(&self) -> String {
        match self {
            Self::Missing(None) => "there is no ffmpeg on the path".to_owned(),
            Self::Missing(Some(path)) => format!("there is no ffmpeg at {}", path.display()),
            Self::NotExecutable(path) => format!("{} may not be executed", path.display()),
            Self::Foreign(path) => format!("{} is no program of this system and processor", path.display()),
            Self::Mute(path, why) => format!("{} cannot be used: {why}", path.display()),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = FLOOR;
        if let Self::Missing(Some(_)) = self {
            return write!(
                f,
                "{}; correct the path, or leave it out to use the one on the path",
                self.what()
            );
        }
        let remedy = "or newer (Debian, Ubuntu: `apt-get install ffmpeg`)";
        write!(f, "{}; install ffmpeg {major}.{minor} {remedy}", self.what())
    }
}

impl From<Lack> for Error {
    fn from(lack: Lack) -> Self {
        Self::new(ErrorKind::EncoderUnavailable, "ffmpeg", lack.to_string())
    }
}

/// Finds an ffmpeg and remembers what it said of itself.
#[derive(Debug, Default)]
pub(crate) struct Toolbox {
    /// Where it is; `None` is on the path.
    wanted: Option<PathBuf>,
    known: Mutex<Option<Known>>,
}

/// What was found out of a file.
#[derive(Debug)]
struct Known {
    asked: Instant,
    identity: Identity,
    result: Result<Tools, Lack>,
}

impl Toolbox {
    /// Uses the ffmpeg at `wanted`, or the one on the path.
    pub(crate) fn new(wanted: Option<PathBuf>) -> Self {
        Self { wanted, known: Mutex::default() }
    }

    /// The ffmpeg that is there now.
    ///
    /// Looks at its file each time and asks it only when that is another one; several callers ask once. Blocks for 4 s
    /// at most, and for microseconds when it is known or missing.
    pub(crate) fn look(&self) -> Result<Tools, Lack> {
        // Held while it is asked: nobody else shall ask meanwhile.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, identity) = find(self.wanted.as_deref())?;
        if let Some(known) = &*known
            && known.identity == identity
            && (known.result.is_ok() || known.asked.elapsed() < PATIENCE)
        {
            return known.result.clone();
        }
        let result = examine(path, identity.clone());
        *known = Some(Known { asked: Instant::now(), identity, result: result.clone() });
        result
    }
}

/// The file of the ffmpeg that is wanted.
fn find(wanted: Option<&Path>) -> Result<(PathBuf, Identity), Lack> {
    let candidates = match wanted {
        Some(path) if path.components().count() > 1 => vec![path.to_owned()],
        Some(name) => on_path(name),
        None => on_path(Path::new("ffmpeg")),
    };
    let mut closed = None;
    for path in candidates {
        let Ok(file) = fs::metadata(&path) else { continue };
        if !file.is_file() {
            continue;
        }
        if file.permissions().mode() & 0o111 == 0 {
            closed.get_or_insert(path);
            continue;
        }
        let identity = Identity {
            path: path.clone(),
            device: file.dev(),
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
        };
        return Ok((path, identity));
    }
    Err(closed.map_or_else(|| Lack::Missing(wanted.map(Path::to_owned)), Lack::NotExecutable))
}

fn on_path(name: &Path) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // An empty entry is the folder in which the host happens to be.
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .collect()
}

fn examine(ffmpeg: PathBuf, identity: Identity) -> Result<Tools, Lack> {
    let args = ["-version".to_owned()];
    let words =
        match ask(&Question { program: &ffmpeg, args: &args, time: TIME, ear: Ear::Output(MAX_WORDS) }) {
            // The file is there: what is not is what would load it.
            Answer::Missing => return Err(Lack::Foreign(ffmpeg)),
            Answer::Refused(error) if error.raw_os_error() == Some(libc::ENOEXEC) => {
                return Err(Lack::Foreign(ffmpeg));
            }
            Answer::Refused(error) if error.raw_os_error() == Some(libc::EACCES) => {
                return Err(Lack::NotExecutable(ffmpeg));
            }
            Answer::Refused(error) => return Err(Lack::Mute(ffmpeg, error.to_string())),
            Answer::Failed(why) => return Err(Lack::Mute(ffmpeg, why)),
            Answer::Ended(ended) if ended.ok == Some(false) => {
                return Err(Lack::Mute(ffmpeg, format!("it ended with {}", ended.status)));
            }
            Answer::Ended(ended) => ended.words,
        };
    let Some(text) = version_text(&words) else {
        return Err(Lack::Mute(ffmpeg, "it does not answer as ffmpeg does".to_owned()));
    };
    let beside = ffmpeg.with_file_name("ffprobe");
    let ffprobe = std::iter::once(beside).chain(on_path(Path::new("ffprobe"))).find(|path| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    });
    Ok(Tools { ffprobe, version: version(text), version_text: text.to_owned(), identity, ffmpeg })
}

/// The version in `ffmpeg version 5.1.9-0+deb12u1 Copyright ...`.
fn version_text(words: &str) -> Option<&str> {
    words.lines().next()?.strip_prefix("ffmpeg version ")?.split(' ').next()
}

/// Reads `5.1.9-0+deb12u1` or `n7.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('n').unwrap_or(text).split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{super::ask::tests::script, *};

    #[test]
    fn versions_are_read_as_the_builds_in_use_write_them() {
        for (words, numbers) in [
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\n", Some((5, 1))),
            ("ffmpeg version n7.0 Copyright (c)\n", Some((7, 0))),
            ("ffmpeg version 6.1.1-3ubuntu5 Copyright\n", Some((6, 1))),
            ("ffmpeg version 4.4.2-static https://johnvansickle.com/ffmpeg/\n", Some((4, 4))),
            ("ffmpeg version N-109441-gc37b5dc3f3 Copyright\n", None),
            ("ffmpeg version 2024-01-01-git-abc Copyright\n", Some((2024, 1))),
            ("ffmpeg version 99999999999.1\n", None),
            ("", None),
            ("usage: ffmpeg\n", None),
        ] {
            assert_eq!(version_text(words).and_then(version), numbers, "{words}");
        }
    }

    #[test]
    fn the_one_on_the_path_is_found_with_its_ffprobe() {
        let tools = Toolbox::default().look().unwrap();
        assert!(tools.ffmpeg.is_absolute() && tools.ffprobe.is_some(), "{tools:?}");
        assert!(
            tools.version >= Some(FLOOR) && tools.version_text.starts_with(char::is_numeric),
            "{tools:?}"
        );
        assert_eq!(Toolbox::new(Some(tools.ffmpeg.clone())).look().unwrap(), tools);
        assert_eq!(Toolbox::new(Some("ffmpeg".into())).look().unwrap(), tools);
    }

    #[test]
    fn every_lack_has_its_name_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        // Written by another process: see `script`.
        let file = |name: &str, text: &str, mode: &str| {
            let path = folder.path().join(name);
            let maker = ["-c", r#"printf "$1" >"$2" && chmod "$3" "$2""#, "sh", text];
            let done = Command::new("sh").args(maker).arg(&path).arg(mode).status().unwrap();
            assert!(done.success());
            path
        };
        let look = |path: &Path| Toolbox::new(Some(path.to_owned())).look().unwrap_err();
        let closed = file("closed", r"#!/bin/sh\n", "644");
        let foreign = file("foreign", r"\177ELF\002\001\001\000no such machine", "755");
        let unloadable = file("unloadable", r"#!/no/such/loader\n", "755");
        let other = script(folder.path(), "other", "echo hello");
        let fails = script(folder.path(), "fails", "echo ffmpeg version 6.0; exit 3");
        let missing = folder.path().join("missing");
        for (path, lack) in [
            (&missing, Lack::Missing(Some(missing.clone()))),
            (&folder.path().to_owned(), Lack::Missing(Some(folder.path().to_owned()))),
            (&closed, Lack::NotExecutable(closed.clone())),
            (&foreign, Lack::Foreign(foreign.clone())),
            (&unloadable, Lack::Foreign(unloadable.clone())),
        ] {
            assert_eq!(look(path), lack);
        }
        assert!(matches!(look(&other), Lack::Mute(_, why) if why.contains("as ffmpeg does")));
        assert!(matches!(look(&fails), Lack::Mute(_, why) if why.contains("3")));
        let error = Error::from(look(&missing));
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::EncoderUnavailable, "ffmpeg"));
        assert!(error.detail.contains("missing") && error.detail.contains("correct the path"), "{error}");
    }

    #[test]
    fn it_is_asked_once_until_its_file_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let text = |version: &str| format!("echo x >>{}; echo ffmpeg version {version}", asked.display());
        let path = script(folder.path(), "ffmpeg", &text("6.0"));
        let toolbox = Toolbox::new(Some(path.clone()));
        let count = || fs::read_to_string(&asked).unwrap().lines().count();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(toolbox.look().unwrap().version, Some((6, 0))));
            }
        });
        assert_eq!(count(), 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(toolbox.look().unwrap_err(), Lack::Missing(Some(path.clone())));
        script(folder.path(), "ffmpeg", &text("7.0"));
        assert_eq!(toolbox.look().unwrap().version, Some((7, 0)));
        assert_eq!(count(), 2);
    }

    #[test]
    fn one_that_fails_is_not_asked_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let path = script(folder.path(), "ffmpeg", &format!("echo x >>{}; exit 1", asked.display()));
        let toolbox = Toolbox::new(Some(path));
        for _ in 0..20 {
            toolbox.look().unwrap_err();
        }
        assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), 1);
    }
}
