//! Joints between files of mixed origin.

use std::time::Duration;

use streambro_core::PlaylistKind::Main;
use streambro_core::{ErrorKind, Reason, Repeat};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::nginx::Nginx;

use super::show::{Show, files, list, mixed, spec, warped};
use crate::publish::desk::{BOUND, Book, ends, manager, to};
use crate::publish::film::Film;

#[tokio::test]
async fn files_of_mixed_origin_play_in_order_on_one_connection_and_the_tracks_stay_together() {
    let nginx = Nginx::start().await;
    let films = mixed(6, 2.0).await;
    let manager = warped(4).await;
    let book = Book::of(&manager);
    let stream =
        manager.start(spec("mixed", list(&films), Repeat::Times(3), &nginx.rtmp_url("live"))).await.unwrap();
    let status = ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("mixed", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts, status.laps), (1, 1, 2));
    let show = Show::of(&recordings[0], &films);
    assert_eq!(show.order(), [0, 1, 2, 3, 4, 5].repeat(3));
    for run in &show.runs {
        assert_eq!((run.first, run.len), (0, films[run.film].video.len()), "{run:?}");
    }
    assert!(show.worst_offset_ms < 22.0, "{}", show.worst_offset_ms);
    assert_eq!((show.still, status.silent_frames), (0, show.silent as u64));
    let run: Vec<_> = manager.as_run("mixed", Main).unwrap();
    let order: Vec<_> = films.iter().map(|film| film.path.clone()).collect();
    assert_eq!(files(&run), [&order[..], &order, &order].concat());
    book.audit();
}

#[tokio::test]
async fn what_cannot_join_is_refused_at_the_start_with_both_figures() {
    let manager = manager().await;
    let first = Film::of(Clip::new().make().await).await;
    let other = Film::of(Clip::new().audio(44_100, "stereo").make().await).await;
    let wanted = spec("joint", list(&[first, other]), Repeat::Forever, "rtmp://127.0.0.1:1/live");
    let error = manager.start(wanted).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SourceUnsupported);
    assert!(error.detail.contains("44100 Hz") && error.detail.contains("48000 Hz"), "{error}");
}

#[tokio::test]
async fn twenty_files_of_mixed_origin_loop_on_one_connection_to_nginx_and_to_ffmpeg() {
    // 100 in `tests/run --full` and in the note of an issue.
    let loops = std::env::var("STREAMBRO_LOOPS").map_or(5, |loops| loops.parse().expect("a number"));
    let (nginx, mut listener) = tokio::join!(Nginx::start(), ffmpeg::listen());
    let films = mixed(20, 1.5).await;
    // A tick may want no more than the item that lies ready: at 30 it would want two, and lag.
    let manager = warped(20).await;
    let spec = spec("twenty", list(&films), Repeat::Times(loops), &nginx.rtmp_url("live"));
    let stream = manager.start(spec.destination(to(&listener.url(), "listener"))).await.unwrap();
    let bound = Duration::from_secs(60 + u64::from(loops) * 5);
    let status = tokio::time::timeout(bound, stream.ended()).await.expect("it ends");
    assert_eq!(status.reason, Some(Reason::Finished), "{status:#?}");
    let recordings = nginx.settled("twenty", 1, BOUND).await;
    let taken = listener.finish(BOUND).await;
    assert_eq!(recordings.len(), 1);
    assert!(status.legs.iter().all(|leg| leg.attempts == 1 && leg.skips == 0), "{status:#?}");
    for recording in [&recordings[0], &taken] {
        let show = Show::of(recording, &films);
        // Who connects a moment later begins a keyframe later: at this pace perhaps a film later.
        let late = show.runs[0].film;
        assert!(late < 10, "{recording:?} begins with film {late}");
        let order: Vec<usize> = (0..20).collect::<Vec<_>>().repeat(loops as usize);
        assert_eq!(show.order(), order[late..]);
        for (at, run) in show.runs.iter().enumerate() {
            let begins = if at == 0 { run.first } else { 0 };
            let whole = (begins, films[run.film].video.len() - begins);
            assert_eq!((run.first, run.len), whole, "item {at} of {recording:?}");
        }
        assert!(show.worst_offset_ms < 22.0, "{}", show.worst_offset_ms);
        assert_eq!(show.still, 0);
    }
    ffmpeg::decodes(&recordings[0]).await;
}
