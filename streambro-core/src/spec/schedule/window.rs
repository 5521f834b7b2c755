//! Times that come again.

use std::{collections::VecDeque, iter::Fuse, time::Duration};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime, Time, Weekday},
    tz::{AmbiguousOffset, TimeZone},
};

use super::{cron::Cron, invalid};
use crate::error::Result;

/// A window longer than this is no window.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// So often a window may begin again before it is over.
const MOST_BEGINS: usize = 1000;

/// No clock jumps further: some islands left a day out.
const LONGEST_JUMP: SignedDuration = SignedDuration::from_hours(24);

/// A stretch of time that comes again: each day, on some days of the week, or as cron says.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub(super) begins: Begins,
    pub(super) end: WindowEnd,
}

/// When a window begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Begins {
    /// On these days; none are all of them.
    Days(Vec<Weekday>, Time),
    Cron(Cron),
}

/// When a window ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowEnd {
    /// When the clock on the wall shows this for the first time after the begin: a day later if it is the same time.
    Until(Time),
    /// When so much time has passed.
    For(SignedDuration),
}

impl From<Time> for WindowEnd {
    fn from(until: Time) -> Self {
        Self::Until(until)
    }
}

impl From<Duration> for WindowEnd {
    fn from(time: Duration) -> Self {
        Self::For(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
    }
}

impl Window {
    /// Each day from a civil time to another one, which may be the next day's, or for so long.
    pub fn daily(from: Time, end: impl Into<WindowEnd>) -> Self {
        Self { begins: Begins::Days(vec![], from), end: end.into() }
    }

    /// The same on some days of the week: those on which it begins.
    pub fn weekly(days: impl IntoIterator<Item = Weekday>, from: Time, end: impl Into<WindowEnd>) -> Self {
        let mut days: Vec<_> = days.into_iter().collect();
        days.sort_by_key(|day| day.to_monday_zero_offset());
        days.dedup();
        Self { begins: Begins::Days(days, from), end: end.into() }
    }

    /// Whenever the clock on the wall shows what a cron expression says, such as `30 18 * * MON-FRI`: minute, hour, day of the
    /// month, month, day of the week. A change of the clock is met as by every other window, which is not how all crons meet it.
    ///
    /// # Errors
    /// `InvalidSpec` for what is no such expression, has seconds or years, or never comes.
    pub fn cron(expression: &str, end: impl Into<WindowEnd>) -> Result<Self> {
        Ok(Self { begins: Begins::Cron(Cron::parse(expression)?), end: end.into() })
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.end {
            WindowEnd::For(time) if time.as_millis() <= 0 => {
                Err(invalid("a window lasts for some time: 1 ms or more"))
            }
            WindowEnd::For(time) if time > LONGEST => Err(invalid("a window lasts for 366 days at most")),
            WindowEnd::For(time) if self.is_crowded(time) => {
                Err(invalid("a window begins again 1000 times at most before it is over"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it begins again and again while it lasts: all of those would be looked at each time.
    fn is_crowded(&self, time: SignedDuration) -> bool {
        matches!(&self.begins, Begins::Cron(cron) if cron.comes_again(MOST_BEGINS, time))
    }

    /// How far back something may have begun that is still on.
    pub(super) fn reach(&self) -> SignedDuration {
        match self.end {
            WindowEnd::Until(_) => SignedDuration::from_hours(48),
            WindowEnd::For(time) => time.saturating_add(SignedDuration::from_hours(24)),
        }
    }

    /// Every time that it comes, from this day of the zone on, in order.
    pub(super) fn turns<'a>(&'a self, zone: &'a TimeZone, from: Date) -> impl Iterator<Item = Turn> + 'a {
        InOrder { turns: self.civil_turns(zone, from).fuse(), next: None, late: VecDeque::new() }
    }

    /// The same in the order of what the clock on the wall should show.
    fn civil_turns<'a>(&'a self, zone: &'a TimeZone, from: Date) -> impl Iterator<Item = Turn> + 'a {
        // What never lasts would be searched for ever.
        let lasts = !matches!(self.end, WindowEnd::For(time) if time <= SignedDuration::ZERO);
        let mut next = lasts.then(|| from.at(0, 0, 0, 0));
        std::iter::from_fn(move || {
            loop {
                let begin = match &self.begins {
                    Begins::Days(days, time) => {
                        let date = next?.date();
                        next = date.tomorrow().ok().map(|date| date.at(0, 0, 0, 0));
                        if !days.is_empty() && !days.contains(&date.weekday()) {
                            continue;
                        }
                        date.to_datetime(*time)
                    }
                    Begins::Cron(cron) => {
                        let begin = cron.next(next?)?;
                        next = begin.checked_add(1.minute()).ok();
                        begin
                    }
                };
                return self.turn(zone, begin);
            }
        })
    }

    fn turn(&self, zone: &TimeZone, begin: DateTime) -> Option<Turn> {
        let (start, change) = instant(zone, begin)?;
        let (end, elapsed) = match self.end {
            WindowEnd::For(time) => (start.checked_add(time).ok()?, true),
            WindowEnd::Until(time) => {
                let day = if time > begin.time() { begin.date() } else { begin.date().tomorrow().ok()? };
                (instant(zone, day.to_datetime(time))?.0, false)
            }
        };
        Some(Turn { start, end, elapsed, begin, change })
    }
}

/// One time that a window comes. It is empty where a change of the clock leaves nothing of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// The end is so much time after the start.
    pub(super) elapsed: bool,
    /// What the clock should show at the start.
    pub(super) begin: DateTime,
    pub(super) change: Option<Change>,
}

/// Turns by their start: what the clock jumps over begins later than some that come after it on the wall.
struct InOrder<I> {
    turns: Fuse<I>,
    next: Option<Turn>,
    /// Those of one jump, which have an order among themselves.
    late: VecDeque<Turn>,
}

impl<I: Iterator<Item = Turn>> Iterator for InOrder<I> {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        loop {
            self.next = self.next.take().or_else(|| self.turns.next());
            let jumped = self.next.filter(|next| next.change == Some(Change::LeftOut));
            match (self.late.front(), self.next) {
                (Some(late), Some(next))
                    if jumped.is_some() && next.start.duration_since(late.start) < LONGEST_JUMP => {}
                (Some(late), next) if next.is_none_or(|next| late.start <= next.start) => {
                    return self.late.pop_front();
                }
                _ if jumped.is_none() => return self.next.take(),
                _ => {}
            }
            self.late.extend(self.next.take());
        }
    }
}

/// How a change of the clock meets a civil time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The clock jumps over it.
    LeftOut,
    /// It comes twice.
    Twice,
}

/// The instant of a civil time: as much later as the clock jumps, or the first of two.
pub(super) fn instant(zone: &TimeZone, civil: DateTime) -> Option<(Timestamp, Option<Change>)> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let change = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(Change::LeftOut),
        AmbiguousOffset::Fold { .. } => Some(Change::Twice),
    };
    Some((ambiguous.compatible().ok()?, change))
}
