//! What a child may touch: its input, what it needs to start, and nothing else.
//!
//! ffmpeg parses foreign bytes in C and has a record of what comes of that (reliability.md 2.3), so it runs as if it
//! were taken over already. A thread puts this on itself and spawns; the child inherits it and cannot take it off.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::sys;

/// How much of the sandbox around ffmpeg must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
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

/// What really holds around an ffmpeg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct SandboxLevel {
    /// No program that it starts gets more rights than it has.
    pub no_new_privs: bool,
    /// It reads its input and what a program needs to start, and writes to no file.
    pub files: bool,
    /// It neither makes nor takes TCP connections.
    pub tcp: bool,
    /// The version of the kernel's Landlock; 0 where there is none.
    pub landlock: u32,
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
                 the kernel's command line), or ask for `Sandbox::BestEffort`"
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
        Self { sandbox: Sandbox::default(), devices: false, read: vec![], kernel: Kernel::probe() }
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
                return Err(Lacking(format!("{}; or ask for `Sandbox::BestEffort`", failed.join(", "))));
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (program, input, &mut level);
        Ok(level)
    }
}

/// Libraries, and what they read when they start.
const LIBRARIES: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
];
const READ: &[&str] = &[
    "/usr/share",
    "/usr/local/share",
    "/etc/fonts",
    "/etc/gnutls",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/ssl/openssl.cnf",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
];
/// What drivers of encoders look at. Not tried on hardware yet.
const READ_FOR_DEVICES: &[&str] = &[
    "/etc/OpenCL",
    "/etc/libva.conf",
    "/etc/nvidia",
    "/etc/vulkan",
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/modules",
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/dev/char",
    "/sys/devices",
];
const DEVICES: &[&str] = &["/dev/dri", "/dev/nvidia-caps", "/dev/kfd"];
/// Names in `/dev` that begin like this are devices too.
const DEVICE_NAMES: &[&str] = &["nvidia", "video"];
/// What a wrapper script may start.
const PROGRAMS: &[&str] = &["/bin", "/usr/bin", "/usr/local/bin"];

/// Folders that hold a program's own libraries, from where it really lies.
fn own_libraries(program: &Path) -> Vec<PathBuf> {
    let Ok(program) = program.canonicalize() else { return vec![] };
    let stores = ["/nix/store", "/gnu/store"].map(PathBuf::from).into_iter();
    let stores = stores.filter(|store| program.starts_with(store));
    let prefix = program.parent().and_then(Path::parent);
    let own = ["lib", "lib64"].into_iter().filter_map(|name| Some(prefix?.join(name)));
    stores.chain(own).collect()
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

fn devices() -> Vec<PathBuf> {
    let named = std::fs::read_dir("/dev").into_iter().flatten().flatten().map(|entry| entry.path());
    let named = named.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        DEVICE_NAMES.iter().any(|start| name.starts_with(start))
    });
    DEVICES.iter().map(PathBuf::from).chain(named).collect()
}

#[cfg(target_os = "linux")]
mod landlock {
    use std::{fs::File, path::Path};

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetError, RulesetStatus, Scope, path_beneath_rules,
    };

    use super::{
        LIBRARIES, PROGRAMS, READ, READ_FOR_DEVICES, SandboxPlan, devices, is_script, own_libraries,
    };

    /// The newest version whose rights are all known here; older kernels get what they have.
    const KNOWN: ABI = ABI::V6;

    pub(super) fn restrict(
        plan: &SandboxPlan,
        program: &Path,
        input: Option<&File>,
    ) -> Result<(), RulesetError> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let run = read | AccessFs::Execute;
        let write = read | AccessFs::WriteFile;
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            .add_rules(path_beneath_rules(LIBRARIES, run))?
            .add_rules(path_beneath_rules(own_libraries(program), run))?
            .add_rules(path_beneath_rules(&plan.read, run))?
            .add_rules(path_beneath_rules([program], run))?
            .add_rules(path_beneath_rules(READ, read))?
            .add_rules(path_beneath_rules(["/dev/null"], write))?;
        if is_script(program) {
            rules = rules.add_rules(path_beneath_rules(PROGRAMS, run))?;
        }
        if plan.devices {
            rules = rules
                .add_rules(path_beneath_rules(READ_FOR_DEVICES, read))?
                .add_rules(path_beneath_rules(devices(), write | AccessFs::IoctlDev))?;
        }
        if let Some(input) = input {
            // By what is open and not by a name: `/dev/fd/3` opens it anew, wherever it has moved.
            let only: BitFlags<_> = AccessFs::ReadFile.into();
            rules = rules.add_rule(PathBeneath::new(input, only))?;
        }
        match rules.restrict_self()?.ruleset {
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
            RulesetStatus::NotEnforced => {
                Err(RulesetError::CreateRuleset(landlock::CreateRulesetError::MissingHandledAccess))
            }
        }
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

    #[test]
    fn a_programs_own_libraries_lie_beside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join("ffmpeg"), "#!/bin/sh\n").unwrap();
        std::os::unix::fs::symlink(bin.join("ffmpeg"), folder.path().join("link")).unwrap();
        let own = own_libraries(&folder.path().join("link"));
        let root = folder.path().canonicalize().unwrap();
        assert_eq!(own, [root.join("lib"), root.join("lib64")]);
        assert!(is_script(&bin.join("ffmpeg")) && !is_script(Path::new("/bin/true")));
        assert!(own_libraries(Path::new("/no/such")).is_empty());
    }
}
