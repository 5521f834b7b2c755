//! ffmpeg dies, stands still, and the server goes: what viewers see of it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::{ffmpeg::Clip, nginx::Nginx};

use super::desk::{
    BOUND, SPLICED, ends, ends_watched, goes_on, lives, manager, pid, reach, signal, small, spec, until,
};

#[tokio::test]
async fn a_killed_ffmpeg_is_started_where_it_was_and_nobody_notices() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(16.0).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "killed").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let first = pid(&stream).await;
    signal(first, Signal::KILL);
    let next = until(&stream, "another ffmpeg", |e| e.pid.is_some_and(|pid| pid != first)).await;
    assert_eq!(next.runs, 2);
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    assert_eq!((status.legs[0].attempts, status.encoding.unwrap().runs), (1, 2));
    let files = nginx.settled("killed", 1, BOUND).await;
    goes_on(&files[0], want, SPLICED, 478..=484).await;
}

#[tokio::test]
async fn a_stop_ends_ffmpeg_too_before_the_stream_has_ended() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(20.0).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Forever, &nginx.rtmp_url("live"), "stopped").video(small().live());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let pid = pid(&stream).await;
    let since = Instant::now();
    manager.stop("stopped").unwrap();
    ends(&stream, Reason::Stopped).await;
    assert!(!lives(pid));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_lost_server_does_not_end_ffmpeg_and_the_film_goes_on_where_it_was() {
    let mut nginx = Nginx::start().await;
    let film = Clip::new().seconds(30.0).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "lost").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let first = pid(&stream).await;
    nginx.kill();
    reach(&stream, Phase::Reconnecting).await;
    let stood = stream.status().media_ms;
    tokio::time::sleep(Duration::from_secs(3)).await;
    nginx.restart().await;
    reach(&stream, Phase::Live).await;
    let status = stream.status();
    assert!(status.media_ms < stood + 5_000, "{} after {stood}", status.media_ms);
    let encoding = status.encoding.unwrap();
    assert_eq!((encoding.pid, encoding.runs), (Some(first), 1), "the same ffmpeg");
}
