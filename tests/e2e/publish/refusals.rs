//! What nginx-rtmp refuses, and what we make of it.

use std::time::{Duration, Instant};

use streambro_core::{LegPhase, Phase, Reason, Repeat};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, ends, live, manager, spec, until};

#[tokio::test]
async fn a_key_in_use_is_named_so_and_works_once_the_first_publisher_is_gone() {
    let nginx = Nginx::start().await;
    let clip = Clip::new().seconds(4.0).make().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let url = nginx.rtmp_url("live");
    let first = manager.start(spec("first", &clip, Repeat::Forever, &url, "one-key")).await.unwrap();
    live(&first).await;
    let second = manager.start(spec("second", &clip, Repeat::Forever, &url, "one-key")).await.unwrap();
    let (reason, detail, retry) = book.failure("second").await;
    assert_eq!(reason, Reason::AlreadyPublishing, "{detail}");
    assert!(detail.contains("Already publishing") && !detail.contains("one-key"), "{detail}");
    // Right after a drop it is our own old connection: not a matter for slow retries.
    assert!(retry <= 1_000, "{retry}");
    let status = second.status();
    assert_eq!(
        (status.phase, status.reason),
        (Phase::Starting, Some(Reason::AlreadyPublishing)),
        "{status:#?}"
    );
    assert_eq!(first.status().phase, Phase::Live);
    first.stop();
    ends(&first, Reason::Stopped).await;
    live(&second).await;
    let status = second.status();
    assert_eq!((status.reason, status.legs[0].reason, status.legs[0].reconnects), (None, None, 0));
    // It was never on the air before: the film starts at its beginning.
    assert!(status.media_ms < 4_000, "{status:#?}");
    book.audit();
}

#[tokio::test]
async fn an_application_that_nginx_does_not_have_is_said_in_words() {
    let nginx = Nginx::start().await;
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let spec = spec("nowhere", &clip, Repeat::Forever, &nginx.rtmp_url("no-such-app"), "key");
    let stream = manager.start(spec).await.unwrap();
    let (reason, detail, retry) = book.failure("nowhere").await;
    eprintln!("{reason:?} ({detail}), again in {retry} ms");
    // It answers nothing and closes; the stage is all there is to tell.
    assert_eq!(reason, Reason::PeerClosed);
    assert!(detail.contains("before it accepted the application"), "{detail}");
    assert_eq!(stream.status().phase, Phase::Starting);
    // Each further attempt waits longer.
    until("three attempts have failed", BOUND, || stream.status().legs[0].attempts > 3).await;
    let waits: Vec<u64> = book
        .legs("nowhere")
        .into_iter()
        .filter(|leg| leg.1 == LegPhase::Waiting)
        .filter_map(|leg| leg.4)
        .collect();
    assert!(waits[2] > waits[0] && waits[2] <= 5_000, "{waits:?}");
    stream.stop();
    let since = Instant::now();
    ends(&stream, Reason::Stopped).await;
    assert!(since.elapsed() < Duration::from_secs(1), "nothing to say goodbye to");
    book.audit();
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let url = format!("rtmp://127.0.0.1:{}/live", streambro_tests::net::free_port());
    let stream = manager.start(spec("alone", &clip, Repeat::Forever, &url, "key")).await.unwrap();
    let (reason, detail, retry) = book.failure("alone").await;
    assert_eq!(reason, Reason::Unreachable, "{detail}");
    assert!(detail.contains("refused") && retry <= 1_000, "{detail} {retry}");
    stream.stop();
    ends(&stream, Reason::Stopped).await;
}

#[tokio::test]
async fn a_stream_with_a_wrong_key_holds_up_no_other_that_lost_its_server() {
    let mut nginx = Nginx::start().await;
    let refusing = Hostile::start(Attack::BadName, Stage::Published).await;
    let clip = Clip::new().seconds(4.0).make().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let good = manager.start(spec("good", &clip, Repeat::Forever, &nginx.rtmp_url("live"), "good")).await;
    let good = good.unwrap();
    live(&good).await;
    manager.start(spec("bad", &clip, Repeat::Forever, &refusing.url(), "bad")).await.unwrap();
    let (reason, _, retry) = book.failure("bad").await;
    assert_eq!(reason, Reason::BadKey);
    assert!(retry >= 29_000, "{retry}");
    nginx.restart().await;
    until("the good one notices", BOUND, || good.status().phase == Phase::Reconnecting).await;
    let since = Instant::now();
    live(&good).await;
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert_eq!(refusing.visits().len(), 1);
}
