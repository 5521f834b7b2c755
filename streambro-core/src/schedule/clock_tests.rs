use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil::time};

use super::tests::*;
use crate::spec::{MissedStart, Schedule, Window};

#[test]
fn an_airing_that_was_stopped_by_hand_is_not_repeated_by_a_clock_that_goes_back() {
    for back in [5, 20, 60, 600, 3_600, 10_000] {
        let mut desk = Desk::daily();
        desk.run("30 m");
        desk.stop("a");
        desk.look();
        desk.clocks.jump(-back);
        assert_eq!(desk.run("6 h"), [""; 0], "{back} s back");
    }
}

#[test]
fn an_airing_that_is_over_is_not_repeated_by_a_clock_that_goes_back() {
    for schedule in [noon(), noon_for("1 h")] {
        let mut desk = Desk::at("11:45");
        desk.put("a", schedule);
        assert_eq!(desk.run("2 h"), ["+a 12:00:00", "-a 13:00:00"]);
        desk.clocks.set("2026-06-01T12:30");
        assert_eq!(desk.run("23 h"), [""; 0]);
        assert_eq!(desk.run("1 h"), ["+a 12:00:00"]);
    }
}

#[test]
fn a_clock_that_goes_back_before_the_begin_of_what_is_on_starts_nothing_twice() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.clocks.jump(-7_200);
    assert_eq!(desk.run("3 h"), ["-a 13:00:00"]);
}

#[test]
fn one_that_was_stopped_when_the_clock_was_back_before_its_begin_is_not_begun_again() {
    let schedules = [noon(), Schedule::new().starting(at("2026-06-01T12:00"))];
    for (clears, schedule) in [(false, &schedules[0]), (true, &schedules[0]), (false, &schedules[1])] {
        let mut desk = Desk::at("11:45");
        desk.put("a", schedule.clone());
        desk.run("30 m");
        if clears {
            assert!(desk.clear_end("a"));
        }
        desk.clocks.jump(-3_600);
        desk.look();
        desk.stop("a");
        assert_eq!(desk.run("3 h"), [""; 0]);
    }
}

#[test]
fn a_clock_that_goes_forward_beyond_an_end_ends_it_at_the_next_look() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.clocks.jump(3_600);
    assert_eq!(desk.look(), "-a");
}

#[test]
fn a_clock_that_goes_forward_starts_what_is_on_by_then() {
    let mut desk = Desk::daily();
    desk.look();
    desk.clocks.set("2026-06-07T12:30");
    assert_eq!(desk.look(), "+a");
    assert_eq!(desk.entry("a").unwrap().now().unwrap().start, at("2026-06-07T12:00"));
}

#[test]
fn a_run_goes_on_when_the_clock_goes_from_one_airing_into_another() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.clocks.set("2026-06-03T12:30");
    assert_eq!(desk.run("2 h"), ["-a 13:00:00"]);
}

#[test]
fn a_run_that_ends_by_itself_before_the_clock_was_looked_at_takes_no_later_airing_with_it() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.clocks.set("2026-06-03T12:30");
    desk.agenda.ended(&sid("a"), desk.runs, desk.clocks.now());
    assert_eq!(desk.look(), "+a");
}

#[test]
fn a_clock_that_was_wrong_by_years_leaves_nothing_behind() {
    let schedule = || noon_for("90 m").window(Window::daily(time(18, 0, 0, 0), time(19, 0, 0, 0)));
    for ends in ["nothing", "stopped", "over"] {
        let mut desk = Desk::at("11:45");
        desk.put("a", schedule());
        desk.put("b", schedule());
        desk.put("c", schedule());
        desk.look();
        desk.clocks.set("2046-06-01T18:30");
        // One that is put now, by that clock.
        desk.put("d", Schedule::new());
        assert_eq!(desk.run("1 s"), ["+a 18:30:00", "+b 18:30:00", "+c 18:30:00", "+d 18:30:00"]);
        match ends {
            "stopped" => ["a", "b", "c"].iter().for_each(|id| desk.stop(id)),
            "over" => assert_eq!(desk.run("30 m").len(), 3),
            _ => {}
        }
        desk.clocks.set("2026-06-01T11:50");
        desk.look();
        assert!(!desk.is_on("a") && desk.is_on("d"), "{ends}");
        assert_eq!(desk.run("10 m"), ["+a 12:00:00", "+b 12:00:00", "+c 12:00:00"], "{ends}");
    }
}

#[test]
fn what_is_put_before_the_clock_goes_back_begins_all_the_same() {
    let mut desk = Desk::at("12:30");
    desk.put("a", None);
    desk.put("b", noon());
    desk.clocks.jump(-1_200);
    assert_eq!(desk.look(), "+a +b");
}

#[test]
fn a_late_start_is_made_up_for_inside_of_its_window() {
    let mut desk = Desk::daily();
    desk.restart("1 h");
    assert_eq!(desk.run("1 h"), ["+a 12:45:00", "-a 13:00:00"]);
}

#[test]
fn a_late_start_is_skipped_by_who_says_so_but_not_within_a_minute() {
    for (late, expected) in [("15 m", 1), ("16 m", 1), ("961 s", 0), ("30 m", 0)] {
        let mut desk = Desk::at("11:45");
        desk.put("a", noon().missed(MissedStart::Skip));
        desk.restart(late);
        assert_eq!(desk.run("1 s").len(), expected, "{late}");
        desk.clocks.set("2026-06-02T11:59");
        desk.look();
        assert_eq!(desk.run("1 m"), ["+a 12:00:00"]);
    }
}

#[test]
fn who_skips_late_starts_skips_them_also_when_it_was_on_the_air_before() {
    for schedule in [noon(), noon_for("1 h")] {
        // By a restart, by sleep, and by a clock that is set.
        for how in 0..3 {
            let mut desk = Desk::at("11:45");
            desk.put("a", schedule.clone().missed(MissedStart::Skip));
            assert_eq!(desk.run("30 m"), ["+a 12:00:00"]);
            let expected = if how == 0 { "" } else { "-a" };
            match how {
                0 => desk.restart("24 h"),
                1 => desk.clocks.pass(duration("24 h")),
                _ if schedule == noon() => desk.clocks.jump(24 * 3_600),
                // The rest of its hour is still to come.
                _ => continue,
            }
            assert_eq!(desk.look(), expected);
            assert_eq!(desk.run("1 h"), [""; 0]);
        }
    }
}

#[test]
fn who_skips_late_starts_goes_on_after_a_restart_in_what_was_on() {
    let mut desk = Desk::at("11:45");
    desk.put("a", noon().missed(MissedStart::Skip));
    desk.run("30 m");
    desk.restart("5 m");
    assert_eq!(desk.run("1 h"), ["+a 12:20:00", "-a 13:00:00"]);
}

#[test]
fn a_thousand_missed_starts_are_one_at_most_and_none_after_the_end() {
    let mut desk = Desk::at("11:45");
    let half = || Window::cron("0,30 * * * *", Duration::from_secs(600)).unwrap();
    desk.put("in", Schedule::new().window(half()));
    desk.put("out", Schedule::new().window(half()).ending(at("2026-06-15T00:00")));
    desk.put("skips", Schedule::new().window(half()).missed(MissedStart::Skip));
    desk.run("1 m");
    desk.restart("500 h");
    desk.clocks.set("2026-06-22T08:05");
    assert_eq!(desk.look(), "+in");
    assert_eq!(desk.look(), "");
    assert!(desk.entry("out").is_none());
    desk.start("in");
    assert_eq!(desk.run("30 m"), ["-in 08:10:00", "+in 08:30:00", "+skips 08:30:00"]);
}

#[test]
fn a_machine_that_slept_for_two_hours_ends_and_starts_what_it_must_at_the_first_look() {
    let hour = Duration::from_secs(3_600);
    let mut desk = Desk::at("11:45");
    desk.put("civil", noon());
    desk.put("instant", Schedule::new().ending(at("2026-06-01T13:00")));
    desk.put("lasting", Schedule::new().lasting(hour));
    desk.put("long", Schedule::new().lasting(3 * hour));
    desk.put("late", Schedule::new().starting(at("2026-06-01T13:00")));
    desk.put("missed", Schedule::new().starting(at("2026-06-01T13:00")).missed(MissedStart::Skip));
    desk.put("never", Schedule::new().starting(at("2026-06-01T12:40")).ending(at("2026-06-01T13:20")));
    assert_eq!(desk.run("30 m").len(), 4);
    desk.clocks.pass(duration("2 h"));
    assert_eq!(desk.look(), "-civil -instant -lasting +late");
    desk.start("late");
    assert_eq!(desk.run("1 h"), ["-long 14:45:00"]);
}

#[test]
fn what_lasts_goes_by_what_passes_whatever_the_clock_shows() {
    for jump in [-7_200, -60, 600, 7_200] {
        let mut desk = Desk::at("12:00");
        desk.put("a", Schedule::new().lasting(Duration::from_secs(3_600)));
        desk.put("b", Schedule::new().lasting(Duration::from_secs(3_600)));
        desk.run("30 m");
        desk.clocks.jump(jump);
        assert_eq!(desk.run("1799 s"), [""; 0], "{jump}");
        assert_eq!(desk.run("1 s").len(), 2, "{jump}");
        assert_eq!(desk.run("5 h"), [""; 0], "{jump}");
    }
}

#[test]
fn what_lasts_goes_on_for_its_rest_after_a_restart_by_a_clock_that_was_set_before() {
    for jump in [-7_200, -60, 600, 7_200] {
        let mut desk = Desk::at("12:00");
        desk.put("a", Schedule::new().lasting(Duration::from_secs(3_600)));
        desk.run("20 m");
        desk.agenda.take_news();
        desk.clocks.jump(jump);
        desk.look();
        // What is stored is another instant now.
        assert!(desk.agenda.take_news().contains(&sid("a")));
        desk.run("10 m");
        desk.restart("10 m");
        desk.clocks.passed = Duration::from_secs(5);
        assert_eq!(desk.run("1199 s").len(), 1, "{jump}");
        assert_eq!(desk.run("1 s").len(), 1, "{jump}");
        assert_eq!(desk.run("5 h"), [""; 0], "{jump}");
    }
}

#[test]
fn nothing_scheduled_is_decided_before_the_clock_is_set() {
    let mut desk = Desk::at("11:45");
    desk.put("a", noon());
    desk.put("plain", None);
    desk.put("next", noon());
    desk.run("20 m");
    desk.agenda.remove(&sid("next"));
    desk.clocks.set("1970-01-01T00:00:10");
    desk.restart("1 m");
    desk.put("new", None);
    desk.put("hour", Schedule::new().lasting(Duration::from_secs(3_600)));
    desk.put("until", Schedule::new().until(time(20, 0, 0, 0)));
    desk.put("old", Schedule::new().starting(at("2025-06-01T00:00")).ending(at("2026-01-01T00:00")));
    // Not even what one would think is on in 1970.
    desk.put("daily", Schedule::new().window(Window::daily(time(0, 0, 0, 0), time(1, 0, 0, 0))));
    assert_eq!(desk.look(), "+new +plain");
    desk.start("new");
    desk.start("plain");
    assert_eq!(desk.run("2 h"), [""; 0]);
    desk.clocks.set("2026-06-01T12:59:50");
    assert_eq!(desk.look(), "+a +hour +until");
    assert_eq!(["a", "hour", "until"].map(|id| desk.start(id)), [true; 3]);
    assert_eq!(desk.run("12 h"), ["-a 13:00:00", "-hour 13:59:50", "-until 20:00:00", "+daily 00:00:00"]);
}

#[test]
fn a_clock_that_is_lost_meanwhile_ends_and_starts_nothing() {
    let mut desk = Desk::daily();
    desk.put("b", Schedule::new().starting(at("2026-06-01T12:20")));
    desk.run("30 m");
    desk.clocks.set("1970-01-01T00:00");
    assert_eq!(desk.run("50 m"), [""; 0]);
    desk.clocks.set("2026-06-01T13:05");
    assert_eq!(desk.look(), "-a +b");
}

#[test]
fn what_cannot_fit_into_time_breaks_nothing() {
    let far = [Timestamp::MIN, Timestamp::MAX, at("9999-12-30T22:00"), at("2026-06-01T12:00")];
    for start in far {
        let schedules = [
            Schedule::new().starting(start),
            Schedule::new().starting(start).lasting(Duration::MAX),
            Schedule::new().starting(start).until(time(0, 0, 0, 0)),
            noon().starting(start),
        ];
        for schedule in schedules {
            for wall in far {
                let mut desk = Desk::at("12:00");
                desk.put("a", schedule.clone());
                desk.look();
                desk.clocks.wall = wall;
                desk.look();
                desk.agenda.extend(&sid("a"), SignedDuration::MAX, desk.clocks.now());
                desk.agenda.extend(&sid("a"), SignedDuration::MIN, desk.clocks.now());
                desk.extend("a", 60);
                desk.look();
                desk.restart("1 s");
                desk.look();
                desk.stop("a");
                desk.look();
            }
        }
    }
}
