//! ffmpeg stands still, or is slower than time: the picture stands still at worst, and the connection stays.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::ffmpeg::decodes;
use streambro_tests::{
    ffmpeg::Clip,
    flv::{self, Kind},
    nginx::Nginx,
    wrapper::Wrapper,
};

use super::desk::{
    BOUND, HELD, SPLICED, ends, ends_watched, goes_on, lives, manager_with, phases, pid, reach, signal,
    small, soon, spec, times, unbroken, until,
};

#[tokio::test]
async fn an_ffmpeg_that_stands_still_is_replaced_in_time_and_nobody_notices() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(15.0).make().await;
    let stall = Duration::from_millis(1_500);
    let manager = manager_with(None, |times| times.encoder_stall = stall).await;
    let mut events = manager.subscribe(256);
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "still").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let first = until(&stream, "enough to live on", |e| e.ahead_ms > 6_000).await.pid.expect("it runs");
    signal(first, Signal::STOP);
    let mut moved = (Instant::now(), 0);
    let next = until(&stream, "another ffmpeg", |encoding| {
        if encoding.reached_ms != moved.1 && encoding.runs == 1 {
            moved = (Instant::now(), encoding.reached_ms);
        }
        encoding.pid.is_some_and(|pid| pid != first)
    })
    .await;
    let noticed = moved.0.elapsed();
    println!("replaced {noticed:?} after its last byte");
    // And up to half a second before another is tried, and what a busy host takes to start it.
    assert!(noticed >= stall && noticed < stall * 4, "{noticed:?}");
    assert!(!lives(first));
    assert_eq!(next.runs, 2);
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    assert_eq!((status.legs[0].attempts, status.encoding.unwrap().runs), (1, 2));
    let phases = phases(&mut events);
    let told = |phase| phases.iter().any(|(to, _)| *to == phase);
    assert!(!told(Phase::Reconnecting) && (want.is_long() || !told(Phase::Holding)), "{want:?}: {phases:?}");
    let files = nginx.settled("still", 1, BOUND).await;
    goes_on(&files[0], want, SPLICED, 448..=454).await;
}

/// Lets the host pause while a second ffmpeg brings what is due, and plays to the end. Returns whether the host was soon
/// enough: before the picture stood still by right.
async fn pauses(nginx: &Nginx, film: &Path, name: &str) -> bool {
    // The second has all of it ready, and as much in the pipe as goes into one, before it is said to be there.
    let late = "while [ ! -e \"$dir/go\" ]; do sleep 0.02; done\n\"$real\" \"$@\" >\"$dir/out\"\n\
                { head -c 60000 \"$dir/out\"; touch \"$dir/made\"; tail -c +60001 \"$dir/out\"; }";
    let wrapper = Wrapper::runs(&format!("[ $run -eq 1 ] && exec \"$real\" -t 3 \"$@\"\n{late}"));
    let manager =
        manager_with(Some(&wrapper), |times| times.backoff_first = Duration::from_millis(100)).await;
    let mut events = manager.subscribe(256);
    let spec = spec(film, Repeat::Once, &nginx.rtmp_url("live"), name).video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    soon("an end of what there is, and another ffmpeg", || {
        (stream.status().media_ms > 3_200 && wrapper.count() == 2).then_some(())
    })
    .await;
    let status = stream.status();
    let in_time = status.media_ms < 3_900
        && status.encoding.is_some_and(|encoding| encoding.reached_ms >= 3_000)
        && !phases(&mut events).iter().any(|(to, _)| *to == Phase::Holding);
    std::fs::write(wrapper.file("go"), "").unwrap();
    let since = Instant::now();
    // Nothing of the stream runs meanwhile: its runtime has this one thread.
    while since.elapsed() < Duration::from_millis(1_200) || !wrapper.file("made").exists() {
        assert!(since.elapsed() < BOUND, "ffmpeg makes nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    // On a busy host it may have taken longer than what was there.
    let in_time = in_time && since.elapsed() < Duration::from_millis(1_500);
    let status = ends(&stream, Reason::Finished).await;
    assert_eq!((status.legs[0].attempts, status.encoding.unwrap().runs), (1, 2));
    let phases = phases(&mut events);
    if in_time {
        assert!(!phases.iter().any(|(to, _)| *to == Phase::Holding), "{phases:?}");
        let files = nginx.settled(name, 1, BOUND).await;
        let (video, audio) = times(&files[0]).await;
        unbroken(&video, 100.0);
        unbroken(&audio, 60.0);
        assert!((238..=244).contains(&video.len()), "{} pictures of 240", video.len());
    }
    in_time
}

#[tokio::test]
async fn a_host_that_pauses_finds_what_has_come_meanwhile_before_it_lets_the_picture_stand_still() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(8.0).make().await;
    for name in ["one", "two", "three"] {
        if pauses(&nginx, &film, name).await {
            return;
        }
    }
    panic!("this machine is too busy for anything that has a clock");
}

#[tokio::test]
async fn without_anything_to_send_the_picture_stands_still_in_silence_until_a_keyframe_comes() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(40.0).make().await;
    // It never has much in hand.
    let wrapper = Wrapper::runs("exec \"$real\" -readrate 1.1 \"$@\"");
    let manager = manager_with(Some(&wrapper), |times| {
        times.encoder_stall = Duration::from_secs(4);
        // What has nothing to send is not stalled.
        times.no_progress = Duration::from_secs(2);
    })
    .await;
    let mut events = manager.subscribe(256);
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "dry").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let first = pid(&stream).await;
    until(&stream, "two seconds on the air", |e| e.reached_ms > 3_000).await;
    signal(first, Signal::STOP);
    reach(&stream, Phase::Holding).await;
    assert_eq!(stream.status().reason, Some(Reason::EncoderSlow));
    until(&stream, "another ffmpeg", |e| e.runs == 2).await;
    reach(&stream, Phase::Live).await;
    let status = stream.status();
    assert_eq!((status.reason, status.legs[0].attempts, status.legs[0].skips), (None, 1, 0), "{status:#?}");
    let resumed = status.media_ms;
    soon("two seconds more", || (stream.status().media_ms > resumed + 2_000).then_some(())).await;
    manager.stop("dry").unwrap();
    ends(&stream, Reason::Stopped).await;
    assert!(phases(&mut events).iter().all(|(to, _)| *to != Phase::Reconnecting));
    let files = nginx.settled("dry", 1, BOUND).await;
    let (video, audio) = times(&files[0]).await;
    unbroken(&video, HELD);
    unbroken(&audio, 60.0);
    decodes(&files[0]).await;
    held(&files[0]);
}

/// There is a stretch of the same picture again and again, with silence under it, and after it another keyframe.
fn held(recording: &Path) {
    let got = flv::read(recording).unwrap();
    let pictures: Vec<_> = got.samples(Kind::Video).collect();
    let alike = |pair: &[&flv::Tag]| pair[0].payload() == pair[1].payload();
    let from = pictures.windows(2).position(alike).expect("the picture stood still");
    let until = from + pictures[from..].windows(2).take_while(|pair| alike(pair)).count();
    let (begin, end) = (pictures[from].timestamp, pictures[until].timestamp);
    println!("stood still from {begin} to {end} ms, {} times the same picture", until - from + 1);
    assert!(end - begin >= 1_000 && pictures[from].is_key() && pictures[until + 1].is_key());
    let within = |tag: &&flv::Tag| tag.timestamp > begin + 500 && tag.timestamp < end;
    let sound: Vec<_> = got.samples(Kind::Audio).filter(within).map(|tag| tag.payload()).collect();
    assert!(
        sound.len() > 10 && sound.iter().all(|frame| *frame == sound[0]),
        "silence is the same all the time"
    );
}

#[tokio::test]
async fn an_encoder_that_is_slower_than_time_holds_now_and_then_and_never_reconnects() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(7.0).make().await;
    let wrapper = Wrapper::runs("exec \"$real\" -readrate 0.6 \"$@\"");
    let manager = manager_with(Some(&wrapper), |times| {
        times.no_progress = Duration::from_secs(2);
        times.tcp_user = Duration::from_secs(2);
    })
    .await;
    let mut events = manager.subscribe(256);
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "slow").video(small());
    let stream = manager.start(spec).await.unwrap();
    let status = ends(&stream, Reason::Finished).await;
    let encoding = status.encoding.unwrap();
    assert_eq!((status.legs[0].attempts, status.legs[0].skips, encoding.runs), (1, 0, 1));
    let phases = phases(&mut events);
    println!("{phases:?}");
    let holds = phases.iter().filter(|phase| **phase == (Phase::Holding, Some(Reason::EncoderSlow))).count();
    let lives = phases.iter().filter(|(to, _)| *to == Phase::Live).count();
    assert!(holds >= 2 && lives >= 2, "{phases:?}");
    assert!(!phases.iter().any(|(to, _)| *to == Phase::Reconnecting), "{phases:?}");
    let files = nginx.settled("slow", 1, BOUND).await;
    let (video, audio) = times(&files[0]).await;
    unbroken(&video, HELD);
    unbroken(&audio, 60.0);
    decodes(&files[0]).await;
}
