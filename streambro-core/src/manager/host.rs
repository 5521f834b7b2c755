//! The process as it is now.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Resident memory of this process, in bytes; `None` where the system does not tell.
pub(super) fn process_bytes() -> Option<u64> {
    let pid = sysinfo::get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    system.process(pid).map(sysinfo::Process::memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory() {
        assert!(process_bytes().unwrap() > 1_000_000);
    }
}
