//! Schedules on the days on which clocks change.

use std::time::Duration;

use jiff::{
    Timestamp,
    civil::{Time, Weekday, time},
};

use super::{
    Airing, Schedule, Window, WindowEnd,
    oracle::{self, Clock, Ends, Seconds, ZONES},
};

const DAY: Seconds = 86_400;
const ALL: [i64; 7] = [0, 1, 2, 3, 4, 5, 6];

/// From when to when, and how much more the clocks are watched around that.
fn years() -> (i64, i64, i64) {
    (oracle::day("2024-01-01"), oracle::day("2031-01-01"), 10)
}

fn civil(second: Seconds) -> Time {
    let part = |number: Seconds| i8::try_from(number).unwrap();
    time(part(second / 3600), part(second / 60 % 60), part(second % 60), 0)
}

fn hm(hour: i64, minute: i64) -> Seconds {
    hour * 3600 + minute * 60
}

fn ending(ends: Ends) -> WindowEnd {
    match ends {
        Ends::Until(second) => WindowEnd::Until(civil(second)),
        Ends::After(seconds) => Duration::from_secs(seconds.unsigned_abs()).into(),
    }
}

fn weekday(day: i64) -> Weekday {
    Weekday::from_monday_zero_offset(i8::try_from(day).unwrap()).unwrap()
}

#[test]
fn t3_daily_windows_of_twenty_zones_over_seven_years_are_those_that_a_walk_finds() {
    let (from, to, more) = years();
    let windows = [
        // Beside and inside of every kind of change, and through them.
        (hm(0, 0), Ends::Until(hm(0, 45))),
        (hm(0, 30), Ends::After(hm(0, 20))),
        (hm(1, 15), Ends::Until(hm(2, 30))),
        (hm(2, 0), Ends::After(hm(1, 0))),
        (hm(2, 15), Ends::Until(hm(3, 0))),
        (hm(2, 30), Ends::Until(hm(2, 15))),
        (hm(22, 0), Ends::Until(hm(2, 15))),
        (hm(23, 45), Ends::Until(hm(0, 15))),
        (hm(12, 0), Ends::After(hm(23, 59))),
    ];
    for zone in ZONES {
        let clock = Clock::watch(zone, from - more, to + more);
        for (begin, ends) in windows {
            let schedule = Schedule::in_zone(zone).unwrap().window(Window::daily(civil(begin), ending(ends)));
            let begins = oracle::days(from - 5, to + 5, &ALL, begin);
            let expected = oracle::between(oracle::airings(&clock, begins, ends), from * DAY, to * DAY);
            assert_eq!(
                oracle::computed(&schedule, from * DAY, to * DAY),
                expected,
                "{zone} {begin} {ends:?}"
            );
        }
    }
}

#[test]
fn t3_weekly_windows_of_twenty_zones_over_seven_years_are_those_that_a_walk_finds() {
    let (from, to, more) = years();
    let windows: [(&[i64], Seconds, Ends); 4] = [
        // Sundays and their eves are when most clocks change; some change on Fridays and Thursdays.
        (&[6], hm(2, 30), Ends::Until(hm(3, 15))),
        (&[5], hm(21, 0), Ends::Until(hm(2, 0))),
        (&[3, 4, 6], hm(0, 0), Ends::After(hm(2, 30))),
        // Longer than the night between them: one that lasts for two days.
        (&[5, 6], hm(1, 30), Ends::After(hm(24, 0))),
    ];
    for zone in ZONES {
        let clock = Clock::watch(zone, from - more, to + more);
        let mut all = (Schedule::in_zone(zone).unwrap(), vec![]);
        for (days, begin, ends) in windows {
            let window = Window::weekly(days.iter().copied().map(weekday), civil(begin), ending(ends));
            let schedule = Schedule::in_zone(zone).unwrap().window(window.clone());
            let found = oracle::airings(&clock, oracle::days(from - 8, to + 8, days, begin), ends);
            let expected = oracle::between(found.clone(), from * DAY, to * DAY);
            assert_eq!(
                oracle::computed(&schedule, from * DAY, to * DAY),
                expected,
                "{zone} {begin} {ends:?}"
            );
            all = (all.0.window(window), [all.1, found].concat());
        }
        // And all of them in one schedule.
        let expected = oracle::between(oracle::join(all.1), from * DAY, to * DAY);
        assert_eq!(oracle::computed(&all.0, from * DAY, to * DAY), expected, "{zone}");
    }
}

#[test]
fn t3_windows_that_begin_at_any_quarter_of_an_hour_around_a_change_begin_when_a_walk_finds_them() {
    let (from, to, more) = years();
    let mut seen = 0;
    for zone in ZONES {
        let clock = Clock::watch(zone, from - more, to + more);
        for change in clock.changes().filter(|at| (from * DAY..to * DAY).contains(at)).collect::<Vec<_>>() {
            seen += 1;
            let (early, late) = (change - 2 * DAY, change + 2 * DAY);
            for quarter in 0..96 {
                let begin = quarter * 900;
                let ends =
                    if quarter % 2 == 0 { Ends::After(600) } else { Ends::Until((begin + 2700) % DAY) };
                let schedule =
                    Schedule::in_zone(zone).unwrap().window(Window::daily(civil(begin), ending(ends)));
                let today = clock.civil(change) / DAY;
                let begins = oracle::days(today - 5, today + 5, &ALL, begin);
                let expected = oracle::between(oracle::airings(&clock, begins, ends), early, late);
                assert_eq!(oracle::computed(&schedule, early, late), expected, "{zone} {change} {begin}");
            }
        }
    }
    assert!(seen > 14 * 14, "{seen} changes");
}

#[test]
fn t3_every_window_begins_exactly_once_on_its_day_also_where_the_clock_shows_its_begin_twice_or_never() {
    let (from, to, more) = years();
    for zone in ZONES {
        let clock = Clock::watch(zone, from - more, to + more);
        for begin in [hm(0, 0), hm(0, 30), hm(1, 30), hm(2, 0), hm(2, 15), hm(23, 30)] {
            let window = Window::daily(civil(begin), Duration::from_secs(600));
            let schedule = Schedule::in_zone(zone).unwrap().window(window);
            let on = |day: i64| clock.instant(day * DAY + begin);
            let airings = oracle::computed(&schedule, on(from), on(to));
            assert_eq!(airings.len(), usize::try_from(to - from).unwrap(), "{zone} {begin}");
            for pair in airings.windows(2) {
                // One clock jumps by two hours.
                let apart = pair[1].0 - pair[0].0;
                assert!((hm(22, 0)..=hm(26, 0)).contains(&apart), "{zone} {begin} {pair:?}");
            }
        }
    }
}

#[test]
fn a_window_that_the_clock_jumps_over_does_not_swallow_one_that_then_begins_earlier() {
    // The clock of Lord Howe jumps from 2:00 to 2:30: the second begins before the first then.
    let short = |expression| Window::cron(expression, Duration::from_secs(300)).unwrap();
    let schedule = Schedule::in_zone("Australia/Lord_Howe").unwrap().window(short("15,30 2 * * *"));
    let from: Timestamp = "2026-10-03T12:00:00Z".parse().unwrap();
    let starts: Vec<_> =
        schedule.airings(from, from).take(3).map(|airing| airing.start.to_string()).collect();
    assert_eq!(starts, ["2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"]);
}

/// The only airing of a schedule.
fn only(schedule: &Schedule, since: &str) -> Airing {
    let since = since.parse().unwrap();
    let all: Vec<_> = schedule.airings(since, since).collect();
    let [one] = all[..] else { panic!("{all:?}") };
    one
}

#[test]
fn t4_a_day_that_passes_is_not_a_day_on_the_wall_when_clocks_change() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    // (start, for 24 h, until 2:00, until 2:30, until 3:00, until the same time)
    let table = [
        // An ordinary night.
        (
            "2026-03-14T20:00:00+01:00",
            "2026-03-15T19:00:00Z",
            "2026-03-15T01:00:00Z",
            "2026-03-15T01:30:00Z",
            "2026-03-15T02:00:00Z",
            "2026-03-15T19:00:00Z",
        ),
        // The clocks jump from 2:00 to 3:00, which is 1:00 of UTC.
        (
            "2026-03-28T20:00:00+01:00",
            "2026-03-29T19:00:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T18:00:00Z",
        ),
        // Afterwards, on the same day: 2:00 is tomorrow's.
        (
            "2026-03-29T04:00:00+02:00",
            "2026-03-30T02:00:00Z",
            "2026-03-30T00:00:00Z",
            "2026-03-30T00:30:00Z",
            "2026-03-30T01:00:00Z",
            "2026-03-30T02:00:00Z",
        ),
        // They go back from 3:00 to 2:00, which is 1:00 of UTC.
        (
            "2026-10-24T20:00:00+02:00",
            "2026-10-25T18:00:00Z",
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T19:00:00Z",
        ),
        // Between the first 2:00 and the first 2:30: of two the first counts, so 2:00 and 2:15 are tomorrow's.
        (
            "2026-10-25T02:15:00+02:00",
            "2026-10-26T00:15:00Z",
            "2026-10-26T01:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-26T01:15:00Z",
        ),
        // After both of them.
        (
            "2026-10-25T03:15:00+01:00",
            "2026-10-26T02:15:00Z",
            "2026-10-26T01:00:00Z",
            "2026-10-26T01:30:00Z",
            "2026-10-26T02:00:00Z",
            "2026-10-26T02:15:00Z",
        ),
    ];
    for (start, for_a_day, until_two, until_half, until_three, until_same) in table {
        let schedule = || Schedule::in_zone("Europe/Berlin").unwrap().starting(at(start));
        let airing = |end: &str, elapsed| Airing::new(at(start), Some(at(end)), elapsed);
        let shown = at(start).to_zoned_datetime(schedule().zone().clone()).time();
        assert_eq!(only(&schedule().lasting(hours(24)), start), airing(for_a_day, true));
        assert_eq!(only(&schedule().until(time(2, 0, 0, 0)), start), airing(until_two, false), "{start}");
        assert_eq!(only(&schedule().until(time(2, 30, 0, 0)), start), airing(until_half, false), "{start}");
        assert_eq!(only(&schedule().until(time(3, 0, 0, 0)), start), airing(until_three, false), "{start}");
        assert_eq!(only(&schedule().until(shown), start), airing(until_same, false), "{start}");
    }
}

#[test]
fn t4_a_window_of_eight_hours_lasts_eight_and_one_until_six_ends_at_six() {
    // (the day before, start, for 8 h, until 6:00)
    let table = [
        ("2026-03-14", "2026-03-14T21:00:00Z", "2026-03-15T05:00:00Z", "2026-03-15T05:00:00Z"),
        ("2026-03-28", "2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z", "2026-03-29T04:00:00Z"),
        ("2026-10-24", "2026-10-24T20:00:00Z", "2026-10-25T04:00:00Z", "2026-10-25T05:00:00Z"),
    ];
    for (day, start, elapsed, until) in table {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let noon = at(&format!("{day}T12:00:00Z"));
        let first = |end: WindowEnd| {
            let window = Window::daily(time(22, 0, 0, 0), end);
            Schedule::in_zone("Europe/Berlin").unwrap().window(window).airings(noon, noon).next().unwrap()
        };
        let eight = Duration::from_secs(8 * 3600);
        assert_eq!(first(eight.into()), Airing::new(at(start), Some(at(elapsed)), true));
        assert_eq!(first(time(6, 0, 0, 0).into()), Airing::new(at(start), Some(at(until)), false));
    }
}

#[test]
fn an_end_cuts_a_window_and_tells_by_what_it_ends() {
    let since: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let window = Window::daily(time(10, 0, 0, 0), time(12, 0, 0, 0));
    let schedule = || Schedule::new().starting(since).window(window.clone());
    let ends = |schedule: Schedule| -> Vec<_> {
        let airings = schedule.airings(since, since).take(2);
        airings.map(|airing| (airing.end.unwrap().to_string(), airing.elapsed)).collect()
    };
    let first = ("2026-06-01T12:00:00Z".to_owned(), false);
    let lasting = schedule().lasting(Duration::from_secs(35 * 3600));
    assert_eq!(ends(lasting), [first.clone(), ("2026-06-02T11:00:00Z".to_owned(), true)]);
    let ending = schedule().ending("2026-06-02T11:00:00Z".parse().unwrap());
    assert_eq!(ends(ending), [first.clone(), ("2026-06-02T11:00:00Z".to_owned(), false)]);
    // Behind it nothing is left, not even what would begin right then.
    let ending = schedule().ending("2026-06-02T10:00:00Z".parse().unwrap());
    assert_eq!(ends(ending), [first]);
}
