//! Windows that begin as cron says.

use std::time::Duration;

use jiff::{Timestamp, civil::date};

use super::{
    Schedule, Window,
    oracle::{self, Clock, Ends, Seconds},
};
use crate::error::ErrorKind;

const MINUTE: Seconds = 60;
const DAY: Seconds = 86_400;

/// A minute on the wall.
struct Minute {
    month: i8,
    day: i8,
    /// 0 is Sunday.
    weekday: i8,
    hour: i64,
    minute: i64,
    last_of_month: bool,
}

/// An expression and what it means.
type Meaning = (&'static str, fn(&Minute) -> bool);

const EXPRESSIONS: [Meaning; 13] = [
    ("0 20 * * FRI", |at| at.weekday == 5 && (at.hour, at.minute) == (20, 0)),
    ("30 18 * * MON-FRI", |at| (1..=5).contains(&at.weekday) && (at.hour, at.minute) == (18, 30)),
    ("*/15 22-23,0-5 * * *", |at| (at.hour <= 5 || at.hour >= 22) && at.minute % 15 == 0),
    ("*/20 2 * * *", |at| at.hour == 2 && at.minute % 20 == 0),
    // What the clock jumps over begins after what it does not.
    ("15,30,45 2 * * *", |at| at.hour == 2 && [15, 30, 45].contains(&at.minute)),
    ("30 1,2,3 * * SUN", |at| at.weekday == 0 && (1..=3).contains(&at.hour) && at.minute == 30),
    ("5 0 1 * *", |at| at.day == 1 && (at.hour, at.minute) == (0, 5)),
    ("0 12 13 * FRI", |at| (at.day == 13 || at.weekday == 5) && (at.hour, at.minute) == (12, 0)),
    ("0 9 L * *", |at| at.last_of_month && (at.hour, at.minute) == (9, 0)),
    ("59 23 29 2 *", |at| (at.month, at.day) == (2, 29) && (at.hour, at.minute) == (23, 59)),
    ("0 0-6/3 * 3,10 6,7", |at| {
        [3, 10].contains(&at.month)
            && [0, 6].contains(&at.weekday)
            && [0, 3, 6].contains(&at.hour)
            && at.minute == 0
    }),
    ("10-12 4 1-7 * *", |at| (1..=7).contains(&at.day) && at.hour == 4 && (10..=12).contains(&at.minute)),
    ("@daily", |at| (at.hour, at.minute) == (0, 0)),
];

/// Every minute on the wall of these days that an expression means.
fn meant((_, means): Meaning, from_day: i64, to_day: i64) -> Vec<Seconds> {
    let mut found = vec![];
    let mut today = date(1970, 1, 1);
    for _ in 0..from_day {
        today = today.tomorrow().unwrap();
    }
    for day in from_day..to_day {
        let tomorrow = today.tomorrow().unwrap();
        for minute in 0..1440 {
            let at = Minute {
                month: today.month(),
                day: today.day(),
                weekday: i8::try_from((day + 4).rem_euclid(7)).unwrap(),
                hour: minute / 60,
                minute: minute % 60,
                last_of_month: tomorrow.month() != today.month(),
            };
            if means(&at) {
                found.push(day * DAY + minute * MINUTE);
            }
        }
        today = tomorrow;
    }
    found
}

#[test]
fn cron_windows_of_two_years_in_three_zones_are_those_that_a_walk_over_every_minute_finds() {
    let (from, to) = (oracle::day("2027-01-01"), oracle::day("2029-01-01"));
    let zones = ["Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll"];
    let clocks = zones.map(|zone| (zone, Clock::watch(zone, from - 10, to + 10)));
    for meaning in EXPRESSIONS {
        let begins = meant(meaning, from - 5, to + 5);
        assert!(!begins.is_empty());
        for (zone, clock) in &clocks {
            let window = Window::cron(meaning.0, Duration::from_secs(420)).unwrap();
            let schedule = Schedule::in_zone(zone).unwrap().window(window);
            let found = oracle::airings(clock, begins.iter().copied(), Ends::After(420));
            let expected = oracle::between(found, from * DAY, to * DAY);
            assert_eq!(oracle::computed(&schedule, from * DAY, to * DAY), expected, "{zone} {}", meaning.0);
        }
    }
}

#[test]
fn a_cron_window_until_a_time_ends_on_the_wall() {
    let window = Window::cron("0 20 * * SAT", jiff::civil::time(6, 0, 0, 0)).unwrap();
    let schedule = Schedule::in_zone("Europe/Berlin").unwrap().window(window);
    let from: Timestamp = "2026-03-27T00:00:00Z".parse().unwrap();
    let first = schedule.airings(from, from).next().unwrap();
    assert_eq!(first.start.to_string(), "2026-03-28T19:00:00Z");
    assert_eq!(first.end.unwrap().to_string(), "2026-03-29T04:00:00Z");
}

#[test]
fn what_is_no_cron_expression_of_five_fields_is_refused_with_what_to_write() {
    let refused = [
        "",
        "   ",
        "nonsense",
        "@sometimes",
        "* * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 32 * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "0 0 * * FUNDAY",
        "*/0 * * * *",
        "10-5 * * * *",
        "\u{0} * * * *",
        "٣ * * * *",
        // With seconds, and with a year.
        "30 0 20 * * FRI",
        "* * * * * *",
        "0 0 20 * * FRI 2027",
        "0 0 * * * *",
    ];
    for expression in refused {
        let error = Window::cron(expression, Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidSpec, "{expression:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("{expression:?}")), "{text}");
        assert!(text.contains("minute, hour, day of the month, month and day of the week"), "{text}");
    }
}

#[test]
fn a_cron_expression_that_never_comes_is_refused_and_one_that_comes_rarely_is_not() {
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 12 31 2 +MON"] {
        let error = Window::cron(never, Duration::from_secs(60)).unwrap_err().to_string();
        assert!(error.contains("no day is like that"), "{never}: {error}");
    }
    // A leap day that is a Monday: once in 28 years.
    let window = Window::cron("0 0 29 2 +MON", Duration::from_secs(60)).unwrap();
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let airing = Schedule::new().window(window).airings(from, from).next().unwrap();
    assert_eq!(airing.start.to_string(), "2044-02-29T00:00:00Z");
}
