//! Destinations that come, go, fail and rest while the others are on the air.

use std::time::Duration;

use streambro_core::{
    Destination, ErrorKind, Lag, LegPhase, Phase, Reason, Repeat, Resume, Rotation, Stream, StreamManager,
    Times,
};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::mem;
use streambro_tests::nginx::Nginx;
use streambro_tests::proxy::{Flow, Proxy};

use super::desk::{BOUND, Book, ends, even_clip, live, manager, reach, spec, to, until};
use super::film::Film;

/// One long lap: each picture is there once.
async fn long_film() -> Film {
    Film::of(Clip::new().seconds(60.0).gop(24).make().await).await
}

async fn plays(stream: &Stream, ms: u64) {
    let from = stream.status().media_ms;
    until("it plays on", BOUND, || stream.status().media_ms > from + ms).await;
}

#[tokio::test]
async fn a_destination_is_added_rests_comes_back_and_goes_and_the_others_notice_nothing() {
    let nginx = Nginx::start().await;
    let url = nginx.rtmp_url("live");
    let film = long_film().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let stream = manager.start(spec("tv", &film.path, Repeat::Forever, &url, "first")).await.unwrap();
    live(&stream).await;
    let second = manager.add_destination("tv", to(&url, "second")).unwrap();
    assert_eq!(second, 1);
    let taken = manager.add_destination("tv", to(&url, "second")).unwrap_err();
    assert_eq!(taken.kind, ErrorKind::InvalidSpec);
    until("it is live", BOUND, || stream.status().legs.get(1).is_some_and(|leg| leg.phase == LegPhase::Live))
        .await;
    plays(&stream, 1_500).await;
    manager.enable_destination("tv", second, false).unwrap();
    until("it rests", BOUND, || stream.status().legs[1].phase == LegPhase::Disabled).await;
    assert_eq!(
        (stream.status().phase, stream.status().legs[1].reason),
        (Phase::Live, Some(Reason::Disabled))
    );
    plays(&stream, 1_500).await;
    manager.enable_destination("tv", second, true).unwrap();
    until("it is back", BOUND, || stream.status().legs[1].phase == LegPhase::Live).await;
    plays(&stream, 1_500).await;
    manager.remove_destination("tv", second).unwrap();
    until("it is gone", BOUND, || stream.status().legs.len() == 1).await;
    assert_eq!(manager.remove_destination("tv", 0).unwrap_err().kind, ErrorKind::InvalidSpec);
    assert_eq!(manager.remove_destination("tv", 7).unwrap_err().kind, ErrorKind::NotFound);
    // The number of one that is gone is given again.
    assert_eq!(manager.add_destination("tv", to(&url, "third")).unwrap(), second);
    until("it is live", BOUND, || stream.status().legs.get(1).is_some_and(|leg| leg.phase == LegPhase::Live))
        .await;
    assert_eq!(stream.status().legs[1].attempts, 1);
    let audit = manager.audit().await;
    assert!(audit.findings.is_empty(), "{audit:#?}");
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let files = nginx.settled("first", 1, BOUND).await;
    assert_eq!((files.len(), film.locate(&files[0], 0).first), (1, 0));
    assert_eq!((status.legs[0].attempts, status.legs[0].skips), (1, 0));
    let mut at = 0;
    for file in nginx.settled("second", 2, BOUND).await {
        let run = film.locate(&file, at);
        assert!(film.is_key(run.first) && run.first > at, "{run:?}");
        at = run.first + run.len;
    }
    book.audit();
}

#[tokio::test]
async fn one_of_three_stalls_is_refused_and_comes_back_and_the_others_show_no_gap() {
    let nginx = Nginx::start().await;
    let shaky = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let film = long_film().await;
    let mut times = Times::default();
    times.no_progress = Duration::from_secs(3);
    let manager = StreamManager::builder().times(times).build().await.unwrap();
    let url = nginx.rtmp_url("live");
    let spec = spec("three", &film.path, Repeat::Forever, &url, "one")
        .destination(to(&shaky.rtmp_url("live"), "two"))
        .destination(to(&url, "three"));
    let stream = manager.start(spec).await.unwrap();
    live(&stream).await;
    plays(&stream, 1_000).await;
    let before = mem::own().anonymous;
    shaky.set_flow(Flow::Stall);
    until("it is stalled", BOUND, || stream.status().legs[1].reason == Some(Reason::Stalled)).await;
    shaky.refuse(true);
    shaky.reset_all();
    until("it is refused", BOUND, || {
        let leg = &stream.status().legs[1];
        leg.attempts >= 4 && leg.phase == LegPhase::Waiting
    })
    .await;
    let grown = mem::own().anonymous.saturating_sub(before);
    assert!(grown < 1 << 20, "it has grown by {grown} bytes");
    assert_eq!(stream.status().phase, Phase::Degraded);
    shaky.set_flow(Flow::Forward);
    shaky.refuse(false);
    live(&stream).await;
    plays(&stream, 1_000).await;
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    for (leg, key) in [(0, "one"), (2, "three")] {
        let files = nginx.settled(key, 1, BOUND).await;
        assert_eq!((files.len(), film.locate(&files[0], 0).first), (1, 0), "{key}");
        let leg = &status.legs[leg];
        assert_eq!((leg.attempts, leg.skips), (1, 0), "{leg:#?}");
        assert!(leg.max_late_ms < 1_500, "{leg:#?}");
    }
}

#[tokio::test]
async fn an_attempt_after_a_failure_goes_the_other_way() {
    let nginx = Nginx::start().await;
    let nobody = format!("rtmp://127.0.0.1:{}/live", streambro_tests::net::free_port());
    let film = Film::of(even_clip().make().await).await;
    let manager = manager().await;
    let destination = to(&nobody, "pair").backup(&nginx.rtmp_url("live")).unwrap();
    let wanted = streambro_core::StreamSpec::new("pair", streambro_core::Source::file(&film.path))
        .destination(destination);
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    assert_eq!(stream.status().legs[0].attempts, 2);
    let same = Destination::new(&nobody, "pair").unwrap().backup(&nobody).unwrap_err();
    assert_eq!(same.kind, ErrorKind::InvalidSpec);
    stream.stop();
    ends(&stream, Reason::Stopped).await;
}

#[tokio::test]
async fn a_connection_is_made_anew_by_hand_or_by_the_clock_and_stays_away_as_long_as_it_should() {
    let nginx = Nginx::start().await;
    let url = nginx.rtmp_url("live");
    let film = long_film().await;
    let manager = manager().await;
    let rotation = Rotation::every(Duration::from_secs(10)).pause(Duration::from_secs(3));
    let source = streambro_core::Source::file(&film.path).repeat(Repeat::Forever);
    let wanted = streambro_core::StreamSpec::new("turn", source)
        .destination(to(&url, "clock").rotation(rotation))
        .destination(to(&url, "hand"));
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    plays(&stream, 2_000).await;
    manager.rotate_destination("turn", 1).unwrap();
    until("both are made anew", BOUND, || stream.status().legs.iter().all(|leg| leg.reconnects == 1)).await;
    plays(&stream, 1_000).await;
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let hand = nginx.settled("hand", 2, BOUND).await;
    let (before, after) = (film.locate(&hand[0], 0), film.locate(&hand[1], 0));
    // The clock goes on for the other one meanwhile: what is left out is the time it takes to connect.
    let missed = after.first - (before.first + before.len);
    assert!(film.is_key(after.first) && missed <= 48, "{before:?} {after:?}");
    let clock = nginx.settled("clock", 2, BOUND).await;
    let (before, after) = (film.locate(&clock[0], 0), film.locate(&clock[1], 0));
    let missed = after.first - (before.first + before.len);
    assert!((60..=180).contains(&missed), "3 s of 30 pictures, up to a keyframe: {before:?} {after:?}");
    assert!(before.len >= 299, "{before:?}");
}

/// Plays with this policy; the server is away for some seconds. Returns where the film was left, and where it went on.
async fn comes_back(resume: Resume) -> (usize, usize) {
    let mut nginx = Nginx::start().await;
    let film = long_film().await;
    let manager = manager().await;
    let wanted = spec("back", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), "back").resume(resume);
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    plays(&stream, 4_000).await;
    nginx.kill();
    reach(&stream, Phase::Reconnecting).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    nginx.restart().await;
    live(&stream).await;
    plays(&stream, 1_000).await;
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let files = nginx.settled("back", 2, BOUND).await;
    let before = film.locate(&files[0], 0);
    let after = film.locate(&files[1], 0);
    assert!(film.is_key(after.first), "{after:?}");
    (before.len, after.first)
}

#[tokio::test]
async fn after_an_outage_the_film_goes_on_where_it_was_or_where_it_would_be_or_from_its_beginning() {
    let (position, clock, item) =
        tokio::join!(comes_back(Resume::Position), comes_back(Resume::WallClock), comes_back(Resume::Item));
    // Within two groups of pictures: what nginx had not written yet is lost.
    assert!(position.0.abs_diff(position.1) <= 48, "{position:?}");
    assert!(clock.1 >= clock.0 + 4 * 30 - 24, "{clock:?}");
    assert_eq!(item.1, 0, "{item:?}");
}

#[tokio::test]
async fn a_lone_destination_that_must_keep_to_the_clock_leaves_out_what_it_cannot_take() {
    let nginx = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let film = Film::of(Clip::new().seconds(60.0).gop(24).bitrate(2_000).make().await).await;
    let manager = manager().await;
    let source = streambro_core::Source::file(&film.path).repeat(Repeat::Forever);
    let destination = to(&proxy.rtmp_url("live"), "lag").lag(Lag::skip(Duration::from_secs(2)));
    let stream =
        manager.start(streambro_core::StreamSpec::new("lag", source).destination(destination)).await.unwrap();
    live(&stream).await;
    proxy.set_flow(Flow::Stall);
    tokio::time::sleep(Duration::from_secs(7)).await;
    let stood = stream.status().media_ms;
    proxy.set_flow(Flow::Forward);
    until("it has left something out", BOUND, || stream.status().legs[0].skips > 0).await;
    live(&stream).await;
    assert!(stream.status().media_ms >= stood, "the clock never goes back");
    assert_eq!(stream.status().legs[0].attempts, 1);
    stream.stop();
    ends(&stream, Reason::Stopped).await;
}

#[test]
fn destinations_that_come_and_go_while_everybody_looks_lock_nobody_out() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let film = even_clip().make().await;
        let manager = manager().await;
        let nobody = format!("rtmp://127.0.0.1:{}/live", streambro_tests::net::free_port());
        let mut tasks = vec![];
        for number in 0..3 {
            let id = format!("s{number}");
            let stream = manager.start(spec(&id, &film, Repeat::Forever, &nobody, &id)).await.unwrap();
            let (adds, looks, url) = (manager.clone(), manager.clone(), nobody.clone());
            tasks.push(tokio::task::spawn_blocking(move || {
                for round in 0..200 {
                    let key = format!("{id}-{round}");
                    if let Ok(leg) = adds.add_destination(&id, to(&url, &key)) {
                        let _ = adds.enable_destination(&id, leg, round % 2 == 0);
                        adds.remove_destination(&id, leg).unwrap();
                    }
                }
            }));
            tasks.push(tokio::task::spawn_blocking(move || {
                for _ in 0..500 {
                    looks.list();
                    stream.status();
                }
            }));
        }
        for task in tasks {
            tokio::time::timeout(BOUND, task).await.expect("nobody waits for ever").unwrap();
        }
        until("only the first is left", BOUND, || manager.list().iter().all(|status| status.legs.len() == 1))
            .await;
        manager.shutdown(Duration::from_secs(5)).await;
    });
}
