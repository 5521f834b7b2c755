//! Time as FLV tells it: 32 bits of milliseconds that wrap.

use crate::media::error::MediaError;

/// How far a timestamp may go back, in milliseconds: interleaving is never that loose.
const MAX_BACK: i64 = 10_000;

/// The timestamps of a track, unwrapped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// The last timestamp, as it stood there and counted on.
    last: Option<(u32, i64)>,
    /// The last decode time: it does not go back when timestamps do.
    dts: i64,
}

impl Clock {
    /// Takes the timestamp of the tag at `offset`. Returns decode time and the time that composition counts from.
    pub(crate) fn tick(&mut self, timestamp: u32, offset: u64) -> Result<(i64, i64), MediaError> {
        let time = match self.last {
            // SI32 (E.4.1): a first value beyond 2^31 is before 0.
            None => timestamp.cast_signed().into(),
            Some((last, time)) => {
                let step = i64::from(timestamp.wrapping_sub(last).cast_signed());
                if step < -MAX_BACK {
                    return Err(MediaError::Malformed { what: "timestamps go back", offset });
                }
                time.saturating_add(step)
            }
        };
        self.dts = if self.last.is_some() { time.max(self.dts) } else { time };
        self.last = Some((timestamp, time));
        Ok((self.dts, time))
    }

    /// The last decode time.
    pub(crate) fn dts(&self) -> i64 {
        self.dts
    }
}
