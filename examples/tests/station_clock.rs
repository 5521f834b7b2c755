//! The station on a machine whose clock is set while it runs (Debian's `faketime`, which changes what processes are told).

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program has failed")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use streambro_core::jiff::Timestamp;
use streambro_examples::receiver::Receiver;

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
const BOUND: Duration = Duration::from_secs(30);

/// A station, the clock that it is told, and what it has said.
struct Station {
    child: Child,
    clock: PathBuf,
    said: Arc<Mutex<String>>,
}

impl Station {
    /// One that is told a clock so many seconds off the real one, and sends a clip from `from` to `until`.
    fn start(dir: &Path, url: &str, [from, until]: [&str; 2], offset: i64) -> Self {
        let (file, clock) = (dir.join("week.toml"), dir.join("clock"));
        let week = format!(
            "[[streams]]\nid = \"window\"\nfiles = [\"{CLIP}\"]\nurl = \"{url}\"\nkey_from = \"CHANNEL_KEY\"\n\
             schedule = {{ windows = [{{ from = \"{from}\", until = \"{until}\" }}] }}\n"
        );
        fs::write(&file, week).unwrap();
        set(&clock, offset);
        let mut child = Command::new(env!("CARGO_BIN_EXE_station"))
            .arg(&file)
            .env("CHANNEL_KEY", "key")
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = Arc::<Mutex<String>>::default();
        let hears = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("{line}");
                hears.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { child, clock, said }
    }

    fn says(&self, words: &str) -> bool {
        self.said.lock().unwrap().contains(words)
    }

    /// Waits until it says something.
    fn hear(&self, words: &str) {
        let since = Instant::now();
        while !self.says(words) {
            assert!(since.elapsed() < BOUND, "it does not say {words:?}: {}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How far a time of the first of June 2026, UTC, is off, in seconds.
fn june(time: &str) -> i64 {
    let time: Timestamp = format!("2026-06-01T{time}Z").parse().unwrap();
    time.duration_since(Timestamp::now()).as_secs()
}

fn set(clock: &Path, offset: i64) {
    // In one piece: it is read at every look at the clock.
    let draft = clock.with_extension("new");
    fs::write(&draft, format!("{offset:+}\n")).unwrap();
    fs::rename(&draft, clock).unwrap();
}

fn library() -> PathBuf {
    let places = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = places.map(|place| place.path().join("faketime/libfaketime.so.1"));
    found.find(|library| library.exists()).expect("Debian's package `faketime` is installed")
}

/// Longer than the station needs to see what time it is.
fn a_while() {
    std::thread::sleep(Duration::from_millis(2_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_restarts_nothing_and_repeats_nothing() {
    let receiver = Receiver::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &receiver.url(), ["08:00", "12:00"], june("07:59:57"));
    let begun = Instant::now();
    station.hear("its time has come");
    assert!(begun.elapsed() > Duration::from_secs(1), "it did not wait");
    station.hear("on the air");
    for time in ["11:00:00", "09:00:00", "08:30:00", "11:59:00"] {
        set(&station.clock, june(time));
        a_while();
    }
    assert!(!station.says("off the air"));
    set(&station.clock, june("12:00:00"));
    station.hear("off the air: schedule_ended");
    set(&station.clock, june("10:00:00"));
    a_while();
    let report = receiver.report();
    assert_eq!((report.protocol_errors, report.streams[0].publishes), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_comes_up_in_1970_decides_nothing_before_its_clock_is_set() {
    let receiver = Receiver::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let in_1970 = 60 - Timestamp::now().as_second();
    let station = Station::start(dir.path(), &receiver.url(), ["00:00", "23:59"], in_1970);
    a_while();
    a_while();
    assert!(receiver.report().streams.is_empty());
    set(&station.clock, june("10:00:00"));
    station.hear("on the air");
    assert_eq!(receiver.report().streams[0].publishes, 1);
}
