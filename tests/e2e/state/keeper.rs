//! The host that is killed, what it says, and who else is there.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use streambro_tests::process::Guard;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command as Spawn},
    task::JoinHandle,
    time::timeout,
};

use super::places::Films;

/// What is wanted of each stream, in words.
pub(super) type Wish = BTreeMap<String, String>;

/// A `keeper`. It is killed when it is dropped.
pub(super) struct Keeper {
    child: Child,
    said: Arc<Mutex<Said>>,
    reader: JoinHandle<()>,
}

/// The last of each that it has said.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// What was the first thing that was wanted.
    pub(super) found: Option<Wish>,
    pub(super) done: Option<Wish>,
    /// What it had asked for, until that was done.
    pub(super) doing: Option<Wish>,
    /// So long it took until all that it had found was live, in milliseconds.
    pub(super) live_ms: Option<u64>,
    /// For people.
    phases: BTreeMap<String, String>,
    pub(super) decisions: usize,
}

impl Keeper {
    pub(super) fn start(dir: &Path, url: &str, films: &Films, seed: u64) -> Self {
        let mut child = Spawn::new(env!("CARGO_BIN_EXE_keeper"))
            .arg(dir)
            .arg(url)
            .args(films.paths())
            .arg(seed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("it was built with this test");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let said = Arc::new(Mutex::new(Said::default()));
        let pages = Arc::clone(&said);
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // The kill may have cut off the last one.
                if let Ok(line) = serde_json::from_str(&line) {
                    pages.lock().unwrap_or_else(PoisonError::into_inner).hear(&line);
                }
            }
        });
        Self { child, said, reader }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    pub(super) fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said something, for as long as it lives.
    pub(super) async fn until(&mut self, what: &str, bound: Duration, so: impl Fn(&Said) -> bool) -> Said {
        let since = Instant::now();
        loop {
            let said = self.said();
            if so(&said) {
                return said;
            }
            assert!(since.elapsed() < bound, "not within {bound:?}: {what}: {said:#?}");
            if let Some(end) = self.child.try_wait().expect("it can be waited for") {
                panic!("it ended by itself ({end}) before {what}: {said:#?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills it, and returns what it had said.
    pub(super) async fn kill(mut self) -> Said {
        let end = self.child.try_wait().expect("it can be waited for");
        assert_eq!(end, None, "it ended by itself: {:#?}", self.said());
        self.child.kill().await.expect("it was there");
        (&mut self.reader).await.expect("it reads to the end");
        self.said()
    }

    /// Asks it to end, and returns what it had said.
    pub(super) async fn end(mut self, bound: Duration) -> Said {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).expect("a pid is not 0");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is a child of ours");
        let end = timeout(bound, self.child.wait()).await.expect("it ends in time").expect("it was there");
        assert!(end.success(), "{end}: {:#?}", self.said());
        (&mut self.reader).await.expect("it reads to the end");
        self.said()
    }
}

impl Said {
    fn hear(&mut self, line: &Value) {
        let wish = |name| line.get(name).map(|wish| serde_json::from_value(wish.clone()).expect("a wish"));
        if let Some(done) = wish("done") {
            self.found.get_or_insert_with(|| Wish::clone(&done));
            self.decisions += usize::from(self.doing.take().is_some());
            self.done = Some(done);
        }
        self.doing = wish("doing").or_else(|| self.doing.take());
        self.live_ms = line.get("live").map(|ms| ms.as_u64().expect("milliseconds")).or(self.live_ms);
        if let Some(phases) = line.get("phases") {
            self.phases = serde_json::from_value(phases.clone()).expect("phases");
        }
    }
}

/// A process, and when it was born: a number alone may be somebody else's by now.
pub(super) type Born = (u32, String);

/// The children of a process.
pub(super) fn children(parent: u32) -> Vec<Born> {
    let entries = fs::read_dir("/proc").expect("Linux has it").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|stat| stat[1] == parent.to_string())).filter_map(born).collect()
}

fn born(pid: u32) -> Option<Born> {
    Some((pid, stat(pid)?[19].clone()))
}

/// Whether it still runs.
pub(super) fn lives(process: &Born) -> bool {
    stat(process.0).is_some_and(|stat| stat[19] == process.1 && stat[0] != "Z")
}

/// The fields of its `stat` after its name.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = text.rsplit_once(") ")?.1.split_whitespace().map(str::to_owned).collect();
    (fields.len() > 19).then_some(fields)
}

/// How the children of this state are marked, seen on one of them.
pub(super) fn cookie(child: &Born) -> Option<String> {
    let environment = fs::read(format!("/proc/{}/environ", child.0)).ok()?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let mark = environment.split('\0').find_map(|variable| variable.strip_prefix("STREAMBRO_RUN="))?;
    Some(mark.split_once('-').expect("a cookie, and what is the child's own").0.to_owned())
}

/// A process that is not ours, with a variable in its environment that makes it look so.
pub(super) fn bystander(variable: &str, value: &str) -> Guard {
    let mut command = Command::new("sleep");
    command.arg("100000").env(variable, value).stdout(Stdio::null()).stderr(Stdio::null());
    Guard::spawn(command)
}

/// Who must not be touched: files beside ours, and processes that look like ours. There is no file with numbers of processes
/// that could name one of them: nothing of the sort is kept.
pub(super) struct Decoys {
    files: Vec<std::path::PathBuf>,
    processes: Vec<Guard>,
}

const WORDS: &str = "this is not yours";

impl Decoys {
    pub(super) fn lay(dir: &Path, cookie: &str) -> Self {
        let names = [
            "state/notes.txt",
            "state/state.redb.old",
            "state/keeper.pid",
            "renditions/holiday.mp4",
            "renditions/film.part",
            "notes.txt",
        ];
        let files: Vec<_> = names.iter().map(|name| dir.join(name)).collect();
        for file in &files {
            // Should anybody believe it, the test ends here.
            let own = std::process::id().to_string();
            let words = if file.ends_with("keeper.pid") { own.as_str() } else { WORDS };
            fs::write(file, words).expect("it can be written");
        }
        let own = "0123456789abcdef".repeat(2);
        let other = "fedcba9876543210".repeat(2);
        let marks = [
            ("STREAMBRO_RUN", format!("{other}-{own}")),
            ("STREAMBRO_RUN", own.clone()),
            ("STREAMBRO_RUN", cookie.to_owned()),
            ("STREAMBRO_RUN", format!("{cookie}-")),
            ("STREAMBRO_RUN", format!("{}-{own}", &cookie[1..])),
            ("MY_STREAMBRO_RUN", format!("{cookie}-{own}")),
            ("NOTE", format!("STREAMBRO_RUN={cookie}-{own}")),
        ];
        let processes = marks.iter().map(|(name, value)| bystander(name, value)).collect();
        Self { files, processes }
    }

    pub(super) fn are_untouched(&mut self) {
        for file in &self.files {
            let words = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert!(words == WORDS || words == std::process::id().to_string(), "{}", file.display());
        }
        for (at, process) in self.processes.iter_mut().enumerate() {
            assert_eq!(process.ended(), None, "bystander {at} was ended");
        }
    }
}
