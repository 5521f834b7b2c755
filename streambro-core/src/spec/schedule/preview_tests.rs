//! What people are shown of a schedule.

use std::time::Duration;

use jiff::{
    Timestamp,
    civil::{Weekday, time},
};

use super::{Preview, Schedule, Window};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> Schedule {
    Schedule::in_zone("Europe/Berlin").unwrap()
}

/// A line for each.
fn lines(previews: &[Preview]) -> Vec<String> {
    let line = |preview: &Preview| {
        let end = preview.end.as_ref().map_or_else(|| "never".to_owned(), ToString::to_string);
        format!("{} to {end}: {}", preview.start, preview.note.as_deref().unwrap_or("-"))
    };
    previews.iter().map(line).collect()
}

#[test]
fn the_next_windows_are_shown_on_the_clock_of_their_zone_and_what_is_on_is_one_of_them() {
    let window = Window::weekly([Weekday::Friday, Weekday::Monday], time(22, 0, 0, 0), time(1, 30, 0, 0));
    // A quarter past midnight of a Tuesday.
    let previews = berlin().window(window).preview(at("2026-06-01T22:15:00Z"), 3);
    assert_eq!(
        lines(&previews),
        [
            "2026-06-01T22:00:00+02:00[Europe/Berlin] to 2026-06-02T01:30:00+02:00[Europe/Berlin]: -",
            "2026-06-05T22:00:00+02:00[Europe/Berlin] to 2026-06-06T01:30:00+02:00[Europe/Berlin]: -",
            "2026-06-08T22:00:00+02:00[Europe/Berlin] to 2026-06-09T01:30:00+02:00[Europe/Berlin]: -",
        ]
    );
}

#[test]
fn a_begin_that_the_clock_jumps_over_is_told() {
    let window = Window::daily(time(2, 30, 0, 0), Duration::from_secs(1800));
    let previews = berlin().window(window).preview(at("2026-03-28T12:00:00Z"), 2);
    assert_eq!(
        lines(&previews),
        [
            "2026-03-29T03:30:00+02:00[Europe/Berlin] to 2026-03-29T04:00:00+02:00[Europe/Berlin]: \
             the clocks go forward: begins at 03:30:00 instead of 02:30:00",
            "2026-03-30T02:30:00+02:00[Europe/Berlin] to 2026-03-30T03:00:00+02:00[Europe/Berlin]: -",
        ]
    );
}

#[test]
fn a_begin_that_comes_twice_is_told() {
    let window = Window::daily(time(2, 30, 0, 0), Duration::from_secs(1800));
    let previews = berlin().window(window).preview(at("2026-10-24T12:00:00Z"), 2);
    assert_eq!(
        lines(&previews),
        [
            // To 3:00 of summer, which is 2:00.
            "2026-10-25T02:30:00+02:00[Europe/Berlin] to 2026-10-25T02:00:00+01:00[Europe/Berlin]: \
             the clocks go back: 02:30:00 comes twice, and the first counts",
            "2026-10-26T02:30:00+01:00[Europe/Berlin] to 2026-10-26T03:00:00+01:00[Europe/Berlin]: -",
        ]
    );
}

#[test]
fn how_long_a_window_lasts_across_a_change_is_told() {
    let window = Window::daily(time(22, 0, 0, 0), time(6, 0, 0, 0));
    let note = |from| berlin().window(window.clone()).preview(at(from), 1)[0].note.clone();
    let spring = note("2026-03-28T12:00:00Z");
    assert_eq!(spring.as_deref(), Some("the clocks go forward meanwhile: it lasts 7 h"));
    let autumn = note("2026-10-24T12:00:00Z");
    assert_eq!(autumn.as_deref(), Some("the clocks go back meanwhile: it lasts 9 h"));
    assert_eq!(note("2026-03-29T12:00:00Z"), None);
    // By half an hour.
    let lord_howe = Schedule::in_zone("Australia/Lord_Howe").unwrap().window(window.clone());
    let preview = &lord_howe.preview(at("2026-10-03T08:00:00Z"), 1)[0];
    assert_eq!(preview.note.as_deref(), Some("the clocks go forward meanwhile: it lasts 7 h 30 min"));
    let short = Window::daily(time(1, 45, 0, 0), Duration::from_secs(1800));
    let preview = &berlin().window(short).preview(at("2026-03-28T12:00:00Z"), 1)[0];
    assert_eq!(preview.end.as_ref().unwrap().to_string(), "2026-03-29T03:15:00+02:00[Europe/Berlin]");
    assert_eq!(preview.note.as_deref(), Some("the clocks go forward meanwhile: it lasts 30 min"));
}

#[test]
fn a_window_that_began_before_others_which_touch_it_is_shown_from_there_on_all_its_days() {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let schedule = berlin().window(Window::weekly(days, time(0, 0, 0, 0), time(0, 0, 0, 0)));
    let whole = "2026-06-01T00:00:00+02:00[Europe/Berlin] to 2026-06-06T00:00:00+02:00[Europe/Berlin]: -";
    for day in 1..=5 {
        let noon = at(&format!("2026-06-0{day}T12:00:00Z"));
        assert_eq!(lines(&schedule.preview(noon, 1)), [whole]);
    }
}

#[test]
fn a_schedule_without_windows_is_shown_as_the_one_time_that_it_is() {
    let from = at("2026-06-01T10:00:00Z");
    let shown = |schedule: Schedule| lines(&schedule.preview(from, 3));
    assert_eq!(shown(berlin()), ["2026-06-01T12:00:00+02:00[Europe/Berlin] to never: -"]);
    assert_eq!(
        shown(berlin().until(time(2, 0, 0, 0))),
        ["2026-06-01T12:00:00+02:00[Europe/Berlin] to 2026-06-02T02:00:00+02:00[Europe/Berlin]: -"]
    );
    let spring = berlin().starting(at("2026-03-28T19:00:00Z"));
    let from = at("2026-03-28T12:00:00Z");
    assert_eq!(
        lines(&spring.lasting(Duration::from_secs(86_400)).preview(from, 3)),
        ["2026-03-28T20:00:00+01:00[Europe/Berlin] to 2026-03-29T21:00:00+02:00[Europe/Berlin]: \
          the clocks go forward meanwhile: it lasts 24 h"]
    );
}

#[test]
fn what_lasts_for_no_time_is_over_or_has_not_begun_shows_as_much_as_comes() {
    let from = at("2026-06-01T10:00:00Z");
    let window = || Window::daily(time(12, 0, 0, 0), time(13, 0, 0, 0));
    assert_eq!(berlin().lasting(Duration::ZERO).preview(from, 3), []);
    assert_eq!(berlin().window(window()).lasting(Duration::ZERO).preview(from, 3), []);
    let starting = berlin().starting(at("2027-01-01T00:00:00Z"));
    assert_eq!(starting.clone().lasting(Duration::ZERO).preview(from, 3), []);
    assert_eq!(berlin().window(window()).ending(from).preview(from, 3), []);
    assert_eq!(berlin().window(window()).ending(at("2020-01-01T00:00:00Z")).preview(from, 3), []);
    // It ends before its first window comes.
    let early = starting.clone().window(window()).ending(at("2027-01-01T05:00:00Z"));
    assert_eq!(early.preview(from, 3), []);
    assert_eq!(berlin().window(window()).preview(from, 0), []);
    let later = starting.window(window()).ending(at("2027-01-02T05:00:00Z")).preview(from, 3);
    assert_eq!(
        lines(&later),
        ["2027-01-01T12:00:00+01:00[Europe/Berlin] to 2027-01-01T13:00:00+01:00[Europe/Berlin]: -"]
    );
}

#[test]
fn a_preview_reads_as_json() {
    let window = Window::daily(time(22, 0, 0, 0), time(6, 0, 0, 0));
    let previews = berlin().window(window).preview(at("2026-03-28T12:00:00Z"), 1);
    assert_eq!(
        serde_json::to_string(&previews).unwrap(),
        r#"[{"start":"2026-03-28T22:00:00+01:00[Europe/Berlin]","end":"2026-03-29T06:00:00+02:00[Europe/Berlin]","note":"the clocks go forward meanwhile: it lasts 7 h"}]"#
    );
}
