//! Walking an open file in decode order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::error::{MediaError, Unsupported};
use super::flv;
use super::format::FIRST_BOXES;
use super::index::{Index, Layer};
use super::lane::{Lane, Place};
use super::mp4;
use super::mp4::tables::Windows;
use super::packet::{Sample, Track};
use super::probe;
use super::read::ReadAt;

/// The largest sample: what the 24-bit length of an RTMP message or FLV tag holds beside the tag's own bytes and the
/// parameter sets that go in-band after a change (an avcC has at most 64 KiB).
const MAX_SAMPLE: u32 = (16 << 20) - (64 << 10) - 64;
/// Samples without bytes that may follow each other.
pub(super) const MAX_EMPTY: u32 = 4_096;

/// Opens a file of `len` bytes, whatever its format.
///
/// Its content decides, not its name. Every table is walked once, in constant memory.
///
/// # Errors
/// [`Unsupported`](MediaError::Unsupported) when it is sound but cannot be copied, else what is wrong with it. After
/// `WouldBlock` it begins anew.
pub fn open<R: ReadAt + ?Sized>(reader: &R, len: u64) -> Result<Index, MediaError> {
    let index = open_any(&reader, len)?;
    if probe::begins_with_idr(&reader, &index)? == Some(false) {
        return Err(MediaError::Unsupported(vec![Unsupported::FirstPicture]));
    }
    Ok(index)
}

/// The same, whatever the first picture is.
pub(crate) fn open_any(reader: &dyn ReadAt, len: u64) -> Result<Index, MediaError> {
    let mut head = [0; 8];
    let mut have = 0;
    while have < head.len() {
        match reader.read_at(&mut head[have..], have as u64) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    match &head {
        [b'F', b'L', b'V', ..] => flv::read::open(reader, len),
        [_, _, _, _, kind @ ..] if FIRST_BOXES.contains(&kind) => mp4::open::open(reader, len),
        _ => Err(MediaError::Unsupported(vec![Unsupported::Container])),
    }
}

/// A walk over the samples of an open file: both tracks merged by decode time, video first when equal.
///
/// It holds two small places and a few windows of 512 bytes. In its steady state it allocates nothing.
#[derive(Debug)]
pub struct Cursor {
    index: Arc<Index>,
    video: Option<Side>,
    audio: Option<Side>,
    chosen: Option<Track>,
}

/// Where a [`Cursor`] stands. Only for cursors over the same index.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    video: Option<Place>,
    audio: Option<Place>,
}

/// One track's part of the walk.
#[derive(Debug)]
struct Side {
    place: Place,
    ahead: Ahead,
    /// Samples without bytes just before `place`.
    empty: u32,
    windows: Windows,
}

/// What is known of the next sample of a track.
#[derive(Clone, Copy, Debug)]
enum Ahead {
    Unknown,
    /// The sample, and the place behind it.
    Sample(Sample, Place),
    End,
    /// The file ends before the next sample is described.
    Cut(u64),
}

impl Cursor {
    /// Stands before the first sample.
    pub fn new(index: Arc<Index>) -> Self {
        let video = index.layout.video.as_ref().map(Side::new);
        let audio = index.layout.audio.as_ref().map(Side::new);
        Self { index, video, audio, chosen: None }
    }

    /// Walks one track alone, if that is all that plays.
    pub(crate) fn of(index: Arc<Index>, layer: Layer) -> Self {
        let mut cursor = Self::new(index);
        cursor.video.take_if(|_| layer == Layer::Sound);
        cursor.audio.take_if(|_| layer == Layer::Picture);
        cursor
    }

    /// What is known of the file.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Returns the next sample; `None` at the end. The same one until [`advance`](Self::advance).
    ///
    /// # Errors
    /// `WouldBlock` leaves the walk where it was. [`Truncated`](MediaError::Truncated) comes when all samples before the
    /// cut were yielded; it and every other error come again at the next call.
    pub fn peek<R: ReadAt + ?Sized>(&mut self, reader: &R) -> Result<Option<Sample>, MediaError> {
        if let Some(sample) = self.chosen() {
            return Ok(Some(sample));
        }
        self.look(&reader)
    }

    fn chosen(&self) -> Option<Sample> {
        let side = match self.chosen? {
            Track::Video => self.video.as_ref()?,
            Track::Audio => self.audio.as_ref()?,
        };
        match side.ahead {
            Ahead::Sample(sample, _) => Some(sample),
            _ => None,
        }
    }

    fn look(&mut self, reader: &dyn ReadAt) -> Result<Option<Sample>, MediaError> {
        let layout = &self.index.layout;
        let video = fill(self.video.as_mut(), layout.video.as_ref(), reader)?;
        let audio = fill(self.audio.as_mut(), layout.audio.as_ref(), reader)?;
        let sample = match (video, audio) {
            (Ahead::Sample(video, _), Ahead::Sample(audio, _)) => match self.compare(&video, &audio) {
                Ordering::Greater => audio,
                _ => video,
            },
            (Ahead::Sample(sample, _), _) | (_, Ahead::Sample(sample, _)) => sample,
            (Ahead::Cut(needed), _) | (_, Ahead::Cut(needed)) => {
                return Err(MediaError::Truncated { needed });
            }
            _ => return Ok(None),
        };
        let needed = sample.offset.saturating_add(sample.len.into());
        if needed > layout.len {
            return Err(MediaError::Truncated { needed });
        }
        if sample.len > MAX_SAMPLE {
            return Err(MediaError::Malformed {
                what: "a sample is too large for RTMP",
                offset: sample.offset,
            });
        }
        self.chosen = Some(sample.track);
        Ok(Some(sample))
    }

    fn compare(&self, video: &Sample, audio: &Sample) -> Ordering {
        let (Some(video_info), Some(audio_info)) = (&self.index.video, &self.index.audio) else {
            return Ordering::Equal;
        };
        let video = i128::from(video.dts) * i128::from(audio_info.timescale.get());
        video.cmp(&(i128::from(audio.dts) * i128::from(video_info.timescale.get())))
    }

    /// Steps over the sample that [`peek`](Self::peek) returned. Does nothing before a peek.
    pub fn advance(&mut self) {
        let side = match self.chosen.take() {
            Some(Track::Video) => self.video.as_mut(),
            Some(Track::Audio) => self.audio.as_mut(),
            None => None,
        };
        if let Some(side) = side
            && let Ahead::Sample(_, next) = side.ahead
        {
            side.place = next;
            side.ahead = Ahead::Unknown;
        }
    }

    /// Remembers this place: the next sample is the one that [`peek`](Self::peek) returns now.
    pub fn mark(&self) -> Mark {
        Mark {
            video: self.video.as_ref().map(|side| side.place),
            audio: self.audio.as_ref().map(|side| side.place),
        }
    }

    /// Goes back, or forward, to `mark`.
    pub fn rewind(&mut self, mark: &Mark) {
        self.chosen = None;
        for (side, place) in [(&mut self.video, mark.video), (&mut self.audio, mark.audio)] {
            if let (Some(side), Some(place)) = (side, place) {
                side.place = place;
                side.ahead = Ahead::Unknown;
                side.empty = 0;
            }
        }
    }

    /// Goes back to before the first sample.
    pub fn restart(&mut self) {
        let layout = &self.index.layout;
        let mark = Mark {
            video: layout.video.as_ref().map(Lane::start),
            audio: layout.audio.as_ref().map(Lane::start),
        };
        self.rewind(&mark);
    }
}

impl Side {
    fn new(lane: &Lane) -> Self {
        Self { place: lane.start(), ahead: Ahead::Unknown, empty: 0, windows: Windows::default() }
    }
}

fn fill(side: Option<&mut Side>, lane: Option<&Lane>, reader: &dyn ReadAt) -> Result<Ahead, MediaError> {
    let (Some(side), Some(lane)) = (side, lane) else { return Ok(Ahead::End) };
    while let Ahead::Unknown = side.ahead {
        let mut next = side.place;
        let stepped = lane.step(&mut next, &mut side.windows, reader);
        side.ahead = match stepped {
            // Nothing to send: its time passes all the same.
            Ok(Some(sample)) if sample.len == 0 => {
                if side.empty == MAX_EMPTY {
                    return Err(MediaError::Malformed { what: "samples are empty", offset: sample.offset });
                }
                side.empty += 1;
                side.place = next;
                Ahead::Unknown
            }
            Ok(Some(sample)) => {
                side.empty = 0;
                Ahead::Sample(sample, next)
            }
            Ok(None) => Ahead::End,
            Err(MediaError::Truncated { needed }) => Ahead::Cut(needed),
            Err(error) => {
                // Between the same two samples, but what was read on the way is not read again.
                side.place = next;
                return Err(error);
            }
        };
    }
    Ok(side.ahead)
}
