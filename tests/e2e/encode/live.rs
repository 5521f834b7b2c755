//! Encoding on the fly, and copying through ffmpeg.

use streambro_core::{Encoder, EncodingState, ErrorKind, Phase, Reason, Repeat};
use streambro_tests::{
    ffmpeg::{self, Clip},
    flv::{self, Kind},
    nginx::Nginx,
};

use super::desk::{BOUND, ends, manager, reach, small, spec, times, unbroken};

#[tokio::test]
async fn two_laps_of_a_film_are_encoded_into_one_unbroken_recording() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).bitrate(2_000).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Times(2), &nginx.rtmp_url("live"), "laps").video(small().live());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let encoding = stream.status().encoding.unwrap();
    assert_eq!(encoding.encoder, Some(Encoder::X264));
    let status = ends(&stream, Reason::Finished).await;
    assert_eq!((status.laps, status.legs[0].attempts), (1, 1), "{status:#?}");
    let encoding = status.encoding.unwrap();
    assert_eq!((encoding.state, encoding.runs, encoding.pid), (EncodingState::Over, 2, None));
    let files = nginx.settled("laps", 1, BOUND).await;
    let (video, audio) = times(&files[0]).await;
    assert_eq!(video.len(), 240, "30 pictures a second for 8 s");
    unbroken(&video, 37.0);
    unbroken(&audio, 47.0);
    assert_eq!(flv::read(&files[0]).unwrap().headers(Kind::Video).count(), 1);
    let info = ffmpeg::probe(&["-show_streams", "-select_streams", "v", files[0].to_str().unwrap()]).await;
    let side = |name: &str| info["streams"][0][name].as_u64();
    assert_eq!((side("width"), side("height")), (Some(320), Some(180)));
}

#[tokio::test]
async fn a_matroska_file_goes_out_picture_for_picture_through_ffmpeg_and_status_says_why() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).gop(30).container("mkv").make().await;
    let manager = manager().await;
    let stream = manager.start(spec(&film, Repeat::Times(2), &nginx.rtmp_url("live"), "mkv")).await.unwrap();
    let status = ends(&stream, Reason::Finished).await;
    let encoding = status.encoding.unwrap();
    assert_eq!(encoding.encoder, None);
    assert!(encoding.why.contains("Matroska"), "{}", encoding.why);
    let files = nginx.settled("mkv", 1, BOUND).await;
    let md5 = |packets: Vec<ffmpeg::Packet>| {
        let video = packets.into_iter().filter(|packet| packet.track == ffmpeg::Track::Video);
        video.map(|packet| packet.md5).collect::<Vec<_>>()
    };
    // Matroska has Annex B nowhere: the samples are the same bytes.
    let (theirs, ours) = (md5(ffmpeg::packets(&film).await), md5(ffmpeg::packets(&files[0]).await));
    assert_eq!(ours, [theirs.clone(), theirs].concat());
    let (video, _) = times(&files[0]).await;
    unbroken(&video, 37.0);
}

#[tokio::test]
async fn without_an_ffmpeg_a_copy_plays_and_an_encode_is_refused_with_the_remedy() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).make().await;
    let manager = streambro_core::StreamManager::builder().ffmpeg("/no/such/ffmpeg").build().await.unwrap();
    let url = nginx.rtmp_url("live");
    let stream = manager.start(spec(&film, Repeat::Forever, &url, "copy")).await.unwrap();
    reach(&stream, Phase::Live).await;
    let refused = manager.start(spec(&film, Repeat::Forever, &url, "encode").video(small())).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EncoderUnavailable, "{error}");
    assert!(error.detail.contains("correct the path"), "{error}");
    let film = Clip::new().seconds(4.0).container("mkv").make().await;
    let error = manager.start(spec(&film, Repeat::Forever, &url, "mkv")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EncoderUnavailable, "{error}");
    assert!(error.detail.contains("correct the path"), "{error}");
}
