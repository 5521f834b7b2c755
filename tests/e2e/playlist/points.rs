//! In and out points.

use std::time::Duration;

use streambro_core::PlaylistKind::Main;
use streambro_core::{ErrorKind, Item, Playlist, Reason, Repeat};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::flv::Kind;
use streambro_tests::nginx::Nginx;

use super::show::{Show, spec, warped};
use crate::publish::desk::{BOUND, ends};
use crate::publish::film::{Film, read};

fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

/// The keyframe of a film that is shown last at or before `ms`, and first at or after it.
fn around(film: &Film, ms: f64) -> (usize, usize) {
    let keys = || film.video.iter().enumerate().filter(|(_, picture)| picture.key);
    let before = keys().rfind(|(_, picture)| picture.pts_ms() <= ms + 0.5);
    let after = keys().find(|(_, picture)| picture.pts_ms() >= ms - 0.5);
    (before.map_or(0, |(at, _)| at), after.map_or(film.video.len(), |(at, _)| at))
}

#[tokio::test]
async fn an_item_plays_from_the_keyframe_before_its_in_point_to_the_one_behind_its_out_point() {
    let nginx = Nginx::start().await;
    let clip = Clip::new().seconds(6.0).gop(30);
    let films = [
        Film::of(clip.make().await).await,
        Film::of(clip.clone().bframes(0).picture("testsrc2=s=320x180:r=30:d=6,negate").make().await).await,
    ];
    let part = |film: usize, from: u64, to: u64| {
        Item::file(&films[film].path).starting_at(ms(from)).ending_at(ms(to))
    };
    let wanted = [(0, 1_500, 2_900), (1, 2_000, 4_000), (0, 0, 1_000), (1, 3_999, 60_000)];
    let items = wanted.map(|(film, from, to)| part(film, from, to));
    let manager = warped(2).await;
    let list = Playlist::new(items);
    let stream =
        manager.start(spec("points", list, Repeat::Times(2), &nginx.rtmp_url("live"))).await.unwrap();
    ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("points", 1, BOUND).await;
    let show = Show::of(&recordings[0], &films);
    let expected: Vec<_> = wanted
        .iter()
        .map(|(film, from, to)| {
            let (first, _) = around(&films[*film], *from as f64);
            let (_, behind) = around(&films[*film], *to as f64);
            (*film, first, behind - first)
        })
        .collect();
    let got: Vec<_> = show.runs.iter().map(|run| (run.film, run.first, run.len)).collect();
    assert_eq!(got, [&expected[..], &expected].concat());
    assert!(show.worst_offset_ms < 22.0, "{}", show.worst_offset_ms);
    // No hole of sound where a part begins or ends.
    assert!(show.silent <= 2 * wanted.len(), "{show:#?}");
    let run = manager.as_run("points", Main).unwrap();
    let lengths: Vec<_> = run.iter().filter_map(|run| run.played_ms).collect();
    let frames: Vec<_> = got.iter().map(|(_, _, len)| *len as u64 * 1_000 / 30).collect();
    assert!(
        lengths.iter().zip(&frames).all(|(played, frames)| played.abs_diff(*frames) <= 2),
        "{lengths:?} {frames:?}"
    );
    ffmpeg::decodes(&recordings[0]).await;
}

#[tokio::test]
async fn an_in_point_behind_the_end_and_points_of_sound_alone() {
    let nginx = Nginx::start().await;
    let song = Film::of(Clip::new().seconds(4.0).audio_only().make().await).await;
    let manager = warped(2).await;
    let late = Playlist::new([Item::file(&song.path).starting_at(ms(4_500))]);
    let error = manager.start(spec("late", late, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidSpec, "{error}");
    let parts = [(1_000, 2_000), (0, 500), (3_000, 9_000)];
    let items = parts.map(|(from, to)| Item::file(&song.path).starting_at(ms(from)).ending_at(ms(to)));
    let stream = manager
        .start(spec("song", Playlist::new(items), Repeat::Once, &nginx.rtmp_url("live")))
        .await
        .unwrap();
    ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("song", 1, BOUND).await;
    let places: std::collections::HashMap<_, _> =
        song.audio.iter().map(|frame| (frame.md5.as_str(), frame.pts_ms())).collect();
    let recording = read(&recordings[0]);
    let heard: Vec<f64> =
        recording.samples(Kind::Audio).filter_map(|tag| places.get(tag.md5().as_str()).copied()).collect();
    // Each part from its frame on, and to its end, give or take a frame.
    let mut begins = vec![heard[0]];
    begins.extend(
        heard.windows(2).filter(|pair| pair[1] - pair[0] > 30.0 || pair[1] < pair[0]).map(|pair| pair[1]),
    );
    let near = |got: f64, wanted: f64| (got - wanted).abs() < 22.0;
    assert!(
        begins.len() == 3 && begins.iter().zip([1_000.0, 0.0, 3_000.0]).all(|(got, want)| near(*got, want)),
        "{begins:?}"
    );
    // Each point is rounded outwards to a frame.
    let sounds = heard.len() as f64 * 1_024.0 / 48.0;
    assert!((2_500.0..2_500.0 + 5.0 * 21.4).contains(&sounds), "{sounds} ms");
}
