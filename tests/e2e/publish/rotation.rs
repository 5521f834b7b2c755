//! Planned reconnects, before time stamps reach where receivers go deaf.

use std::time::Duration;

use streambro_core::{Phase, Reason, Repeat, StreamManager, Times};
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, ends, even_clip, live, spec, until};
use super::film::Film;

/// Plays with these limits until the server has three recordings, which must be one film without a seam.
async fn rotates(key: &str, at_joint: Duration, at_key: Duration) -> Vec<usize> {
    let nginx = Nginx::start().await;
    let film = Film::of(even_clip().make().await).await;
    let mut times = Times::default();
    (times.rotate_at_joint, times.rotate_at_key) = (at_joint, at_key);
    let manager = StreamManager::builder().times(times).build().await.unwrap();
    let book = Book::of(&manager);
    let wanted = spec(key, &film.path, Repeat::Forever, &nginx.rtmp_url("live"), key);
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    until("it has connected three times", BOUND, || stream.status().legs[0].attempts >= 3).await;
    live(&stream).await;
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let files = nginx.settled(key, 3, BOUND).await;
    let (mut at, mut begins) = (0, vec![]);
    for file in &files {
        let run = film.locate(file, at);
        assert_eq!(run.first, at, "nothing is lost and nothing comes twice");
        assert!(film.is_key(at));
        begins.push(at % film.video.len());
        at += run.len;
    }
    let rotations = book.legs(key).into_iter().filter(|(_, _, reason, ..)| *reason == Some(Reason::Rotated));
    assert!(rotations.count() >= 2);
    let phases: Vec<_> = book.phases(key).into_iter().map(|(_, to, _)| to).collect();
    assert!(!phases.contains(&Phase::Degraded), "{phases:?}");
    begins
}

#[tokio::test]
async fn a_planned_reconnect_at_a_joint_loses_and_repeats_no_picture() {
    let begins = rotates("joint", Duration::from_secs(3), Duration::from_secs(3_600)).await;
    assert_eq!(begins, [0, 0, 0], "each connection begins with the film");
}

#[tokio::test]
async fn a_film_without_a_joint_in_time_rotates_at_a_keyframe() {
    let begins = rotates("key", Duration::from_secs(3_600), Duration::from_secs(3)).await;
    assert!(begins[1..].iter().any(|begin| *begin > 0), "{begins:?}");
}
