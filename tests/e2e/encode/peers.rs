//! What peers do to a stream that ffmpeg makes: its connections come and go, and ffmpeg runs on.

use std::time::{Duration, Instant};

use streambro_core::{Destination, LegPhase, Phase, Reason, Repeat, Stream, Video};
use streambro_tests::ffmpeg::decodes;
use streambro_tests::{
    ffmpeg::Clip,
    flv::{self, Kind},
    hostile::{Attack, Hostile, Stage},
    mem, net,
    nginx::Nginx,
    pace::Pace,
    process,
    proxy::{Flow, Proxy},
};

use super::{
    desk::{
        BOUND, EVEN, ends, goes_on, lives, manager, manager_with, phases, pid, reach, small, soon, spec,
        times, unbroken, until, watched,
    },
    sync,
};

const MIB: u64 = 1 << 20;

/// What a tape holds at most: eight seconds ahead, and what a pipe and a read hold besides.
const AHEAD_MS: u64 = 10_000;

/// Large enough for the buffers of kernels to be full soon.
fn large() -> Video {
    Video::from(small().size(640, 360).bitrate(3_000_000))
}

/// Resident memory that is not a file's, of this process.
fn grown(before: u64) -> u64 {
    mem::own().anonymous.saturating_sub(before)
}

#[tokio::test]
async fn without_a_server_ffmpeg_is_held_back_and_not_taken_for_one_that_stands_still() {
    if !process::alone(concat!(
        module_path!(),
        "::without_a_server_ffmpeg_is_held_back_and_not_taken_for_one_that_stands_still"
    )) {
        return;
    }
    let film = Clip::new().seconds(30.0).make().await;
    let manager = manager_with(None, |times| {
        times.encoder_stall = Duration::from_secs(1);
        times.encoder_start = Duration::from_secs(20);
        (times.backoff_first, times.backoff_max) = (Duration::from_millis(50), Duration::from_millis(200));
    })
    .await;
    let url = format!("rtmp://127.0.0.1:{}/live", net::free_port());
    let before = mem::own().anonymous;
    let stream = manager.start(spec(&film, Repeat::Forever, &url, "nobody").video(large())).await.unwrap();
    let full = until(&stream, "a full tape", |encoding| encoding.ahead_ms > 7_900).await;
    // Many times as long as it may make nothing while there is room.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let still = stream.status().encoding.unwrap();
    assert_eq!((still.pid, still.runs), (full.pid, 1));
    assert!(still.ahead_ms <= AHEAD_MS && still.reached_ms < 12_000, "{still:#?}");
    let grown = grown(before);
    println!("{} ms ahead, {} KiB more", still.ahead_ms, grown / 1024);
    // Eight seconds of 3.1 Mb/s are 3 MiB.
    assert!(grown < 10 * MIB, "{} KiB", grown / 1024);
    let pid = full.pid.unwrap();
    let since = Instant::now();
    manager.stop("nobody").unwrap();
    ends(&stream, Reason::Stopped).await;
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_server_that_never_reads_is_left_in_time_while_ffmpeg_and_memory_stay_as_they_are() {
    if !process::alone(concat!(
        module_path!(),
        "::a_server_that_never_reads_is_left_in_time_while_ffmpeg_and_memory_stay_as_they_are"
    )) {
        return;
    }
    let server = Hostile::start(Attack::StopReading, Stage::Published).await;
    let film = Clip::new().seconds(30.0).make().await;
    let patience = Duration::from_secs(3);
    let manager = manager_with(None, |times| {
        (times.no_progress, times.tcp_user) = (patience, patience);
        (times.backoff_first, times.backoff_max) = (Duration::from_millis(100), Duration::from_millis(200));
    })
    .await;
    let before = mem::own().anonymous;
    let stream =
        manager.start(spec(&film, Repeat::Forever, &server.url(), "deaf").video(large())).await.unwrap();
    let first = pid(&stream).await;
    // The moment from which nothing more is acknowledged.
    let mut taken = (Instant::now(), 0);
    soon("the end of the connection", || {
        let leg = &stream.status().legs[0];
        if leg.acked_bytes != taken.1 {
            taken = (Instant::now(), leg.acked_bytes);
        }
        (leg.attempts > 0 && leg.phase == LegPhase::Waiting).then_some(())
    })
    .await;
    let after = taken.0.elapsed();
    println!("left {after:?} after its last byte");
    assert_eq!(stream.status().legs[0].reason, Some(Reason::Stalled));
    assert!(
        after + Duration::from_millis(600) > patience && after < patience + Duration::from_secs(1),
        "{after:?}"
    );
    server.until(BOUND, |visits| visits.len() >= 3).await;
    let encoding = stream.status().encoding.unwrap();
    assert_eq!((encoding.pid, encoding.runs), (Some(first), 1));
    assert!(encoding.ahead_ms <= AHEAD_MS, "{encoding:#?}");
    let grown = grown(before);
    println!("{} KiB more", grown / 1024);
    assert!(grown < 12 * MIB, "{} KiB", grown / 1024);
}

#[tokio::test]
async fn a_connection_that_is_reset_is_there_again_within_a_second_at_a_keyframe() {
    let nginx = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let film = Clip::new().seconds(30.0).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Once, &proxy.rtmp_url("live"), "reset").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let first = pid(&stream).await;
    soon("three seconds", || (stream.status().media_ms > 3_000).then_some(())).await;
    let accepted = proxy.accepted();
    proxy.reset_all();
    let since = Instant::now();
    soon("another connection", || (proxy.accepted() > accepted).then_some(())).await;
    println!("there again after {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    reach(&stream, Phase::Live).await;
    let resumed = stream.status().media_ms;
    soon("two seconds more", || (stream.status().media_ms > resumed + 2_000).then_some(())).await;
    let encoding = stream.status().encoding.unwrap();
    assert_eq!((encoding.pid, encoding.runs), (Some(first), 1));
    manager.stop("reset").unwrap();
    ends(&stream, Reason::Stopped).await;
    let files = nginx.settled("reset", 2, BOUND).await;
    assert_eq!(files.len(), 2);
    for file in &files {
        let (video, audio) = times(file).await;
        unbroken(&video, 37.0);
        unbroken(&audio, 47.0);
    }
    let [before, after] = [&files[0], &files[1]].map(|file| flv::read(file).unwrap());
    let shown: Vec<_> = before.samples(Kind::Video).map(flv::Tag::md5).collect();
    let next = after.samples(Kind::Video).next().unwrap();
    assert!(next.is_key());
    // The picture with which the group that was interrupted began: nothing is left out.
    let from = shown.iter().rposition(|md5| *md5 == next.md5()).expect("it goes on where it was");
    assert!(shown.len() - from <= 61, "{} pictures again", shown.len() - from);
    decodes(&files[1]).await;
}

/// The most packets in any second of the next `bound`, as a multiple of the nominal rate.
async fn busiest(stream: &Stream, bound: Duration) -> f64 {
    // Pictures, and frames of sound at 44,100 Hz.
    const PACKETS: f64 = 30.0 + 44_100.0 / 1_024.0;
    let began = Instant::now();
    let mut pace = Pace::default();
    while began.elapsed() < bound {
        pace.look(Instant::now(), stream.status().legs[0].packets);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pace.most() / PACKETS
}

#[tokio::test]
async fn after_eight_seconds_without_a_network_it_goes_on_in_step_and_without_a_burst() {
    let nginx = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let film = sync::film().await;
    let manager = manager_with(None, |times| {
        (times.backoff_first, times.backoff_max) = (Duration::from_millis(200), Duration::from_secs(1));
    })
    .await;
    let spec = spec(&film, Repeat::Forever, &proxy.rtmp_url("live"), "outage").video(small().live());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    soon("three seconds", || (stream.status().media_ms > 3_000).then_some(())).await;
    // The second lap is being made, and it is not at its end for five seconds more of media.
    let second = until(&stream, "the second lap", |e| e.runs == 2 && e.pid.is_some()).await.pid;
    proxy.refuse(true);
    proxy.reset_all();
    reach(&stream, Phase::Reconnecting).await;
    // The time is what is tested.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(stream.status().encoding.unwrap().pid, second);
    proxy.refuse(false);
    let most = busiest(&stream, Duration::from_secs(6)).await;
    println!("at {most:.2} of the nominal rate at most");
    assert!((0.8..1.5).contains(&most), "{most}");
    let status = stream.status();
    assert_eq!((status.phase, status.legs[0].reconnects), (Phase::Live, 1));
    manager.stop("outage").unwrap();
    ends(&stream, Reason::Stopped).await;
    for file in nginx.settled("outage", 2, BOUND).await {
        sync::assert_in_step(&file, &film).await;
    }
}

#[tokio::test]
async fn of_two_destinations_one_stalls_and_neither_the_other_nor_ffmpeg_notices() {
    let nginx = Nginx::start().await;
    let still = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], still.port()).into()).await;
    let film = Clip::new().seconds(30.0).make().await;
    let patience = Duration::from_secs(2);
    let manager = manager_with(None, |times| {
        (times.no_progress, times.tcp_user) = (patience, patience);
        (times.backoff_first, times.backoff_max) = (Duration::from_millis(100), Duration::from_millis(200));
    })
    .await;
    let mut events = manager.subscribe(1_024);
    let other = Destination::new(&proxy.rtmp_url("live"), "still").unwrap();
    let spec =
        spec(&film, Repeat::Forever, &nginx.rtmp_url("live"), "good").destination(other).video(large());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let first = pid(&stream).await;
    let stalls = async {
        proxy.set_flow(Flow::Stall);
        soon("the end of the other", || {
            (stream.status().legs[1].reason == Some(Reason::Stalled)).then_some(())
        })
        .await;
        proxy.set_flow(Flow::Forward);
        soon("the other's return", || (stream.status().legs[1].reconnects == 1).then_some(())).await;
        reach(&stream, Phase::Live).await;
    };
    let ((), want) = watched(&stream, stalls).await;
    let status = stream.status();
    assert_eq!((status.legs[0].attempts, status.legs[0].skips), (1, 0));
    let encoding = status.encoding.unwrap();
    assert_eq!((encoding.pid, encoding.runs), (Some(first), 1));
    manager.stop("good").unwrap();
    ends(&stream, Reason::Stopped).await;
    let phases = phases(&mut events);
    let told = |phase| phases.iter().any(|(to, _)| *to == phase);
    assert!(!told(Phase::Reconnecting) && (want.is_long() || !told(Phase::Holding)), "{want:?}: {phases:?}");
    let files = nginx.settled("good", 1, BOUND).await;
    goes_on(&files[0], want, EVEN, 30..=usize::MAX).await;
    // Who comes back begins at a keyframe.
    let files = still.settled("still", 2, BOUND).await;
    let back = flv::read(&files[1]).unwrap();
    assert!(back.samples(Kind::Video).next().unwrap().is_key());
    decodes(&files[1]).await;
}
