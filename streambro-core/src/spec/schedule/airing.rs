//! From a schedule to the times at which a stream is on the air.

use std::iter::Peekable;

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use serde::Serialize;

use super::{
    End, Schedule,
    window::{Change, Turn, instant},
};

/// Windows that touch are one airing up to this length: what is never off the air shall not be computed for ever.
const MOST_AT_ONCE: SignedDuration = SignedDuration::from_hours(24 * 400);

/// A stretch of time during which a stream is on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Airing {
    /// The instant at which it begins; as JSON milliseconds since 1970.
    #[serde(rename = "start_unix_ms", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub start: Timestamp,
    /// The instant at which it is over, if it ever is. An airing that ends when another one begins does not overlap it.
    #[serde(rename = "end_unix_ms", with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub end: Option<Timestamp>,
    /// Whether it ends when so much time has passed, whatever the clock shows by then.
    pub elapsed: bool,
}

impl Airing {
    pub(crate) fn new(start: Timestamp, end: Option<Timestamp>, elapsed: bool) -> Self {
        Self { start, end, elapsed }
    }

    /// Whether both are on the air at some instant.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let before = |end: Option<Timestamp>, start| end.is_none_or(|end| start < end);
        before(self.end, other.start) && before(other.end, self.start)
    }

    /// Whether it is not over by then.
    pub(crate) fn lasts_beyond(&self, at: Timestamp) -> bool {
        self.end.is_none_or(|end| at < end)
    }

    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && self.lasts_beyond(at)
    }
}

/// An airing, and what there is to say of its begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    pub(super) airing: Airing,
    pub(super) turn: Option<Turn>,
}

impl Schedule {
    /// When the stream is on the air, in order and apart from each other, as far as that is not over at `after`. `since` is when
    /// the schedule was handed in.
    pub(crate) fn airings(&self, since: Timestamp, after: Timestamp) -> impl Iterator<Item = Airing> {
        self.shows(since, after).map(|show| show.airing)
    }

    pub(super) fn shows(&self, since: Timestamp, after: Timestamp) -> impl Iterator<Item = Show> {
        let begin = self.start.unwrap_or(since);
        let (last, elapsed) = match self.end {
            None => (None, false),
            Some(End::At(at)) => (Some(at), false),
            Some(End::After(time)) => (begin.checked_add(time).ok(), true),
            Some(End::Until(time)) => (next(&self.zone, begin, time), false),
        };
        let whole = Airing { start: begin, end: last, elapsed };
        let alone = self.windows.is_empty().then_some(Show { airing: whole, turn: None });
        let reach = self.windows.iter().map(super::Window::reach).max().unwrap_or_default();
        // One more day: what touches what is still on began before it.
        let early = after.max(self.start.unwrap_or(after));
        let early = early.saturating_sub(reach.saturating_add(SignedDuration::from_hours(24)));
        let from =
            early.map_or(jiff::civil::Date::MIN, |early| early.to_zoned_datetime(self.zone.clone()).date());
        let turns = self.windows.iter().map(|window| window.turns(&self.zone, from).peekable()).collect();
        let bounds = Airing { start: self.start.unwrap_or(Timestamp::MIN), ..whole };
        let clipped = Turns { turns }.filter_map(move |turn| clip(&turn, &bounds)).take_while({
            // Without it a schedule that has ended would be searched for ever.
            move |show| bounds.lasts_beyond(show.airing.start)
        });
        let joined = Joined { shows: clipped.peekable() };
        let lasts = move |show: &Show| {
            let Airing { start, end, .. } = show.airing;
            end.is_none_or(|end| end > start && end > after)
        };
        alone.into_iter().chain(joined).filter(lasts)
    }
}

/// What of a turn lies between a schedule's start and its end.
fn clip(turn: &Turn, bounds: &Airing) -> Option<Show> {
    let start = turn.start.max(bounds.start);
    let cut = bounds.end.filter(|end| *end < turn.end);
    let (end, elapsed) = cut.map_or((turn.end, turn.elapsed), |end| (end, bounds.elapsed));
    let behind = bounds.end.is_some_and(|end| end <= start);
    // What is behind the end goes on to tell so.
    let airing = Airing { start, end: Some(end), elapsed };
    (behind || start < end).then_some(Show { airing, turn: Some(*turn) })
}

/// The first instant after `begin` at which the clock shows `time`.
fn next(zone: &TimeZone, begin: Timestamp, time: Time) -> Option<Timestamp> {
    let today = begin.to_zoned_datetime(zone.clone()).date();
    [Some(today), today.tomorrow().ok()]
        .into_iter()
        .flatten()
        .filter_map(|date| instant(zone, date.to_datetime(time)))
        .map(|(at, _)| at)
        .find(|at| *at > begin)
}

/// The turns of all windows by their start.
struct Turns<I: Iterator<Item = Turn>> {
    turns: Vec<Peekable<I>>,
}

impl<I: Iterator<Item = Turn>> Iterator for Turns<I> {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        let starts = self.turns.iter_mut().enumerate();
        let (_, first) = starts.filter_map(|(at, turns)| Some((turns.peek()?.start, at))).min()?;
        self.turns[first].next()
    }
}

/// Shows that touch or overlap, as one.
struct Joined<I: Iterator<Item = Show>> {
    shows: Peekable<I>,
}

impl<I: Iterator<Item = Show>> Iterator for Joined<I> {
    type Item = Show;

    fn next(&mut self) -> Option<Show> {
        let mut show = self.shows.next()?;
        let airing = &mut show.airing;
        while let Some(end) = airing.end
            && end.duration_since(airing.start) < MOST_AT_ONCE
            && let Some(more) = self.shows.next_if(|more| more.airing.start <= end)
        {
            if more.airing.end.is_none_or(|later| later > end) {
                (airing.end, airing.elapsed) = (more.airing.end, more.airing.elapsed);
            }
        }
        Some(show)
    }
}

impl Show {
    /// How a change of the clock meets its begin.
    pub(super) fn change(&self) -> Option<Change> {
        self.turn.filter(|turn| turn.start == self.airing.start).and_then(|turn| turn.change)
    }
}
