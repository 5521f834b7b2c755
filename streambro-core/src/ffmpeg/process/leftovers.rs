//! What a manager that was killed has left running, ended by the one after it.
//!
//! The kernel ends children with their host (`sys::child::tie`); this is for what had moved out of its group. A process
//! is ours by one thing alone: the cookie of our state directory in the mark of its environment. Numbers of processes are
//! never believed (reliability.md P3).

use super::environment::Cookie;

/// Kills every process of this user that carries the cookie in its mark, and returns how many have ended by that.
///
/// Call it before anything is started with the cookie, while the state directory is locked. Blocks for as long as it takes
/// them to end, a second at most.
#[cfg(target_os = "linux")]
pub(crate) fn end_leftovers(cookie: &Cookie) -> usize {
    linux::end(cookie)
}

/// Elsewhere nobody can be recognised, and nobody is touched.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_leftovers(_: &Cookie) -> usize {
    0
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::{self, File},
        io::Read,
        os::fd::OwnedFd,
        time::{Duration, Instant},
    };

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        process::{Pid, PidfdFlags, Signal, geteuid, getpid, pidfd_open, pidfd_send_signal},
    };

    use super::{
        super::{child::facts, environment::NAME},
        Cookie,
    };

    const PATIENCE: Duration = Duration::from_secs(1);
    /// A killed one may have had children meanwhile: looked at again until there is none, or so often.
    const ROUNDS: usize = 5;
    /// How much of an environment is read.
    const MAX_ENVIRONMENT: u64 = 1024 * 1024;

    pub(super) fn end(cookie: &Cookie) -> usize {
        let until = Instant::now() + PATIENCE;
        let mut count = 0;
        for _ in 0..ROUNDS {
            let killed: Vec<_> = pids().into_iter().filter_map(|pid| kill(pid, cookie)).collect();
            if killed.is_empty() {
                break;
            }
            count += killed.iter().filter(|handle| is_gone(handle, until)).count();
            if Instant::now() >= until {
                break;
            }
        }
        count
    }

    fn pids() -> Vec<Pid> {
        let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers.filter_map(Pid::from_raw).filter(|pid| *pid != getpid()).collect()
    }

    /// Kills a process if it is ours, and returns its handle.
    fn kill(pid: Pid, cookie: &Cookie) -> Option<OwnedFd> {
        let before = ours(pid, cookie)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        // The number may have become somebody else's before the handle was had. Afterwards it does not matter: the handle
        // stays with the one it was made for.
        if ours(pid, cookie)? != before {
            return None;
        }
        pidfd_send_signal(&handle, Signal::KILL).ok()?;
        Some(handle)
    }

    /// When a process started, if it is ours.
    fn ours(pid: Pid, cookie: &Cookie) -> Option<u64> {
        let (started, _) = facts(pid).ok()?;
        (is_this_users(pid)? && is_marked(pid, cookie)?).then_some(started)
    }

    /// By what it says of itself: the owner of its folder is root's for some that are not.
    fn is_this_users(pid: Pid) -> Option<bool> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let user = geteuid().as_raw();
        Some(users.split_whitespace().all(|id| id.parse() == Ok(user)))
    }

    fn is_marked(pid: Pid, cookie: &Cookie) -> Option<bool> {
        let mut environment = vec![];
        let file = File::open(format!("/proc/{pid}/environ")).ok()?;
        file.take(MAX_ENVIRONMENT).read_to_end(&mut environment).ok()?;
        let mut marks = environment
            .split(|byte| *byte == 0)
            .filter_map(|variable| variable.strip_prefix(NAME.as_bytes())?.strip_prefix(b"="));
        Some(marks.any(|mark| cookie.is_in(mark)))
    }

    fn is_gone(handle: &OwnedFd, until: Instant) -> bool {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(handle, PollFlags::IN)], left.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                answer => return answer.is_ok_and(|count| count > 0),
            }
        }
    }
}
