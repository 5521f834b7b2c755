//! onMetaData: what a receiver may know of a stream before its first frame.

use crate::media::{
    amf0::Writer,
    index::{Index, TrackInfo, VideoConfig},
};

/// Frame rates beyond this are not frame rates.
const MAX_FPS: f64 = 1_000.0;

/// Writes the onMetaData of a stream that plays `index`; `live` puts `@setDataFrame` before it, as RTMP wants.
///
/// The duration is 0, as encoders send it for live streams.
pub fn on_metadata(index: &Index, live: bool) -> Vec<u8> {
    let mut body = vec![];
    let mut amf = Writer::new(&mut body);
    if live {
        amf.string("@setDataFrame");
    }
    let audio = index.audio_config();
    let video = index.video.as_ref().and_then(|track| Some((track, track.configs.first()?)));
    // Of what is still being made nobody knows it.
    let rate = video.and_then(|(track, _)| frame_rate(track));
    let pairs = 7 + if video.is_some() { 3 } else { 0 } + u32::from(rate.is_some());
    amf.string("onMetaData").ecma_array(pairs);
    amf.key("duration").number(0.0);
    if let Some((_, config)) = video {
        amf.key("width").number(config.width.into());
        amf.key("height").number(config.height.into());
        if let Some(rate) = rate {
            amf.key("framerate").number(rate);
        }
        amf.key("videocodecid").number(7.0);
    }
    amf.key("audiocodecid").number(10.0);
    amf.key("audiosamplerate").number(audio.sample_rate.into());
    amf.key("audiosamplesize").number(16.0);
    amf.key("audiochannels").number(audio.channel_config.into());
    amf.key("stereo").boolean(audio.channel_config >= 2);
    amf.key("encoder").string("streambro");
    amf.end();
    body
}

/// Frames per second, to three decimals.
fn frame_rate(track: &TrackInfo<VideoConfig>) -> Option<f64> {
    let seconds = track.duration as f64 / f64::from(track.timescale.get());
    let rate = if seconds > 0.0 { (track.samples as f64 / seconds).min(MAX_FPS) } else { 0.0 };
    (track.samples > 0).then_some((rate * 1_000.0).round() / 1_000.0)
}
