//! What a child may touch: its input, what it needs to start, and nothing else.
//!
//! ffmpeg parses foreign bytes in C and has a record of what comes of that (reliability.md 2.3), so it runs as if it
//! were taken over already. A thread puts this on itself and spawns; the child inherits it and cannot take it off.

#[cfg(target_os = "linux")]
mod landlock;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::process::Cookie;
use crate::{status::SandboxLevel, sys};

/// How much of the sandbox around ffmpeg must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sandbox {
    /// None of it.
    Off,
    /// What this system has; the status says what that is.
    #[default]
    BestEffort,
    /// No new privileges, and no files but its own: where the kernel cannot do that (Landlock, Linux 5.13), nothing is
    /// started. The network is denied as well from Linux 6.7 on.
    Required,
}

/// The sandbox of one launch.
#[derive(Clone, Debug)]
pub(crate) struct SandboxPlan {
    /// How much of it must hold.
    pub(crate) sandbox: Sandbox,
    /// Whether it may use the devices that encode and decode.
    pub(crate) devices: bool,
    /// What it may read besides, and execute: where an ffmpeg keeps its libraries in a place of its own.
    pub(crate) read: Vec<PathBuf>,
    /// What the kernel can do.
    pub(crate) kernel: Kernel,
    /// Whose child it is, by which it is found when a host was killed and it was not.
    pub(crate) owner: Option<Cookie>,
}

/// What the kernel can do for a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// The version of its Landlock; 0 where there is none.
    pub(crate) landlock: u32,
}

/// Why the sandbox that was asked for cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lacking(pub(crate) String);

impl Kernel {
    /// Asks the running one.
    pub(crate) fn probe() -> Self {
        Self { landlock: sys::child::landlock_version() }
    }

    /// What would hold around a child.
    pub(crate) fn promises(self, sandbox: Sandbox) -> Result<SandboxLevel, Lacking> {
        match sandbox {
            Sandbox::Off => Ok(SandboxLevel::default()),
            Sandbox::Required if self.landlock == 0 => Err(Lacking(
                "this kernel has no Landlock, or does not enable it; Linux 5.13 and newer have it (`lsm=landlock,...` on \
                 the kernel's command line), or ask for the sandbox `best_effort`"
                    .to_owned(),
            )),
            Sandbox::BestEffort | Sandbox::Required => Ok(SandboxLevel {
                no_new_privs: cfg!(target_os = "linux"),
                files: self.landlock >= 1,
                tcp: self.landlock >= 4,
                landlock: self.landlock,
            }),
        }
    }
}

impl Default for SandboxPlan {
    fn default() -> Self {
        Self {
            sandbox: Sandbox::default(),
            devices: false,
            read: vec![],
            kernel: Kernel::probe(),
            owner: None,
        }
    }
}

impl SandboxPlan {
    /// Puts it on the calling thread, for good, and says what holds.
    pub(super) fn apply(&self, program: &Path, input: Option<&File>) -> Result<SandboxLevel, Lacking> {
        let mut level = self.kernel.promises(self.sandbox)?;
        if self.sandbox == Sandbox::Off {
            return Ok(level);
        }
        #[cfg(target_os = "linux")]
        {
            let mut failed = vec![];
            if let Err(error) = rustix::thread::set_no_new_privs(true) {
                level.no_new_privs = false;
                failed.push(format!("no_new_privs: {error}"));
            }
            if level.files
                && let Err(error) = landlock::restrict(self, program, input)
            {
                level = SandboxLevel { no_new_privs: level.no_new_privs, ..SandboxLevel::default() };
                failed.push(format!("Landlock: {error}"));
            }
            if self.sandbox == Sandbox::Required && !failed.is_empty() {
                return Err(Lacking(format!("{}; or ask for the sandbox `best_effort`", failed.join(", "))));
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (program, input, &mut level);
        Ok(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_landlock_required_refuses_and_best_effort_says_what_is_left() {
        let without = Kernel { landlock: 0 };
        assert!(without.promises(Sandbox::Required).unwrap_err().0.contains("Landlock"));
        let level = without.promises(Sandbox::BestEffort).unwrap();
        assert_eq!((level.no_new_privs, level.files, level.tcp), (cfg!(target_os = "linux"), false, false));
        assert_eq!(without.promises(Sandbox::Off).unwrap(), SandboxLevel::default());
    }

    #[test]
    fn an_older_landlock_holds_files_and_not_the_network() {
        for (landlock, tcp) in [(1, false), (3, false), (4, true), (99, true)] {
            let level = Kernel { landlock }.promises(Sandbox::Required).unwrap();
            assert_eq!((level.files, level.tcp, level.landlock), (true, tcp, landlock));
        }
    }
}
