//! Programs that stand in for ffmpeg: scripts around the real one, that do with a run what a test wants.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A script that is started in place of ffmpeg. Dropped, its folder is removed.
#[derive(Debug)]
pub struct Wrapper {
    dir: tempfile::TempDir,
}

impl Wrapper {
    /// Does `body` with a run that makes a stream, and leaves everything else (versions, trials) to the real ffmpeg.
    ///
    /// `body` is for `/bin/sh`. It finds the arguments in `"$@"`, the real ffmpeg in `$real`, and in `$dir` a folder of
    /// its own with a file `runs` that has a line for each run so far, this one included; their number is `$run`.
    ///
    /// # Panics
    /// When the script cannot be written, or there is no ffmpeg.
    #[must_use]
    pub fn runs(body: &str) -> Self {
        Self::new(
            &format!("echo $$ >>\"$dir/runs\"\nrun=$(wc -l <\"$dir/runs\")\n{body}"),
            "exec \"$real\" \"$@\"",
        )
    }

    /// The same, with `trial` for everything but a run.
    ///
    /// # Panics
    /// When the script cannot be written, or there is no ffmpeg.
    #[must_use]
    pub fn new(run: &str, trial: &str) -> Self {
        let dir = crate::scratch();
        let (real, here) = (real(), dir.path().display());
        // Only a run tells its progress.
        let script = format!(
            "#!/bin/sh\nreal='{}'\ndir='{here}'\ncase \" $* \" in\n*' -progress '*)\n{run}\n;;\n*)\n{trial}\n;;\nesac\n",
            real.display()
        );
        let path = dir.path().join("ffmpeg");
        fs::write(&path, script).expect("a script can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script can be made one");
        fs::write(dir.path().join("runs"), "").expect("a file can be written");
        Self { dir }
    }

    /// The script.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ffmpeg")
    }

    /// A file in the folder that the script knows as `$dir`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs so far.
    ///
    /// # Panics
    /// When the file of runs is gone.
    #[must_use]
    pub fn count(&self) -> usize {
        fs::read_to_string(self.file("runs")).expect("it was written").lines().count()
    }
}

/// The real ffmpeg.
///
/// # Panics
/// When there is none on the path.
#[must_use]
pub fn real() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join("ffmpeg"))
        .find(|path| Path::is_file(path))
        .expect("ffmpeg is on the path (tests/run installs what the tests need)")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_run_is_told_from_a_question_and_counted() {
        let wrapper = Wrapper::runs("echo \"run $run of $2\"; exit 3");
        let out = |args: &[&str]| Command::new(wrapper.path()).args(args).env_clear().output().unwrap();
        let version = out(&["-version"]);
        assert!(String::from_utf8_lossy(&version.stdout).starts_with("ffmpeg version"), "{version:?}");
        assert_eq!(wrapper.count(), 0);
        for run in 1..=2 {
            let said = out(&["-progress", "pipe:5"]);
            assert_eq!(
                (said.status.code(), &*said.stdout),
                (Some(3), format!("run {run} of pipe:5\n").as_bytes())
            );
            assert_eq!(wrapper.count(), run);
        }
    }
}
