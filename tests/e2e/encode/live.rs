//! Encoding on the fly.

use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::{
    ffmpeg::{self, Clip},
    flv::{self, Kind},
    nginx::Nginx,
};

use super::desk::{BOUND, ends, manager, reach, small, spec};

#[tokio::test]
async fn two_laps_of_a_film_are_encoded_into_one_unbroken_recording() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).bitrate(2_000).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Times(2), &nginx.rtmp_url("live"), "laps").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let status = ends(&stream, Reason::Finished).await;
    assert_eq!((status.laps, status.legs[0].attempts), (1, 1), "{status:#?}");
    let files = nginx.settled("laps", 1, BOUND).await;
    let packets = ffmpeg::packets(&files[0]).await;
    let video: Vec<_> =
        packets.iter().filter(|packet| packet.track == ffmpeg::Track::Video).map(|p| p.dts_ms()).collect();
    assert_eq!(video.len(), 240, "30 pictures a second for 8 s");
    for pair in video.windows(2) {
        let step = pair[1] - pair[0];
        assert!((30.0..=37.0).contains(&step), "{step} ms between two pictures");
    }
    let tags = flv::read(&files[0]).unwrap();
    assert_eq!(tags.headers(Kind::Video).count(), 1);
    let info = ffmpeg::probe(&["-show_streams", "-select_streams", "v", files[0].to_str().unwrap()]).await;
    assert_eq!(
        (info["streams"][0]["width"].as_u64(), info["streams"][0]["height"].as_u64()),
        (Some(320), Some(180))
    );
}
