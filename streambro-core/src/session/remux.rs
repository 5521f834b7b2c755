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
        aac,
        error::MediaError,
        flv::{
            metadata::on_metadata,
            prefix,
            write::{HEADER, Kind, MAX_BODY, TRAILER, file_header, tag_header, tag_trailer},
        },
        packet::{Content, Packet, Track},
        read::ReadAt,
    },
    source::{Batch, Disks, Feed, Fill, Film, Piece, Reader, Reel},
    spec::Repeat,
    survey::{Opened, Shelf, source_error},
};

/// Bytes written at once.
const BUFFER: usize = 256 * 1_024;

/// Media placed at once, in milliseconds and in packets.
const STEP_MS: u64 = 1_000;
const BATCH: usize = 4_096;

/// What a [`remux`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
/// Blocks until it is done, and as long as the file system does.
///
/// # Errors
/// `InvalidSpec` for a `repeat` without an end or without a lap; those of opening the source: `SourceUnreadable`,
/// `SourceInvalid`, `SourceUnsupported`, `Host`; `SourceInvalid` or `SourceUnreadable` when it fails on the way; `Host`
/// when `out` cannot be written.
pub fn remux(input: &Path, out: impl Write, repeat: Repeat) -> Result<RemuxReport> {
    let refused = match repeat {
        Repeat::Forever => Some("a file cannot be written for ever"),
        Repeat::Times(0) => Some("a source plays at least once"),
        _ => None,
    };
    if let Some(detail) = refused {
        return Err(Error::new(ErrorKind::InvalidSpec, "repeat", detail));
    }
    let opened = Shelf::new(None).take(input)?;
    let name = input.display().to_string();
    let mut report = RemuxReport::default();
    let mut muxer = Muxer::new(&opened, out);
    muxer.write(&opened, repeat, &mut report).map_err(|error| match error {
        RemuxError::Source(error) => source_error(&name, &error),
        RemuxError::Out(error) => Error::new(ErrorKind::Host, "output", error.to_string()),
    })?;
    report.bytes = muxer.written;
    Ok(report)
}

enum RemuxError {
    Source(MediaError),
    Out(io::Error),
}

/// Puts tags together and reads their payloads straight into their places, many with one system call.
struct Muxer<W> {
    out: W,
    written: u64,
    film: Film,
    reader: Reader,
    bytes: Vec<u8>,
    filled: usize,
    gaps: Vec<Piece>,
    /// The configurations that the reader of the file knows.
    announced: [Option<u16>; 2],
}

impl<W: Write> Muxer<W> {
    fn new(opened: &Arc<Opened>, out: W) -> Self {
        let film = Film { opened: Arc::clone(opened), disk: Disks::default().of(opened.device) };
        Self {
            out,
            written: 0,
            reader: Reader::new(&film),
            film,
            bytes: vec![0; BUFFER],
            filled: 0,
            gaps: vec![],
            announced: [None, Some(0)],
        }
    }

    fn write(
        &mut self,
        opened: &Arc<Opened>,
        repeat: Repeat,
        report: &mut RemuxReport,
    ) -> std::result::Result<(), RemuxError> {
        let index = &opened.index;
        let audio = index.audio_config();
        let silence = aac::silent_frame(audio.channel_config).unwrap_or_default();
        let mut feed = Feed::new(&Reel::Film(self.film.clone()), repeat);
        self.append(&file_header(index.video.is_some()));
        self.tag(opened, Kind::Script, 0, &[], Body::Here(&on_metadata(index, false)))?;
        self.tag(opened, Kind::Audio, 0, &prefix::AUDIO_HEADER, Body::Here(&audio.asc))?;
        let (mut batch, mut until) = (Batch::default(), 0);
        loop {
            let filled = feed.fill(&opened.file, until, BATCH, &mut batch);
            for packet in batch.packets.drain(..) {
                self.announce(opened, &packet)?;
                let body = match packet.content {
                    Content::Silence => Body::Here(silence),
                    Content::Sample { offset, len } => Body::InFile(offset, len as usize),
                };
                let time = packet.dts as u32;
                match packet.track {
                    Track::Video => {
                        report.video += 1;
                        let lead = prefix::video_frame(packet.key, packet.cts);
                        self.tag(opened, Kind::Video, time, &lead, body)?;
                    }
                    Track::Audio => {
                        report.audio += 1;
                        self.tag(opened, Kind::Audio, time, &prefix::AUDIO_FRAME, body)?;
                    }
                }
            }
            match filled.map_err(RemuxError::Source)? {
                Fill::End => break,
                Fill::Filled => until += STEP_MS,
                // The last two never come of a file.
                Fill::Full | Fill::Dry | Fill::Changed { .. } => {}
            }
        }
        let corrections = feed.corrections();
        report.silent = corrections.silence;
        report.trimmed = corrections.trimmed;
        report.raised = corrections.raised;
        report.duration_ms = feed.lap_end_ms();
        self.flush(opened)?;
        self.out.flush().map_err(RemuxError::Out)
    }

    /// Writes the header of a configuration that the reader of the file does not know yet.
    fn announce(&mut self, opened: &Opened, packet: &Packet) -> std::result::Result<(), RemuxError> {
        let known = &mut self.announced[packet.track as usize];
        if known.replace(packet.config) == Some(packet.config) {
            return Ok(());
        }
        let (at, time) = (usize::from(packet.config), packet.dts as u32);
        match packet.track {
            Track::Video => match opened.index.video.as_ref().and_then(|track| track.configs.get(at)) {
                Some(config) => {
                    self.tag(opened, Kind::Video, time, &prefix::VIDEO_HEADER, Body::Here(&config.avcc))
                }
                None => Ok(()),
            },
            Track::Audio => match opened.index.audio.as_ref().and_then(|track| track.configs.get(at)) {
                Some(config) => {
                    self.tag(opened, Kind::Audio, time, &prefix::AUDIO_HEADER, Body::Here(&config.asc))
                }
                None => Ok(()),
            },
        }
    }

    fn tag(
        &mut self,
        opened: &Opened,
        kind: Kind,
        time: u32,
        lead: &[u8],
        body: Body<'_>,
    ) -> std::result::Result<(), RemuxError> {
        let len = lead.len()
            + match body {
                Body::Here(bytes) => bytes.len(),
                Body::InFile(_, len) => len,
            };
        if len > MAX_BODY {
            return Err(RemuxError::Out(io::Error::other("a frame of 16 MiB does not fit into a tag")));
        }
        let whole = HEADER + len + TRAILER;
        if self.filled + whole > self.bytes.len() {
            self.flush(opened)?;
            self.bytes.resize(whole.max(BUFFER), 0);
        }
        self.append(&tag_header(kind, time, len));
        self.append(lead);
        match body {
            Body::Here(bytes) => self.append(bytes),
            Body::InFile(offset, len) => {
                self.gaps.push(Piece { offset, at: self.filled, len });
                self.filled += len;
            }
        }
        self.append(&tag_trailer(len));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Reads what is missing and writes all of it.
    fn flush(&mut self, opened: &Opened) -> std::result::Result<(), RemuxError> {
        self.gaps.sort_unstable_by_key(|gap| (gap.offset, gap.at));
        let read = match self.reader.gather(&mut self.bytes, &self.gaps) {
            // Not in memory: this caller may wait for the disk.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.gaps.iter().try_for_each(|gap| {
                opened.file.read_exact_at(&mut self.bytes[gap.at..gap.at + gap.len], gap.offset)
            }),
            read => read,
        };
        read.map_err(|error| RemuxError::Source(error.into()))?;
        self.out.write_all(&self.bytes[..self.filled]).map_err(RemuxError::Out)?;
        self.written += self.filled as u64;
        self.filled = 0;
        self.gaps.clear();
        Ok(())
    }
}

/// Where a tag's body is.
#[derive(Clone, Copy)]
enum Body<'a> {
    Here(&'a [u8]),
    InFile(u64, usize),
}
