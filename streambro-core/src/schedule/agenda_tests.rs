use std::time::{Duration, Instant};

use jiff::{SignedDuration, civil::time};

use super::{Entry, Order, tests::*};
use crate::spec::{MissedStart, Schedule, Window};

#[test]
fn a_stream_without_a_schedule_begins_at_once_and_is_waited_for_no_more() {
    let mut desk = Desk::at("12:00");
    desk.put("a", None);
    let (orders, _) = desk.agenda.look(desk.clocks.now());
    assert!(matches!(&orders[..], [Order::Begin(id, spec, _)] if id.as_str() == "a" && spec.id == "a"));
    assert!(desk.start("a"));
    assert_eq!(desk.look(), "");
    assert_eq!(desk.agenda.look(desk.clocks.now()).1, None);
}

#[test]
fn a_daily_window_begins_and_ends_to_the_second_each_day() {
    let mut desk = Desk::daily();
    assert_eq!(desk.run("48 h"), ["+a 12:00:00", "-a 13:00:00", "+a 12:00:00", "-a 13:00:00"]);
    assert_eq!(desk.entry("a").unwrap().next().unwrap().start, at("2026-06-03T12:00"));
}

#[test]
fn what_begins_is_ordered_once_however_long_its_start_takes() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("15 m"));
    assert_eq!(desk.look(), "+a");
    for _ in 0..100 {
        desk.clocks.pass(duration("1 s"));
        assert_eq!(desk.look(), "");
    }
    assert!(desk.start("a"));
    assert_eq!(desk.look(), "");
}

#[test]
fn a_start_that_failed_and_is_tried_again_is_ordered_once_as_well() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("15 m"));
    desk.look();
    assert_eq!(desk.fail("a"), Some(Duration::from_secs(1)));
    desk.clocks.pass(duration("1 s"));
    assert_eq!(desk.look(), "+a");
    for _ in 0..10 {
        desk.clocks.pass(duration("1 s"));
        assert_eq!(desk.look(), "");
    }
}

#[test]
fn a_start_that_fails_is_tried_again_ever_later_as_long_as_its_time_lasts() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("15 m"));
    let (mut begins, mut delays) = (vec![], vec![]);
    while desk.clocks.wall < at("2026-06-02T11:00") {
        let orders = desk.look();
        assert!(orders.is_empty() || orders == "+a", "{orders}");
        if orders == "+a" {
            begins.push(desk.clocks.wall);
            delays.push(desk.fail("a").unwrap().as_secs());
        }
        desk.clocks.pass(duration("1 s"));
    }
    assert_eq!(delays[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    let gaps = begins.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs());
    assert!(gaps.eq(delays[..delays.len() - 1].iter().map(|delay| delay.cast_signed())));
    assert!(begins.iter().all(|begin| (at("2026-06-01T12:00")..at("2026-06-01T13:00")).contains(begin)));
    assert_eq!(begins.len(), 6 + 59);
}

#[test]
fn the_next_airing_forgets_the_failures_of_the_last() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("15 m"));
    for _ in 0..8 {
        assert_eq!(desk.look(), "+a");
        let delay = desk.fail("a").unwrap();
        desk.clocks.pass(delay);
    }
    desk.clocks.pass(duration("2 h"));
    assert_eq!(desk.look(), "");
    desk.clocks.set("2026-06-02T12:00");
    assert_eq!(desk.look(), "+a");
    assert_eq!(desk.fail("a"), Some(Duration::from_secs(1)));
}

#[test]
fn an_end_that_is_reached_while_a_start_is_under_way_ends_it_and_refuses_its_run() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("15 m"));
    assert_eq!(desk.look(), "+a");
    desk.clocks.pass(duration("1 h"));
    assert_eq!(desk.look(), "-a");
    assert!(!desk.start("a"));
    assert_eq!(desk.run("10 h"), [""; 0]);
}

#[test]
fn a_failure_that_is_told_after_the_end_brings_no_further_attempt() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("15 m"));
    desk.look();
    desk.clocks.pass(duration("1 h"));
    assert_eq!(desk.look(), "-a");
    assert_eq!(desk.fail("a"), None);
    assert_eq!(desk.run("10 h"), [""; 0]);
}

#[test]
fn a_failure_of_an_earlier_start_leaves_the_run_alone() {
    let mut desk = Desk::daily();
    desk.run("20 m");
    assert_eq!(desk.fail("a"), None);
    assert_eq!(desk.run("20 m"), [""; 0]);
}

#[test]
fn who_is_stopped_by_hand_stays_so_until_the_next_airing() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.stop("a");
    assert_eq!(desk.run("24 h"), ["+a 12:00:00"]);
}

#[test]
fn only_the_run_that_is_on_ends_an_airing() {
    let mut desk = Desk::daily();
    desk.run("20 m");
    desk.agenda.ended(&sid("a"), desk.runs - 1, desk.clocks.now());
    assert_eq!(desk.run("1 m"), [""; 0]);
    assert!(desk.is_on("a"));
    desk.agenda.ended(&sid("a"), desk.runs, desk.clocks.now());
    assert!(!desk.is_on("a"));
    assert_eq!(desk.run("24 h"), ["+a 12:00:00"]);
}

#[test]
fn windows_that_never_end_are_stopped_all_the_same() {
    let mut desk = Desk::at("12:00");
    let always = Window::daily(time(6, 0, 0, 0), time(6, 0, 0, 0));
    desk.put("a", Schedule::new().window(always));
    assert_eq!(desk.run("36 h"), ["+a 12:00:00"]);
    desk.stop("a");
    // Even if everything is looked at anew each day.
    for _ in 0..30 {
        desk.clocks.pass(duration("24 h"));
        assert_eq!(desk.look(), "");
        desk.clocks.jump(-10);
        assert_eq!(desk.look(), "");
    }
    assert!(desk.entry("a").is_none(), "nothing is left of it");
}

#[test]
fn what_is_over_for_good_is_forgotten() {
    let mut desk = Desk::at("12:00");
    desk.put("a", Schedule::new().lasting(Duration::from_secs(60)));
    desk.put("b", None);
    desk.run("2 m");
    assert!(desk.entry("a").is_none());
    desk.stop("b");
    assert!(desk.entry("b").is_none());
    assert_eq!(desk.agenda.take_news(), [sid("a"), sid("b")].into());
    assert_eq!(desk.agenda.look(desk.clocks.now()).1, None);
}

#[test]
fn news_names_whatever_is_to_be_stored_anew() {
    let mut desk = Desk::daily();
    desk.put("skips", noon().missed(MissedStart::Skip));
    desk.put("far", Schedule::new().starting(at("2027-01-01T00:00")));
    desk.put("gone", noon());
    let mut written = stored_all(&desk.agenda, desk.clocks.now());
    desk.agenda.take_news();
    let mut step = |desk: &mut Desk, what: &str, expected: &[&str]| {
        let now = stored_all(&desk.agenda, desk.clocks.now());
        let ids = written.keys().chain(now.keys());
        let differ: Vec<_> = ids.filter(|id| written.get(id) != now.get(id)).cloned().collect();
        written = now;
        let news = desk.agenda.take_news();
        assert!(differ.iter().all(|id| news.contains(id)), "{what}: {differ:?} of {news:?}");
        assert!(expected.iter().all(|id| news.contains(&sid(id))), "{what}: {news:?}");
        assert!(!news.contains(&sid("far")) || what == "put", "{what}");
    };
    desk.look();
    step(&mut desk, "put", &[]);
    desk.agenda.remove(&sid("gone"));
    step(&mut desk, "remove", &["gone"]);
    desk.look();
    step(&mut desk, "nothing", &[]);
    desk.clocks.pass(duration("15 m"));
    desk.look();
    step(&mut desk, "begin", &["a", "skips"]);
    desk.extend("a", 5);
    step(&mut desk, "extend", &["a"]);
    desk.stop("a");
    step(&mut desk, "stop", &["a"]);
    desk.extend("a", 5);
    step(&mut desk, "extend the next", &["a"]);
    desk.clear_end("a");
    step(&mut desk, "clear_end", &["a"]);
    desk.agenda.want(&sid("a"), desk.clocks.now());
    step(&mut desk, "want", &["a"]);
    desk.clocks.pass(duration("2 h"));
    desk.look();
    step(&mut desk, "end", &["skips"]);
    desk.reschedule("a", noon());
    step(&mut desk, "reschedule", &["a"]);
    desk.agenda.clear(|spec| spec.id == "a");
    step(&mut desk, "clear", &["a"]);
}

#[test]
fn those_that_fit_are_cleared() {
    let mut desk = Desk::at("12:00");
    for id in ["a1", "a2", "b1"] {
        desk.put(id, noon());
    }
    assert_eq!(desk.agenda.clear(|spec| spec.id.starts_with('a')).len(), 2);
    assert_eq!(desk.look(), "+b1");
    assert_eq!(desk.agenda.take_news().len(), 3);
}

#[test]
fn two_hundred_starts_of_one_second_are_ordered_by_one_look() {
    let mut desk = Desk::at("11:59:59");
    (0..200).for_each(|number| desk.put(&format!("s{number}"), noon()));
    assert_eq!(desk.look(), "");
    desk.clocks.pass(duration("1 s"));
    assert_eq!(desk.look().split(' ').count(), 200);
    (0..200).for_each(|number| assert!(desk.start(&format!("s{number}"))));
    desk.clocks.pass(duration("1 h"));
    assert_eq!(desk.look().split(' ').count(), 200);
}

/// Entries that begin from one o'clock on, 36 seconds apart, in a thousand groups.
fn crowd(count: usize) -> Desk {
    let mut desk = Desk::at("12:00");
    let first = desk.clocks.wall + SignedDuration::from_hours(1);
    let spec = |group: i64| {
        let start = first + SignedDuration::from_secs(36 * group);
        spec("s", Schedule::new().starting(start).ending(start + SignedDuration::from_hours(1)))
    };
    let specs: Vec<_> = (0..1_000).map(spec).collect();
    for (number, spec) in (0..count).zip(specs.iter().cycle()) {
        let entry = Entry::new(spec.clone(), desk.clocks.now());
        desk.agenda.put(sid(&format!("s{number}")), entry, desk.clocks.now());
    }
    desk.look();
    desk
}

/// How long a thousand looks take: the least of some times, as others use the machine too.
fn thousand_looks(desk: &mut Desk) -> Duration {
    let look = |_| {
        let begun = Instant::now();
        for _ in 0..1_000 {
            desk.clocks.pass(duration("50 ms"));
            assert_eq!(desk.look(), "");
        }
        begun.elapsed()
    };
    (0..5).map(look).min().unwrap()
}

#[test]
fn a_look_at_a_hundred_thousand_costs_nothing_while_nothing_is_due() {
    let few = thousand_looks(&mut crowd(100));
    let mut desk = crowd(100_000);
    let many = thousand_looks(&mut desk);
    assert!(many < 50 * few, "{many:?} for many and {few:?} for few");
    // And each begins in its second.
    desk.clocks.set("2026-06-01T12:59:59");
    let mut begun = 0;
    for second in 0..72 {
        let orders = desk.look();
        // One o'clock is a second later.
        assert_eq!(orders.is_empty(), second % 36 != 1, "{second}");
        begun += orders.split_whitespace().count();
        desk.clocks.pass(duration("1 s"));
    }
    assert_eq!(begun, 200);
}

#[test]
fn a_million_changes_leave_no_more_than_there_is() {
    let mut desk = Desk::at("11:00");
    for number in 0..50 {
        desk.put(&format!("a{number}"), Schedule::new().ending(at("2026-06-01T20:00")));
        desk.put(&format!("b{number}"), Schedule::new().lasting(duration("9 h")));
    }
    desk.clocks.pass(duration("90 m"));
    desk.look();
    let ids: Vec<_> = desk.agenda.entries().map(|(id, _)| id.clone()).collect();
    for change in 0..1_000_000_i64 {
        let id = &ids[change as usize % ids.len()];
        if change % 16 == 0 {
            desk.agenda.extend(id, SignedDuration::from_secs(change % 3 - 1), desk.clocks.now());
        } else {
            assert!(desk.agenda.started(id, 1, desk.clocks.now()));
        }
    }
    assert!(ids.iter().all(|id| desk.is_on(id.as_str())));
    let most = 2 * ids.len() + 65;
    assert!(desk.agenda.queued() <= 2 * most, "{}", desk.agenda.queued());
    desk.agenda.clear(|_| true);
    desk.look();
    assert_eq!(desk.agenda.queued(), 0);
    assert_eq!(desk.agenda.look(desk.clocks.now()).1, None);
}
