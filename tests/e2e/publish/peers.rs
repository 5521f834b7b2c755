//! The same publisher, received by other programs.

use std::path::Path;
use std::time::Duration;

use streambro_core::{Reason, Repeat, Trust};
use streambro_tests::certs::Authority;
use streambro_tests::ffmpeg;
use streambro_tests::nms::Nms;

use super::desk::{BOUND, ends, even_clip, live, manager, spec, to};
use super::film::Film;
use streambro_core::{Source, StreamSpec};

#[tokio::test]
async fn ffmpeg_listening_gets_every_payload_of_two_loops() {
    let mut recording = ffmpeg::listen().await;
    let film = Film::of(even_clip().make().await).await;
    let manager = manager().await;
    let stream =
        manager.start(spec("ffmpeg", &film.path, Repeat::Times(2), &recording.url(), "any")).await.unwrap();
    live(&stream).await;
    ends(&stream, Reason::Finished).await;
    let file = recording.finish(BOUND).await;
    let verdict = film.check(&file, 2);
    eprintln!("{verdict:?}");
    assert_eq!(verdict.silent, 0);
}

#[tokio::test]
async fn node_media_server_gets_every_payload_over_rtmp_and_rtmps() {
    if !Nms::available() {
        return;
    }
    let authority = Authority::new();
    let nms = Nms::start_tls(&authority.good()).await;
    let film = Film::of(even_clip().make().await).await;
    let manager = manager().await;
    let source = || Source::file(&film.path).repeat(Repeat::Times(2));
    let plain = StreamSpec::new("plain", source()).destination(to(&nms.rtmp_url("live"), "plain"));
    let secure = to(&nms.rtmps_url("localhost", "live"), "secure").trust(Trust::Roots(authority.pem()));
    let secure = StreamSpec::new("secure", source()).destination(secure);
    let streams = [manager.start(plain).await.unwrap(), manager.start(secure).await.unwrap()];
    for stream in &streams {
        live(stream).await;
    }
    for stream in &streams {
        ends(stream, Reason::Finished).await;
        let key = stream.id().as_str();
        let files = nms.settled(key, 1, BOUND).await;
        let verdict = film.check(Path::new(&files[0]), 2);
        eprintln!("{key}: {verdict:?}");
        assert_eq!(verdict.silent, 0);
    }
    // The key is free again as soon as the stream has ended.
    let again = manager.start(spec("again", &film.path, Repeat::Once, &nms.rtmp_url("live"), "plain")).await;
    let again = again.unwrap();
    tokio::time::timeout(Duration::from_secs(8), again.wait_for(streambro_core::Phase::Live))
        .await
        .unwrap_or_else(|_| panic!("{:#?}", again.status()))
        .unwrap();
    assert_eq!(again.status().legs[0].attempts, 1, "{:#?}", again.status());
}
