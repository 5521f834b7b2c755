//! What a host may do, and what may be done to it: each host is this test binary, run again.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::Instant,
};

use nix::sys::signal::{SigSet, Signal as Posix};
use rustix::{
    process::{Pid, Resource, Rlimit, WaitOptions, getrlimit, kill_process, setrlimit},
    time::{ClockId, clock_gettime},
};

use super::{tests::*, *};

const PLACE: &str = "STREAMBRO_TEST_PLACE";

/// Runs a test of this file again as a host that ignores these signals.
fn host(ignores: &[&str], name: &str) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.args(ignores.iter().map(|signal| format!("--ignore-signal={signal}")));
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("ffmpeg::process::host_tests::{name}"), "--ignored", "--nocapture"]);
    command.stdin(Stdio::null()).process_group(0);
    command
}

/// Starts children of every kind, says which, and lives until it is killed.
#[tokio::test]
#[ignore = "a host for the tests below"]
async fn a_host_with_children() {
    let place = std::env::var(PLACE).unwrap();
    let sleep = Launch::new("/bin/sleep", ["1000"]);
    let stopped = Process::spawn(sleep.clone()).await.unwrap();
    kill_process(Pid::from_raw(stopped.pid().cast_signed()).unwrap(), Signal::STOP).unwrap();
    let wrapper = Process::spawn(shell("sleep 1000 & echo $!; wait")).await.unwrap();
    let mut buf = [0; 32];
    let n = soon(wrapper.read(&mut buf)).await.unwrap();
    let grandchild = std::str::from_utf8(&buf[..n]).unwrap().trim().to_owned();
    let mut pids = vec![grandchild];
    let mut children = vec![stopped, wrapper];
    // One that hears no signal, one that never writes, and two that encode and have not been read from.
    for launch in [shell("trap '' TERM HUP IO; while :; do sleep 1; done"), sleep, placebo(), live()] {
        children.push(Process::spawn(launch).await.unwrap());
    }
    until("live", || children.last().unwrap().progress().blocks > 0).await;
    pids.extend(children.iter().map(|child| child.pid().to_string()));
    fs::write(format!("{place}.new"), pids.join("\n")).unwrap();
    fs::rename(format!("{place}.new"), place).unwrap();
    pending::<()>().await;
}

/// What this test would leave behind if what it shows were not so.
struct Ends(Vec<u32>);

impl Drop for Ends {
    fn drop(&mut self) {
        for pid in self.0.iter().filter(|pid| !is_gone(**pid)) {
            let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL);
        }
    }
}

#[tokio::test]
async fn no_child_outlives_a_killed_host() {
    // SIGIO, SIGCHLD and SIGPIPE: nothing may hang on how a host takes them.
    for ignores in [&[][..], &["IO", "CHLD", "PIPE"]] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pids");
        let mut host = host(ignores, "a_host_with_children").env(PLACE, &place).spawn().unwrap();
        until("children", || place.exists()).await;
        let pids = fs::read_to_string(&place).unwrap();
        let pids: Vec<u32> = pids.lines().map(|pid| pid.parse().unwrap()).collect();
        let _ends = Ends(pids.clone());
        assert_eq!(pids.len(), 7);
        assert!(pids.iter().all(|pid| !is_gone(*pid)), "{pids:?}");
        host.kill().unwrap();
        let begun = Instant::now();
        host.wait().unwrap();
        until("all gone", || pids.iter().all(|pid| is_gone(*pid))).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        eprintln!("gone in {:?}", begun.elapsed());
    }
}

#[tokio::test]
#[ignore = "a host for the test below"]
async fn a_host_that_ignores_its_childrens_ends() {
    let processor = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    };
    let mut process = Process::spawn(shell("sleep 1000 & printf $!; read end </dev/fd/3")).await.unwrap();
    let mut buf = [0; 32];
    let n = soon(process.read(&mut buf)).await.unwrap();
    let grandchild: u32 = std::str::from_utf8(&buf[..n]).unwrap().parse().unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Unknown);
    // Its number may be anyone's by now, and yet its group is reached.
    until("grandchild gone", || is_gone(grandchild)).await;
    let mut process = Process::spawn(Launch::new("/bin/sleep", ["1"])).await.unwrap();
    let before = processor();
    assert_eq!(soon(process.wait()).await, Exit::Unknown);
    assert!(processor() - before < Duration::from_millis(200));
    let mut process = Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap();
    assert_eq!(soon(process.stop(Duration::from_secs(5))).await, Exit::Unknown);
    assert_eq!(state(process.pid()), None);
    drop(Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap());
    // Gone before it was looked at.
    for _ in 0..20 {
        let mut process = Process::spawn(Launch::new("/bin/true", [""; 0])).await.unwrap();
        assert_eq!(soon(process.wait()).await, Exit::Unknown);
    }
}

#[test]
fn a_host_that_ignores_sigchld_learns_of_ends_without_a_status() {
    let out = host(&["CHLD"], "a_host_that_ignores_its_childrens_ends").output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test]
async fn a_host_that_reaps_everything_breaks_nothing_and_no_status_is_invented() {
    if !alone(concat!(
        module_path!(),
        "::a_host_that_reaps_everything_breaks_nothing_and_no_status_is_invented"
    )) {
        return;
    }
    std::thread::spawn(|| {
        loop {
            if rustix::process::wait(WaitOptions::empty()).is_err() {
                std::thread::yield_now();
            }
        }
    });
    let (mut known, mut unknown) = (0, 0);
    for n in 0..200 {
        let mut process = Process::spawn(shell("exit 7")).await.unwrap();
        let exit = match n % 4 {
            0 => soon(process.stop(Duration::from_secs(5))).await,
            1 => {
                drop(process);
                continue;
            }
            _ => soon(process.wait()).await,
        };
        match exit {
            Exit::Code(7) => known += 1,
            Exit::Unknown => unknown += 1,
            Exit::Signal(15) if n % 4 == 0 => {}
            _ => panic!("{exit:?}"),
        }
    }
    assert!(unknown > 0, "nothing was stolen: {known}");
}

#[tokio::test]
async fn signals_that_the_host_blocks_or_ignores_are_as_new_to_the_child() {
    if !alone(concat!(module_path!(), "::signals_that_the_host_blocks_or_ignores_are_as_new_to_the_child")) {
        return;
    }
    let mut blocked = SigSet::empty();
    for signal in [Posix::SIGTERM, Posix::SIGINT, Posix::SIGCHLD] {
        blocked.add(signal);
    }
    blocked.thread_block().unwrap();
    let of_host = || {
        let text = fs::read_to_string("/proc/thread-self/status").unwrap();
        let kept = ["SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Seccomp"];
        text.lines()
            .filter(|line| kept.iter().any(|name| line.starts_with(name)))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let limits = || fs::read_to_string("/proc/self/limits").unwrap();
    let before = (of_host(), limits());
    assert_ne!(status(std::process::id(), "SigIgn"), "0000000000000000", "Rust ignores SIGPIPE");
    for _ in 0..10 {
        let mut process = Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap();
        assert_eq!(status(process.pid(), "SigBlk"), "0000000000000000");
        // Without the two that the C library keeps to itself.
        let ignored = u64::from_str_radix(&status(process.pid(), "SigIgn"), 16).unwrap();
        assert_eq!(ignored & !(0b11 << 31), 0, "{ignored:x}");
        assert_eq!(soon(process.stop(Duration::from_secs(5))).await, Exit::Signal(15));
        drop(Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap());
    }
    assert_eq!((of_host(), limits()), before);
}

/// How many descriptors, threads and children this process has.
fn belongings() -> (usize, usize, usize) {
    let tasks: Vec<_> = fs::read_dir("/proc/self/task").unwrap().flatten().collect();
    let children = tasks.iter().map(|task| {
        fs::read_to_string(task.path().join("children")).unwrap_or_default().split_whitespace().count()
    });
    (fs::read_dir("/proc/self/fd").unwrap().count(), tasks.len(), children.sum())
}

#[tokio::test]
async fn two_hundred_children_leave_no_descriptor_no_thread_and_no_zombie() {
    if !alone(concat!(module_path!(), "::two_hundred_children_leave_no_descriptor_no_thread_and_no_zombie")) {
        return;
    }
    let before = belongings();
    for n in 0..200 {
        match n % 5 {
            0 => drop(Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap()),
            1 => {
                let spawned = Process::spawn(Launch::new("/bin/sleep", ["1000"]));
                let _ = timeout(Duration::from_micros(n * 20), spawned).await;
            }
            2 => drop(Process::spawn(Launch::new("/no/such/program", [""; 0])).await.unwrap_err()),
            3 => {
                let mut process = Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap();
                assert_eq!(soon(process.stop(Duration::from_secs(5))).await, Exit::Signal(15));
            }
            _ => {
                let mut process = Process::spawn(Launch::new("/bin/true", [""; 0])).await.unwrap();
                assert_eq!(soon(process.wait()).await, Exit::Code(0));
            }
        }
    }
    until("as before", || belongings() == before).await;
}

#[tokio::test]
async fn a_child_lives_on_when_the_threads_that_made_it_are_gone() {
    if !alone(concat!(module_path!(), "::a_child_lives_on_when_the_threads_that_made_it_are_gone")) {
        return;
    }
    let process = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(Process::spawn(Launch::new("/bin/sleep", ["1000"])))
    });
    let mut process = process.await.unwrap().unwrap();
    until("no spawner", || {
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
            .all(|name| !name.starts_with("streambro-"))
    })
    .await;
    let ended = timeout(Duration::from_millis(300), process.wait()).await;
    assert!(ended.is_err() && !is_gone(process.pid()));
}

#[tokio::test]
async fn a_host_without_descriptors_is_told_so_and_loses_nothing() {
    if !alone(concat!(module_path!(), "::a_host_without_descriptors_is_told_so_and_loses_nothing")) {
        return;
    }
    let mut running = Process::spawn(live()).await.unwrap();
    let before = getrlimit(Resource::Nofile);
    let used = belongings().0 as u64;
    // Each number more lets it come one step further.
    for more in 0.. {
        let limit = Rlimit { current: Some(used + more), maximum: before.maximum };
        setrlimit(Resource::Nofile, limit).unwrap();
        let Err(error) = Process::spawn(Launch::new("/bin/true", [""; 0])).await else {
            assert!((5..30).contains(&more), "{more}");
            break;
        };
        let LaunchError::Host { remedy: Some(remedy), .. } = &error else { panic!("{error}") };
        assert!(remedy.contains("ulimit -n"), "{error}");
    }
    setrlimit(Resource::Nofile, before).unwrap();
    let mut process = Process::spawn(Launch::new("/bin/true", [""; 0])).await.unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    let frames = running.progress().frames;
    until("more frames", || running.progress().frames > frames).await;
    assert_eq!(soon(running.stop(Duration::from_secs(5))).await, Exit::Code(255));
}

#[tokio::test]
async fn a_large_host_spawns_as_fast_as_a_small_one() {
    if !alone(concat!(module_path!(), "::a_large_host_spawns_as_fast_as_a_small_one")) {
        return;
    }
    async fn median() -> Duration {
        let mut times = vec![];
        for _ in 0..15 {
            let begun = Instant::now();
            let mut process = Process::spawn(Launch::new("/bin/true", [""; 0])).await.unwrap();
            times.push(begun.elapsed());
            soon(process.wait()).await;
        }
        times.sort_unstable();
        times[7]
    }
    let small = median().await;
    let memory = vec![1_u8; 768 << 20];
    let large = median().await;
    assert_eq!(
        memory.iter().step_by(4_096).map(|byte| usize::from(*byte)).sum::<usize>(),
        memory.len() / 4_096
    );
    // A fork would copy the tables of 768 MiB: 50 ms (reliability.md 0).
    assert!(large < small * 4 + Duration::from_millis(10), "{small:?} {large:?}");
}

#[tokio::test]
async fn the_hosts_environment_does_not_reach_the_child() {
    if std::env::var_os("FFREPORT").is_none() {
        let name = "ffmpeg::process::host_tests::the_hosts_environment_does_not_reach_the_child";
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .envs([("FFREPORT", "file=x"), ("LD_PRELOAD", ""), ("http_proxy", "http://x"), ("LANG", "de_DE")])
            .output()
            .unwrap();
        return assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }
    let process = Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap();
    let environment = environment(process.pid()).await;
    let run = format!("LANG=C\0LC_ALL=C\0STREAMBRO_RUN={}\0", process.run());
    assert_eq!(environment, run);
}

fn resident_kib() -> u64 {
    status(std::process::id(), "VmRSS").split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_flood_of_words_costs_little_memory_and_holds_up_no_media() {
    if !alone(concat!(module_path!(), "::a_flood_of_words_costs_little_memory_and_holds_up_no_media")) {
        return;
    }
    let script = "yes the same seventy letters over and over again, as fast as a pipe will take them >&2 &
        i=0; while [ $i -lt 50 ]; do printf m; sleep 0.02; i=$((i+1)); done";
    soon(Process::spawn(Launch::new("/bin/true", [""; 0])).await.unwrap().wait()).await;
    let before = resident_kib();
    let mut process = Process::spawn(shell(script)).await.unwrap();
    let (mut media, mut last, mut longest) = (0, Instant::now(), Duration::ZERO);
    while media < 50 {
        media += soon(process.read(&mut [0; 64])).await.unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    assert!(resident_kib() < before + 2_048, "{before} KiB before, {} now", resident_kib());
    let words = process.words();
    assert!(words.dropped() > 10_000 && words.last().len() == 100, "{}", words.dropped());
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[tokio::test]
async fn ten_megabytes_in_one_line_are_one_short_line() {
    let script =
        "head -c 14000000 /dev/urandom | tr -d '\\n\\r' | head -c 10000000 >&2; echo >&2; echo end >&2";
    let mut process = Process::spawn(shell(script)).await.unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    let last = process.words().last();
    assert!(last.len() == 2 && last[0].len() <= 403 && last[1] == "end", "{last:?}");
}
