//! The timeline as a file: what a destination would receive, as fast as the disk goes.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    media::{
        aac, flv,
        packet::{Content, Packet, Track},
        read::ReadAt,
    },
    source::{Feed, Fill, audio_config_of},
    spec::Repeat,
    survey::{Opened, Shelf, source_error},
};

/// Media placed at once, in milliseconds and in packets.
const STEP_MS: u64 = 1_000;
const BATCH: usize = 4_096;

/// What a [`remux`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RemuxReport {
    /// Video frames.
    pub video: u64,
    /// Audio frames, silence included.
    pub audio: u64,
    /// Silent audio frames inserted where the source has none.
    pub silent: u64,
    /// Audio frames of the source left out at joints.
    pub trimmed: u64,
    /// Decode times that had to be raised; anything but 0 means broken time stamps in the source.
    pub raised: u64,
    /// The length of what was written, in milliseconds.
    pub duration_ms: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// Writes what a destination would receive of `input` to an FLV file, unpaced.
///
/// Blocks until it is done. `Repeat::Forever` is refused.
///
/// # Errors
/// Those of opening the source as `start` has them; `SourceInvalid` or `SourceUnreadable` when it fails on the way;
/// `Host` when `out` cannot be written.
pub fn remux(input: &Path, out: impl Write, repeat: Repeat) -> Result<RemuxReport> {
    if repeat == Repeat::Forever {
        return Err(Error::new(ErrorKind::InvalidSpec, "repeat", "a file cannot be written for ever"));
    }
    let opened = Shelf::new(None).take(input)?;
    let name = input.display().to_string();
    let mut report = RemuxReport::default();
    let mut out = Counted { out: io::BufWriter::with_capacity(1 << 18, out), bytes: 0 };
    write(&opened, &mut out, repeat, &mut report).map_err(|error| match error {
        RemuxError::Source(error) => source_error(&name, &error),
        RemuxError::Out(error) => Error::new(ErrorKind::Host, "output", error.to_string()),
    })?;
    report.bytes = out.bytes;
    Ok(report)
}

enum RemuxError {
    Source(crate::media::error::MediaError),
    Out(io::Error),
}

impl From<io::Error> for RemuxError {
    fn from(error: io::Error) -> Self {
        Self::Out(error)
    }
}

fn write(
    opened: &Arc<Opened>,
    out: impl Write,
    repeat: Repeat,
    report: &mut RemuxReport,
) -> std::result::Result<(), RemuxError> {
    let index = &opened.index;
    let audio = audio_config_of(index);
    let silence = aac::silent_frame(audio.channel_config).unwrap_or_default();
    let mut feed = Feed::new(index, repeat);
    let mut writer = flv::write::Writer::new(out, index.video.is_some())?;
    writer.script(0, &flv::metadata::on_metadata(index, false))?;
    writer.audio(0, &[&flv::prefix::AUDIO_HEADER, &audio.asc])?;
    let (mut packets, mut body, mut announced, mut until) = (vec![], vec![], [None, Some(0)], 0);
    loop {
        let filled = feed.fill(&opened.file, until, BATCH, &mut packets);
        for packet in packets.drain(..) {
            announce(&mut writer, opened, &packet, &mut announced)?;
            let time = packet.dts as u32;
            let content = match packet.content {
                Content::Silence => silence,
                Content::Sample { offset, len } => {
                    body.resize(len as usize, 0);
                    let read = opened.file.read_exact_at(&mut body, offset);
                    read.map_err(|error| RemuxError::Source(error.into()))?;
                    &body[..]
                }
            };
            match packet.track {
                Track::Video => {
                    report.video += 1;
                    writer.video(time, &[&flv::prefix::video_frame(packet.key, packet.cts), content])?;
                }
                Track::Audio => {
                    report.audio += 1;
                    writer.audio(time, &[&flv::prefix::AUDIO_FRAME, content])?;
                }
            }
        }
        match filled.map_err(RemuxError::Source)? {
            Fill::End => break,
            Fill::Filled => until += STEP_MS,
            Fill::Full => {}
        }
    }
    let corrections = feed.corrections();
    report.silent = corrections.silence;
    report.trimmed = corrections.trimmed;
    report.raised = corrections.raised;
    report.duration_ms = feed.lap_end_ms();
    writer.finish()?;
    Ok(())
}

/// Writes the header of a configuration that the reader of the file does not know yet.
fn announce<W: Write>(
    writer: &mut flv::write::Writer<W>,
    opened: &Opened,
    packet: &Packet,
    announced: &mut [Option<u16>; 2],
) -> io::Result<()> {
    let known = &mut announced[packet.track as usize];
    if *known == Some(packet.config) {
        return Ok(());
    }
    *known = Some(packet.config);
    let (at, time) = (usize::from(packet.config), packet.dts as u32);
    match packet.track {
        Track::Video => match opened.index.video.as_ref().and_then(|track| track.configs.get(at)) {
            Some(config) => writer.video(time, &[&flv::prefix::VIDEO_HEADER, &config.avcc]),
            None => Ok(()),
        },
        Track::Audio => match opened.index.audio.as_ref().and_then(|track| track.configs.get(at)) {
            Some(config) => writer.audio(time, &[&flv::prefix::AUDIO_HEADER, &config.asc]),
            None => Ok(()),
        },
    }
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.out.write(buf)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
