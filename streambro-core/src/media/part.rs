//! A part of a film: from one keyframe to another.

use std::{collections::VecDeque, num::NonZeroU32, sync::Arc};

use super::{
    cursor::{Cursor, Mark},
    error::{MediaError, Unsupported},
    index::{Index, Layer},
    packet::{Sample, Track},
    probe,
    read::ReadAt,
};

/// Keyframes that are tried, backwards from the in point: of some encoders most are none that a decoder can begin with.
const MAX_TRIES: usize = 8;

/// A part of a film, or all of it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The film as if there were nothing else in it.
    pub(crate) index: Arc<Index>,
    /// What of it plays.
    pub(crate) layer: Layer,
    /// Where it begins; `None` is at the film's beginning.
    pub(crate) start: Option<Mark>,
    /// The decode time of the first picture behind it, without a picture of the first sound; `None` is to the film's end.
    pub(crate) exit: Option<i64>,
}

impl Part {
    /// All of a film, or of one track of it.
    pub(crate) fn whole(index: &Arc<Index>, layer: Layer) -> Self {
        let index = if layer == Layer::Both { Arc::clone(index) } else { Arc::new(index.view(layer)) };
        Self { index, layer, start: None, exit: None }
    }

    /// From the last keyframe that is shown at or before `from_ms` to the first that is shown at or after `to_ms`, in
    /// milliseconds of the film. What lies behind its end leaves the end itself.
    ///
    /// Walks the film's tables up to there.
    ///
    /// # Errors
    /// Those of the reader. A film that is cut short is one that ends there.
    pub(crate) fn find<R: ReadAt + ?Sized>(
        reader: &R,
        index: &Arc<Index>,
        layer: Layer,
        from_ms: u64,
        to_ms: Option<u64>,
    ) -> Result<Self, MediaError> {
        if from_ms == 0 && to_ms.is_none() {
            return Ok(Self::whole(index, layer));
        }
        let film = index.view(layer);
        let reader: &dyn ReadAt = &reader;
        let timescale = leading_timescale(&film);
        let ms = |sample: &Sample| i128::from(sample.pts) * 1_000 / i128::from(timescale.get());
        let mut cursor = Cursor::of(Arc::clone(index), layer);
        let mut entrances = VecDeque::with_capacity(MAX_TRIES);
        let mut exit = None;
        loop {
            let sample = match cursor.peek(reader) {
                Ok(Some(sample)) => sample,
                Ok(None) | Err(MediaError::Truncated { .. }) => break,
                Err(error) => return Err(error),
            };
            if film.is_entrance(&sample) {
                let at = ms(&sample);
                if at <= i128::from(from_ms) || entrances.is_empty() {
                    if entrances.len() == MAX_TRIES {
                        entrances.pop_front();
                    }
                    entrances.push_back((sample, cursor.mark()));
                } else if to_ms.is_some_and(|to| at >= i128::from(to)) {
                    exit = Some(sample);
                    break;
                } else if to_ms.is_none() {
                    break;
                }
            }
            cursor.advance();
        }
        let mut start = None;
        let mut found = entrances.is_empty();
        for (sample, mark) in entrances.iter().rev() {
            let is_first = sample.dts <= film.leading_dts();
            if is_first || sample.track == Track::Audio || probe::is_idr(reader, index, sample)? == Some(true)
            {
                start = (!is_first).then_some((*sample, *mark));
                found = true;
                break;
            }
        }
        if !found {
            return Err(MediaError::Unsupported(vec![Unsupported::FirstPicture]));
        }
        let mut part = start.map_or_else(|| film.view(layer), |(sample, _)| film.beginning_with(&sample));
        part.shorten(&film, exit.as_ref());
        Ok(Self {
            index: Arc::new(part),
            layer,
            start: start.map(|(_, mark)| mark),
            exit: exit.map(|sample| sample.dts),
        })
    }
}

fn leading_timescale(index: &Index) -> NonZeroU32 {
    match (&index.video, &index.audio) {
        (Some(video), _) => video.timescale,
        (None, Some(audio)) => audio.timescale,
        (None, None) => NonZeroU32::MIN,
    }
}

impl Index {
    /// Where it begins in its film, in milliseconds.
    pub(crate) fn begins_ms(&self) -> u64 {
        let ms = i128::from(self.leading_pts()) * 1_000 / i128::from(leading_timescale(self).get());
        u64::try_from(ms).unwrap_or(0)
    }

    /// Sets how long it lasts: from its first picture, or sound, to `exit`, else to the end of `whole`.
    fn shorten(&mut self, whole: &Self, exit: Option<&Sample>) {
        let (first_dts, first_pts) = (self.leading_dts(), self.leading_pts());
        let length = |duration: u64| match exit {
            Some(exit) => exit.pts.saturating_sub(first_pts).max(0).unsigned_abs(),
            None => {
                duration.saturating_sub(first_dts.saturating_sub(whole.leading_dts()).max(0).unsigned_abs())
            }
        };
        match (&mut self.video, &mut self.audio) {
            (Some(video), _) => video.duration = length(video.duration),
            (None, Some(audio)) => audio.duration = length(audio.duration),
            (None, None) => {}
        }
    }
}
