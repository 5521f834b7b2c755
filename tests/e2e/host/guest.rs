//! Signals, limits and children of the host.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{WaitOptions, child_subreaper, waitpid};
use streambro_core::{Phase, StreamManager};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::{demo_clip, process};

use super::{Belongings, SOON, forever, in_phase};

/// What the kernel knows of this process that belongs to the host alone.
#[derive(Debug, PartialEq, Eq)]
struct House {
    /// Signals caught, ignored, blocked: of the process, and blocked in the calling thread.
    signals: Vec<String>,
    subreaper: bool,
    limits: String,
    nice: String,
    directory: std::path::PathBuf,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

impl House {
    fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).expect("/proc shows this process");
        let of = |status: String, fields: &[&str]| {
            let lines = status.lines().map(str::to_owned);
            lines.filter(|line| fields.iter().any(|field| line.starts_with(field))).collect::<Vec<_>>()
        };
        // What is blocked is a thread's own: the first one's, which is the harness's, changes while it starts another.
        let mut signals = of(read("/proc/self/status"), &["SigCgt:", "SigIgn:"]);
        signals.extend(of(read("/proc/thread-self/status"), &["SigCgt:", "SigIgn:", "SigBlk:"]));
        Self {
            signals,
            subreaper: child_subreaper().expect("Linux tells").is_some(),
            limits: read("/proc/self/limits"),
            nice: read("/proc/self/stat").split_whitespace().nth(18).unwrap_or_default().to_owned(),
            directory: std::env::current_dir().expect("there is one"),
            environment: std::env::vars_os().collect(),
        }
    }
}

#[tokio::test]
async fn a_hundred_starts_stops_and_drops_leave_signals_limits_and_surroundings_as_they_were() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_hundred_starts_stops_and_drops_leave_signals_limits_and_surroundings_as_they_were"
    );
    if !process::alone(NAME) {
        return;
    }
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let before = House::now();
    let belongings = Belongings::now();
    for n in 0..100 {
        let manager = StreamManager::builder().build().await.unwrap();
        let stream = manager.start(forever("guest", demo_clip(), &server.url())).await.unwrap();
        match n % 4 {
            // Dropped while it connects.
            0 => {}
            1 => stream.stop(),
            2 => manager.shutdown(SOON).await,
            _ => {
                server.until(SOON, |visits| visits.iter().any(|visit| visit.closed_after.is_none())).await;
                stream.stop();
                stream.ended().await;
            }
        }
        drop((stream, manager));
        assert_eq!(House::now(), before, "after {n}");
    }
    belongings.are_back().await;
    assert_eq!(House::now(), before);
}

#[test]
fn a_host_that_ignores_sigchld_streams_like_any_other() {
    const MARK: &str = "STREAMBRO_TEST_SIGCHLD_IGNORED";
    const NAME: &str = concat!(module_path!(), "::a_host_that_ignores_sigchld_streams_like_any_other");
    if std::env::var_os(MARK).is_none() {
        // GNU env: ignored by who starts it, and kept over exec.
        let name = NAME.split_once("::").map_or(NAME, |(_, path)| path);
        let mut host = Command::new("env");
        host.arg("--ignore-signal=CHLD").arg(std::env::current_exe().unwrap());
        host.args(["--exact", name, "--nocapture"]).env(MARK, "1").stdin(Stdio::null());
        let out = host.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("1 passed"), "{text}{out:?}");
        return;
    }
    let ignored = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim().to_owned();
        u64::from_str_radix(&line, 16).unwrap() & 1 << (17 - 1) != 0
    };
    assert!(ignored());
    run(plays_and_ends());
    assert!(ignored());
}

#[test]
fn a_host_with_a_thread_that_waits_for_every_child_streams_like_any_other() {
    let done = Arc::new(AtomicBool::new(false));
    let stolen = Arc::new(AtomicU64::new(0));
    let thief = {
        let (done, stolen) = (Arc::clone(&done), Arc::clone(&stolen));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                match waitpid(None, WaitOptions::NOHANG) {
                    Ok(Some(_)) => drop(stolen.fetch_add(1, Ordering::Relaxed)),
                    Ok(None) | Err(Errno::CHILD) => std::thread::sleep(Duration::from_millis(1)),
                    Err(error) => panic!("{error}"),
                }
            }
        })
    };
    run(plays_and_ends());
    done.store(true, Ordering::Relaxed);
    thief.join().unwrap();
    // A copy needs no process at all.
    assert_eq!(stolen.load(Ordering::Relaxed), 0);
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

async fn plays_and_ends() {
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let manager = StreamManager::builder().build().await.unwrap();
    let stream = manager.start(forever("guest", demo_clip(), &server.url())).await.unwrap();
    in_phase(&stream, Phase::Live).await;
    stream.stop();
    tokio::time::timeout(SOON, stream.ended()).await.unwrap();
    manager.shutdown(SOON).await;
}
