//! What this process holds, as the kernel counts it.

/// Anonymous memory in bytes: heap and stacks, without what is only mapped from files. 0 where the system does not say.
#[must_use]
pub fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
