//! A server that goes away in mid-stream and comes back.

use std::time::{Duration, Instant};

use streambro_core::{LegPhase, Phase, Reason, Repeat};
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, ends, even_clip, live, manager, reach, spec, until};
use super::film::Film;

#[tokio::test]
async fn a_server_that_was_gone_for_three_seconds_gets_the_film_from_where_it_stopped() {
    let mut nginx = Nginx::start().await;
    let film = Film::of(even_clip().make().await).await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let stream = manager
        .start(spec("film", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), "film"))
        .await
        .unwrap();
    live(&stream).await;
    // In the second lap, so that the place is more than a position in the file.
    until("the second lap plays", BOUND, || stream.status().media_ms > 6_300).await;
    assert_eq!(stream.status().laps, 1);
    nginx.kill();
    let down = Instant::now();
    reach(&stream, Phase::Reconnecting).await;
    let stood = stream.status().media_ms;
    while down.elapsed() < Duration::from_secs(3) {
        let status = stream.status();
        assert_eq!((status.phase, status.media_ms), (Phase::Reconnecting, stood), "the clock stands");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    nginx.restart().await;
    live(&stream).await;
    let back = down.elapsed();
    let resumed = stream.status().media_ms;
    // Plays on, over the next joint.
    until("the third lap plays", BOUND, || stream.status().media_ms > 10_500).await;
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    assert_eq!(status.legs[0].reconnects, 1, "{status:#?}");

    let files = nginx.settled("film", 2, BOUND).await;
    assert_eq!(files.len(), 2);
    let first = film.locate(&files[0], 0);
    assert_eq!(first.first, 0);
    let last_key = (0..first.len).rev().find(|n| film.is_key(*n)).unwrap();
    // It may be back at the last keyframe that the server got, or at one that it did not get any more.
    let second = film.locate(&files[1], last_key);
    eprintln!(
        "{} pictures, the last keyframe is {last_key}; then {second:?}; live again after {back:?}, \
         the clock stood at {stood} and is {resumed}",
        first.len
    );
    assert!(film.is_key(second.first));
    assert!(second.first >= last_key, "replayed beyond the last keyframe");
    assert!(second.first <= first.len + film.gop(), "skipped over {} pictures", second.first - first.len);
    // The clock went on from the place, not from the wall.
    assert!(resumed < stood + 3_000, "{stood} {resumed}");
    assert!(back < Duration::from_secs(20), "{back:?}");

    let phases: Vec<_> = book.phases("film").into_iter().map(|(from, to, _)| (from, to)).collect();
    let story = [
        Phase::Preparing,
        Phase::Starting,
        Phase::Live,
        Phase::Reconnecting,
        Phase::Live,
        Phase::Stopping,
        Phase::Ended,
    ];
    assert_eq!(phases, story.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>());
    let why: Vec<_> = book.phases("film").into_iter().map(|(_, _, why)| why).collect();
    assert_eq!((why[2], why[3], why[5]), (Some(Reason::PeerClosed), None, Some(Reason::Stopped)));
    // Each change of the leg is told once: no two in a row are alike but for a new attempt.
    let legs = book.legs("film");
    for pair in legs.windows(2) {
        assert_ne!(pair[0].1, pair[1].1, "{legs:#?}");
    }
    let retries: Vec<_> = legs.iter().filter(|leg| leg.1 == LegPhase::Waiting).collect();
    assert!(retries.iter().all(|leg| leg.4.is_some_and(|ms| ms <= 13_500)), "{retries:#?}");
    assert!(retries[1..].iter().all(|leg| leg.2 == Some(Reason::Unreachable)), "{retries:#?}");
    book.audit();
}
