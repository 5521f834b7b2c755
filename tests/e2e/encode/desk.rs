//! Managers, specs and waits for streams that ffmpeg makes.

use std::{path::Path, time::Duration};

use streambro_core::{
    Destination, Encode, Encoder, Phase, Preset, Reason, Repeat, Source, Stream, StreamManager, StreamSpec,
    StreamStatus, Video,
};
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine, shorter than patience.
pub(super) const BOUND: Duration = Duration::from_secs(60);

pub(super) async fn manager() -> StreamManager {
    StreamManager::builder().build().await.expect("the default settings are good")
}

/// Small and fast: what is tested here is not the picture.
pub(super) fn small() -> Encode {
    Video::encode(Encoder::X264).size(320, 180).bitrate(300_000).preset(Preset::Ultrafast).live()
}

pub(super) fn spec(file: &Path, repeat: Repeat, url: &str, key: &str) -> StreamSpec {
    let destination = Destination::new(url, key).expect("the rig's addresses are good");
    StreamSpec::new(key, Source::file(file).repeat(repeat)).destination(destination)
}

pub(super) async fn reach(stream: &Stream, phase: Phase) {
    match timeout(BOUND, stream.wait_for(phase)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}"),
        Err(_) => panic!("not {phase:?} within {BOUND:?}: {:#?}", stream.status()),
    }
}

/// Waits until a stream has ended, and checks why.
pub(super) async fn ends(stream: &Stream, reason: Reason) -> StreamStatus {
    let status = timeout(BOUND, stream.ended())
        .await
        .unwrap_or_else(|_| panic!("not ended within {BOUND:?}: {:#?}", stream.status()));
    assert_eq!((status.phase, status.reason), (Phase::Ended, Some(reason)), "{status:#?}");
    status
}
