//! A manager that goes in order, and one that comes after it.

use std::path::Path;
use std::time::Duration;

use streambro_core::{
    Builder, Edit, Item, Phase, Playlist, PlaylistKind, Reason, Repeat, Resume, Source, StreamManager,
    StreamSpec,
};
use streambro_tests::{ffmpeg::Clip, nginx::Nginx};

use crate::publish::{
    desk::{BOUND, live, spec, to, until},
    film::Film,
};

fn builder(dir: &Path) -> Builder {
    StreamManager::builder().state_dir(dir.join("state")).keep_keys_in_clear()
}

async fn on_the_air(manager: &StreamManager, id: &str) {
    until(&format!("{id} is live"), BOUND, || manager.status(id).is_ok_and(|s| s.phase == Phase::Live)).await;
}

/// Longer than a test plays it.
async fn long_film() -> Film {
    Film::of(Clip::new().seconds(60.0).gop(30).make().await).await
}

#[tokio::test]
async fn a_stream_that_ran_runs_again_where_it_was() {
    let (nginx, dir, film) = (Nginx::start().await, tempfile::tempdir().unwrap(), long_film().await);
    let first = builder(dir.path()).build().await.unwrap();
    let wanted = spec("film", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), "film");
    let stream = first.start(wanted.clone()).await.unwrap();
    live(&stream).await;
    until("ten seconds have gone out", BOUND, || stream.status().media_ms > 10_000).await;
    first.shutdown(Duration::from_secs(5)).await;
    assert_eq!(first.history().len(), 1);
    drop((first, stream));
    let before = film.locate(&nginx.settled("film", 1, BOUND).await[0], 0);

    let second = builder(dir.path()).build().await.unwrap();
    on_the_air(&second, "film").await;
    assert_eq!(second.history()[0].reason, Reason::ShutDown, "what became of the first is known");
    let again = second.start(wanted).await.unwrap();
    assert_eq!(again.status().legs[0].attempts, 1, "it is the one that runs");
    tokio::time::sleep(Duration::from_secs(2)).await;
    second.stop("film").unwrap();
    again.ended().await;
    second.shutdown(Duration::from_secs(5)).await;
    drop((second, again));
    let after = film.locate(&nginx.settled("film", 2, BOUND).await[1], before.len.saturating_sub(150));
    let (end, begin) = (before.first + before.len, after.first);
    assert!(begin + 60 >= end && begin <= end + 30, "{before:?} {after:?}");

    let third = builder(dir.path()).build().await.unwrap();
    assert!(third.list().is_empty(), "it was stopped by hand: {:?}", third.list());
    assert_eq!(third.history().len(), 2);
}

#[tokio::test]
async fn with_a_wall_clock_it_goes_on_where_it_would_be() {
    let (nginx, dir, film) = (Nginx::start().await, tempfile::tempdir().unwrap(), long_film().await);
    let first = builder(dir.path()).build().await.unwrap();
    let wanted = spec("film", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), "film");
    let stream = first.start(wanted.resume(Resume::WallClock)).await.unwrap();
    live(&stream).await;
    until("three seconds have gone out", BOUND, || stream.status().media_ms > 3_000).await;
    first.shutdown(Duration::from_secs(5)).await;
    drop((first, stream));
    let before = film.locate(&nginx.settled("film", 1, BOUND).await[0], 0);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let second = builder(dir.path()).build().await.unwrap();
    on_the_air(&second, "film").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    second.shutdown(Duration::from_secs(5)).await;
    let after = film.locate(&nginx.settled("film", 2, BOUND).await[1], before.len);
    let away = after.first - (before.first + before.len);
    assert!((30 * 5..30 * 25).contains(&away), "{away} pictures were passed over");
}

#[tokio::test]
async fn a_playlist_is_what_it_was_made_to_be_and_goes_on_in_the_item_that_played() {
    let (nginx, dir) = (Nginx::start().await, tempfile::tempdir().unwrap());
    let first_film = Film::of(Clip::new().seconds(4.8).gop(24).make().await).await;
    let second_film = Film::of(Clip::new().seconds(40.0).gop(24).bitrate(300).make().await).await;
    let manager = builder(dir.path()).build().await.unwrap();
    let list = Playlist::new([&first_film.path]);
    let wanted = StreamSpec::new("list", Source::playlist(list).repeat(Repeat::Forever))
        .destination(to(&nginx.rtmp_url("live"), "list"));
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    let added = Edit::Append(Item::file(&second_film.path));
    assert_eq!(manager.edit("list", PlaylistKind::Main, Some(0), [added]).await.unwrap(), 1);
    // On a busy machine it may come too late for the first lap's end.
    let plays = || manager.playlist("list", PlaylistKind::Main).unwrap().now;
    until("the second film plays", BOUND, || plays().is_some_and(|now| now.file == second_film.path)).await;
    let begun = stream.status().media_ms;
    until("four seconds of it have gone out", BOUND, || stream.status().media_ms > begun + 4_000).await;
    manager.shutdown(Duration::from_secs(5)).await;
    drop((manager, stream));
    nginx.settled("list", 1, BOUND).await;

    let manager = builder(dir.path()).build().await.unwrap();
    on_the_air(&manager, "list").await;
    let status = manager.playlist("list", PlaylistKind::Main).unwrap();
    assert_eq!((status.version, status.items.len()), (1, 2));
    let playing = status.now.expect("something plays");
    assert_eq!(playing.item, status.items[1].id);
    tokio::time::sleep(Duration::from_secs(2)).await;
    manager.shutdown(Duration::from_secs(5)).await;
    let files = nginx.settled("list", 2, BOUND).await;
    let after = second_film.locate(&files[1], 0);
    assert!((48..240).contains(&after.first), "{after:?}");
}

#[tokio::test]
async fn a_stream_whose_key_is_not_kept_waits_for_it() {
    let (nginx, dir, film) = (Nginx::start().await, tempfile::tempdir().unwrap(), long_film().await);
    let state = || StreamManager::builder().state_dir(dir.path().join("state"));
    let key = "a-key-that-nobody-may-see";
    let wanted = spec("film", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), key);
    let first = state().build().await.unwrap();
    live(&first.start(wanted.clone()).await.unwrap()).await;
    until("four seconds have gone out", BOUND, || first.status("film").unwrap().media_ms > 4_000).await;
    first.shutdown(Duration::from_secs(5)).await;
    drop(first);
    let kept = std::fs::read(dir.path().join("state/state.redb")).unwrap();
    assert!(!kept.windows(key.len()).any(|bytes| bytes == key.as_bytes()), "the key is on the disk");

    let second = state().build().await.unwrap();
    let status = second.status("film").unwrap();
    assert_eq!((status.phase, status.reason), (Phase::Scheduled, Some(Reason::KeyMissing)));
    let stream = second.start(wanted).await.unwrap();
    live(&stream).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    second.shutdown(Duration::from_secs(5)).await;
    let after = film.locate(&nginx.settled(key, 2, BOUND).await[1], 60);
    assert!((60..300).contains(&after.first), "{after:?}");
}
