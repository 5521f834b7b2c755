//! What is done to a picture between decoder and encoder.

use std::time::Duration;

use super::{Codec, Decoder, Picture, seconds};
use crate::spec::Size;

/// What is cut out of a film by its times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trim {
    pub(super) start: Duration,
    pub(super) end: Option<Duration>,
}

impl Trim {
    /// The filter, which is `trim` for pictures and `atrim` for sound.
    pub(super) fn filter(self, name: &str) -> String {
        let end = self.end.map(|end| format!(":end={}", seconds(end))).unwrap_or_default();
        format!("{name}=start={}{end}", seconds(self.start))
    }
}

/// Where pictures are when they reach the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// In memory, in three planes.
    Planar,
    /// In memory, in the two planes that devices take and give.
    TwoPlanes,
    /// On the device.
    Device,
}

/// The chain for a picture.
pub(super) fn chain(picture: &Picture, trim: Option<Trim>) -> (String, Frames) {
    let mut parts = vec![];
    parts.extend(trim.map(|trim| trim.filter("trim")));
    // Before anything that costs: it leaves pictures out where the source has more.
    parts.extend(picture.fps.map(|fps| format!("fps=fps={fps}")));
    let frames = match picture.decoder {
        Decoder::Software => software(&mut parts, picture),
        Decoder::Device => device(&mut parts, picture),
    };
    (parts.join(","), frames)
}

/// Pictures that are in memory.
fn software(parts: &mut Vec<String>, picture: &Picture) -> Frames {
    match picture.size {
        Some(size) => {
            let (w, h) = fit(size);
            parts.push(format!("scale=w={w}:h={h}"));
            pad(parts, size);
        }
        // Costs nothing: it only moves the edge.
        None => parts.push("crop=w=trunc(iw/2)*2:h=trunc(ih/2)*2:x=0:y=0".to_owned()),
    }
    match picture.codec {
        Codec::X264 | Codec::Nvenc => Frames::Planar,
        Codec::Qsv | Codec::VideoToolbox => Frames::TwoPlanes,
        Codec::Vaapi => {
            upload(parts);
            Frames::Device
        }
    }
}

/// Pictures that are on the device.
fn device(parts: &mut Vec<String>, picture: &Picture) -> Frames {
    let scale = match picture.codec {
        // Both hand decoded pictures over in memory: libx264 needs them there, and ffmpeg 5.1 cannot scale them on
        // Apple's device.
        Codec::X264 => return software(parts, picture),
        Codec::VideoToolbox if picture.size.is_some() => return software(parts, picture),
        Codec::VideoToolbox => return Frames::Device,
        Codec::Nvenc => "scale_cuda",
        Codec::Qsv | Codec::Vaapi => "scale_vaapi",
    };
    let Some(size) = picture.size else {
        parts.push(format!("{scale}=w=trunc(iw/2)*2:h=trunc(ih/2)*2:format=nv12"));
        if picture.codec == Codec::Qsv {
            parts.push("hwmap=derive_device=qsv".to_owned());
            parts.push("format=pix_fmts=qsv".to_owned());
        }
        return Frames::Device;
    };
    let (w, h) = fit(size);
    parts.push(format!("{scale}=w={w}:h={h}:format=nv12"));
    // ffmpeg 5.1 pads in memory only.
    parts.extend(["hwdownload".to_owned(), "format=pix_fmts=nv12".to_owned()]);
    pad(parts, size);
    if picture.codec == Codec::Vaapi {
        parts.push("hwupload".to_owned());
        return Frames::Device;
    }
    Frames::TwoPlanes
}

/// The biggest even size of the source's shape, its pixels made square, that fits.
fn fit(size: Size) -> (String, String) {
    let Size { width, height } = size;
    (
        format!("'max(2,2*round(min({width},{height}*dar)/2))'"),
        format!("'max(2,2*round(min({height},{width}/dar)/2))'"),
    )
}

fn pad(parts: &mut Vec<String>, size: Size) {
    let Size { width, height } = size;
    parts.push(format!("pad=w={width}:h={height}:x=(ow-iw)/2:y=(oh-ih)/2"));
    parts.push("setsar=sar=1".to_owned());
}

fn upload(parts: &mut Vec<String>) {
    parts.extend(["format=pix_fmts=nv12".to_owned(), "hwupload".to_owned()]);
}
