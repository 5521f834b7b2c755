//! From a schedule to the times at which a stream is on the air.

use std::iter::Peekable;

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use serde::Serialize;

use super::{
    End, Schedule,
    window::{Change, Turn, instant},
};

/// Windows that touch for so long are taken to do so for ever: what is never off the air is not computed to its end.
const FOR_EVER: SignedDuration = SignedDuration::from_hours(24 * 400);

/// Of those that come so often that this many touch, an airing is cut, and another one follows it.
const MOST_AT_ONCE: usize = 10_000;

/// A stretch of time during which a stream is on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Airing {
    /// The instant at which it begins; as JSON milliseconds since 1970.
    #[serde(rename = "start_unix_ms", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    #[cfg_attr(feature = "schema", schemars(with = "i64"))]
    pub start: Timestamp,
    /// The instant at which it is over, if it ever is. An airing that ends when another one begins does not overlap it.
    #[serde(rename = "end_unix_ms", with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<i64>"))]
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

    /// Whether it is on at all, and not over by then.
    fn lasts(&self, after: Timestamp) -> bool {
        self.lasts_beyond(self.start) && self.lasts_beyond(after)
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
    /// It goes on as another one.
    is_cut: bool,
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
        let alone = self.windows.is_empty().then_some(Show { airing: whole, turn: None, is_cut: false });
        let bounds = Airing { start: self.start.unwrap_or(Timestamp::MIN), ..whole };
        alone.into_iter().chain(self.joined(bounds, after)).filter(move |show| show.airing.lasts(after))
    }

    /// What its windows make within its bounds.
    fn joined(&self, bounds: Airing, after: Timestamp) -> impl Iterator<Item = Show> {
        let reach = self.windows.iter().map(super::Window::reach).max().unwrap_or_default();
        let early = after.max(bounds.start);
        let mut back = reach.saturating_add(SignedDuration::from_hours(24));
        loop {
            let from = earlier(early, back);
            let mut shows =
                self.joined_from(from, bounds).filter(move |show| show.airing.lasts(after)).peekable();
            // What is on may be many windows that touch, and began with the first of them.
            let is_whole = |show: &Show| {
                let start = show.airing.start;
                show.is_cut || start == bounds.start || earlier(start, reach) > from
            };
            if back > FOR_EVER || shows.peek().is_none_or(is_whole) {
                return shows;
            }
            back = back.saturating_mul(4);
        }
    }

    /// The same; those that began before this instant may be missing.
    fn joined_from(&self, from: Timestamp, bounds: Airing) -> impl Iterator<Item = Show> {
        // Cron knows no earlier year.
        let date = from.to_zoned_datetime(self.zone.clone()).date().max(jiff::civil::date(1, 1, 1));
        let turns = self.windows.iter().map(|window| window.turns(&self.zone, date).peekable()).collect();
        let clipped = Turns { turns }.filter_map(move |turn| clip(&turn, &bounds)).take_while({
            // Without it a schedule that has ended would be searched for ever.
            move |show| bounds.lasts_beyond(show.airing.start)
        });
        Joined { shows: clipped.peekable(), bounds, end: None, is_over: false }
    }
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// What of a turn lies between a schedule's start and its end.
fn clip(turn: &Turn, bounds: &Airing) -> Option<Show> {
    let start = turn.start.max(bounds.start);
    let cut = bounds.end.filter(|end| *end < turn.end);
    let (end, elapsed) = cut.map_or((turn.end, turn.elapsed), |end| (end, bounds.elapsed));
    let behind = bounds.end.is_some_and(|end| end <= start);
    // What is behind the end goes on to tell so.
    let airing = Airing { start, end: Some(end), elapsed };
    (behind || start < end).then_some(Show { airing, turn: Some(*turn), is_cut: false })
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
    bounds: Airing,
    /// That of the one before.
    end: Option<Timestamp>,
    is_over: bool,
}

impl<I: Iterator<Item = Show>> Iterator for Joined<I> {
    type Item = Show;

    fn next(&mut self) -> Option<Show> {
        if self.is_over {
            return None;
        }
        let mut show = self.shows.next()?;
        let airing = &mut show.airing;
        // What was cut goes on there.
        airing.start = self.end.map_or(airing.start, |end| airing.start.max(end));
        let mut joined = 1;
        while let Some(end) = airing.end {
            if end.duration_since(airing.start) >= FOR_EVER {
                (airing.end, airing.elapsed) = (self.bounds.end, self.bounds.elapsed);
                self.is_over = true;
                break;
            }
            show.is_cut = joined == MOST_AT_ONCE;
            if show.is_cut {
                break;
            }
            let Some(more) = self.shows.next_if(|more| more.airing.start <= end) else { break };
            joined += 1;
            if more.airing.end.is_none_or(|later| later > end) {
                (airing.end, airing.elapsed) = (more.airing.end, more.airing.elapsed);
            }
        }
        self.end = self.end.max(airing.end);
        Some(show)
    }
}

impl Show {
    /// How a change of the clock meets its begin.
    pub(super) fn change(&self) -> Option<Change> {
        self.turn.filter(|turn| turn.start == self.airing.start).and_then(|turn| turn.change)
    }
}
