//! What one process holds and has used.

use std::fmt::Display;

use serde::Serialize;

use super::{Root, text};

/// What a process held and had used at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProcessSample {
    /// Resident memory in bytes, what is shared with other processes counted in full.
    pub resident_bytes: u64,
    /// Resident memory without a file behind it: heap and stacks. Equal to `resident_bytes` where the system does not
    /// tell them apart.
    pub anonymous_bytes: u64,
    /// Resident memory with shared pages split among those who share them (PSS); `None` where that cannot be read.
    pub proportional_bytes: Option<u64>,
    /// Processor time used since the process began, in milliseconds.
    pub cpu_ms: u64,
}

impl ProcessSample {
    /// This process, without its PSS. Costs one small file (under 0.1 ms, measured), which the kernel answers from
    /// counters: no lock of the address space is taken. `None` when it cannot be opened, as without a descriptor left.
    pub(crate) fn own(root: &Root) -> Option<Self> {
        // Finer than ticks, and there on every system.
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let ms = used.tv_sec.saturating_mul(1_000).saturating_add(used.tv_nsec / 1_000_000);
        Some(Self { cpu_ms: u64::try_from(ms).unwrap_or(0), ..Self::memory_of(root, "self")? })
    }

    /// A process by its id, or `self`, with its PSS; `None` when it is gone. For children, and for a look on request.
    ///
    /// For the PSS the kernel walks the process's page tables under a lock of its address space: about a millisecond
    /// for an encoder, 37 ms for 512 MB (measured). So the host's own process is not asked for it at each sample.
    pub(crate) fn whole(root: &Root, who: impl Display) -> Option<Self> {
        let memory = Self::memory_of(root, &who)?;
        let read = |name: &str| root.text(format!("/proc/{who}/{name}"));
        let pss = |name: &str| text::kib_sum(&read(name)?, "Pss");
        let ticks = read("stat").and_then(|stat| text::cpu_ticks(&stat)).unwrap_or(0);
        Some(Self {
            // Linux before 4.14 has only the long form.
            proportional_bytes: pss("smaps_rollup").or_else(|| pss("smaps")),
            cpu_ms: ticks.saturating_mul(1_000) / rustix::param::clock_ticks_per_second().max(1),
            ..memory
        })
    }

    /// What a process holds, without its PSS; `None` when it is gone.
    fn memory_of(root: &Root, who: impl Display) -> Option<Self> {
        if cfg!(not(target_os = "linux")) {
            return elsewhere();
        }
        let status = root.text(format!("/proc/{who}/status"))?;
        let resident_bytes = text::kib(&status, "VmRSS")?;
        let anonymous_bytes = text::kib(&status, "RssAnon").unwrap_or(resident_bytes);
        Some(Self { resident_bytes, anonymous_bytes, ..Self::default() })
    }

    /// The fairest figure of what it holds: PSS, or what is resident where that cannot be read.
    pub fn memory_bytes(&self) -> u64 {
        self.proportional_bytes.unwrap_or(self.resident_bytes)
    }
}

/// This process on systems without /proc.
fn elsewhere() -> Option<ProcessSample> {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
    let pid = sysinfo::Pid::from_u32(std::process::id());
    let mut system = System::new().ok()?;
    let wanted = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, wanted);
    let resident_bytes = system.process(pid)?.memory();
    Some(ProcessSample { resident_bytes, anonymous_bytes: resident_bytes, ..ProcessSample::default() })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        fs,
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn this_process_is_seen() {
        let block = vec![1_u8; 16 << 20];
        let sample = ProcessSample::own(&Root::default()).unwrap();
        assert!(sample.anonymous_bytes >= block.len() as u64, "{sample:?}");
        assert!(sample.resident_bytes >= sample.anonymous_bytes, "{sample:?}");
        let whole = ProcessSample::whole(&Root::default(), "self").unwrap();
        let pss = whole.proportional_bytes.unwrap();
        assert!(pss >= block.len() as u64 && pss <= whole.resident_bytes, "{whole:?}");
    }

    #[test]
    fn a_child_is_measured_from_outside_until_it_is_gone() {
        // Holds 8 MB in a variable, works for a while, then says so and waits for the end of its input.
        let script = "x=$(head -c 8000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; \
            echo ready; read line";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        let sample = ProcessSample::whole(&Root::default(), child.id()).unwrap();
        assert!(sample.memory_bytes() >= 8_000_000, "{sample:?}");
        assert!(sample.proportional_bytes.unwrap() <= sample.resident_bytes, "{sample:?}");
        assert!(sample.cpu_ms > 0, "{sample:?}");
        drop(child.stdin.take());
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(ProcessSample::whole(&Root::default(), pid), None);
    }

    #[test]
    fn the_long_form_and_then_the_resident_size_stand_in_for_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (root, at) = (Root::at(folder.path()), folder.path().join("proc/7"));
        fs::create_dir_all(&at).unwrap();
        assert_eq!(ProcessSample::whole(&root, 7), None);
        fs::write(at.join("status"), "VmRSS:\t 100 kB\n").unwrap();
        let sample = || ProcessSample::whole(&root, 7).unwrap();
        assert_eq!((sample().memory_bytes(), sample().proportional_bytes), (102_400, None));
        assert_eq!(sample().anonymous_bytes, 102_400);
        fs::write(at.join("smaps"), "0-1 r--p 0 0:0 0\nPss: 4 kB\n1-2 r--p 0 0:0 0\nPss: 6 kB\n").unwrap();
        assert_eq!(sample().memory_bytes(), 10 * 1_024);
        fs::write(at.join("smaps_rollup"), "0-2 ---p 0 0:0 0 [rollup]\nPss: 9 kB\n").unwrap();
        assert_eq!(sample().memory_bytes(), 9 * 1_024);
        fs::write(at.join("smaps_rollup"), b"\xff\xfe garbled \0").unwrap();
        assert_eq!(sample().memory_bytes(), 10 * 1_024);
    }

    #[test]
    fn a_process_that_has_ended_but_is_not_reaped_holds_nothing() {
        let mut child = Command::new("true").spawn().unwrap();
        let stat = || fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        while !stat().contains(") Z ") {
            std::thread::yield_now();
        }
        assert_eq!(ProcessSample::whole(&Root::default(), child.id()), None);
        child.wait().unwrap();
    }
}
