//! What holds for every schedule.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Weekday, time},
};
use proptest::prelude::*;

use super::{Airing, Schedule, Window, WindowEnd};

/// From 2025 to 2029.
fn instant() -> impl Strategy<Value = Timestamp> {
    (1_735_689_600..1_861_920_000_i64).prop_map(|at| Timestamp::from_second(at).unwrap())
}

fn clock() -> impl Strategy<Value = jiff::civil::Time> {
    // Often on full quarters, so that windows touch.
    let quarter = (0..24_i8, (0..4_i8).prop_map(|quarter| quarter * 15), Just(0));
    prop_oneof![3 => quarter, 1 => (0..24_i8, 0..60_i8, 0..60_i8)]
        .prop_map(|(hour, minute, second)| time(hour, minute, second, 0))
}

fn window_end() -> impl Strategy<Value = WindowEnd> {
    prop_oneof![
        3 => clock().prop_map(WindowEnd::Until),
        3 => (1..400_u64).prop_map(|minutes| Duration::from_secs(minutes * 60).into()),
        1 => (1..10_000_000_u64).prop_map(|ms| Duration::from_millis(ms).into()),
        // Longer than the days between its begins.
        1 => (20..200_u64).prop_map(|hours| Duration::from_secs(hours * 3600).into()),
    ]
}

fn window() -> impl Strategy<Value = Window> {
    let days = proptest::sample::subsequence((0..7).collect::<Vec<i8>>(), 1..=7);
    let days =
        days.prop_map(|days| days.into_iter().map(|day| Weekday::from_monday_zero_offset(day).unwrap()));
    let expression = proptest::sample::select(vec![
        "0 20 * * FRI",
        "15,30,45 2 * * *",
        "30 1-3 * * SUN",
        "0 */6 1,15 * *",
        "45 23 L * *",
    ]);
    prop_oneof![
        (clock(), window_end()).prop_map(|(from, end)| Window::daily(from, end)),
        (days, clock(), window_end()).prop_map(|(days, from, end)| Window::weekly(days, from, end)),
        (expression, window_end()).prop_map(|(text, end)| Window::cron(text, end).unwrap()),
    ]
}

fn zone() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(super::oracle::ZONES.to_vec())
}

/// With windows, without an end.
fn schedule() -> impl Strategy<Value = Schedule> {
    (zone(), proptest::collection::vec(window(), 1..5), proptest::option::weighted(0.3, instant())).prop_map(
        |(zone, windows, start)| {
            let schedule = windows.into_iter().fold(Schedule::in_zone(zone).unwrap(), Schedule::window);
            start.into_iter().fold(schedule, Schedule::starting)
        },
    )
}

/// The next few.
fn some(schedule: &Schedule, after: Timestamp) -> Vec<Airing> {
    schedule.airings(after, after).take(12).collect()
}

/// Makes those that touch one, as is done with windows.
fn join(airings: impl IntoIterator<Item = Airing>) -> Vec<(Timestamp, Timestamp)> {
    let mut joined: Vec<(Timestamp, Timestamp)> = vec![];
    for Airing { start, end, .. } in airings {
        let end = end.unwrap();
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn airings_come_in_order_apart_and_last(schedule in schedule(), after in instant()) {
        let airings = some(&schedule, after);
        prop_assert!(!airings.is_empty());
        for airing in &airings {
            prop_assert!(airing.end.is_none_or(|end| airing.start < end && after < end), "{airing:?}");
        }
        for pair in airings.windows(2) {
            let end = pair[0].end.expect("nothing comes after what is never over");
            prop_assert!(end < pair[1].start, "{pair:?}");
        }
    }

    #[test]
    fn what_is_seen_later_is_the_rest_of_what_was_seen_before(
        schedule in schedule(),
        after in instant(),
        hours in 0..2000_i64,
    ) {
        let early = some(&schedule, after);
        let later = after + SignedDuration::from_hours(hours);
        // Of what is on for ever it is not known when it began.
        prop_assume!(early.iter().all(|airing| airing.end.is_some()));
        let rest: Vec<_> = early.iter().filter(|airing| airing.lasts_beyond(later)).copied().collect();
        prop_assert_eq!(&rest[..], &some(&schedule, later)[..rest.len()]);
    }

    #[test]
    fn an_end_cuts_what_would_be_without_it_and_a_start_as_well(
        schedule in schedule(),
        after in instant(),
        minutes in 1..40_000_i64,
        begin in 0..20_000_i64,
    ) {
        let end = after + SignedDuration::from_mins(minutes);
        let start = after + SignedDuration::from_mins(begin);
        let all = schedule.airings(after, after).take_while(|airing| airing.start < end);
        let cut = |airing: Airing| (airing.start, airing.end.unwrap_or(end).min(end));
        let expected: Vec<_> = all.map(cut).collect();
        let ended = schedule.clone().ending(end);
        let found: Vec<_> = ended.airings(after, after).map(cut).collect();
        prop_assert_eq!(&found, &expected);
        prop_assume!(schedule.start.is_none());
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|(_, end)| *end > start)
            .map(|(begin, end)| (begin.max(start), end))
            .collect();
        let found: Vec<_> = ended.starting(start).airings(after, after).map(cut).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn windows_together_are_on_when_one_of_them_is(
        zone in zone(),
        windows in proptest::collection::vec(window(), 2..5),
        after in instant(),
    ) {
        let until = after + SignedDuration::from_hours(24 * 40);
        let with = |windows: &[Window]| {
            let schedule = windows.iter().cloned().fold(Schedule::in_zone(zone).unwrap(), Schedule::window);
            let airings = schedule.ending(until).airings(after, after).collect::<Vec<_>>();
            airings.into_iter().map(|airing| Airing { start: airing.start.max(after), ..airing })
        };
        let mut each: Vec<_> = windows.iter().flat_map(|window| with(std::slice::from_ref(window))).collect();
        each.sort_by_key(|airing| airing.start);
        prop_assert_eq!(join(with(&windows)), join(each));
    }

    #[test]
    fn windows_that_touch_are_one(zone in zone(), cuts in proptest::collection::btree_set(0..1440_i32, 3..8)) {
        let clock = |minute: i32| time(i8::try_from(minute / 60).unwrap(), i8::try_from(minute % 60).unwrap(), 0, 0);
        let cuts: Vec<_> = cuts.into_iter().map(clock).collect();
        let piece = |pair: &[jiff::civil::Time]| Window::daily(pair[0], pair[1]);
        let pieces = cuts.windows(2).map(piece).fold(Schedule::in_zone(zone).unwrap(), Schedule::window);
        let whole = Schedule::in_zone(zone).unwrap().window(Window::daily(cuts[0], *cuts.last().unwrap()));
        // Nowhere does the clock change in these weeks.
        let after: Timestamp = "2026-06-15T00:00:00Z".parse().unwrap();
        prop_assert_eq!(some(&pieces, after), some(&whole, after));
    }

    #[test]
    fn at_the_limits_of_time_nothing_panics_and_everything_ends(
        schedule in schedule(),
        start in proptest::option::of(any_instant()),
        end in proptest::option::of(any_instant()),
        since in any_instant(),
        after in any_instant(),
        lasting in proptest::option::of(any::<u64>()),
    ) {
        let schedule = start.into_iter().fold(schedule, Schedule::starting);
        let schedule = end.into_iter().fold(schedule, Schedule::ending);
        let schedule = lasting.map(Duration::from_millis).into_iter().fold(schedule, Schedule::lasting);
        for airing in schedule.airings(since, after).take(4) {
            prop_assert!(airing.lasts_beyond(after));
        }
    }
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    let seconds = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        Just(Timestamp::UNIX_EPOCH),
        (0..200_000_i64).prop_map(|at| Timestamp::MIN + SignedDuration::from_secs(at)),
        (0..200_000_i64).prop_map(|at| Timestamp::MAX - SignedDuration::from_secs(at)),
        seconds.prop_map(|at| Timestamp::from_second(at).unwrap()),
        instant(),
    ]
}

#[test]
fn sixty_four_windows_that_overlap_are_one() {
    let begin = |number: i8| time(6 + number / 6, number % 6 * 10, 0, 0);
    let windows = (0..64).map(|number| Window::daily(begin(number), Duration::from_secs(900)));
    let schedule = windows.fold(Schedule::in_zone("Europe/Berlin").unwrap(), Schedule::window);
    schedule.check().unwrap();
    let after: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let text = |airing: Airing| format!("{} to {}", airing.start, airing.end.unwrap());
    let found: Vec<_> = schedule.airings(after, after).take(3).map(text).collect();
    assert_eq!(
        found,
        [
            "2026-06-01T04:00:00Z to 2026-06-01T14:45:00Z",
            "2026-06-02T04:00:00Z to 2026-06-02T14:45:00Z",
            "2026-06-03T04:00:00Z to 2026-06-03T14:45:00Z",
        ]
    );
    let error = schedule.window(Window::daily(begin(0), begin(1))).check().unwrap_err();
    assert!(error.to_string().contains("at most 64 windows"), "{error}");
}

#[test]
fn windows_that_touch_for_ever_are_one_airing_that_is_over_when_the_schedule_is() {
    let after: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let start: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    let end: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let all_day = Window::daily(time(0, 0, 0, 0), time(0, 0, 0, 0));
    let long = Window::weekly([Weekday::Monday], time(12, 0, 0, 0), Duration::from_secs(300 * 86_400));
    for windows in [vec![all_day.clone()], vec![long.clone()], vec![all_day, long]] {
        let schedule =
            windows.into_iter().fold(Schedule::in_zone("Europe/Berlin").unwrap(), Schedule::window);
        let [endless] = some(&schedule, after)[..] else { panic!() };
        assert!(endless.start < after && endless.end.is_none(), "{endless:?}");
        let within = schedule.starting(start).ending(end);
        assert_eq!(some(&within, after), [Airing::new(start, Some(end), false)]);
        let lasting = within.lasting(Duration::from_secs(1000 * 86_400));
        let end = start + SignedDuration::from_hours(24_000);
        assert_eq!(some(&lasting, after), [Airing::new(start, Some(end), true)]);
    }
}

#[test]
fn windows_that_a_change_of_the_clock_leaves_nothing_of_never_come_and_that_is_found_out() {
    // Each last Sunday of March, when 2:30 is 3:30 in Berlin, and 3:15 is before that.
    let window = Window::cron("30 2 * 3 SUN#L", time(3, 15, 0, 0)).unwrap();
    let after: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let schedule = |zone| Schedule::in_zone(zone).unwrap().window(window.clone());
    assert_eq!(some(&schedule("Europe/Berlin"), after), []);
    assert_eq!(some(&schedule("UTC"), after).len(), 12);
}

#[test]
fn a_window_that_lasts_for_no_time_never_comes_and_that_is_found_out() {
    let schedule = Schedule::new().window(Window::daily(time(0, 0, 0, 0), Duration::ZERO));
    schedule.check().unwrap_err();
    assert_eq!(schedule.preview(Timestamp::UNIX_EPOCH, 1), []);
    let cron = Schedule::new().window(Window::cron("* * * * *", Duration::ZERO).unwrap());
    assert_eq!(cron.preview(Timestamp::UNIX_EPOCH, 1), []);
}

#[test]
fn windows_that_begin_each_minute_are_cut_into_airings_that_follow_one_another_without_a_gap() {
    let window = Window::cron("* * * * *", Duration::from_secs(90)).unwrap();
    let schedule =
        vec![window; 64].into_iter().fold(Schedule::in_zone("Europe/Berlin").unwrap(), Schedule::window);
    schedule.check().unwrap();
    let after: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let airings: Vec<_> = schedule.airings(after, after).take(3).collect();
    assert!(airings[0].contains(after));
    for pair in airings.windows(2) {
        assert_eq!(pair[0].end, Some(pair[1].start));
        assert!(pair[1].start < pair[1].end.unwrap());
    }
}

#[test]
fn a_window_that_begins_a_thousand_times_before_it_is_over_is_refused() {
    let each_minute =
        |minutes: u64| Window::cron("* * * 6 *", Duration::from_secs(minutes * 60)).unwrap().check();
    each_minute(1000).unwrap();
    let error = each_minute(1001).unwrap_err().to_string();
    assert!(error.contains("begins again 1000 times at most"), "{error}");
    Window::cron("0 0 * * *", Duration::from_secs(366 * 86_400)).unwrap().check().unwrap();
}
