//! What starting a child needs of the system and the standard library does not offer.

use std::{
    io,
    os::fd::{OwnedFd, RawFd},
    sync::Arc,
};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits for one end of a pipe, or for a process's handle, with the runtime that the caller runs in.
///
/// # Panics
/// Outside a runtime with I/O.
pub(crate) fn watch(fd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: the descriptor is open for as long as its owner, which the result holds, and an `Arc` has no way to
    // change it for another.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// Makes the kernel kill a process group when the last writer of a pipe is gone, however it went.
///
/// `reader` is the pipe's end that the group has inherited: as long as one of them holds it, the arrangement stands,
/// also when this process has closed its own copy. The kernel keeps the group itself, not its number, so a number
/// that is given away anew is never hit. One system call must pass between the child's start and this one; a host that
/// is killed in between leaves a child that ends at its first write.
#[cfg(target_os = "linux")]
pub(crate) fn tie(reader: &OwnedFd, group: i32) -> io::Result<()> {
    let fd = std::os::fd::AsRawFd::as_raw_fd(reader);
    let set = |what, value: libc::c_int| {
        // SAFETY: these commands take an int and touch no memory of ours; the descriptor is borrowed for the call.
        if unsafe { libc::fcntl(fd, what, value) } == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // libc has no name for it on every target; asm-generic/fcntl.h has one number for all that Linux runs on.
    const F_SETSIG: libc::c_int = 10;
    set(F_SETSIG, libc::SIGKILL)?;
    set(libc::F_SETOWN, -group)?;
    set(libc::F_SETFL, libc::O_RDONLY | libc::O_ASYNC)
}

/// Elsewhere the child ends at its first write to a pipe that nobody reads.
#[cfg(not(target_os = "linux"))]
pub(crate) fn tie(_: &OwnedFd, _: i32) -> io::Result<()> {
    Ok(())
}

/// Gives the calling thread a table of descriptors of its own with `keep` alone and those below 3.
///
/// Only for a thread that ends right after, and that uses nothing else it had opened: what it closes from here on is
/// closed for it alone. Returns whether it could; if not, nothing has changed.
#[cfg(target_os = "linux")]
pub(crate) fn keep_only(keep: &[RawFd]) -> bool {
    const ALL: libc::c_uint = libc::c_uint::MAX;
    // Marked first, so that nothing is inherited whatever becomes of the rest. Linux 5.9 and 5.11.
    let marked = close_range(3, ALL, libc::CLOSE_RANGE_UNSHARE | libc::CLOSE_RANGE_CLOEXEC);
    if !marked && (!has_own_table() || !close_range(3, ALL, libc::CLOSE_RANGE_CLOEXEC) && !close_listed(keep))
    {
        return false;
    }
    let mut keep: Vec<_> = keep.iter().filter_map(|fd| libc::c_uint::try_from(*fd).ok()).collect();
    keep.sort_unstable();
    let mut from = 3;
    for fd in keep {
        if from < fd {
            close_range(from, fd - 1, 0);
        }
        from = from.max(fd + 1);
    }
    close_range(from, ALL, 0);
    true
}

#[cfg(target_os = "linux")]
fn close_range(first: libc::c_uint, last: libc::c_uint, flags: libc::c_uint) -> bool {
    // SAFETY: the call takes three integers and touches no memory. Descriptors that others own are closed in the
    // table of the calling thread alone: every caller has unshared it or does so with this very call.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) == 0 }
}

#[cfg(target_os = "linux")]
fn has_own_table() -> bool {
    // SAFETY: takes flags alone; a thread with its own table of descriptors is what the caller asks for.
    unsafe { libc::unshare(libc::CLONE_FILES) == 0 }
}

/// For kernels without `close_range`, in a table that is unshared.
#[cfg(target_os = "linux")]
fn close_listed(keep: &[RawFd]) -> bool {
    let Ok(listed) = std::fs::read_dir("/proc/thread-self/fd") else { return false };
    // All names first: the folder is itself open while it is read.
    let listed: Vec<RawFd> =
        listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in listed.into_iter().filter(|fd| *fd > 2 && !keep.contains(fd)) {
        // SAFETY: a number in the calling thread's own table, which nothing else of this thread uses.
        unsafe { libc::close(fd) };
    }
    true
}

/// Elsewhere descriptors are as the host left them.
#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_only(_: &[RawFd]) -> bool {
    false
}

/// The version of the kernel's Landlock; 0 where it has none or does not enable it.
#[cfg(target_os = "linux")]
pub(crate) fn landlock_version() -> u32 {
    const VERSION: libc::c_uint = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the call reads no memory and makes nothing: it returns a number
    // (landlock_create_ruleset(2)).
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0_usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// Elsewhere there is none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn landlock_version() -> u32 {
    0
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::{fs::File, os::fd::AsRawFd, thread};

    use super::*;

    /// Which of them are open in the calling thread.
    fn open(candidates: &[File]) -> Vec<bool> {
        let open = |fd: RawFd| std::fs::symlink_metadata(format!("/proc/thread-self/fd/{fd}")).is_ok();
        candidates.iter().map(|file| open(file.as_raw_fd())).collect()
    }

    #[test]
    fn a_thread_keeps_what_it_names_and_the_others_keep_all() {
        type Way = fn(&[RawFd]) -> bool;
        let ways: [Way; 2] = [keep_only, |keep| has_own_table() && close_listed(keep)];
        for way in ways {
            let files: Vec<_> = (0..4).map(|_| File::open("/dev/null").unwrap()).collect();
            let kept = thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    // Out of order, one of them twice.
                    let keep = [&files[2], &files[0], &files[2]].map(AsRawFd::as_raw_fd);
                    assert!(way(&keep));
                    open(&files)
                });
                thread.join().unwrap()
            });
            assert_eq!(kept, [true, false, true, false]);
            assert_eq!(open(&files), [true; 4]);
        }
    }
}
