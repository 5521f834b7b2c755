//! Where a stream is.

use streambro_core::Phase;

use crate::boundary::{Result, misused};

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum streambro_phase {
    /// None: what an event is about that is no change of phase.
    None = 0,
    /// It waits for its time.
    Scheduled = 1,
    /// It waits for a place.
    Queued = 2,
    /// Its source is being opened.
    Preparing = 3,
    /// It connects.
    Starting = 4,
    /// It is on the air.
    Live = 5,
    /// Some of its destinations are.
    Degraded = 6,
    /// It is on the air with a picture that stands still: its source has nothing.
    Holding = 7,
    /// Its connection was lost, and is tried again.
    Reconnecting = 8,
    /// It says goodbye.
    Stopping = 9,
    /// It is over.
    Ended = 10,
}

impl From<Phase> for streambro_phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Scheduled => Self::Scheduled,
            Phase::Queued => Self::Queued,
            Phase::Preparing => Self::Preparing,
            Phase::Starting => Self::Starting,
            Phase::Live => Self::Live,
            Phase::Degraded => Self::Degraded,
            Phase::Holding => Self::Holding,
            Phase::Reconnecting => Self::Reconnecting,
            Phase::Stopping => Self::Stopping,
            Phase::Ended => Self::Ended,
            _ => Self::None,
        }
    }
}

/// # Errors
/// `InvalidArgument`.
pub(crate) fn of(number: u32) -> Result<Phase> {
    Ok(match number {
        1 => Phase::Scheduled,
        2 => Phase::Queued,
        3 => Phase::Preparing,
        4 => Phase::Starting,
        5 => Phase::Live,
        6 => Phase::Degraded,
        7 => Phase::Holding,
        8 => Phase::Reconnecting,
        9 => Phase::Stopping,
        10 => Phase::Ended,
        other => return Err(misused("phase", format!("{other} is no phase of a stream"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_the_phases_of_their_names() {
        assert!((0..99).filter_map(|number| of(number).ok().map(|phase| (number, phase))).all(
            |(number, phase)| {
                let same = streambro_phase::from(phase);
                same as u32 == number && format!("{same:?}") == format!("{phase:?}")
            }
        ));
        assert_eq!((0..99).filter(|number| of(*number).is_ok()).count(), 10);
    }
}
