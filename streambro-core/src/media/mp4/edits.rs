//! Edit lists (ISO/IEC 14496-12, 8.6.6), as far as a copy can honour them.

use super::atoms::{Atom, at_least};
use crate::media::error::{MediaError, Unsupported};
use crate::media::read::ReadAt;
use crate::media::window::exact;

/// Edits that are looked at: some delays, one piece of media, and what else must be seen to refuse it.
const MAX_EDITS: u32 = 16;
/// Times beyond this are nonsense; up to it sums cannot overflow.
pub(crate) const MAX_TIME: u64 = 1 << 60;

/// A delay and one piece of media.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edit {
    /// What comes before, in ticks of the movie.
    pub(crate) delay: u64,
    /// Where the piece begins, in ticks of the media.
    pub(crate) media_time: i64,
    /// How long it lasts, in ticks of the movie. `None`: to the end.
    pub(crate) duration: Option<u64>,
}

/// What the edit list of a track asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edits {
    One(Edit),
    Several,
}

impl Default for Edits {
    fn default() -> Self {
        Self::One(Edit::default())
    }
}

impl Edits {
    /// Parses elst.
    pub(crate) fn parse(reader: &dyn ReadAt, elst: &Atom) -> Result<Self, MediaError> {
        at_least(elst, 8)?;
        let [version, _, _, _, count @ ..] = exact::<8>(reader, elst.body)?;
        let size = if version == 1 { 20 } else { 12 };
        let fit = (elst.len() - 8) / size;
        let count = u64::from(u32::from_be_bytes(count)).min(fit);
        if count > u64::from(MAX_EDITS) {
            return Ok(Self::Several);
        }
        let mut edit = Edit::default();
        let mut found = false;
        for index in 0..count {
            let (duration, media_time, rate) = entry(reader, elst.body + 8 + index * size, version)?;
            match media_time {
                // What is empty behind the media is only a longer wait for the end.
                -1 if found => {}
                -1 => edit.delay = edit.delay.saturating_add(duration),
                _ if found || rate != 1 << 16 || media_time < 0 => return Ok(Self::Several),
                _ => {
                    found = true;
                    edit.media_time = media_time;
                    edit.duration = Some(duration).filter(|&duration| duration > 0);
                }
            }
        }
        let sane = edit.delay <= MAX_TIME && edit.media_time.unsigned_abs() <= MAX_TIME;
        Ok(if sane { Self::One(edit) } else { Self::Several })
    }

    pub(crate) fn one(self) -> Result<Edit, MediaError> {
        match self {
            Self::One(edit) => Ok(edit),
            Self::Several => Err(MediaError::Unsupported(vec![Unsupported::EditList])),
        }
    }
}

/// segment_duration, media_time, media_rate in 1/65,536.
fn entry(reader: &dyn ReadAt, at: u64, version: u8) -> Result<(u64, i64, u32), MediaError> {
    if version == 1 {
        let [duration @ .., _, _, _, _, _, _, _, _] = exact::<16>(reader, at)?;
        let media_time = i64::from_be_bytes(exact(reader, at + 8)?);
        Ok((u64::from_be_bytes(duration), media_time, u32::from_be_bytes(exact(reader, at + 16)?)))
    } else {
        let [duration, media_time, rate] =
            [exact::<4>(reader, at)?, exact(reader, at + 4)?, exact(reader, at + 8)?];
        Ok((
            u32::from_be_bytes(duration).into(),
            i32::from_be_bytes(media_time).into(),
            u32::from_be_bytes(rate),
        ))
    }
}

/// `ticks` of one timescale in another, rounded to the nearest.
pub(crate) fn rescale(ticks: u64, from: u32, to: u32) -> u64 {
    let from = u128::from(from.max(1));
    let scaled = (u128::from(ticks) * u128::from(to) + from / 2) / from;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
