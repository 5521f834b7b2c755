//! Renditions that are made ahead of time.

use std::time::Duration;

use streambro_core::{
    EncodingState, ErrorKind, Phase, PrepareOutcome, PrepareStage, Repeat, Source, StreamManager, Video,
};
use streambro_tests::{ffmpeg::Clip, nginx::Nginx, scratch};
use tokio::time::timeout;

use super::desk::{BOUND, reach, small, spec};

#[tokio::test]
async fn what_was_prepared_is_found_by_the_stream_that_wants_it() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).make().await;
    let dir = scratch();
    let manager = StreamManager::builder().renditions(dir.path(), 100_000_000).build().await.unwrap();
    let source = Source::file(&film);
    let preparation = manager.prepare(&source, small()).await.unwrap();
    assert_eq!(timeout(BOUND, preparation.wait()).await.unwrap(), Ok(PrepareOutcome::Made));
    let progress = preparation.progress();
    assert_eq!((progress.stage, progress.eta_ms), (PrepareStage::Finished, Some(0)));
    assert!(progress.speed > 0.0 && progress.total_ms == Some(progress.done_ms), "{progress:?}");
    let again = manager.prepare(&source, small()).await.unwrap();
    assert_eq!(timeout(BOUND, again.wait()).await.unwrap(), Ok(PrepareOutcome::Found));
    let native = manager.prepare(&source, Video::Copy).await.unwrap();
    assert_eq!(timeout(BOUND, native.wait()).await.unwrap(), Ok(PrepareOutcome::NotNeeded));
    assert_eq!(manager.renditions().await.unwrap().unwrap().count, 1);
    let stream = manager
        .start(spec(&film, Repeat::Forever, &nginx.rtmp_url("live"), "ahead").video(small()))
        .await
        .unwrap();
    reach(&stream, Phase::Live).await;
    assert_eq!(stream.status().encoding.unwrap().state, EncodingState::Kept);
    assert_eq!(manager.clear_renditions().await.unwrap(), 1);
    // It plays on: the file is open.
    let media = stream.status().media_ms;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(stream.status().media_ms > media + 4_000 && stream.status().phase == Phase::Live);
}

#[tokio::test]
async fn one_that_is_cancelled_or_dropped_leaves_no_ffmpeg_and_no_file() {
    let film = Clip::new().seconds(20.0).size(640, 360).make().await;
    let dir = scratch();
    let manager = StreamManager::builder().renditions(dir.path(), 100_000_000).build().await.unwrap();
    let source = Source::file(&film);
    let slow = Video::encode(streambro_core::Encoder::X264).preset(streambro_core::Preset::Slow);
    let preparation = manager.prepare(&source, slow.clone()).await.unwrap();
    while preparation.progress().done_ms == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let progress = preparation.progress();
    assert_eq!(progress.stage, PrepareStage::Encoding);
    assert!(progress.eta_ms.is_some_and(|eta| eta > 0), "{progress:?}");
    preparation.cancel();
    let error = timeout(BOUND, preparation.wait()).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Ended);
    drop(manager.prepare(&source, slow.clone()).await.unwrap());
    let left = manager.prepare(&source, slow).await.unwrap();
    timeout(BOUND, manager.shutdown(Duration::from_secs(10))).await.unwrap();
    let error = timeout(BOUND, left.wait()).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Closed);
    let leftovers = || {
        std::fs::read_dir(dir.path()).unwrap().filter(|entry| {
            entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "flv" || end == "part")
        })
    };
    for _ in 0..500 {
        if leftovers().count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", leftovers().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_manager_without_a_place_for_renditions_says_so() {
    let film = Clip::new().seconds(4.0).make().await;
    let manager = StreamManager::builder().build().await.unwrap();
    let error = manager.prepare(&Source::file(&film), small()).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "renditions"));
}
