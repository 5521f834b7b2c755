//! What is in a file that the native readers do not read, as ffprobe tells it.
//!
//! ffprobe may be mistaken, and its file hostile: every number is clamped, every word cut.

use serde::Serialize;
use serde_json::Value;

use super::format::Format;

/// ffprobe says a few kilobytes; a file of thousands of streams says more.
pub const MAX_JSON: usize = 1 << 20;

/// Streams that are looked at.
const MAX_STREAMS: usize = 1_024;

/// Letters of a name that are kept.
const MAX_WORD: usize = 64;

/// No film is longer than a year, in milliseconds.
const MAX_DURATION_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

/// More than any port carries, in bits per second.
const MAX_BITRATE: u64 = 1 << 40;

/// More than any picture has, in pixels.
const MAX_SIDE: u64 = 1 << 16;

/// Frames per second beyond this are a broken time base: TS and FLV may say 90,000 or 1,000.
const MAX_FRAME_RATE: f64 = 480.0;

/// The two frame rates of ffprobe differ by more than this where the rate varies.
const RATE_DIFFERENCE: f64 = 0.1;

/// Fields that are asked for: no tags, which may be long.
const ENTRIES: &str = "format=duration,bit_rate:\
                       stream=index,codec_type,codec_name,profile,level,pix_fmt,width,height,field_order,\
                       avg_frame_rate,r_frame_rate,has_b_frames,sample_rate,channels,bit_rate,duration:\
                       stream_disposition=attached_pic,timed_thumbnails:\
                       stream_tags=DURATION";

/// What ffprobe is told, without its name. The file is open as descriptor 3.
pub fn arguments(format: Format) -> Vec<String> {
    let demuxer = format.demuxer();
    let words = [
        "-v",
        "error",
        "-protocol_whitelist",
        "file,pipe",
        "-format_whitelist",
        demuxer,
        "-f",
        demuxer,
        "-show_entries",
        ENTRIES,
        "-print_format",
        "json=compact=1",
        "-i",
        "file:/dev/fd/3",
    ];
    words.map(str::to_owned).into()
}

/// What is in a file, as ffprobe tells it. Times are milliseconds, rates bits per second.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Foreign {
    /// The file format.
    pub format: Format,
    /// How long it lasts, in milliseconds. `None` when the file does not say.
    pub duration_ms: Option<u64>,
    /// Mean bits per second of all streams. `None` when the file does not say.
    pub bitrate: Option<u64>,
    /// How many streams there are, subtitles and pictures of the cover included.
    pub streams: usize,
    /// The first video stream that is no cover.
    pub video: Option<ForeignVideo>,
    /// The first audio stream.
    pub audio: Option<ForeignAudio>,
}

/// A video stream, as ffprobe tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ForeignVideo {
    /// Its number in the file.
    pub index: u32,
    /// ffmpeg's name of the codec, such as `h264`, `hevc`, `vp9`; `unknown` when it has none.
    pub codec: String,
    /// ffmpeg's name of the profile, such as `High`.
    pub profile: Option<String>,
    /// ffmpeg's name of the pixel format, such as `yuv420p`.
    pub pix_fmt: Option<String>,
    /// In pixels; 0 when that could not be found out.
    pub width: u32,
    /// In pixels; 0 when that could not be found out.
    pub height: u32,
    /// Mean pictures per second.
    pub frame_rate: Option<f64>,
    /// The mean rate is another than the one on which all times lie.
    pub variable_frame_rate: bool,
    /// Pictures are coded as fields.
    pub interlaced: bool,
    /// Pictures are shown in another order than they are decoded.
    pub reordered: bool,
    /// Mean bits per second. `None` when the file does not say.
    pub bitrate: Option<u64>,
}

/// An audio stream, as ffprobe tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ForeignAudio {
    /// Its number in the file.
    pub index: u32,
    /// ffmpeg's name of the codec, such as `aac`, `opus`, `ac3`; `unknown` when it has none.
    pub codec: String,
    /// ffmpeg's name of the profile, such as `LC`.
    pub profile: Option<String>,
    /// Samples per second; 0 when that could not be found out.
    pub sample_rate: u32,
    /// Channels; 0 when that could not be found out.
    pub channels: u32,
    /// Mean bits per second. `None` when the file does not say.
    pub bitrate: Option<u64>,
}

impl ForeignVideo {
    /// Whether the picture is 8-bit 4:2:0, the one that platforms decode. `None` when ffprobe does not say.
    pub fn is_plain(&self) -> Option<bool> {
        let plain = ["yuv420p", "yuvj420p", "nv12", "nv21"];
        self.pix_fmt.as_deref().map(|format| plain.contains(&format))
    }
}

/// Why what ffprobe said is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// It said more than 1 MiB.
    #[error("ffprobe said too much")]
    TooLong,
    /// It broke off, or said something else.
    #[error("ffprobe did not say what is in the file")]
    NotJson,
    /// The file has neither pictures nor sound.
    #[error("there is neither a picture nor sound in the file")]
    NoTrack,
}

/// Reads what ffprobe said of a file of this format.
///
/// # Errors
/// A [`ForeignError`] that says why it is of no use.
pub fn parse(format: Format, json: &[u8]) -> Result<Foreign, ForeignError> {
    if json.len() > MAX_JSON {
        return Err(ForeignError::TooLong);
    }
    let said: Value = serde_json::from_slice(json).map_err(|_| ForeignError::NotJson)?;
    let streams = said.get("streams").and_then(Value::as_array).ok_or(ForeignError::NotJson)?;
    let first = |kind: &str| {
        let mut streams = streams.iter().take(MAX_STREAMS);
        streams.find(|stream| text(stream, "codec_type") == Some(kind) && !is_cover(stream))
    };
    let (video, audio) = (first("video"), first("audio"));
    if video.is_none() && audio.is_none() {
        return Err(ForeignError::NoTrack);
    }
    let whole = said.get("format").unwrap_or(&Value::Null);
    // What plays counts, not what lies beside it: other languages, subtitles. Where the tracks do not say, the file does.
    let own = [video, audio].into_iter().flatten().filter_map(duration_ms).max();
    Ok(Foreign {
        format,
        duration_ms: own.or_else(|| duration_ms(whole)),
        bitrate: bitrate(whole),
        streams: streams.len(),
        video: video.map(video_stream),
        audio: audio.map(audio_stream),
    })
}

fn video_stream(stream: &Value) -> ForeignVideo {
    let mean = rate(stream, "avg_frame_rate");
    let base = rate(stream, "r_frame_rate");
    let varies = |mean: f64, base: f64| (mean - base).abs() > base * RATE_DIFFERENCE;
    let field_order = text(stream, "field_order").unwrap_or("progressive");
    ForeignVideo {
        index: number(stream, "index", u32::MAX.into()),
        codec: word(stream, "codec_name").unwrap_or_else(|| "unknown".to_owned()),
        profile: word(stream, "profile"),
        pix_fmt: word(stream, "pix_fmt"),
        width: number(stream, "width", MAX_SIDE),
        height: number(stream, "height", MAX_SIDE),
        frame_rate: mean.or(base),
        variable_frame_rate: mean.zip(base).is_some_and(|(mean, base)| varies(mean, base)),
        interlaced: !matches!(field_order, "progressive" | "unknown"),
        reordered: number(stream, "has_b_frames", 16) > 0,
        bitrate: bitrate(stream),
    }
}

fn audio_stream(stream: &Value) -> ForeignAudio {
    ForeignAudio {
        index: number(stream, "index", u32::MAX.into()),
        codec: word(stream, "codec_name").unwrap_or_else(|| "unknown".to_owned()),
        profile: word(stream, "profile"),
        sample_rate: number(stream, "sample_rate", 1 << 20),
        channels: number(stream, "channels", 1 << 8),
        bitrate: bitrate(stream),
    }
}

/// A picture that belongs to the file, not to the film.
fn is_cover(stream: &Value) -> bool {
    let disposition = stream.get("disposition").unwrap_or(&Value::Null);
    ["attached_pic", "timed_thumbnails"].into_iter().any(|kind| amount(disposition, kind).unwrap_or(0) > 0)
}

fn text<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    of.get(name).and_then(Value::as_str)
}

/// A name of ffmpeg's, which is plain ASCII and short.
fn word(of: &Value, name: &str) -> Option<String> {
    let word: String = text(of, name)?.chars().filter(|c| (' '..='~').contains(c)).take(MAX_WORD).collect();
    (!word.is_empty() && word != "unknown").then_some(word)
}

/// A number, which ffprobe writes as a number or as a text.
fn amount(of: &Value, name: &str) -> Option<u64> {
    let value = of.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A number of at most `most`; 0 when there is none.
fn number(of: &Value, name: &str, most: u64) -> u32 {
    u32::try_from(amount(of, name).unwrap_or(0).min(most)).unwrap_or(u32::MAX)
}

fn bitrate(of: &Value) -> Option<u64> {
    amount(of, "bit_rate").filter(|&bits| bits > 0).map(|bits| bits.min(MAX_BITRATE))
}

fn duration_ms(of: &Value) -> Option<u64> {
    let seconds = match text(of, "duration") {
        Some(seconds) => seconds.parse().ok()?,
        // Matroska's tracks have it as a tag: `00:01:02.345000000`.
        None => clock(text(of.get("tags")?, "DURATION")?)?,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is clamped")]
    let ms = (seconds * 1_000.0) as u64;
    (ms > 0).then_some(ms.min(MAX_DURATION_MS))
}

/// Hours, minutes and seconds.
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.splitn(3, ':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

/// A rate such as `30000/1001`.
fn rate(of: &Value, name: &str) -> Option<f64> {
    let (count, seconds) = text(of, name)?.split_once('/')?;
    let (count, seconds): (u32, u32) = (count.parse().ok()?, seconds.parse().ok()?);
    let rate = f64::from(count) / f64::from(seconds);
    (rate > 0.0 && rate <= MAX_FRAME_RATE).then_some(rate)
}

#[cfg(test)]
mod tests;
