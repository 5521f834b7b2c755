//! What ffmpeg is told. Pure.
//!
//! The input is always descriptor [`INPUT_FD`] of one known format, the output always FLV on standard output: no name of
//! a file and no address of a server is ever among the arguments.
//!
//! A packet's time in the output is its place in the film plus [`LEAD`], wherever reading began. The film begins at the
//! earliest time of its file, also where that is not zero, as in MPEG-TS. Shown on real files by the tests.
//! - Encoded, the output begins with the first picture at or after `start`, and the sound up to 24 ms (one AAC frame)
//!   before it.
//! - Copied, it begins with the last keyframe at or before `start`, or, from MPEG-TS, with the first one of the
//!   [`PRELUDE`] before `start`.
//! - A film whose pictures lie off the grid of its frame rate (a Matroska file made from an MP4 whose sound begins 23
//!   ms early) has them moved by up to half a picture by the encoder: finer times would make libx264 write a frame
//!   rate of 1,000 into the stream, and Debian 12's NVENC write times out of order.

use std::time::Duration;

pub(crate) use crate::media::format::Format;
use crate::spec::{Encode, Memory, Preset, Size};

mod codec;
mod command;
mod filters;
mod video;

pub(crate) use codec::{Codec, Decoder};
pub use command::command;
pub(crate) use video::Picture;

/// Where ffmpeg finds the opened film.
pub(crate) const INPUT_FD: i32 = 3;
/// Where ffmpeg writes its progress, when asked.
pub(crate) const PROGRESS_FD: i32 = 5;

/// What every time in the output is later than in the film.
///
/// FLV has no times below zero, and the first picture of a film is decoded up to 16 pictures before its beginning (H.264
/// A.3.1, `MaxDpbFrames`): a minute is enough for slides of three seconds. A muxer that had to shift them would shift a
/// run from the beginning and no other.
pub(crate) const LEAD: Duration = Duration::from_secs(60);

/// How much earlier an MPEG-TS is read: it has no index, so that a seek lands anywhere between two keyframes. The longest
/// distance of keyframes that is met in practice.
pub(crate) const PRELUDE: Duration = Duration::from_secs(10);

/// One run of ffmpeg.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) format: Format,
    /// The place in the film.
    pub(crate) start: Duration,
    /// How much of the film; `None` is all.
    pub(crate) limit: Option<Duration>,
    pub(crate) video: VideoJob,
    pub(crate) audio: AudioJob,
    pub(crate) memory: Memory,
    /// Whether it writes its progress, once a second.
    pub(crate) progress: bool,
}

/// What happens to the picture.
#[derive(Clone, Debug)]
pub(crate) enum VideoJob {
    Copy,
    Encode(Box<Picture>),
}

/// What happens to the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AudioJob {
    Copy,
    Encode(Sound),
}

/// How sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    bitrate: u64,
    rate: u32,
    channels: u8,
}

/// What is known of the source's picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) size: Size,
    /// Pictures a second, on average.
    pub(crate) fps: f64,
}

impl Job {
    /// A whole film of `format`, picture and sound copied.
    pub(crate) fn copy(format: Format) -> Self {
        Self {
            format,
            start: Duration::ZERO,
            limit: None,
            video: VideoJob::Copy,
            audio: AudioJob::Copy,
            memory: Memory::Lean,
            progress: false,
        }
    }

    /// A whole film of `format`, encoded as `encode` says with what was chosen of it.
    pub(crate) fn encode(
        format: Format,
        encode: &Encode,
        codec: Codec,
        decoder: Decoder,
        preset: Preset,
        source: Shape,
    ) -> Self {
        Self {
            video: VideoJob::Encode(Box::new(Picture::new(encode, codec, decoder, preset, source))),
            audio: AudioJob::Encode(Sound::new(encode)),
            memory: encode.memory,
            ..Self::copy(format)
        }
    }

    /// The place from which the film is read.
    fn seek(&self) -> Duration {
        match self.format {
            Format::MpegTs => self.start.saturating_sub(PRELUDE),
            _ => self.start,
        }
    }

    /// What is cut off between the place from which the film is read and `start`, where ffmpeg's own seek does not.
    fn trim(&self) -> Option<filters::Trim> {
        (self.format == Format::MpegTs && self.start > Duration::ZERO).then(|| filters::Trim {
            start: self.start,
            end: self.limit.map(|limit| self.start.saturating_add(limit)),
        })
    }
}

impl Sound {
    /// The sound of `encode`.
    pub(crate) fn new(encode: &Encode) -> Self {
        let (bitrate, rate, channels) = encode.resolved_sound();
        Self { bitrate, rate, channels }
    }
}

/// The arguments of ffmpeg, without its own name.
pub(crate) fn argv(job: &Job) -> Vec<String> {
    let mut args = Args::default();
    globals(&mut args, job);
    input(&mut args, job);
    args.pair("-i", format!("file:/dev/fd/{INPUT_FD}"));
    output(&mut args, job);
    args.0
}

/// The arguments that encode, as `job` says, a `source` that ffmpeg makes up (a graph of its `lavfi`).
pub(crate) fn trial(job: &Job, source: &str) -> Vec<String> {
    let mut args = Args::default();
    globals(&mut args, job);
    args.pair("-f", "lavfi");
    args.pair("-i", source);
    output(&mut args, job);
    args.0
}

/// Arguments in the making.
#[derive(Default)]
struct Args(Vec<String>);

impl Args {
    fn flags(&mut self, names: &[&str]) {
        self.0.extend(names.iter().map(|&name| name.to_owned()));
    }

    fn pair(&mut self, name: &str, value: impl ToString) {
        self.0.extend([name.to_owned(), value.to_string()]);
    }
}

fn globals(args: &mut Args, job: &Job) {
    // `level` makes each line of the log begin with how grave it is.
    args.flags(&["-nostdin", "-hide_banner", "-nostats"]);
    args.pair("-loglevel", "level+warning");
    if job.progress {
        args.pair("-progress", format!("pipe:{PROGRESS_FD}"));
        args.pair("-stats_period", 1);
    }
    if let Some(threads) = threads(job.memory)
        && matches!(job.video, VideoJob::Encode(_))
    {
        args.pair("-filter_threads", threads);
    }
    args.flags(&["-copyts", "-start_at_zero"]);
    if let VideoJob::Encode(picture) = &job.video {
        video::devices(args, picture);
    }
}

fn input(args: &mut Args, job: &Job) {
    if let VideoJob::Encode(picture) = &job.video {
        if let Some(threads) = threads(job.memory) {
            args.pair("-threads", threads);
        }
        video::decoding(args, picture);
    }
    // A playlist that calls itself a film is not opened as a playlist, and nothing in a film opens anything else.
    args.pair("-protocol_whitelist", "file,pipe");
    args.pair("-format_whitelist", job.format.demuxer());
    args.pair("-f", job.format.demuxer());
    let seek = job.seek();
    if seek > Duration::ZERO {
        args.pair("-ss", seconds(seek));
    }
    // As an option of the output it would count from the film's beginning, for the times are kept.
    if let Some(limit) = job.limit {
        args.pair("-t", seconds(limit.saturating_add(job.start - seek)));
    }
}

fn output(args: &mut Args, job: &Job) {
    // `V` passes over the pictures of covers. A copy may have none: sound alone goes out as well.
    let picture = match job.video {
        VideoJob::Copy => "0:V:0?",
        VideoJob::Encode(_) => "0:V:0",
    };
    args.pair("-map", picture);
    args.pair("-map", "0:a:0?");
    args.flags(&["-sn", "-dn"]);
    args.pair("-map_metadata", -1);
    args.pair("-map_chapters", -1);
    match &job.video {
        VideoJob::Copy => args.pair("-c:v", "copy"),
        VideoJob::Encode(picture) => {
            video::encoding(args, picture, job.trim());
            if let Some(threads) = threads(job.memory) {
                args.pair("-threads:v", threads);
            }
        }
    }
    match job.audio {
        AudioJob::Copy => args.pair("-c:a", "copy"),
        AudioJob::Encode(sound) => {
            if let Some(trim) = job.trim() {
                args.pair("-af", trim.filter("atrim"));
            }
            args.pair("-c:a", "aac");
            args.pair("-b:a", sound.bitrate);
            args.pair("-ar", sound.rate);
            args.pair("-ac", sound.channels);
        }
    }
    if let VideoJob::Encode(picture) = &job.video {
        args.0.extend(picture.raw.iter().cloned());
        if let Some(patience) = picture.patience() {
            args.pair("-max_interleave_delta", patience.as_micros());
        }
    }
    args.pair("-max_muxing_queue_size", queue(job.memory));
    args.pair("-muxdelay", 0);
    args.pair("-muxpreload", 0);
    args.pair("-output_ts_offset", seconds(LEAD));
    // A pipe cannot be gone back on to write durations, and the film does not end where this run does.
    args.pair("-flvflags", "no_duration_filesize+no_sequence_end");
    args.pair("-flush_packets", 1);
    args.pair("-f", "flv");
    args.flags(&["pipe:1"]);
}

/// The threads of each stage; `None` is ffmpeg's own choice.
fn threads(memory: Memory) -> Option<u32> {
    match memory {
        Memory::Lean => Some(1),
        Memory::Roomy | Memory::Custom { threads: 0, .. } => None,
        Memory::Custom { threads, .. } => Some(threads),
    }
}

/// The packets that may wait until every stream has begun.
fn queue(memory: Memory) -> u32 {
    match memory {
        Memory::Lean => 1_024,
        Memory::Roomy => 2_048,
        Memory::Custom { queue, .. } => queue,
    }
}

/// Seconds to the microsecond, which is what ffmpeg keeps.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod help_tests;

#[cfg(test)]
mod real_tests;
