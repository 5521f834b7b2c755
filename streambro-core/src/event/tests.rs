use std::{
    os::fd::AsRawFd,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::error::ErrorKind;

/// Longer than anything here takes on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

fn id(text: &str) -> StreamId {
    StreamId::parse(text).unwrap()
}

fn kind(leg: usize) -> EventKind {
    EventKind::Leg { leg, phase: LegPhase::Live, reason: None, detail: String::new(), retry_in_ms: None }
}

fn leg(bus: &Bus, leg: usize) {
    bus.emit(&id("s"), Some("alice"), kind(leg));
}

fn all(bus: &Bus, capacity: usize) -> Subscription {
    bus.subscribe(EventFilter::all(), capacity)
}

fn rest(events: &mut Subscription) -> Vec<u64> {
    std::iter::from_fn(|| events.try_next()).map(|event| event.seq).collect()
}

fn readable(events: &Subscription, timeout: Duration) -> bool {
    let fd = events.fd().unwrap();
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
    poll(&mut fds, Some(&timeout)).unwrap() > 0
}

/// Runs `wait` in a thread and returns once that thread sleeps in it.
fn asleep<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (told, hear) = mpsc::channel();
    let (tell_task, task) = mpsc::channel();
    thread::spawn(move || {
        tell_task.send(rustix::thread::gettid().as_raw_nonzero()).unwrap();
        told.send(wait()).unwrap();
    });
    let stat = format!("/proc/self/task/{}/stat", task.recv().unwrap());
    let since = Instant::now();
    // A waiting thread is in state S; anything it does before that takes it there in the end.
    while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
        assert!(since.elapsed() < BOUND);
        thread::yield_now();
    }
    hear
}

#[tokio::test]
async fn a_slow_reader_loses_the_oldest_and_is_told() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    for n in 0..10 {
        leg(&bus, n);
    }
    let missed = events.next().await.unwrap();
    assert_eq!((missed.seq, missed.kind), (5, EventKind::Missed { count: 6 }));
    assert_eq!(rest(&mut events), [6, 7, 8, 9]);
}

#[tokio::test]
async fn a_closed_bus_ends_the_subscription_after_the_last_event() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    leg(&bus, 0);
    bus.close();
    assert!(!events.is_closed());
    assert!(events.next().await.is_some());
    assert!(events.next().await.is_none());
    assert!(events.is_closed());
    let mut late = all(&bus, 4);
    assert!(late.is_closed() && late.next().await.is_none());
}

#[tokio::test]
async fn a_task_that_waits_is_woken() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    let reader = tokio::spawn(async move { events.next().await });
    tokio::task::yield_now().await;
    leg(&bus, 7);
    assert!(reader.await.unwrap().is_some());
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    tokio::select! {
        biased;
        _ = events.next() => panic!("nothing has happened yet"),
        () = tokio::task::yield_now() => {}
    }
    leg(&bus, 0);
    assert_eq!(events.next().await.unwrap().seq, 0);
}

#[test]
fn a_thread_that_waits_is_woken_by_an_event() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    let heard = asleep(move || events.next_blocking(None));
    leg(&bus, 0);
    assert_eq!(heard.recv_timeout(BOUND).unwrap().unwrap().unwrap().seq, 0);
}

#[test]
fn a_thread_that_waits_is_woken_by_the_end() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    let heard = asleep(move || events.next_blocking(Some(Duration::MAX)));
    bus.close();
    assert_eq!(heard.recv_timeout(BOUND).unwrap(), Ok(None));
}

#[test]
fn a_thread_that_waits_is_let_go_when_its_time_is_up() {
    let bus = Bus::default();
    let mut events = all(&bus, 4);
    let time = Duration::from_millis(20);
    let since = Instant::now();
    assert_eq!(events.next_blocking(Some(time)).unwrap_err().kind, ErrorKind::TimedOut);
    assert!(since.elapsed() >= time);
    assert_eq!(events.next_blocking(Some(Duration::ZERO)).unwrap_err().kind, ErrorKind::TimedOut);
    leg(&bus, 0);
    assert!(events.next_blocking(Some(Duration::ZERO)).unwrap().is_some());
}

#[test]
fn the_descriptor_is_readable_just_while_events_wait() {
    let bus = Bus::default();
    let mut events = all(&bus, 2);
    leg(&bus, 0);
    assert!(readable(&events, Duration::ZERO), "what came before the first look");
    assert!(readable(&events, Duration::ZERO), "looking takes nothing");
    leg(&bus, 1);
    leg(&bus, 2);
    for _ in 0..3 {
        assert!(readable(&events, Duration::ZERO));
        events.try_next().unwrap();
    }
    assert!(!readable(&events, Duration::ZERO), "all is read");
    leg(&bus, 3);
    assert!(readable(&events, Duration::ZERO));
    assert!(events.next_blocking(None).unwrap().is_some());
    assert!(!readable(&events, Duration::ZERO));
    assert_eq!(events.fd().unwrap().as_raw_fd(), events.fd().unwrap().as_raw_fd());
}

#[test]
fn the_descriptor_stays_readable_once_the_manager_is_gone() {
    let bus = Bus::default();
    let (mut before, mut after) = (all(&bus, 2), all(&bus, 2));
    assert!(!readable(&before, Duration::ZERO));
    leg(&bus, 0);
    bus.close();
    for events in [&mut before, &mut after] {
        while events.next_blocking(Some(Duration::ZERO)).unwrap().is_some() {
            assert!(readable(events, Duration::ZERO));
        }
        assert!(readable(events, Duration::ZERO));
        assert_eq!(events.next_blocking(Some(Duration::ZERO)), Ok(None));
        assert!(readable(events, Duration::ZERO));
    }
}

#[test]
fn who_polls_the_descriptor_sees_all_that_four_threads_tell() {
    const EACH: usize = 2_000;
    let bus = Bus::default();
    let mut events = all(&bus, 4 * EACH);
    thread::scope(|scope| {
        let tellers: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..EACH).for_each(|n| leg(&bus, n)))).collect();
        let ender = bus.clone();
        scope.spawn(move || {
            for teller in tellers {
                teller.join().unwrap();
            }
            ender.close();
        });
        let mut seen = vec![];
        while !events.is_closed() {
            assert!(readable(&events, BOUND), "after {} events", seen.len());
            // One at each look: the descriptor alone says whether there are more.
            seen.extend(events.try_next().map(|event| event.seq));
        }
        assert!(seen.into_iter().eq(0..4 * EACH as u64));
    });
}

#[test]
fn a_reader_of_one_user_or_stream_gets_nothing_of_others() {
    let bus = Bus::default();
    let mut of_alice = bus.subscribe(EventFilter::all().user("alice"), 8);
    let mut of_b = bus.subscribe(EventFilter::all().stream(id("b")), 8);
    let mut of_alices_b = bus.subscribe(EventFilter::all().user("alice").stream(id("b")), 8);
    for (stream, user) in
        [("a", Some("alice")), ("b", Some("bob")), ("c", None), ("b", Some("alice")), ("d", Some("al"))]
    {
        bus.emit(&id(stream), user, kind(0));
    }
    let first = of_alice.try_next().unwrap();
    assert_eq!((first.user.as_deref(), first.stream), (Some("alice"), Some(id("a"))));
    assert_eq!(rest(&mut of_alice), [3]);
    assert_eq!(rest(&mut of_b), [1, 3]);
    assert_eq!(rest(&mut of_alices_b), [3]);
}

#[test]
fn only_what_a_reader_wanted_counts_as_missed() {
    let bus = Bus::default();
    let mut events = bus.subscribe(EventFilter::all().user("alice"), 2);
    for n in 0..12 {
        bus.emit(&id("s"), Some(if n % 3 == 0 { "alice" } else { "bob" }), kind(0));
    }
    let missed = events.try_next().unwrap();
    assert_eq!((missed.seq, missed.kind, missed.user), (3, EventKind::Missed { count: 2 }, None));
    assert_eq!(rest(&mut events), [6, 9]);
}

#[test]
fn readers_who_left_are_forgotten_even_when_nothing_happens() {
    let bus = Bus::default();
    for _ in 0..100 {
        drop(all(&bus, 2));
    }
    assert!(bus.readers() <= 1);
}

#[test]
fn json_names_phases_as_the_documentation_does() {
    let kind =
        EventKind::Phase { from: Phase::Live, to: Phase::Reconnecting, reason: None, detail: String::new() };
    let json = serde_json::to_string(&kind).unwrap();
    assert!(json.contains(r#""type":"phase","from":"live","to":"reconnecting""#), "{json}");
}

#[test]
fn what_became_of_the_state_before_anybody_listened_is_told_to_the_first_who_does() {
    let bus = Bus::default();
    let state = |detail: usize| EventKind::State { saved: false, detail: detail.to_string() };
    leg(&bus, 0);
    (0..8).for_each(|n| bus.announce(state(n)));
    let mut user = bus.subscribe(EventFilter::all().user("alice"), 16);
    bus.announce(state(8));
    leg(&bus, 1);
    assert_eq!(rest(&mut user), [10], "it is none of a user's business");
    let mut first = all(&bus, 16);
    bus.announce(state(9));
    assert_eq!(rest(&mut first), [2, 3, 4, 5, 6, 7, 8, 9, 11], "the latest eight, and what came after");
    assert_eq!(rest(&mut all(&bus, 16)), Vec::<u64>::new(), "once");
}
