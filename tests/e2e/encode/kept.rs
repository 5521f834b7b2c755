//! Encoded once, copied ever after.

use streambro_core::{EncodingState, Phase, Reason, Repeat, StreamManager};
use streambro_tests::{
    ffmpeg::{self, Clip},
    nginx::Nginx,
    scratch,
};

use super::desk::{BOUND, ends, lives, pid, reach, small, spec, times, unbroken, until};

#[tokio::test]
async fn the_first_lap_is_encoded_and_the_others_are_copies_of_it_without_ffmpeg() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).bitrate(2_000).make().await;
    let dir = scratch();
    let manager =
        StreamManager::builder().renditions(dir.path().join("kept"), 100_000_000).build().await.unwrap();
    let url = nginx.rtmp_url("live");
    let stream = manager.start(spec(&film, Repeat::Times(3), &url, "kept").video(small())).await.unwrap();
    let ffmpeg = pid(&stream).await;
    until(&stream, "a rendition", |encoding| encoding.state == EncodingState::Kept).await;
    let status = ends(&stream, Reason::Finished).await;
    assert!(!lives(ffmpeg));
    assert_eq!(status.encoding.as_ref().unwrap().buffered_bytes, 0, "a copy holds nothing");
    assert_eq!((status.laps, status.encoding.unwrap().runs), (2, 1));
    let files = nginx.settled("kept", 1, BOUND).await;
    let (video, audio) = times(&files[0]).await;
    assert_eq!(video.len(), 360);
    unbroken(&video, 37.0);
    unbroken(&audio, 47.0);
    let packets = ffmpeg::packets(&files[0]).await;
    let md5: Vec<_> = packets.iter().filter(|p| p.track == ffmpeg::Track::Video).map(|p| &p.md5).collect();
    assert!(md5[..120] == md5[120..240] && md5[120..240] == md5[240..], "each lap has the same pictures");
    // The next stream of the same film and settings is a copy from its first picture on.
    let again = manager.start(spec(&film, Repeat::Times(2), &url, "again").video(small())).await.unwrap();
    reach(&again, Phase::Live).await;
    let encoding = again.status().encoding.unwrap();
    assert_eq!((encoding.state, encoding.runs, encoding.pid), (EncodingState::Kept, 0, None));
}
