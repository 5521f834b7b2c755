use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use super::{
    tests::{Map, all, open, place, put, remove},
    *,
};
use crate::dice::Dice;

/// Where a worker keeps its state.
const DIR: &str = "STREAMBRO_TEST_STATE_DIR";
/// What a worker does.
const PART: &str = "STREAMBRO_TEST_STATE_PART";
/// How often a worker is killed.
const KILLS: &str = "STREAMBRO_TEST_STATE_KILLS";

const READY: &str = "ready";
const KEYS: u64 = 30;

/// This test binary once more; killed when it is dropped.
pub(super) struct Worker {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Worker {
    pub(super) fn start(dir: &Path, part: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        let name = "state::crash_tests::works_in_a_process_of_its_own";
        command.args(["--exact", "--ignored", "--nocapture", name]).env(DIR, dir).env(PART, part);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    pub(super) fn until_ready(&mut self) {
        self.until(READY);
    }

    /// The first line that begins so.
    fn until(&mut self, beginning: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(beginning) {
            line.clear();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it ended before it said {beginning}");
        }
        line
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The last commit that it has told of since.
    fn last(&mut self) -> Option<u64> {
        let lines = self.out.by_ref().lines().map_while(|line| line.ok());
        lines.filter_map(|line| done(&line)).last()
    }
}

/// Which commit a line tells of; one that a kill has cut off tells of none.
fn done(line: &str) -> Option<u64> {
    line.trim_end().strip_prefix("done ")?.strip_suffix('.')?.parse().ok()
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test]
#[ignore = "the process that the other tests start and kill"]
async fn works_in_a_process_of_its_own() {
    let (Ok(dir), Ok(part)) = (env::var(DIR), env::var(PART)) else { return };
    let dir = Path::new(&dir);
    // The parent reads this.
    let say = |text: String| std::io::stdout().write_all(text.as_bytes()).unwrap();
    if let Some(umask) = part.strip_prefix("umask ") {
        let umask = rustix::fs::Mode::from_raw_mode(u32::from_str_radix(umask, 8).unwrap() as _);
        rustix::process::umask(umask);
        drop(open(dir).await.unwrap());
        fs::write(dir.join("state.redb"), "broken").unwrap();
        let opened = RedbStore::open(dir, true).await.unwrap();
        opened.store.commit(vec![put("a", "1")]).await.unwrap();
        say(format!("\n{READY}\n"));
        loop {
            thread::park();
        }
    }
    let store = open(dir).await.unwrap();
    if part == "hold" {
        store.commit(vec![put("a", "held")]).await.unwrap();
        say(format!("\n{READY}\n"));
        loop {
            thread::park();
        }
    }
    let begun = batch_of(&all(&store).await).unwrap_or(0);
    say(format!("\n{READY}\n"));
    for n in begun + 1.. {
        store.commit(batch(n)).await.unwrap();
        say(format!("done {n}.\n"));
    }
}

/// A batch, every record of which says which one it is. Their sizes change, and so does one of the keys.
fn batch(n: u64) -> Vec<Change> {
    let value = |key: u64| {
        let mut value = n.to_le_bytes().to_vec();
        value.resize(8 + usize::try_from((n * 37 + key * 101) % 3_000).unwrap(), n as u8);
        value
    };
    let mut changes: Vec<_> = (0..KEYS).map(|key| put(&format!("stream/{key}"), value(key))).collect();
    changes.push(remove(&format!("only/{}", n.wrapping_sub(1))));
    changes.push(put(&format!("only/{n}"), value(KEYS)));
    changes
}

/// Which batch a store holds, whole; `None` when it holds nothing.
fn batch_of(map: &Map) -> Option<u64> {
    let first = map.values().next()?;
    let n = u64::from_le_bytes(first[..8].try_into().unwrap());
    let wanted = batch(n).into_iter().filter_map(|change| match change {
        Change::Put { key, value } => Some((key, value)),
        Change::Remove { .. } => None,
    });
    assert!(*map == wanted.collect::<Map>(), "torn at batch {n}: {:?}", map.keys());
    Some(n)
}

#[tokio::test]
async fn a_manager_that_is_killed_at_any_time_leaves_the_old_or_the_new() {
    let (_parent, dir) = place();
    let kills = env::var(KILLS).map_or(20, |kills| kills.parse().unwrap());
    let mut dice = Dice::new(7);
    let (mut kept, mut newer) = (0, 0);
    for round in 0..kills {
        let mut worker = Worker::start(&dir, "batches");
        // Every other one may be killed before it has opened the store.
        let first = (round % 2 == 0).then(|| done(&worker.until("done")).unwrap());
        thread::sleep(Duration::from_micros(dice.below(60_000) as u64));
        worker.kill();
        let told = worker.last().or(first).unwrap_or(kept);
        let store = open(&dir).await.unwrap();
        let found = batch_of(&all(&store).await).unwrap_or(0);
        assert!(found == told || found == told + 1, "round {round}: told of {told}, found {found}");
        newer += u64::from(found > told);
        kept = found;
        // And it can be written to, as it is.
        store.commit(batch(kept)).await.unwrap();
        assert_eq!(batch_of(&all(&store).await), Some(kept));
    }
    eprintln!("{kills} kills, {kept} batches, {newer} of them kept and not told of");
    assert!(kept >= kills / 2, "{kept}");
}
