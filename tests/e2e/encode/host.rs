//! What becomes of ffmpegs when their host dies, and of a host whose ffmpegs come and go.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::{
    ffmpeg::Clip,
    hostile::{Attack, Hostile, Stage},
    process::{self, Exhausted},
    wrapper::Wrapper,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use super::desk::{BOUND, ends, lives, manager_with, pid, reach, signal, small, soon, spec, until};
use crate::{
    faults::apart::{self, Apart},
    host::Belongings,
};

/// Streams of the host that is killed, besides the slow one.
const STREAMS: usize = 10;

/// How long an ffmpeg may outlive its host (bar P1), twice over for a busy machine.
const GONE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn no_ffmpeg_outlives_a_killed_host() {
    host_is_killed(&[]).await;
}

#[tokio::test]
async fn no_ffmpeg_outlives_a_killed_host_that_ignores_sigio() {
    host_is_killed(&["--ignore-signal=IO"]).await;
}

async fn host_is_killed(ignores: &[&str]) {
    let film = Clip::new().seconds(30.0).make().await;
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let mut host = Command::new("/usr/bin/env")
        .args(ignores)
        .arg(env!("CARGO_BIN_EXE_encodes"))
        .arg(&film)
        .args([server.url(), STREAMS.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it was built with this test");
    let status = format!("/proc/{}/status", host.id().expect("it runs"));
    let mut lines = BufReader::new(host.stdout.take().expect("it is piped")).lines();
    let line = timeout(2 * BOUND, lines.next_line()).await.expect("a line in time").unwrap().expect("a line");
    let words: Vec<u64> = line.split(' ').skip(1).map(|word| word.parse().expect("a number")).collect();
    let (made, pids) = words.split_first().expect("it tells");
    let pids: Vec<u32> = pids.iter().map(|&pid| u32::try_from(pid).unwrap()).collect();
    assert_eq!((pids.len(), *made), (STREAMS + 1, 0), "the slow one has made nothing");
    assert!(pids.iter().all(|&pid| lives(pid)));
    assert_eq!(ignores_sigio(&status), !ignores.is_empty());
    let visits = server.visits();
    assert_eq!(visits.iter().filter(|visit| visit.closed_after.is_none()).count(), STREAMS);

    host.start_kill().unwrap();
    let since = Instant::now();
    let left = || pids.iter().filter(|pid| lives(**pid)).count();
    soon("all ffmpegs gone", || (left() == 0).then_some(())).await;
    println!("gone {:?} after their host", since.elapsed());
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    host.wait().await.unwrap();
    let closed = server.until(GONE, |visits| visits.iter().all(|visit| visit.closed_after.is_some())).await;
    // Who has hung up sends nothing more; nobody else does either.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = server.visits();
    let bytes = |visits: &[streambro_tests::hostile::Visit]| visits.iter().map(|v| v.received).sum::<u64>();
    assert_eq!((after.len(), bytes(&after)), (closed.len(), bytes(&closed)));
}

fn ignores_sigio(status: &str) -> bool {
    const SIGIO: u32 = 29;
    let text = std::fs::read_to_string(status).expect("the host lives");
    let mask = text.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("Linux tells");
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (SIGIO - 1) & 1 == 1
}

#[tokio::test]
async fn a_hundred_streams_that_came_and_went_leave_no_descriptor_thread_task_or_child() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_hundred_streams_that_came_and_went_leave_no_descriptor_thread_task_or_child"
    );
    // Of four streams each.
    const ROUNDS: usize = 25;
    if !process::alone(NAME) {
        return;
    }
    let attacks = [(Attack::Nothing, Stage::Published)];
    apart::serve(&attacks);
    let server = Apart::start(NAME, &attacks).await;
    let url = format!("rtmp://{}/live", server.addresses[0]);
    // Long: nobody waits for its end, and no second ffmpeg is needed.
    let film = Clip::new().seconds(30.0).size(160, 90).make().await;
    let belongings = Belongings::now();
    let manager = manager_with(None, |times| {
        (times.settle, times.tick) = (Duration::from_millis(20), Duration::from_millis(10));
    })
    .await;
    for round in 0..ROUNDS {
        let start = async |n: usize| {
            let spec = spec(&film, Repeat::Forever, &url, &format!("cycle-{n}"));
            manager.start(spec.video(small().size(160, 90).live())).await.unwrap()
        };
        let (a, b, c, d) = tokio::join!(start(0), start(1), start(2), start(3));
        let streams = [a, b, c, d];
        for (n, stream) in streams.iter().enumerate() {
            match (n + round) % streams.len() {
                // As soon as it was asked for.
                0 => {}
                1 => drop(pid(stream).await),
                2 => reach(stream, Phase::Live).await,
                // While another ffmpeg is on its way.
                _ => signal_if_there(pid(stream).await),
            }
            stream.stop();
        }
        for stream in &streams {
            ends(stream, Reason::Stopped).await;
        }
    }
    manager.shutdown(BOUND).await;
    drop(manager);
    belongings.are_back().await;
}

/// It may have come to the end of its lap by itself.
fn signal_if_there(pid: u32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed()) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

#[tokio::test]
async fn without_descriptors_for_another_ffmpeg_a_stream_holds_says_so_and_recovers_beside_others() {
    const NAME: &str = concat!(
        module_path!(),
        "::without_descriptors_for_another_ffmpeg_a_stream_holds_says_so_and_recovers_beside_others"
    );
    if !process::alone(NAME) {
        return;
    }
    let attacks = [(Attack::Nothing, Stage::Published)];
    apart::serve(&attacks);
    let server = Apart::start(NAME, &attacks).await;
    let url = format!("rtmp://{}/live", server.addresses[0]);
    let film = Clip::new().seconds(30.0).make().await;
    // It never has much in hand.
    let wrapper = Wrapper::runs("exec \"$real\" -readrate 1.1 \"$@\"");
    let manager = manager_with(Some(&wrapper), |times| {
        (times.backoff_first, times.backoff_max) = (Duration::from_millis(100), Duration::from_millis(400));
    })
    .await;
    let mut streams = vec![];
    for name in ["dies", "lives"] {
        let spec = spec(&film, Repeat::Forever, &url, name).video(small().live());
        streams.push(manager.start(spec).await.unwrap());
    }
    for stream in &streams {
        reach(stream, Phase::Live).await;
    }
    let (first, other) = (pid(&streams[0]).await, pid(&streams[1]).await);
    let exhausted = Exhausted::now();
    signal(first, Signal::KILL);
    reach(&streams[0], Phase::Holding).await;
    let status = streams[0].status();
    assert_eq!((status.reason, status.legs[0].attempts), (Some(Reason::Host), 1), "{status:#?}");
    assert!(status.detail.contains("ulimit -n"), "{}", status.detail);
    let status = streams[1].status();
    assert_eq!((status.phase, status.legs[0].attempts), (Phase::Live, 1));
    drop(exhausted);
    until(&streams[0], "another ffmpeg", |e| e.pid.is_some_and(|pid| pid != first)).await;
    reach(&streams[0], Phase::Live).await;
    assert_eq!(streams[0].status().legs[0].attempts, 1);
    let status = streams[1].status();
    assert_eq!((status.encoding.unwrap().pid, status.legs[0].attempts), (Some(other), 1));
    manager.shutdown(BOUND).await;
}
