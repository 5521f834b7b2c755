//! What of the host's environment a child may see: nothing that is not named here.

use std::{
    ffi::{CString, OsString},
    fmt,
    hash::{BuildHasher, RandomState},
    os::unix::ffi::OsStringExt,
    sync::Arc,
};

/// The variable that marks a child as ours.
pub(super) const NAME: &str = "STREAMBRO_RUN";

/// Which of the host's variables reach the child. None by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Environment {
    /// Those that lead drivers to their hardware.
    pub(crate) hardware: bool,
    /// The search path of libraries, for an ffmpeg that needs it.
    pub(crate) library_path: bool,
}

const HARDWARE: &[&str] =
    &["LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"];
const LIBRARIES: &str = "LD_LIBRARY_PATH";

impl Environment {
    /// Writes the child's variables; `run` marks it as ours.
    pub(super) fn of(self, host: impl Iterator<Item = (OsString, OsString)>, run: &str) -> Vec<CString> {
        let passes = |name: &OsString| {
            self.hardware && HARDWARE.iter().any(|known| name == known)
                || self.library_path && name == LIBRARIES
        };
        // English words, whatever the host speaks: they are read by `death`.
        let ours = [("LANG", "C"), ("LC_ALL", "C"), (NAME, run)];
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        ours.into_iter()
            .chain(host.filter(|(name, _)| passes(name)))
            .filter_map(|(mut variable, value)| {
                variable.push("=");
                variable.push(value);
                CString::new(variable.into_vec()).ok()
            })
            .collect()
    }
}

/// How the children of every manager of one state directory are known, also by the next one: 128 bits in hex. No secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie(Arc<str>);

impl Cookie {
    /// Makes one that nobody else has.
    pub(crate) fn make() -> Self {
        Self(bits().into())
    }

    /// Takes one that was kept; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_bits(text.as_bytes()).then(|| Self(text.into()))
    }

    /// What to keep.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a mark was made with it.
    #[cfg(target_os = "linux")]
    pub(super) fn is_in(&self, mark: &[u8]) -> bool {
        let own = mark.strip_prefix(self.0.as_bytes()).and_then(|rest| rest.strip_prefix(b"-"));
        own.is_some_and(is_bits)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the mark of one child: 128 bits in hex that nobody else has, after the cookie of its owner. No secret.
pub(super) fn mark(owner: Option<&Cookie>) -> String {
    match owner {
        Some(Cookie(owner)) => format!("{owner}-{}", bits()),
        None => bits(),
    }
}

fn bits() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

fn is_bits(text: &[u8]) -> bool {
    text.len() == 32 && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(environment: Environment) -> Vec<String> {
        let hostile = [
            ("FFREPORT", "file=/tmp/log"),
            ("LD_PRELOAD", "/tmp/evil.so"),
            ("http_proxy", "http://x"),
            ("HOME", "/root"),
            ("PATH", "/tmp"),
            ("LANG", "de_DE.UTF-8"),
            ("LC_ALL", "de_DE.UTF-8"),
            ("STREAMBRO_RUN", "another"),
            ("LD_LIBRARY_PATH", "/opt/lib"),
            ("CUDA_VISIBLE_DEVICES", "1"),
            ("LIBVA_DRIVER_NAME", "iHD"),
        ];
        let host = hostile.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        environment.of(host, "0123").into_iter().map(|variable| variable.into_string().unwrap()).collect()
    }

    #[test]
    fn nothing_passes_but_what_was_asked_for() {
        let always = ["LANG=C", "LC_ALL=C", "STREAMBRO_RUN=0123"];
        assert_eq!(names(Environment::default()), always);
        let hardware = names(Environment { hardware: true, library_path: false });
        assert_eq!(hardware[3..], ["CUDA_VISIBLE_DEVICES=1", "LIBVA_DRIVER_NAME=iHD"]);
        let libraries = names(Environment { hardware: false, library_path: true });
        assert_eq!(libraries[3..], ["LD_LIBRARY_PATH=/opt/lib"]);
    }

    #[test]
    fn marks_are_128_bits_and_differ() {
        let marks: std::collections::HashSet<_> = (0..1_000).map(|_| mark(None)).collect();
        assert_eq!(marks.len(), 1_000);
        assert!(marks.iter().all(|mark| is_bits(mark.as_bytes())));
    }

    #[test]
    fn a_cookie_comes_back_from_its_text_and_from_no_other() {
        let cookie = Cookie::make();
        assert_eq!(Cookie::parse(cookie.as_str()), Some(cookie.clone()));
        assert_ne!(Cookie::make(), cookie);
        let text = cookie.as_str();
        let upper = format!("{}A", &text[1..]);
        for wrong in ["", "x", &text[1..], &format!("{text}0"), &format!("{text}\n"), &upper] {
            assert_eq!(Cookie::parse(wrong), None, "{wrong}");
        }
    }
}
