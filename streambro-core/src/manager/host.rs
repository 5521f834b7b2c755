//! The machine and the process as they are now.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::{
    error::{Error, ErrorKind, Result},
    plan::Host,
};

/// Looks at the machine: a few small files of `/proc`, no waiting.
///
/// The load is the mean of the last minute; it counts what waits for a disk as well.
///
/// # Errors
/// `Host` when the system does not tell, as without `/proc`.
pub(super) fn sample() -> Result<Host> {
    let untold = |error: sysinfo::Error| Error::new(ErrorKind::Host, "machine", error.to_string());
    let mut system = System::new().map_err(untold)?;
    system.refresh_memory();
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a load; saturates")]
    let microcores_used = (System::load_average().map_err(untold)?.one * 1e6) as u64;
    Ok(Host {
        memory_available: system.available_memory(),
        microcores: cores * 1_000_000,
        microcores_used,
        bandwidth_free: None,
        descriptors: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        // The one that lists them is among them.
        descriptors_used: std::fs::read_dir("/dev/fd").map_or(0, |fds| fds.count().saturating_sub(1) as u64),
    })
}

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
    fn a_machine_has_memory_cores_and_open_descriptors() {
        let host = sample().unwrap();
        assert!(host.memory_available > 0 && host.microcores > 0 && host.descriptors_used > 2, "{host:?}");
        assert!(process_bytes().unwrap() > 1_000_000);
    }
}
