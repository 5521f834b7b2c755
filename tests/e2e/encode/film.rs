//! The film goes, or ends before it should: a stream never takes that for its end.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::ffmpeg::decodes;
use streambro_tests::{ffmpeg::Clip, nginx::Nginx, scratch, wrapper::Wrapper};

use super::desk::{
    BOUND, SPLICED, ends, ends_watched, goes_on, manager, manager_with, phases, reach, signal, small, soon,
    spec, times, unbroken, until,
};

/// A copy that may be spoilt.
fn copy(film: &Path, to: &Path) -> PathBuf {
    let path = to.join("film").with_extension(film.extension().unwrap());
    fs::copy(film, &path).unwrap();
    path
}

/// Half of it is gone.
fn truncate(film: &Path) {
    let file = OpenOptions::new().write(true).open(film).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

#[tokio::test]
async fn a_film_that_is_truncated_while_ffmpeg_reads_it_ends_the_stream_and_says_so() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(24.0).bitrate(1_000).options(&["-movflags", "+faststart"]);
    // One that is encoded, and one that passes through ffmpeg as it is.
    for (name, clip) in [("mp4", film.clone()), ("mkv", film.container("mkv").options(&["-f", "matroska"]))] {
        let dir = scratch();
        let film = copy(&clip.make().await, dir.path());
        let manager = manager().await;
        let mut spec = spec(&film, Repeat::Forever, &nginx.rtmp_url("pass"), name);
        if name == "mp4" {
            spec = spec.video(small().live());
        }
        let stream = manager.start(spec).await.unwrap();
        reach(&stream, Phase::Live).await;
        assert!(
            stream.status().encoding.unwrap().reached_ms < 12_000,
            "it has read half of the film already"
        );
        truncate(&film);
        // It has what it has read, and is held back by the clock.
        let since = Instant::now();
        let status = ends(&stream, Reason::SourceTruncated).await;
        println!("{name}: {:?} after it was truncated: {}", since.elapsed(), status.detail);
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
        assert!(status.detail.contains("was cut from"), "{}", status.detail);
    }
}

#[tokio::test]
async fn a_film_that_is_unlinked_while_it_plays_goes_on_to_its_end_also_in_another_ffmpeg() {
    let nginx = Nginx::start().await;
    let dir = scratch();
    let film = copy(&Clip::new().seconds(16.0).make().await, dir.path());
    let manager = manager().await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "unlinked").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    fs::remove_file(&film).unwrap();
    let first = until(&stream, "an ffmpeg", |e| e.pid.is_some()).await.pid.unwrap();
    signal(first, rustix::process::Signal::KILL);
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    assert_eq!((status.legs[0].attempts, status.encoding.unwrap().runs), (1, 2));
    let files = nginx.settled("unlinked", 1, BOUND).await;
    goes_on(&files[0], want, SPLICED, 478..=484).await;
}

#[tokio::test]
async fn an_ffmpeg_that_says_all_is_well_before_the_end_is_begun_again_where_it_was() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(8.0).make().await;
    let wrapper = Wrapper::runs("exec \"$real\" -t 3 \"$@\"");
    let manager = manager_with(Some(&wrapper), |_| {}).await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "half").video(small());
    let stream = manager.start(spec).await.unwrap();
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    assert_eq!((status.legs[0].attempts, wrapper.count()), (1, 3));
    let files = nginx.settled("half", 1, BOUND).await;
    goes_on(&files[0], want, SPLICED, 238..=244).await;
}

#[tokio::test]
async fn a_film_whose_second_half_never_comes_is_not_finished_when_its_first_is() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(8.0).make().await;
    // Whatever is asked for: nothing behind the fourth second, and code 0.
    let wrapper = Wrapper::runs("case \" $* \" in *' -ss '*) exit 0 ;; esac\nexec \"$real\" -t 4 \"$@\"");
    let manager = manager_with(Some(&wrapper), |_| {}).await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "never").video(small());
    let stream = manager.start(spec).await.unwrap();
    let status = ends(&stream, Reason::EncoderFailed).await;
    assert!(status.detail.contains("of 8 s"), "{}", status.detail);
    // What there is was shown.
    let files = nginx.settled("never", 1, BOUND).await;
    let (video, _) = times(&files[0]).await;
    assert!((116..=124).contains(&video.len()), "{} pictures of 120", video.len());
}

#[tokio::test]
async fn an_ffmpeg_that_dies_at_once_is_tried_five_times_before_the_first_picture_and_named() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).make().await;
    let wrapper = Wrapper::runs("echo '[error] the moon is in the wrong house' >&2; exit 1");
    let manager = manager_with(Some(&wrapper), |times| times.backoff_first = Duration::from_millis(20)).await;
    let url = nginx.rtmp_url("live");
    let stream = manager.start(spec(&film, Repeat::Once, &url, "never").video(small())).await.unwrap();
    let status = ends(&stream, Reason::EncoderFailed).await;
    assert!(status.detail.contains("the moon is in the wrong house"), "{}", status.detail);
    assert_eq!((wrapper.count(), status.encoding.unwrap().runs, status.legs[0].attempts), (5, 5, 0));
}

#[tokio::test]
async fn an_ffmpeg_that_dies_at_once_in_mid_stream_is_tried_now_and_then_until_it_lives_again() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(20.0).make().await;
    let sick = "[ $run -gt 1 ] && [ ! -e \"$dir/well\" ] && { echo '[error] it hurts' >&2; exit 1; }\n";
    let wrapper =
        Wrapper::runs(&format!("{sick}[ $run -eq 1 ] && exec \"$real\" -t 4 \"$@\"\nexec \"$real\" \"$@\""));
    let manager = manager_with(Some(&wrapper), |times| {
        (times.backoff_first, times.backoff_max) = (Duration::from_millis(200), Duration::from_secs(1));
    })
    .await;
    let mut events = manager.subscribe(256);
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "sick").video(small());
    let stream = manager.start(spec).await.unwrap();
    let began = Instant::now();
    // On a busy machine it may have stood still before, for another reason.
    let status = soon("a picture that stands still for that", || {
        let status = stream.status();
        (status.phase == Phase::Holding && status.reason == Some(Reason::EncoderFailed)).then_some(status)
    })
    .await;
    assert!(status.detail.contains("it hurts"), "{}", status.detail);
    let tried = wrapper.count();
    soon("another try", || (wrapper.count() > tried + 1).then_some(())).await;
    // At half of a second each at the least, but for the first two.
    let most = 4 + began.elapsed().as_millis() / 500;
    assert!(wrapper.count() as u128 <= most, "{} runs, at most {most}", wrapper.count());
    fs::write(wrapper.file("well"), "").unwrap();
    reach(&stream, Phase::Live).await;
    let status = stream.status();
    assert_eq!((status.reason, status.legs[0].attempts), (None, 1));
    manager.stop("sick").unwrap();
    ends(&stream, Reason::Stopped).await;
    assert!(phases(&mut events).iter().all(|(to, _)| *to != Phase::Reconnecting));
    let files = nginx.settled("sick", 1, BOUND).await;
    decodes(&files[0]).await;
}

#[tokio::test]
async fn a_film_whose_sound_goes_on_behind_its_picture_is_played_to_the_end_of_both() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(3.0).audio_seconds(6.0).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "longer").video(small());
    let stream = manager.start(spec).await.unwrap();
    let status = ends(&stream, Reason::Finished).await;
    assert_eq!(status.legs[0].attempts, 1);
    let files = nginx.settled("longer", 1, BOUND).await;
    let (video, audio) = times(&files[0]).await;
    assert_eq!(video.len(), 90);
    unbroken(&video, 37.0);
    unbroken(&audio, 60.0);
    assert!(audio[audio.len() - 1] - audio[0] > 5_800.0, "{} ms of sound", audio[audio.len() - 1] - audio[0]);
    decodes(&files[0]).await;
}
