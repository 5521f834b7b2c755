//! The rules, as Landlock takes them.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CreateRulesetError, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::SandboxPlan;

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

/// The newest version whose rights are all known here; older kernels get what they have.
const KNOWN: ABI = ABI::V6;

pub(super) fn restrict(plan: &SandboxPlan, program: &Path, input: Option<&File>) -> Result<(), RulesetError> {
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
        // A file that no name leads to is refused here, and allowed without.
        let _ = (&mut rules).add_rule(PathBeneath::new(input, only));
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => {
            Err(RulesetError::CreateRuleset(CreateRulesetError::MissingHandledAccess))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
