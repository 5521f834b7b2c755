//! Renditions that are made ahead of time.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use streambro_core::{
    EncodingState, ErrorKind, Phase, PrepareOutcome, PrepareStage, Reason, Repeat, Source, StreamManager,
    Video,
};
use streambro_tests::{ffmpeg::Clip, nginx::Nginx, scratch};
use tokio::time::timeout;

use super::desk::{BOUND, ends, reach, small, soon, spec};

/// A disk that lets no draft grow for a while: the directory is locked, as another process does for a moment.
struct Slow(File);

impl Slow {
    fn disk(dir: &Path) -> Self {
        let dir = File::open(dir).unwrap();
        dir.lock().unwrap();
        Self(dir)
    }

    /// Ends it after a while, which is shorter than anybody waits for a lock.
    async fn recovers(self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.0.unlock().unwrap();
    }
}

/// What is kept in a directory, half written or whole.
fn files(dir: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".flv") || name.ends_with(".part")).collect()
}

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
    assert_eq!(files(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn who_is_told_that_it_was_given_up_finds_nothing_of_it_on_a_disk_that_is_slow() {
    let film = Clip::new().seconds(60.0).make().await;
    let dir = scratch();
    // A draft asks for room every 256 KiB.
    let manager = StreamManager::builder().renditions(dir.path(), 4 << 20).build().await.unwrap();
    let preparation = manager.prepare(&Source::file(&film), small()).await.unwrap();
    let done = || preparation.progress().done_ms;
    soon("a draft", || (!files(dir.path()).is_empty() && done() > 0).then_some(())).await;
    let slow = Slow::disk(dir.path());
    // Until it waits for the disk. When ffmpeg is slower than that, less is shown and nothing is wrong.
    let (from, since) = (done(), Instant::now());
    while done() < from + 10_000 && since.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    preparation.cancel();
    let told = async {
        let error = timeout(BOUND, preparation.wait()).await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Ended);
        assert_eq!(files(dir.path()), Vec::<String>::new());
    };
    tokio::join!(told, slow.recovers());
}

#[tokio::test]
async fn a_lap_that_is_stopped_in_its_middle_leaves_nothing_though_the_stream_can_still_be_looked_at() {
    let nginx = Nginx::start().await;
    // Longer than it takes to look, also where ffmpeg is fast.
    let film = Clip::new().seconds(60.0).gop(30).make().await;
    let dir = scratch();
    let manager = StreamManager::builder()
        .renditions(dir.path(), 100_000_000)
        .keep_ended(Duration::from_secs(60 * 60))
        .build()
        .await
        .unwrap();
    let spec = spec(&film, Repeat::Forever, &nginx.rtmp_url("live"), "middle").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    assert_eq!(files(dir.path()).len(), 1, "{:#?}", stream.status());
    manager.stop("middle").unwrap();
    ends(&stream, Reason::Stopped).await;
    soon("an empty directory", || files(dir.path()).is_empty().then_some(())).await;
    assert!(manager.status("middle").unwrap().encoding.is_some());
}

#[tokio::test]
async fn a_shutdown_leaves_nothing_half_written_on_a_disk_that_is_slow() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(60.0).gop(30).make().await;
    let dir = scratch();
    // A draft asks for room every 256 KiB, which is more often than every two seconds as fast as ffmpeg is here.
    let manager = StreamManager::builder().renditions(dir.path(), 1 << 22).build().await.unwrap();
    let spec = spec(&film, Repeat::Forever, &nginx.rtmp_url("live"), "slow").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    assert_eq!(files(dir.path()).len(), 1, "{:#?}", stream.status());
    let slow = Slow::disk(dir.path());
    let reached = || stream.status().encoding.unwrap().reached_ms;
    let (from, since) = (reached(), Instant::now());
    while reached() < from + 2_000 && since.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let down = async {
        timeout(BOUND, manager.shutdown(Duration::from_secs(10))).await.unwrap();
        assert_eq!(files(dir.path()), Vec::<String>::new());
    };
    let recovers = async {
        stream.ended().await;
        slow.recovers().await;
    };
    tokio::join!(down, recovers);
}

#[tokio::test]
async fn a_manager_without_a_place_for_renditions_says_so() {
    let film = Clip::new().seconds(4.0).make().await;
    let manager = StreamManager::builder().build().await.unwrap();
    let error = manager.prepare(&Source::file(&film), small()).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "renditions"));
}
