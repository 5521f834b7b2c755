//! Where a test ends this process.

/// Stands before every call that changes the directory or a file in it.
#[cfg(not(test))]
pub(super) fn point() {}

/// Ends the process as `kill -9` does when as many points were passed as a test has said.
#[cfg(test)]
pub(super) fn point() {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    static LEFT: LazyLock<Option<AtomicU64>> = LazyLock::new(|| {
        let points = std::env::var(super::crash_tests::DIES_AT).ok()?;
        Some(AtomicU64::new(points.parse().unwrap()))
    });
    if let Some(left) = &*LEFT
        && left.fetch_sub(1, Ordering::Relaxed) == 0
    {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        // The signal may come to another thread first.
        loop {
            std::thread::park();
        }
    }
}
