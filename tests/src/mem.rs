//! What a process holds, read from /proc. Bytes.

use std::fs;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident pages that no other process shares.
    pub private: u64,
    /// Resident pages without a file behind them: heap, stacks.
    pub anonymous: u64,
    /// All resident pages.
    pub resident: u64,
    /// Open file descriptors, without the one this look took.
    pub fds: usize,
    /// Threads.
    pub threads: usize,
}

/// Looks at this process.
///
/// # Panics
/// When /proc cannot be read.
#[must_use]
pub fn own() -> Usage {
    let mut usage = of(std::process::id()).expect("/proc shows this process");
    usage.fds = usage.fds.saturating_sub(1);
    usage
}

/// Looks at another process. `None` when it is gone.
#[must_use]
pub fn of(pid: u32) -> Option<Usage> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| -> u64 {
        rollup
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?.trim_start_matches(':').split_whitespace().next()?.parse().ok()
            })
            .map_or(0, |kib: u64| kib * 1024)
    };
    Some(Usage {
        private: field("Private_Clean") + field("Private_Dirty"),
        anonymous: field("Anonymous"),
        resident: field("Rss"),
        fds: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
        threads: fs::read_dir(format!("/proc/{pid}/task")).ok()?.count(),
    })
}

/// The most that this process has had resident at once, since it began or since [`forget_peak`].
///
/// # Panics
/// When /proc cannot be read.
#[must_use]
pub fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc shows this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux counts the peak");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number of KiB") * 1024
}

/// Counts [`peak`] anew from what is resident now.
///
/// # Panics
/// When /proc cannot be written.
pub fn forget_peak() {
    // proc(5): 5 resets the peak resident set size.
    fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
}

#[cfg(test)]
mod tests {
    #[test]
    fn sees_what_is_allocated_and_opened() {
        if !crate::process::alone(concat!(module_path!(), "::sees_what_is_allocated_and_opened")) {
            return;
        }
        let before = super::own();
        let block = vec![1u8; 32 << 20];
        let file = std::fs::File::open("/dev/null").unwrap();
        let after = super::own();
        assert!(after.private >= before.private + block.len() as u64, "{before:?} {after:?}");
        assert!(after.anonymous >= before.anonymous + block.len() as u64, "{before:?} {after:?}");
        assert_eq!(after.fds, before.fds + 1);
        assert_eq!(after.threads, before.threads);
        drop((block, file));
        // The peak remembers what has gone, until it is told to forget.
        assert!(super::peak() >= before.resident + (32 << 20));
        super::forget_peak();
        assert!(super::peak() < before.resident + (16 << 20));
    }
}
