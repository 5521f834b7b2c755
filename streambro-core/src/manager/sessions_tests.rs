//! Sessions of an encoder that only so many streams may use at once, with an ffmpeg that claims to have one.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::tests::{BOUND, assert_empty, ends, reach, runs, spec};
use crate::{
    Admission, Builder, Decode, Encoder, Encoding, ErrorKind, Limit, Phase, Preset, Reason, Sandbox, Stream,
    StreamManager, StreamSpec, Verdict, Video, ffmpeg::tools::Toolbox, limits::Demand,
};

/// An ffmpeg whose NVENC is libx264 under another name. It makes nothing of a film while there is a file `hold` beside it.
fn with_nvenc(folder: &Path) -> PathBuf {
    let tools = Toolbox::default().look().unwrap();
    let program = folder.join("ffmpeg");
    let (ffmpeg, ffprobe) = (tools.ffmpeg.display(), tools.ffprobe.unwrap());
    // An option that libx264 does not know is left out with its value.
    let text = format!(
        r#"for word; do
  shift
  case $skip$word in
    skip*) skip= ; continue ;;
    h264_nvenc) set -- "$@" libx264 -preset ultrafast ; continue ;;
    -no-scenecut|-forced-idr|-rc|-preset|-tune|-gpu) skip=skip ; continue ;;
  esac
  set -- "$@" "$word"
done
case "$*" in *pipe:5*) while [ -e '{folder}/hold' ]; do sleep 0.05; done ;; esac
exec {ffmpeg} "$@""#,
        folder = folder.display()
    );
    // Written by another process: a child that another test starts meanwhile would inherit the descriptor.
    let maker = format!("cat >'{0}' <<'END'\n#!/bin/sh\n{text}\nEND\nchmod 755 '{0}'", program.display());
    assert!(Command::new("sh").args(["-c", &maker]).status().unwrap().success());
    std::os::unix::fs::symlink(ffprobe, folder.join("ffprobe")).unwrap();
    program
}

fn builder(folder: &Path) -> Builder {
    // The script is no part of what the sandbox knows.
    StreamManager::builder()
        .ffmpeg(with_nvenc(folder))
        .sandbox(Sandbox::Off)
        .max_encoder_sessions(Encoder::Nvenc, 2)
}

fn encoded(id: &str, encoder: Encoder) -> StreamSpec {
    let video = Video::encode(encoder).size(320, 180).bitrate(300_000).preset(Preset::Ultrafast);
    let video = video.decode(Decode::Software);
    spec(id).video(video)
}

/// Waits until something is so of what ffmpeg does.
async fn until(stream: &Stream, what: &str, so: impl Fn(&Encoding) -> bool) -> Encoding {
    let look = async {
        loop {
            if let Some(encoding) = stream.status().encoding.filter(&so) {
                return encoding;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let seen = tokio::time::timeout(BOUND, look).await;
    seen.unwrap_or_else(|_| panic!("not {what}: {:#?}", stream.status()))
}

async fn encoder(stream: &Stream) -> Option<Encoder> {
    until(stream, "something made", |encoding| encoding.frames > 0).await.encoder
}

fn sessions_used(manager: &StreamManager) -> u64 {
    let demand = Demand { session: Some(Encoder::Nvenc), ..Demand::default() };
    let uses = manager.0.ledger.uses([demand].iter());
    uses[0].iter().find(|line| line.limit == Limit::EncoderSessions).unwrap().used
}

#[tokio::test]
async fn the_third_of_two_sessions_is_refused_by_name_and_goes_to_the_processor_with_auto() {
    let folder = tempfile::tempdir().unwrap();
    let manager = builder(folder.path()).build().await.unwrap();
    let first = manager.start(encoded("first", Encoder::Nvenc)).await.unwrap();
    let second = manager.start(encoded("second", Encoder::Auto)).await.unwrap();
    for stream in [&first, &second] {
        assert_eq!(encoder(stream).await, Some(Encoder::Nvenc));
    }
    let error = manager.start(encoded("third", Encoder::Nvenc)).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::LimitReached, "nvenc"), "{error}");
    assert!(error.detail.contains("2 of 2 sessions"), "{error}");

    let explanation = manager.explain(&encoded("third", Encoder::Nvenc)).await.unwrap();
    let line = explanation.limits.iter().find(|line| line.limit == Limit::EncoderSessions).unwrap();
    assert_eq!((line.of.as_deref(), line.used, line.over), (Some("nvenc"), 2, 1));
    assert!(matches!(explanation.verdict, Verdict::Refuse { limit: Limit::EncoderSessions, .. }));
    let explanation = manager.explain(&encoded("third", Encoder::Auto)).await.unwrap();
    assert_eq!((explanation.would_start(), explanation.cost.unwrap().session), (true, None));

    let mut events = manager.subscribe(64);
    let third = manager.start(encoded("third", Encoder::Auto)).await.unwrap();
    assert_eq!((encoder(&third).await, sessions_used(&manager)), (Some(Encoder::X264), 2));
    let why = loop {
        let event = tokio::time::timeout(BOUND, events.next()).await.unwrap().unwrap();
        if let crate::EventKind::Encoder { detail, .. } = event.kind {
            break detail;
        }
    };
    assert!(why.contains("nvenc: 2 of 2 sessions are taken"), "{why}");

    // What becomes free is taken by the next, also in the place of one that runs.
    first.stop();
    ends(&first, Reason::Stopped).await;
    let other = encoded("third", Encoder::Auto).user("alice");
    let replaced = manager.replace(other).await.unwrap();
    assert_eq!((encoder(&replaced).await, sessions_used(&manager)), (Some(Encoder::Nvenc), 2));
    // Its own session is free for it.
    let replaced = manager.replace(encoded("third", Encoder::Auto).user("bob")).await.unwrap();
    assert_eq!((encoder(&replaced).await, sessions_used(&manager)), (Some(Encoder::Nvenc), 2));
    manager.shutdown(BOUND).await;
    assert_eq!(sessions_used(&manager), 0);
    assert_empty(&manager);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_starts_at_once_the_sessions_go_to_as_many_and_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manager = builder(folder.path()).build().await.unwrap();
    let starts: Vec<_> = (0..5)
        .map(|n| {
            let manager = manager.clone();
            tokio::spawn(
                async move { manager.start(encoded(&format!("s{n}"), Encoder::Auto)).await.unwrap() },
            )
        })
        .collect();
    let mut taken = vec![];
    for start in starts {
        taken.push(encoder(&start.await.unwrap()).await);
    }
    let nvenc = taken.iter().filter(|encoder| **encoder == Some(Encoder::Nvenc)).count();
    assert_eq!((nvenc, sessions_used(&manager)), (2, 2), "{taken:?}");
    manager.shutdown(BOUND).await;
}

#[tokio::test]
async fn one_that_waits_for_a_session_runs_once_a_rendition_takes_over_from_the_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let builder = builder(folder.path()).renditions(folder.path().join("kept"), 100_000_000);
    let builder =
        builder.max_encoder_sessions(Encoder::Nvenc, 1).admission(Admission::Queue { max_waiting: 5 });
    let manager = builder.build().await.unwrap();
    std::fs::write(folder.path().join("hold"), "").unwrap();
    let first = manager.start(encoded("first", Encoder::Nvenc)).await.unwrap();
    let waiting = encoded("waiting", Encoder::Nvenc);
    let Video::Encode(video) = waiting.video.clone() else { panic!() };
    let waiting = manager.start(waiting.video(video.bitrate(200_000))).await.unwrap();
    assert_eq!(waiting.status().phase, Phase::Queued, "{:?}", waiting.status());
    assert!(waiting.status().detail.contains("sessions of nvenc"), "{:?}", waiting.status());
    let copy = manager.start(spec("copy")).await.unwrap();
    runs(&copy).await;
    let Video::Encode(video) = encoded("x", Encoder::X264).video else { panic!() };
    let named = manager.start(spec("x264").video(video.live())).await.unwrap();
    runs(&named).await;
    std::fs::remove_file(folder.path().join("hold")).unwrap();
    until(&first, "kept", |encoding| encoding.state == crate::EncodingState::Kept).await;
    reach(&waiting, Phase::Starting).await;
    assert_eq!(encoder(&waiting).await, Some(Encoder::Nvenc));
    assert_ne!(first.status().phase, Phase::Ended);
    manager.shutdown(BOUND).await;
    assert_empty(&manager);
}

#[tokio::test]
async fn sessions_of_the_processor_cannot_be_limited() {
    for encoder in [Encoder::X264, Encoder::Auto] {
        let error = StreamManager::builder().max_encoder_sessions(encoder, 1).build().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidSpec);
        assert!(error.detail.contains("max_stream_cpu"), "{error}");
    }
}
