//! The machine as this process may use it.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    ProcessSample, Root,
    cgroup::{self, Memory, MemoryFiles, Version},
    text,
};

/// The machine as this process may use it, at one moment. Limits of control groups (containers, systemd units) count,
/// those of every ancestor included.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Host {
    /// Processors this process may use; a quota can make it a fraction.
    pub cpus: f64,
    /// Processors of the whole machine that are on.
    pub cpus_online: f64,
    /// The machine's load over 1, 5 and 15 minutes, whoever causes it; zeros where the system does not tell.
    pub load: [f64; 3],
    /// Memory that there is for this process, in bytes; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// What of it can still be had without pressing on anyone, in bytes.
    pub memory_available_bytes: u64,
    /// The tightest limit of a control group, in bytes, if there is one.
    pub memory_limit_bytes: Option<u64>,
    /// File descriptors this process may have open (the soft limit); `None` without a limit.
    pub descriptors: Option<u64>,
    /// How far the process may raise that itself (the hard limit); `None` without a limit.
    pub descriptors_hard: Option<u64>,
    /// File descriptors open now.
    pub descriptors_used: u64,
    /// This process.
    pub process: ProcessSample,
}

impl Host {
    /// Looks at the machine.
    ///
    /// Blocks for about 2 ms: a dozen small files of the kernel's. In a process with much memory its PSS takes longer,
    /// for the kernel walks all its pages (28 ms at 512 MB), so call it now and then, not in a loop.
    pub fn sample() -> Self {
        Self::sample_at(&Root::default())
    }

    /// The same beneath another root.
    pub(crate) fn sample_at(root: &Root) -> Self {
        let whole = ProcessSample::whole(root, "self");
        let mut host = Self::quick(root);
        host.process.proportional_bytes = whole.and_then(|whole| whole.proportional_bytes);
        host
    }

    /// The same without the PSS of this process: about 2 ms, however much memory it has.
    pub(crate) fn quick(root: &Root) -> Self {
        let mut memory = Memory { limit: 0, available: 0 };
        if let Ok(mut system) = sysinfo::System::new() {
            system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_ram());
            memory = Memory { limit: system.total_memory(), available: system.available_memory() };
        }
        let load =
            sysinfo::System::load_average().map_or([0.0; 3], |load| [load.one, load.five, load.fifteen]);
        let groups = Groups::of_this_process(root);
        let (limit, quota) = groups.map_or((None, None), |groups| (groups.memory(root), groups.cpus(root)));
        let whole = allowed_cpus(root);
        let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Self {
            cpus: quota.map_or(whole, |quota| quota.min(whole)),
            cpus_online: cpus_online(root).unwrap_or(whole),
            load,
            memory_bytes: limit.map_or(memory.limit, |limit| limit.limit.min(memory.limit)),
            memory_available_bytes: limit
                .map_or(memory.available, |limit| limit.available.min(memory.available)),
            memory_limit_bytes: limit.map(|limit| limit.limit),
            descriptors: descriptors.current,
            descriptors_hard: descriptors.maximum,
            descriptors_used: descriptors_used(root),
            process: ProcessSample::own(root).unwrap_or_default(),
        }
    }
}

/// Processors that the scheduler may give this process.
fn allowed_cpus(root: &Root) -> f64 {
    let listed = root.text("/proc/self/status").and_then(|status| text::listed_cpus(&status));
    let counted = || std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32);
    f64::from(listed.unwrap_or_else(counted).max(1))
}

fn cpus_online(root: &Root) -> Option<f64> {
    root.text("/sys/devices/system/cpu/online").and_then(|list| text::cpus_of(&list)).map(f64::from)
}

/// File descriptors that this process has open.
fn descriptors_used(root: &Root) -> u64 {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let folder = root.path(folder);
    // Since Linux 6.2 the folder's size is the number of its entries.
    match std::fs::metadata(&folder).map(|folder| folder.len()) {
        Ok(entries) if entries > 0 && cfg!(target_os = "linux") => entries,
        // Less the one that lists.
        _ => std::fs::read_dir(folder).map_or(0, |entries| (entries.count() as u64).saturating_sub(1)),
    }
}

/// What this process's control groups are found by.
struct Groups {
    groups: String,
    mounts: String,
}

impl Groups {
    fn of_this_process(root: &Root) -> Option<Self> {
        Some(Self { groups: root.text("/proc/self/cgroup")?, mounts: root.text("/proc/self/mountinfo")? })
    }

    fn memory(&self, root: &Root) -> Option<Memory> {
        let place = cgroup::place(&self.groups, &self.mounts, "memory")?;
        let read = |folder: &PathBuf, name: &str| root.text(folder.join(name)).unwrap_or_default();
        let files = |folder: &PathBuf| match place.version {
            Version::One => MemoryFiles {
                limit: read(folder, "memory.limit_in_bytes"),
                high: String::new(),
                used: read(folder, "memory.usage_in_bytes"),
                stat: read(folder, "memory.stat"),
            },
            Version::Two => MemoryFiles {
                limit: read(folder, "memory.max"),
                high: read(folder, "memory.high"),
                used: read(folder, "memory.current"),
                stat: read(folder, "memory.stat"),
            },
        };
        let files: Vec<_> = place.folders.iter().map(files).collect();
        cgroup::memory(&files)
    }

    fn cpus(&self, root: &Root) -> Option<f64> {
        let place = cgroup::place(&self.groups, &self.mounts, "cpu")?;
        let read = |folder: &PathBuf, name: &str| root.text(folder.join(name)).unwrap_or_default();
        let quotas = place.folders.iter().filter_map(|folder| match place.version {
            Version::One => {
                cgroup::cpus(&read(folder, "cpu.cfs_quota_us"), &read(folder, "cpu.cfs_period_us"))
            }
            Version::Two => cgroup::cpus(&read(folder, "cpu.max"), ""),
        });
        quotas.reduce(f64::min)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn lay(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
    }

    #[test]
    fn this_machine_is_seen_and_left_as_it_was() {
        let before = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let host = Host::sample();
        assert!(host.cpus > 0.0 && host.memory_bytes > 0, "{host:?}");
        assert!(host.memory_available_bytes <= host.memory_bytes, "{host:?}");
        assert!(host.descriptors_used >= 3, "{host:?}");
        let more: Vec<_> = (0..10).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(Host::sample().descriptors_used >= 10 + 3);
        drop(more);
        assert_eq!(rustix::process::getrlimit(rustix::process::Resource::Nofile), before);
    }

    #[test]
    fn a_container_is_as_large_as_its_limits() {
        let folder = tempfile::tempdir().unwrap();
        lay(
            folder.path(),
            &[
                ("proc/self/status", "VmRSS:\t1000 kB\nRssAnon:\t600 kB\nCpus_allowed_list:\t0-7\n"),
                ("proc/self/cgroup", "0::/pod/box\n"),
                ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
                ("sys/fs/cgroup/pod/memory.max", "67108864\n"),
                ("sys/fs/cgroup/pod/memory.current", "33554432\n"),
                ("sys/fs/cgroup/pod/memory.stat", "inactive_file 1048576\n"),
                ("sys/fs/cgroup/pod/cpu.max", "250000 100000\n"),
                ("sys/fs/cgroup/pod/box/memory.max", "max\n"),
                ("sys/fs/cgroup/pod/box/cpu.max", "max 100000\n"),
            ],
        );
        let host = Host::sample_at(&Root::at(folder.path()));
        assert_eq!(host.memory_limit_bytes, Some(64 << 20));
        assert_eq!(host.memory_bytes, 64 << 20);
        assert_eq!(host.memory_available_bytes, (32 << 20) + (1 << 20));
        assert_eq!(host.cpus.to_bits(), 2.5_f64.to_bits());
        assert_eq!((host.process.resident_bytes, host.process.anonymous_bytes), (1_024_000, 614_400));
    }

    #[test]
    fn version_1_limits_are_found_through_the_containers_own_view() {
        let folder = tempfile::tempdir().unwrap();
        lay(
            folder.path(),
            &[
                ("proc/self/status", "Cpus_allowed_list:\t0-3\n"),
                ("proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n"),
                (
                    "proc/self/mountinfo",
                    "1 0 0:3 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                     2 0 0:4 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "33554432\n"),
                ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 4096\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ],
        );
        let host = Host::sample_at(&Root::at(folder.path()));
        assert_eq!((host.memory_bytes, host.memory_available_bytes), (32 << 20, 4_096));
        assert_eq!(host.cpus.to_bits(), 0.5_f64.to_bits());
    }

    #[test]
    fn a_machine_that_shows_nothing_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::sample_at(&Root::at(folder.path()));
        assert!(host.cpus >= 1.0 && host.memory_limit_bytes.is_none(), "{host:?}");
        assert_eq!(host.process.resident_bytes, 0);
    }
}
