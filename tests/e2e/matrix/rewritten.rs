//! Files that ffmpeg reads but does not write.

use std::path::Path;

use streambro_core::{ErrorKind, Repeat, Unsupported, probe};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::flv::{self, Kind};
use streambro_tests::rewrite::{At, Mp4, Track};

use super::compare::{Compared, Remuxed, remuxed, the_same, try_remux};

fn clip() -> Clip {
    Clip::new().size(160, 90).seconds(3.0)
}

async fn rewritten(name: &str, mp4: &Mp4) -> Compared {
    let dir = streambro_tests::scratch();
    let path = dir.path().join("rewritten.mp4");
    mp4.write(&path);
    the_same(name, &path).await
}

/// The configurations and samples of one track, in the order of the file: (is a configuration, bytes).
fn tags(of: &Remuxed, kind: Kind) -> Vec<(bool, Vec<u8>)> {
    let file = flv::read(&of.path).expect("remux writes FLV");
    assert!(!file.truncated, "the last tag is cut");
    let tags = file.tags.iter().filter(|tag| tag.kind == kind && (tag.is_header() || tag.is_sample()));
    tags.map(|tag| (tag.is_header(), tag.payload().to_vec())).collect()
}

fn configurations(of: &Remuxed, kind: Kind) -> Vec<Vec<u8>> {
    tags(of, kind).into_iter().filter_map(|(header, bytes)| header.then_some(bytes)).collect()
}

async fn configuration_of(path: &Path, kind: Kind) -> Vec<u8> {
    configurations(&remuxed(path, Repeat::Once).await, kind).remove(0)
}

#[tokio::test]
async fn tables_of_every_kind_are_the_same() {
    let path = clip().make().await;
    let plain = Mp4::read(&path);
    rewritten("co64", &plain.clone().co64()).await;
    rewritten("co64 at the front, padded", &plain.clone().co64().moov(At::Front).pad(100_000)).await;
    let compact = plain.clone().stz2(Track::Video, 16).stz2(Track::Audio, 16);
    rewritten("stz2 of 16 bits", &compact).await;
    rewritten("stz2 and co64", &compact.co64().moov(At::Front)).await;
    let quiet = Mp4::read(&clip().silent().make().await);
    rewritten("stz2 of 8 bits", &quiet.stz2(Track::Audio, 8)).await;
    // The quietest frames of one channel have 4 bytes, but not the first.
    let faint = Mp4::read(&clip().silent().audio(48_000, "mono").audio_bitrate(32).make().await);
    if faint.largest_sample(Track::Audio) < 16 {
        rewritten("stz2 of 4 bits", &faint.stz2(Track::Audio, 4)).await;
    }
}

#[tokio::test]
async fn equal_descriptions_are_one() {
    let mp4 = Mp4::read(&clip().make().await);
    let twice = mp4.two_descriptions(Track::Video, None).two_descriptions(Track::Audio, None);
    let compared = rewritten("equal descriptions", &twice).await;
    for kind in [Kind::Video, Kind::Audio] {
        assert_eq!(configurations(&compared.ours, kind).len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn each_other_description_is_announced_before_its_samples() {
    let path = clip().make().await;
    let other_path = clip().video_options(&["-x264-params", "cabac=0:8x8dct=0:ref=2"]).make().await;
    let (mp4, other) = (Mp4::read(&path), Mp4::read(&other_path));
    let compared = rewritten("other video", &mp4.clone().two_descriptions(Track::Video, Some(&other))).await;
    let own = configuration_of(&path, Kind::Video).await;
    let foreign = configuration_of(&other_path, Kind::Video).await;
    assert_ne!(own, foreign);
    // What two_descriptions promises: chunk by chunk, one and the other in turn.
    let chunks = mp4.chunks(Track::Video);
    let mut wanted = chunks.iter().enumerate().flat_map(|(chunk, samples)| {
        let configuration = if chunk % 2 == 0 { &own } else { &foreign };
        std::iter::repeat_n(configuration, *samples as usize)
    });
    let (mut current, mut headers) = (None, 0);
    for (header, bytes) in tags(&compared.ours, Kind::Video) {
        if header {
            assert_ne!(current.as_ref(), Some(&bytes), "the same configuration twice");
            current = Some(bytes);
            headers += 1;
        } else {
            assert_eq!(current.as_ref(), wanted.next());
        }
    }
    assert_eq!(wanted.next(), None);
    assert_eq!(headers, chunks.len());
}

#[tokio::test]
async fn another_description_of_sound_is_announced_too() {
    let path = clip().make().await;
    let other_path = clip().audio(44_100, "stereo").make().await;
    let (mp4, other) = (Mp4::read(&path), Mp4::read(&other_path));
    let chunks = mp4.chunks(Track::Audio).len();
    let compared = rewritten("other sound", &mp4.two_descriptions(Track::Audio, Some(&other))).await;
    let own = configuration_of(&path, Kind::Audio).await;
    let foreign = configuration_of(&other_path, Kind::Audio).await;
    let announced = configurations(&compared.ours, Kind::Audio);
    assert_eq!(announced.len(), chunks);
    for pair in announced.chunks(2) {
        assert!(pair[0] == own && pair.get(1).is_none_or(|second| *second == foreign), "{announced:?}");
    }
}

#[tokio::test]
async fn a_compressed_movie_header_is_refused_by_name() {
    let dir = streambro_tests::scratch();
    let path = dir.path().join("compressed.mov");
    Mp4::read(&clip().make().await).compress().write(&path);
    assert_eq!(probe(&path).unwrap().obstacles, [Unsupported::CompressedHeader]);
    let error =
        try_remux(&path, &dir.path().join("out.flv"), Repeat::Once).await.expect_err("cmov is not supported");
    assert_eq!(error.kind, ErrorKind::SourceUnsupported, "{error}");
    assert!(error.subject.ends_with("compressed.mov") && error.detail.contains("cmov"), "{error}");
}
