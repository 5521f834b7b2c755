//! Time stamps where 24, 31 and 32 bits end.

use std::path::Path;

use streambro_core::{Reason, Repeat, Source, StreamManager, StreamSpec};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::flv::{Kind, Tag};
use streambro_tests::nginx::Nginx;
use streambro_tests::nms::Nms;

use super::desk::{BOUND, ends, live, manager, to};
use super::film::{Film, read};

/// Where a header, a signed time and an unsigned time run over, and how long before it the stream begins.
const BOUNDARIES: [(&str, u64); 3] = [("b24", 1 << 24), ("b31", 1 << 31), ("b32", 1 << 32)];
const BEFORE_MS: u64 = 2_000;

async fn film() -> Film {
    Film::of(Clip::new().seconds(5.0).make().await).await
}

async fn cross(manager: &StreamManager, film: &Film, url: &str) {
    let mut streams = Vec::new();
    for (key, boundary) in BOUNDARIES {
        let first = u32::try_from(boundary - BEFORE_MS).expect("below 2^32");
        let spec = StreamSpec::new(key, Source::file(&film.path).repeat(Repeat::Once))
            .destination(to(url, key).first_timestamp(first));
        streams.push(manager.start(spec).await.expect("the spec is good"));
    }
    for stream in &streams {
        live(stream).await;
    }
    for stream in &streams {
        let status = ends(stream, Reason::Finished).await;
        assert_eq!((status.legs[0].attempts, status.legs[0].reconnects), (1, 0), "{status:#?}");
    }
}

/// Checks that a recording has the whole film in order, with times that are right but for one constant modulo
/// `2^bits`. Returns the first time.
fn check(film: &Film, recording: &Path, bits: u32, key: &str) -> u32 {
    let file = read(recording);
    assert!(!file.truncated);
    for (kind, want) in [(Kind::Video, &film.video), (Kind::Audio, &film.audio)] {
        let got: Vec<&Tag> = file.samples(kind).collect();
        let (have, due): (Vec<_>, Vec<_>) =
            (got.iter().map(|t| t.md5()).collect(), want.iter().map(|p| p.md5.clone()).collect());
        // Sound that reaches over the end of the picture is left out.
        let due = if kind == Kind::Audio { due[..have.len().max(due.len() - 3)].to_vec() } else { due };
        assert_eq!(have, due, "{key}: {kind:?}");
        let wrap = 1_i64 << bits;
        for (at, (tag, packet)) in got.iter().zip(want).enumerate() {
            let elapsed = i64::from(tag.timestamp) - i64::from(got[0].timestamp);
            #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
            let due = (packet.dts_ms() - want[0].dts_ms()).round() as i64;
            let off = (elapsed - due).rem_euclid(wrap);
            assert!(off <= 1 || off >= wrap - 1, "{key}: {kind:?} {at} at {elapsed}, due {due}");
        }
    }
    file.samples(Kind::Video).next().map_or(0, |tag| tag.timestamp)
}

#[tokio::test]
async fn nginx_loses_and_reorders_nothing_at_any_boundary() {
    let nginx = Nginx::start().await;
    let (film, manager) = (film().await, manager().await);
    cross(&manager, &film, &nginx.rtmp_url("live")).await;
    for (key, _) in BOUNDARIES {
        let files = nginx.settled(key, 1, BOUND).await;
        assert_eq!(files.len(), 1, "{key}");
        // Its recordings count from their own beginning.
        let first = check(&film, &files[0], 32, key);
        assert!(first < 100, "{key}: {first}");
    }
}

#[tokio::test]
async fn node_media_server_loses_and_reorders_nothing_at_any_boundary() {
    if !Nms::available() {
        return;
    }
    let nms = Nms::start().await;
    let (film, manager) = (film().await, manager().await);
    cross(&manager, &film, &nms.rtmp_url("live")).await;
    for (key, boundary) in BOUNDARIES {
        let files = nms.settled(key, 1, BOUND).await;
        let first = check(&film, &files[0], 32, key);
        eprintln!("{key}: the recording begins at {first}");
        // It records the times that it was sent: the boundary was really crossed.
        assert!(boundary - u64::from(first) <= BEFORE_MS, "{key}: {first}");
    }
}
