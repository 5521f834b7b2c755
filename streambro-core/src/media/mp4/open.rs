//! From a movie header to what a cursor needs.

use std::num::NonZeroU32;

use super::atoms::{Atom, Atoms, at_least};
use super::edits::{Edit, rescale};
use super::entries;
use super::fragments::{Defaults, Fragments};
use super::lane::{Lane, Place};
use super::scan::{self, Totals};
use super::tables::{self, Windows};
use super::track::{MAX_SAMPLES, Trak};
use crate::media::configs::too_large;
use crate::media::error::{MediaError, Unsupported};
use crate::media::index::{Index, Layout, TrackInfo, VideoConfig};
use crate::media::lane::Lane as AnyLane;
use crate::media::packet::Track;
use crate::media::read::ReadAt;
use crate::media::window::exact;

/// Tracks that are looked at.
const MAX_TRACKS: usize = 64;

/// Opens an MP4 or QuickTime file of `len` bytes.
///
/// # Errors
/// Those of the reader, `WouldBlock` among them: then all begins anew at the next call. `Truncated` and `Malformed` when
/// there is no sound movie header, `Unsupported` when there is one that cannot be played.
pub(crate) fn open(reader: &dyn ReadAt, len: u64) -> Result<Index, MediaError> {
    let moov = find_moov(reader, len)?;
    let movie = Movie::parse(reader, &moov)?;
    let mut refused = Vec::new();
    let video = movie.choose(reader, Track::Video, entries::video, &mut refused)?;
    let audio = movie.choose(reader, Track::Audio, entries::audio, &mut refused)?;
    if !refused.is_empty() {
        return Err(MediaError::Unsupported(refused));
    }
    let mut video = video.map(|chosen| movie.lane(reader, &moov, len, chosen)).transpose()?.flatten();
    let mut audio = audio.map(|chosen| movie.lane(reader, &moov, len, chosen)).transpose()?.flatten();
    if video.is_none() && audio.is_none() {
        return Err(MediaError::Unsupported(vec![Unsupported::NoTrack]));
    }
    if movie.fragmented {
        begin_near_zero(&mut video, &mut audio);
    }
    let (video, video_lane) = video.unzip();
    let (audio, audio_lane) = audio.unzip();
    let layout = Layout { video: video_lane.map(AnyLane::Mp4), audio: audio_lane.map(AnyLane::Mp4), len };
    Ok(Index { video, audio, layout })
}

fn find_moov(reader: &dyn ReadAt, len: u64) -> Result<Atom, MediaError> {
    let mut atoms = Atoms::new(reader, 0, len);
    let mut needed = None;
    while let Some(atom) = atoms.next()? {
        if &atom.kind == b"moov" {
            return atom.whole();
        }
        needed = needed.or(atom.clipped);
    }
    match needed {
        Some(needed) => Err(MediaError::Truncated { needed }),
        None => Err(MediaError::Malformed { what: "there is no movie header", offset: len }),
    }
}

/// The movie header, before anything is chosen.
struct Movie {
    timescale: u32,
    fragmented: bool,
    defaults: Vec<Defaults>,
    traks: Vec<Trak>,
}

/// A track that plays, with the configuration of each of its descriptions.
struct Chosen<'a, C> {
    trak: &'a Trak,
    track: Track,
    configs: Vec<C>,
}

/// Each configuration once, and which one each description has.
fn once<C: PartialEq>(described: Vec<C>) -> (Vec<C>, Box<[u16]>) {
    let mut configs: Vec<C> = Vec::new();
    let mut descriptions = Vec::with_capacity(described.len());
    for config in described {
        let known = configs.iter().position(|known| *known == config).unwrap_or_else(|| {
            configs.push(config);
            configs.len() - 1
        });
        descriptions.push(u16::try_from(known).unwrap_or(u16::MAX));
    }
    (configs, descriptions.into())
}

impl Movie {
    fn parse(reader: &dyn ReadAt, moov: &Atom) -> Result<Self, MediaError> {
        let mut movie = Self { timescale: 0, fragmented: false, defaults: Vec::new(), traks: Vec::new() };
        let mut children = Atoms::of(reader, moov);
        while let Some(atom) = children.next_whole()? {
            match &atom.kind {
                b"mvhd" => {
                    at_least(&atom, 24)?;
                    let [version] = exact(reader, atom.body)?;
                    let at = if version == 1 { 20 } else { 12 };
                    movie.timescale = u32::from_be_bytes(exact(reader, atom.body + at)?);
                }
                b"trak" if movie.traks.len() == MAX_TRACKS => {
                    return Err(too_large("the file has more than 64 tracks"));
                }
                b"trak" => movie.traks.push(Trak::parse(reader, &atom)?),
                b"mvex" => movie.mvex(reader, &atom)?,
                b"cmov" => return Err(MediaError::Unsupported(vec![Unsupported::CompressedHeader])),
                _ => {}
            }
        }
        Ok(movie)
    }

    fn mvex(&mut self, reader: &dyn ReadAt, mvex: &Atom) -> Result<(), MediaError> {
        self.fragmented = true;
        let mut children = Atoms::of(reader, mvex);
        while let Some(atom) = children.next_whole()? {
            if &atom.kind == b"trex" && self.defaults.len() < MAX_TRACKS {
                at_least(&atom, 24)?;
                let words = exact::<24>(reader, atom.body)?;
                let word = |at: usize| words[at..].first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
                self.defaults.push(Defaults {
                    track: word(4),
                    description: word(8),
                    duration: word(12),
                    size: word(16),
                    flags: word(20),
                });
            }
        }
        Ok(())
    }

    /// Picks the first track of a kind that can be copied; if there are some and none can, says why.
    fn choose<C>(
        &self,
        reader: &dyn ReadAt,
        kind: Track,
        parse: impl Fn(&dyn ReadAt, &Atom, u8) -> Result<(C, u16), MediaError> + Copy,
        refused: &mut Vec<Unsupported>,
    ) -> Result<Option<Chosen<'_, C>>, MediaError> {
        let of_kind = |trak: &&Trak| {
            trak.kind == Some(kind)
                && (self.fragmented || trak.tables.samples > 0 && trak.tables.chunks.count > 0)
        };
        let enabled = self.traks.iter().any(|trak| of_kind(&trak) && trak.enabled);
        let mut reasons = None;
        for trak in self.traks.iter().filter(of_kind).filter(|trak| trak.enabled || !enabled) {
            match Self::configs(reader, trak, parse) {
                Ok(configs) => return Ok(Some(Chosen { trak, track: kind, configs })),
                Err(MediaError::Unsupported(why)) => reasons = reasons.or(Some(why)),
                Err(error) => return Err(error),
            }
        }
        refused.extend(reasons.into_iter().flatten());
        Ok(None)
    }

    fn configs<C>(
        reader: &dyn ReadAt,
        trak: &Trak,
        parse: impl Fn(&dyn ReadAt, &Atom, u8) -> Result<(C, u16), MediaError>,
    ) -> Result<Vec<C>, MediaError> {
        let missing = MediaError::Malformed { what: "a track has no sample description", offset: 0 };
        let entries = entries::all(reader, &trak.stsd.ok_or(missing)?, parse)?;
        trak.inside(reader, entries.iter().map(|(_, reference)| *reference))?;
        trak.edits.one()?;
        trak.bounded()?;
        Ok(entries.into_iter().map(|(config, _)| config).collect())
    }

    /// Walks the tables and fragments of a track. `None` when it has no samples.
    fn lane<C: PartialEq>(
        &self,
        reader: &dyn ReadAt,
        moov: &Atom,
        len: u64,
        chosen: Chosen<'_, C>,
    ) -> Result<Option<(TrackInfo<C>, Lane)>, MediaError> {
        let Chosen { trak, track, configs } = chosen;
        let malformed = |what| MediaError::Malformed { what, offset: moov.start };
        let timescale = trak.timescale.ok_or_else(|| malformed("a track has no timescale"))?;
        let edit = trak.edits.one()?;
        let (configs, descriptions) = once(configs);
        let mut lane = Lane {
            track,
            descriptions,
            shift: self.shift(&edit, timescale).ok_or_else(|| malformed("an edit is out of range"))?,
            tables: trak.tables,
            fragments: self.fragmented.then(|| Fragments {
                track,
                id: trak.id,
                defaults: self.defaults.clone().into(),
                at: moov.end,
                end: len,
            }),
            start: Place::Tables(tables::Place::default()),
        };
        let mut totals = Totals::default();
        if lane.tables.samples > 0 {
            totals = self.tables(reader, &edit, timescale.get(), &mut lane)?;
        }
        if lane.fragments.is_some() {
            add_fragments(reader, &mut lane, &mut totals)?;
        }
        if totals.samples == 0 {
            return Ok(None);
        }
        let first_dts = totals.first_dts.saturating_add(lane.shift);
        let info = TrackInfo {
            timescale,
            configs,
            first_dts,
            first_pts: first_dts.saturating_add(totals.first_composition.into()),
            min_composition: totals.min_composition.into(),
            duration: totals.duration,
            samples: totals.samples,
        };
        Ok(Some((info, lane)))
    }

    fn shift(&self, edit: &Edit, timescale: NonZeroU32) -> Option<i64> {
        let delay = i64::try_from(rescale(edit.delay, self.timescale, timescale.get())).ok()?;
        delay.checked_sub(edit.media_time).filter(|shift| shift.unsigned_abs() <= 1 << 61)
    }

    /// Applies the edit to the tables: sets where the lane starts and ends.
    fn tables(
        &self,
        reader: &dyn ReadAt,
        edit: &Edit,
        timescale: u32,
        lane: &mut Lane,
    ) -> Result<Totals, MediaError> {
        let windows = &mut Windows::for_scan();
        lane.tables.fit(windows, reader)?;
        let mut edit = *edit;
        if lane.fragments.is_some() {
            // The header of a fragmented file was written before its end was known.
            edit.duration = None;
        }
        let tables = &lane.tables;
        let range = scan::range(tables, lane.track, timescale, self.timescale, &edit, windows, reader)?;
        if tables.samples > 0 && range.start == range.end && lane.fragments.is_none() {
            // The file has samples; its edit shows none of them.
            return Err(MediaError::Unsupported(vec![Unsupported::EditList]));
        }
        let totals = scan::totals(tables, &range, windows, reader)?;
        let mut place = tables::Place::default();
        while place.sample < range.start && tables.step(&mut place, windows, reader)?.is_some() {}
        lane.start = Place::Tables(place);
        lane.tables.samples = range.end;
        Ok(totals)
    }
}

fn add_fragments(reader: &dyn ReadAt, lane: &mut Lane, totals: &mut Totals) -> Result<(), MediaError> {
    let Some(fragments) = &lane.fragments else { return Ok(()) };
    let mut dts = totals.first_dts;
    if totals.samples > 0 {
        dts = dts.saturating_add_unsigned(totals.duration);
    }
    let windows = &mut Windows::default();
    let mut place = fragments.start(dts);
    loop {
        let before = place;
        let raw = match fragments.step(&mut place, &mut windows.chunks, reader) {
            Ok(Some(raw)) => raw,
            // What lies before the cut still plays.
            Ok(None) | Err(MediaError::Truncated { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if totals.samples == 0 {
            if !raw.key {
                continue;
            }
            lane.start = Place::Fragments(before);
        }
        totals.add_apart(raw.dts, raw.composition, raw.duration);
        if totals.samples > u64::from(MAX_SAMPLES) {
            return Err(too_large("a track has more than 67,108,864 samples"));
        }
    }
}

type Opened<C> = Option<(TrackInfo<C>, Lane)>;

/// Recordings of live streams count from when the stream began, or from 1970: item time begins with what is there.
fn begin_near_zero<A>(video: &mut Opened<VideoConfig>, audio: &mut Opened<A>) {
    let first_ns = |info: Option<(i64, NonZeroU32)>| {
        info.map(|(first, timescale)| i128::from(first) * 1_000_000_000 / i128::from(timescale.get()))
    };
    let video_ns = first_ns(video.as_ref().map(|(info, _)| (info.first_pts, info.timescale)));
    let audio_ns = first_ns(audio.as_ref().map(|(info, _)| (info.first_pts, info.timescale)));
    let Some(origin) = video_ns.into_iter().chain(audio_ns).min().filter(|&origin| origin >= 1_000_000_000)
    else {
        return;
    };
    if let Some((info, lane)) = video {
        shift(info, lane, origin);
    }
    if let Some((info, lane)) = audio {
        shift(info, lane, origin);
    }
}

fn shift<C>(info: &mut TrackInfo<C>, lane: &mut Lane, origin_ns: i128) {
    let ticks = origin_ns * i128::from(info.timescale.get()) / 1_000_000_000;
    let ticks = i64::try_from(ticks).unwrap_or(0);
    lane.shift = lane.shift.saturating_sub(ticks);
    info.first_dts = info.first_dts.saturating_sub(ticks);
    info.first_pts = info.first_pts.saturating_sub(ticks);
}
