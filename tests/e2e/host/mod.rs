//! The library is a guest: what it finds in the host's process it leaves as it was, whatever is done with it.

mod chaos;
mod cycles;
mod guest;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use streambro_core::{Destination, Phase, Repeat, Source, Stream, StreamSpec};
use streambro_tests::mem;

/// Generous: two cores may be shared by many tests.
const SOON: Duration = Duration::from_secs(30);

fn forever(id: &str, clip: PathBuf, url: &str) -> StreamSpec {
    let destination = Destination::new(url, id.to_owned()).expect("the address is valid");
    StreamSpec::new(id, Source::file(clip).repeat(Repeat::Forever)).destination(destination)
}

async fn in_phase(stream: &Stream, phase: Phase) {
    let reached = tokio::time::timeout(SOON, stream.wait_for(phase)).await;
    let reached = reached.unwrap_or_else(|_| panic!("not {phase:?}: {:?}", stream.status()));
    reached.expect("the stream goes on");
}

/// A whole number from the environment: how the programs under `tests/soak` ask for more.
pub(crate) fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text:?}")))
}

/// What a process has that a library could leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Belongings {
    fds: usize,
    threads: usize,
    tasks: usize,
    /// Zombies are among them.
    children: usize,
}

impl Belongings {
    pub(crate) fn now() -> Self {
        let usage = mem::own();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        Self { fds: usage.fds, threads: usage.threads, tasks, children: children() }
    }

    /// Waits until nothing is there that was not there before.
    pub(crate) async fn are_back(self) {
        let deadline = Instant::now() + SOON;
        loop {
            let now = Self::now();
            let back = now.fds <= self.fds && now.threads <= self.threads && now.tasks <= self.tasks;
            if back && now.children == self.children {
                return;
            }
            assert!(Instant::now() < deadline, "{self:?} before, {now:?} now");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn children() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc shows this process");
    let of =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks.flatten().map(|task| of(task).split_whitespace().count()).sum()
}
