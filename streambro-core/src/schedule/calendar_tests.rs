use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, civil::Weekday};

use super::{crowding, overlap, tests::*};
use crate::{
    dice::Dice,
    spec::{Airing, Schedule, Window, WindowEnd},
};

/// Monday, the first of June, 2026, 00:00.
fn monday() -> Timestamp {
    at("2026-06-01T00:00")
}

/// Random plans lie on a grid of so many minutes.
const STEP: i64 = 30;
const HORIZON: usize = 14 * 48;

fn minute(number: i64) -> Timestamp {
    monday() + SignedDuration::from_mins(number)
}

fn airing(start: i64, end: Option<i64>) -> Airing {
    Airing::new(minute(start), end.map(minute), false)
}

/// A schedule by chance, and the slots of the grid at which it is on, told without it.
fn draw(dice: &mut Dice) -> (Schedule, Vec<bool>) {
    let mut schedule = Schedule::new();
    let mut slots = vec![false; HORIZON];
    // From this slot to that one, if it does not go on for ever.
    let (mut first, mut last) = (0, None);
    if dice.below(3) == 0 {
        first = dice.below(HORIZON - 1);
        schedule = schedule.starting(minute(first as i64 * STEP));
    }
    match dice.below(4) {
        0 => {
            let end = first + 1 + dice.below(HORIZON);
            last = Some(end);
            schedule = schedule.ending(minute(end as i64 * STEP));
        }
        1 => {
            let length = 1 + dice.below(100);
            last = Some(first + length);
            schedule = schedule.lasting(duration(&format!("{} m", length as i64 * STEP)));
        }
        _ => {}
    }
    let windows = [0, 1, 1, 2, 3][dice.below(5)];
    if windows == 0 {
        slots[first..].fill(true);
    }
    for _ in 0..windows {
        let days: Vec<usize> = (0..7).filter(|_| dice.below(3) == 0).collect();
        let most = if dice.below(4) == 0 { 48 } else { 8 };
        let (begin, length) = (dice.below(48), 1 + dice.below(most));
        let time = |slot: usize| {
            let minutes = (slot % 48) as i64 * STEP;
            jiff::civil::time((minutes / 60) as i8, (minutes % 60) as i8, 0, 0)
        };
        let end: WindowEnd = match dice.below(2) {
            0 => time(begin + length).into(),
            _ => duration(&format!("{} m", length as i64 * STEP)).into(),
        };
        let weekday = |day: &usize| Weekday::from_monday_zero_offset(*day as i8).unwrap();
        schedule = schedule.window(Window::weekly(days.iter().map(weekday), time(begin), end));
        // The day before the first one reaches into it.
        for day in -2..14_i64 {
            if !days.is_empty() && !days.contains(&(day.rem_euclid(7) as usize)) {
                continue;
            }
            for slot in 0..length {
                let slot = day * 48 + (begin + slot) as i64;
                if let Some(slot) = usize::try_from(slot).ok().and_then(|slot| slots.get_mut(slot)) {
                    *slot = true;
                }
            }
        }
    }
    slots[..first].fill(false);
    if let Some(last) = last.filter(|last| *last < HORIZON) {
        slots[last..].fill(false);
    }
    (schedule, slots)
}

fn slot(at: Timestamp) -> usize {
    usize::try_from(at.duration_since(monday()).as_mins() / STEP).unwrap()
}

#[test]
fn plans_that_overlap_are_found_as_by_a_look_at_every_slot() {
    let mut dice = Dice::new(1);
    let until = minute(HORIZON as i64 * STEP);
    let (mut found, mut apart) = (0, 0);
    for round in 0..10_000 {
        let ((one, one_slots), (other, other_slots)) = (draw(&mut dice), draw(&mut dice));
        let plan = |schedule: &Schedule| schedule.airings(monday(), monday()).collect_until(until);
        let both = overlap(plan(&one).into_iter(), plan(&other).into_iter(), until);
        let first = (0..HORIZON).find(|at| one_slots[*at] && other_slots[*at]);
        let what = format!("round {round}: {one:?} and {other:?}");
        assert_eq!(both.map(|(a, b)| slot(a.start.max(b.start).max(monday()))), first, "{what}");
        match both {
            Some((a, b)) => {
                found += 1;
                assert!(a.overlaps(&b), "{what}");
                assert!(plan(&one).contains(&a) && plan(&other).contains(&b), "{what}");
            }
            None => apart += 1,
        }
    }
    assert!(found > 1_000 && apart > 1_000, "{found} {apart}");
}

/// An endless plan is not collected.
trait CollectUntil: Iterator<Item = Airing> + Sized {
    fn collect_until(self, until: Timestamp) -> Vec<Airing> {
        self.take_while(|airing| airing.start < until).collect()
    }
}

impl<I: Iterator<Item = Airing>> CollectUntil for I {}

#[test]
fn airings_that_touch_do_not_overlap() {
    let one = [airing(0, Some(10)), airing(20, Some(30)), airing(50, None)];
    let other = [airing(10, Some(20)), airing(30, Some(50))];
    let until = minute(1_000);
    assert_eq!(overlap(one.into_iter(), other.into_iter(), until), None);
    assert_eq!(overlap(other.into_iter(), one.into_iter(), until), None);
    let other = [airing(10, Some(20)), airing(30, Some(51))];
    let expected = (one[2], other[1]);
    assert_eq!(overlap(one.into_iter(), other.into_iter(), until), Some(expected));
}

#[test]
fn what_begins_at_the_horizon_or_later_is_no_overlap_yet() {
    let (one, other) = ([airing(0, None)], [airing(60, Some(70))]);
    let look = |until| overlap(one.into_iter(), other.into_iter(), minute(until)).is_some();
    assert!(!look(60));
    assert!(look(61));
}

#[test]
fn plans_that_go_on_for_ever_are_compared_as_far_as_the_horizon() {
    let daily = |hour| {
        let begin = jiff::civil::time(hour, 0, 0, 0);
        Schedule::new().window(Window::daily(begin, duration("1 h")))
    };
    let (one, other) = (daily(1), daily(2));
    let until = minute(60 * 24 * 366);
    let plan = |schedule: &'static Schedule| schedule.airings(monday(), monday());
    let (one, other): (&'static _, &'static _) = (Box::leak(Box::new(one)), Box::leak(Box::new(other)));
    assert_eq!(overlap(plan(one), plan(other), until), None);
    assert!(overlap(plan(one), plan(one), until).is_some());
}

/// Airings in order and apart, some of which touch; the last may never end.
fn plan(dice: &mut Dice) -> Vec<Airing> {
    let mut airings = vec![];
    let mut free = dice.below(20) as i64;
    for _ in 0..dice.below(5) {
        let start = free + dice.below(4) as i64;
        free = start + 1 + dice.below(8) as i64;
        airings.push(airing(start, Some(free)));
    }
    if let Some(last) = airings.last_mut()
        && dice.below(5) == 0
    {
        last.end = None;
    }
    airings
}

#[test]
fn a_place_too_few_is_found_as_by_a_count_at_every_edge() {
    let mut dice = Dice::new(2);
    let (mut found, mut free) = (0, 0);
    for round in 0..2_000 {
        let own = plan(&mut dice);
        let others: Vec<_> = (0..dice.below(8)).map(|_| plan(&mut dice)).collect();
        let most = dice.below(5) as u64;
        let until = minute(10 + dice.below(40) as i64);
        let is_on =
            |plan: &Vec<Airing>, at| plan.iter().any(|airing| airing.start < until && airing.contains(at));
        let airings = own.iter().chain(others.iter().flatten());
        let edges: BTreeSet<_> =
            airings.flat_map(|airing| [Some(airing.start), airing.end]).flatten().collect();
        let count = |at| 1 + others.iter().filter(|plan| is_on(plan, at)).count() as u64;
        let expected = edges.into_iter().find(|at| is_on(&own, *at) && count(*at) > most);
        let plans = others.iter().map(|plan| plan.iter().copied());
        let crowded = crowding(own.iter().copied(), plans, most, until);
        assert_eq!(crowded, expected, "round {round}: {own:?} among {others:?}, {most} until {until}");
        match crowded {
            Some(_) => found += 1,
            None => free += 1,
        }
    }
    assert!(found > 300 && free > 300, "{found} {free}");
}

#[test]
fn who_ends_gives_the_place_to_who_begins_at_that_instant() {
    let crowd = |own: &[Airing], others: &[&[Airing]], most| {
        let others = others.iter().map(|plan| plan.iter().copied());
        crowding(own.iter().copied(), others, most, minute(1_000))
    };
    let (early, late) = ([airing(0, Some(10))], [airing(10, Some(20))]);
    assert_eq!(crowd(&early, &[&late], 1), None);
    assert_eq!(crowd(&late, &[&early], 1), None);
    assert_eq!(crowd(&[airing(0, Some(20))], &[&early, &late], 2), None);
    assert_eq!(crowd(&[airing(0, Some(20))], &[&early, &late], 1), Some(minute(0)));
    assert_eq!(crowd(&[airing(9, Some(11))], &[&early, &late], 1), Some(minute(9)));
    // Others may be too many among themselves.
    assert_eq!(crowd(&late, &[&early, &early, &early], 1), None);
    assert_eq!(crowd(&late, &[], 0), Some(minute(10)));
}
