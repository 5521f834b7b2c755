//! Loops of a film as nginx-rtmp records them.

use std::time::{Duration, Instant};

use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::flv::{Kind, Tag};
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, ends, even_clip, live, manager, spec};
use super::film::{Film, read};

#[tokio::test]
async fn three_loops_of_a_clip_with_b_frames_reach_nginx_payload_for_payload() {
    let nginx = Nginx::start().await;
    let film = Film::of(even_clip().make().await).await;
    assert!(film.video.iter().any(|p| p.pts != p.dts), "the clip has B-frames");
    let manager = manager().await;
    let book = Book::of(&manager);
    let since = Instant::now();
    let stream = manager
        .start(spec("loops", &film.path, Repeat::Times(3), &nginx.rtmp_url("live"), "loops"))
        .await
        .unwrap();
    live(&stream).await;
    let status = ends(&stream, Reason::Finished).await;
    let took = since.elapsed();
    let files = nginx.settled("loops", 1, BOUND).await;
    assert_eq!(files.len(), 1);
    let verdict = film.check(&files[0], 3);
    eprintln!("{verdict:?}, after {took:?}");
    // Tracks of one length: the priming of the second and third lap and nothing else.
    assert_eq!((verdict.silent, verdict.left_out), (0, film.audio.len() * 3 - verdict.audio));
    let priming = film.audio.iter().filter(|p| p.pts_ms() < -0.5).count();
    assert!(priming > 0 && verdict.left_out >= 2 * priming, "{verdict:?}");
    assert_eq!(status.silent_frames, 0);
    assert_eq!((status.laps, status.trimmed_frames), (2, verdict.left_out as u64), "{status:#?}");
    assert_eq!(status.legs[0].packets, (verdict.video + verdict.audio) as u64);
    assert_eq!((status.legs[0].attempts, status.legs[0].reconnects), (1, 0));
    // 3 x 4.8 s in real time, neither hurried nor dawdled.
    assert!(took > Duration::from_millis(14_200) && took < Duration::from_secs(20), "{took:?}");
    use Phase::{Ended, Live, Preparing, Starting};
    let phases = book.phases("loops");
    let seen: Vec<_> = phases.iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(seen[..2], [(Preparing, Starting), (Starting, Live)], "{phases:?}");
    assert_eq!(phases.last().map(|(_, to, why)| (*to, *why)), Some((Ended, Some(Reason::Finished))));
    book.audit();
}

#[tokio::test]
async fn tracks_of_unequal_length_stay_together_over_the_joints() {
    let nginx = Nginx::start().await;
    let manager = manager().await;
    // Audio that reaches over the end of the picture, and audio that ends long before it.
    let long = Clip::new().seconds(3.0).audio(44_100, "stereo").audio_seconds(3.5);
    let short = Clip::new().seconds(3.0).audio_seconds(2.5);
    let mut streams = Vec::new();
    for (key, clip) in [("long", long), ("short", short)] {
        let film = Film::of(clip.make().await).await;
        let spec = spec(key, &film.path, Repeat::Times(3), &nginx.rtmp_url("live"), key);
        streams.push((key, film, manager.start(spec).await.unwrap()));
    }
    for (key, film, stream) in streams {
        let status = ends(&stream, Reason::Finished).await;
        let files = nginx.settled(key, 1, BOUND).await;
        let verdict = film.check(&files[0], 3);
        eprintln!("{key}: {verdict:?}");
        assert_eq!(status.silent_frames, verdict.silent as u64, "{key}");
        assert_eq!(status.trimmed_frames, verdict.left_out as u64, "{key}");
        // Half a second of 48 kHz is 23 frames, and the last picture is shown longer than it takes to decode.
        let silent = if key == "short" { 66..=76 } else { 0..=0 };
        assert!(silent.contains(&verdict.silent), "{key}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_film_without_sound_gets_a_silent_track_that_is_counted() {
    let nginx = Nginx::start().await;
    let film = Film::of(Clip::new().seconds(3.0).video_only().make().await).await;
    let manager = manager().await;
    let stream = manager
        .start(spec("mute", &film.path, Repeat::Times(3), &nginx.rtmp_url("live"), "mute"))
        .await
        .unwrap();
    live(&stream).await;
    let status = ends(&stream, Reason::Finished).await;
    let files = nginx.settled("mute", 1, BOUND).await;
    let verdict = film.check(&files[0], 3);
    eprintln!("{verdict:?}");
    assert_eq!(status.silent_frames, verdict.silent as u64);
    let file = read(&files[0]);
    // Sound all the way: no hole between two frames, and none at either end.
    let sound: Vec<u32> = file.samples(Kind::Audio).map(|tag| tag.timestamp).collect();
    let pictures: Vec<i64> =
        file.samples(Kind::Video).map(|t| i64::from(t.timestamp) + i64::from(t.cts())).collect();
    assert!(sound.windows(2).all(|pair| pair[1] - pair[0] <= 24), "{sound:?}");
    let (first, last) = (pictures.iter().min().unwrap(), pictures.iter().max().unwrap());
    assert!((i64::from(sound[0]) - first).abs() <= 24, "{} {first}", sound[0]);
    // At the very end it may stop as early as the pictures are decoded.
    assert!((i64::from(sound[sound.len() - 1]) - last).abs() <= 100, "{sound:?} {last}");
    // Any decoder hears nothing in it.
    let wav = streambro_tests::scratch();
    let out = wav.path().join("sound.raw");
    let (from, to) = (files[0].to_str().unwrap(), out.to_str().unwrap());
    ffmpeg::run(&["-i", from, "-map", "0:a", "-f", "s16le", "-c:a", "pcm_s16le", to]).await;
    let samples = std::fs::read(&out).unwrap();
    assert!(samples.len() > 8 * 44_100 * 2 && samples.iter().all(|&byte| byte == 0));
}

#[tokio::test]
async fn a_film_without_a_picture_goes_live_and_plays_all_its_sound() {
    let nginx = Nginx::start().await;
    let film = Film::of(Clip::new().seconds(3.2).audio_only().make().await).await;
    let manager = manager().await;
    let stream = manager
        .start(spec("radio", &film.path, Repeat::Times(3), &nginx.rtmp_url("live"), "radio"))
        .await
        .unwrap();
    live(&stream).await;
    let status = ends(&stream, Reason::Finished).await;
    let files = nginx.settled("radio", 1, BOUND).await;
    let file = read(&files[0]);
    assert_eq!(file.tags.iter().filter(|tag| tag.kind == Kind::Video).count(), 0);
    let verdict = film.check(&files[0], 3);
    eprintln!("{verdict:?}");
    assert_eq!((status.silent_frames, verdict.silent), (0, 0));
    assert_eq!(status.trimmed_frames, verdict.left_out as u64);
    let times: Vec<u32> = file.samples(Kind::Audio).map(|tag: &Tag| tag.timestamp).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 23), "a hole at a joint: {times:?}");
}
