//! A child and its group: how it is told to end, and how its end is learnt.

use std::{io, os::fd::OwnedFd, sync::Arc};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid},
};

use super::{Exit, reaper};

/// A child that was started, alone in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: Pid,
    /// When it started, in ticks since the machine did; 0 where the system does not tell.
    pub(super) started: u64,
    /// What the kernel knows it by; `None` where the system has no such thing, or it was gone before it could be had.
    pub(super) handle: Option<Arc<OwnedFd>>,
    /// The writer of its lifeline.
    pub(super) lifeline: Option<OwnedFd>,
    /// The process that started it: a copy made by `fork` owns nothing.
    pub(super) host: u32,
    pub(super) ended: Option<Exit>,
}

impl Child {
    /// Sends a signal to the whole group, for as long as its number is certain.
    pub(super) fn signal(&self, signal: Signal) {
        // Until we have reaped it, its number is not given to anyone else.
        if self.ended.is_none() && matches!(self.peek(), Ok(_) | Err(Errno::INTR)) {
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Kills the group, also what is left of it when somebody else has reaped the child.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::KILL);
        #[cfg(target_os = "linux")]
        if let Some(handle) = self.handle.as_ref().filter(|_| self.ended.is_none()) {
            let _ = rustix::process::pidfd_send_signal(handle, Signal::KILL);
        }
        self.lifeline = None;
    }

    /// How it ended, if it has. Then nothing of its group is left but what has moved to a session of its own.
    pub(super) fn reap(&mut self) -> Option<Exit> {
        if self.ended.is_none() {
            match self.peek() {
                Ok(None) | Err(Errno::INTR) => return None,
                Ok(Some(_)) => {
                    self.kill();
                    self.ended = self.status();
                }
                Err(_) => {
                    self.lifeline = None;
                    self.ended = Some(Exit::Unknown);
                }
            }
        }
        self.ended
    }

    /// Leaves it to be reaped by a thread, without a word about how it ended.
    pub(super) fn leave(&mut self) {
        self.kill();
        if self.reap().is_none() {
            self.ended = Some(Exit::Unknown);
            reaper::adopt(reaper::Orphan { pid: self.pid, handle: self.handle.clone() });
        }
    }

    fn peek(&self) -> Result<Option<WaitIdStatus>, Errno> {
        ask(self.pid, self.handle.as_deref(), WaitIdOptions::NOWAIT)
    }

    fn status(&self) -> Option<Exit> {
        match ask(self.pid, self.handle.as_deref(), WaitIdOptions::empty()) {
            Ok(status) => Some(exit(status.as_ref()?)),
            Err(Errno::INTR) => None,
            Err(_) => Some(Exit::Unknown),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() && self.host == std::process::id() {
            self.leave();
        }
    }
}

/// Asks whether a child has ended, without waiting. `ECHILD` says that it has and that the status is lost.
pub(super) fn ask(
    pid: Pid,
    handle: Option<&OwnedFd>,
    options: WaitIdOptions,
) -> Result<Option<WaitIdStatus>, Errno> {
    let options = options | WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    #[cfg(target_os = "linux")]
    if let Some(handle) = handle {
        match waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(handle)), options) {
            // Linux 5.3 has the handle and not yet the question.
            Err(Errno::INVAL) => {}
            answer => return answer,
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = handle;
    waitid(WaitId::Pid(pid), options)
}

fn exit(status: &WaitIdStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}

/// When a process started, in ticks since the machine did, and whose child it is.
#[cfg(target_os = "linux")]
pub(super) fn facts(pid: Pid) -> io::Result<(u64, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
    parse(&stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Elsewhere the number alone has to do.
#[cfg(not(target_os = "linux"))]
pub(super) fn facts(_: Pid) -> io::Result<(u64, u32)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How many processes the kernel has killed for want of memory, in any control group; 0 where it does not tell.
pub(super) fn oom_kills() -> u64 {
    let counters = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
}

/// Reads fields 4 and 22 (proc_pid_stat(5)). The name in field 2 may hold anything, brackets and spaces too.
#[cfg(any(target_os = "linux", test))]
fn parse(stat: &str) -> Option<(u64, u32)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let parent = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some((started, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let rest = "S 77 5 5 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 8192 0";
        for name in ["ffmpeg", "a b", ") S 1 (", "(("] {
            assert_eq!(parse(&format!("5 ({name}) {rest}\n")), Some((123_456, 77)), "{name}");
        }
        for broken in ["", "5 (x", "5 (x) S", "5 (x) S a b c"] {
            assert_eq!(parse(broken), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_its_parents_number_and_a_start() {
        let (started, parent) = facts(rustix::process::getpid()).unwrap();
        assert!(started > 0);
        assert_eq!(parent, std::os::unix::process::parent_id());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_number_that_is_somebody_elses_is_sent_no_signal() {
        // Alone in its group, as a child of ours would be, and nobody's child that is here.
        let decoy = std::process::Command::new("/bin/sh")
            .args(["-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"])
            .output()
            .unwrap();
        let decoy = String::from_utf8(decoy.stdout).unwrap().trim().parse().unwrap();
        let decoy = Pid::from_raw(decoy).unwrap();
        while rustix::process::getpgid(Some(decoy)) != Ok(decoy) {
            std::thread::yield_now();
        }
        let before = facts(decoy).unwrap().0;
        let host = std::process::id();
        let child = || Child { pid: decoy, started: 1, handle: None, lifeline: None, host, ended: None };
        child().signal(Signal::TERM);
        let mut known = child();
        assert_eq!(known.reap(), Some(Exit::Unknown));
        known.kill();
        child().leave();
        drop(child());
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", decoy.as_raw_nonzero())).unwrap();
        rustix::process::kill_process(decoy, Signal::KILL).unwrap();
        assert!(!stat.contains(") Z ") && parse(&stat).unwrap().0 == before, "{stat}");
    }
}
