//! One stream, several destinations.

use std::time::Duration;

use streambro_core::{LegPhase, Phase, Reason, Repeat, Source, StreamSpec};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, ends, even_clip, live, manager, reach, spec, to, until};
use super::film::Film;

#[tokio::test]
async fn two_servers_both_get_the_whole_film() {
    let (one, two) = tokio::join!(Nginx::start(), Nginx::start());
    let film = Film::of(even_clip().make().await).await;
    let manager = manager().await;
    let spec = spec("both", &film.path, Repeat::Times(2), &one.rtmp_url("live"), "a")
        .destination(to(&two.rtmp_url("live"), "b"))
        // The same server under another key is another destination.
        .destination(to(&one.rtmp_url("live"), "c"));
    let stream = manager.start(spec).await.unwrap();
    live(&stream).await;
    let status = ends(&stream, Reason::Finished).await;
    for (server, key) in [(&one, "a"), (&two, "b"), (&one, "c")] {
        let files = server.settled(key, 1, BOUND).await;
        assert_eq!(files.len(), 1);
        let verdict = film.check(&files[0], 2);
        assert_eq!(verdict.silent, 0, "{key}");
    }
    assert_eq!(status.legs.len(), 3);
    assert!(status.legs.iter().all(|leg| leg.attempts == 1 && leg.skips == 0), "{status:#?}");
}

#[tokio::test]
async fn a_server_that_comes_back_joins_at_a_keyframe_and_the_other_notices_nothing() {
    let (steady, mut shaky) = tokio::join!(Nginx::start(), Nginx::start());
    // One long lap: each picture is there once.
    let film = Film::of(Clip::new().seconds(40.0).gop(24).make().await).await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let source = Source::file(&film.path).repeat(Repeat::Forever);
    let spec = StreamSpec::new("two", source)
        .destination(to(&steady.rtmp_url("live"), "steady"))
        .destination(to(&shaky.rtmp_url("live"), "shaky"));
    let stream = manager.start(spec).await.unwrap();
    live(&stream).await;
    until("some seconds play", BOUND, || stream.status().media_ms > 3_000).await;
    shaky.kill();
    reach(&stream, Phase::Degraded).await;
    let left = stream.status().media_ms;
    until("the clock goes on", BOUND, || stream.status().media_ms > left + 2_000).await;
    assert_eq!(stream.status().legs[0].phase, LegPhase::Live);
    shaky.restart().await;
    live(&stream).await;
    let joined = stream.status().media_ms;
    until("some more seconds play", BOUND, || stream.status().media_ms > joined + 2_000).await;
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let until_ms = status.media_ms;

    let files = steady.settled("steady", 1, BOUND).await;
    assert_eq!(files.len(), 1, "the steady server has one recording");
    let whole = film.locate(&files[0], 0);
    assert_eq!(whole.first, 0);
    let files = shaky.settled("shaky", 2, BOUND).await;
    assert_eq!(files.len(), 2);
    let (before, after) = (film.locate(&files[0], 0), film.locate(&files[1], 0));
    eprintln!("steady {whole:?}; shaky {before:?}, then {after:?}; the clock ended at {until_ms}");
    assert_eq!(before.first, 0);
    assert!(film.is_key(after.first));
    // Both end together: the one that was away is where the other is, not where it stopped.
    let (end, other) = (whole.first + whole.len, after.first + after.len);
    assert!(end.abs_diff(other) <= 15, "they end {end} and {other} pictures into the film");
    assert!(after.first > before.len + 30, "what it missed is not replayed");
    assert_eq!((status.legs[0].attempts, status.legs[0].skips), (1, 0), "{status:#?}");
    assert_eq!(status.legs[1].reconnects, 1, "{status:#?}");
    // Nothing was late on the steady one while the other came and went.
    assert!(status.legs[0].max_late_ms < 1_500, "{status:#?}");
    let mut phases: Vec<_> = book.phases("two").into_iter().map(|(_, to, _)| to).collect();
    // At the start one of the two may be live before the other.
    if phases[1] == Phase::Degraded {
        phases.remove(1);
    }
    assert_eq!(
        phases,
        [Phase::Starting, Phase::Live, Phase::Degraded, Phase::Live, Phase::Stopping, Phase::Ended]
    );
    let steady_legs: Vec<_> = book.legs("two").into_iter().filter(|leg| leg.0 == 0).collect();
    assert!(steady_legs.iter().all(|leg| leg.2.is_none_or(|why| why == Reason::Stopped)), "{steady_legs:#?}");
    book.audit();
    tokio::time::timeout(Duration::from_secs(5), manager.shutdown(Duration::from_secs(2))).await.unwrap();
}
