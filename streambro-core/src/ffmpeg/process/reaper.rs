//! Reaps children that nobody waits for any more.
//!
//! tokio would do so from a queue of its own, and take over the host's SIGCHLD for it (measured,
//! reliability.md 1.1). Here a thread comes when there is something to reap, and goes.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, WaitIdOptions},
};

use super::child::ask;

/// A killed child.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) pid: Pid,
    pub(super) handle: Option<Arc<OwnedFd>>,
}

#[derive(Debug)]
struct Queue {
    arrived: Vec<Orphan>,
    /// Whether there is a thread.
    busy: bool,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { arrived: vec![], busy: false });

/// How long a killed child takes at most, unless the kernel keeps it: then it is looked at less often.
const SOON: Duration = Duration::from_secs(2);
const OFTEN: Duration = Duration::from_millis(20);
const SELDOM: Duration = Duration::from_secs(1);

/// Takes over a child that was sent SIGKILL. Never blocks.
pub(super) fn adopt(orphan: Orphan) {
    let mut queue = lock();
    queue.arrived.push(orphan);
    if !queue.busy {
        let reaper = std::thread::Builder::new().name("streambro-reap".to_owned()).spawn(work);
        // With no thread to be had it stays a zombie until the next one is adopted.
        queue.busy = reaper.is_ok();
    }
}

fn work() {
    let mut orphans: Vec<Orphan> = vec![];
    let mut since = Instant::now();
    loop {
        let mut queue = lock();
        if !queue.arrived.is_empty() {
            since = Instant::now();
        }
        orphans.append(&mut queue.arrived);
        orphans.retain(|orphan| {
            let answer = ask(orphan.pid, orphan.handle.as_deref(), WaitIdOptions::empty());
            matches!(answer, Ok(None) | Err(Errno::INTR))
        });
        if orphans.is_empty() {
            queue.busy = false;
            return;
        }
        drop(queue);
        rest(&orphans, if since.elapsed() < SOON { OFTEN } else { SELDOM });
    }
}

/// Waits until one of them has ended, but not for long: others may have arrived.
fn rest(orphans: &[Orphan], bound: Duration) {
    let mut ends: Vec<_> = orphans
        .iter()
        .filter_map(|orphan| Some(PollFd::new(orphan.handle.as_deref()?, PollFlags::IN)))
        .collect();
    let Ok(bound) = Timespec::try_from(bound) else { return };
    let _ = poll(&mut ends, Some(&bound));
}

fn lock() -> MutexGuard<'static, Queue> {
    // A queue is whole at every instant, whatever panicked.
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
