//! Who gets a place, and when.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::*;
use crate::spec::Encoder;

fn of(user: &str) -> Demand {
    Demand { user: Some(user.to_owned()), ..Demand::default() }
}

fn to(host: &str) -> Demand {
    Demand { hosts: BTreeMap::from([(host.to_owned(), 1)]), ..Demand::default() }
}

fn bits(bits_per_second: u64) -> Demand {
    Demand { bits_per_second, ..Demand::default() }
}

fn with(encoder: Encoder) -> Demand {
    Demand { session: Some(encoder), ..Demand::default() }
}

fn sessions(encoder: Encoder, sessions: u64) -> Limits {
    Limits { encoder_sessions: BTreeMap::from([(encoder, sessions)]), ..Limits::NONE }
}

fn queueing(limits: Limits, max_waiting: usize) -> Arc<Ledger> {
    Ledger::new(limits, Admission::Queue { max_waiting })
}

fn streams(streams: u64) -> Limits {
    Limits { streams: Some(streams), ..Limits::NONE }
}

fn refused(ledger: &Arc<Ledger>, demand: Demand) -> (Limit, u64) {
    let refusal = ledger.admit(demand, 0).unwrap_err();
    (refusal.limit.limit, refusal.limit.over)
}

#[test]
fn the_defaults_are_twenty_in_all_and_five_a_user() {
    let ledger = Ledger::new(Limits::default(), Admission::Reject);
    let alice: Vec<_> = (0..5).map(|_| ledger.admit(of("alice"), 0).unwrap()).collect();
    assert_eq!(refused(&ledger, of("alice")), (Limit::StreamsPerUser, 1));
    let rest: Vec<_> = (0..15).map(|_| ledger.admit(Demand::default(), 0).unwrap()).collect();
    assert_eq!(refused(&ledger, Demand::default()), (Limit::Streams, 1));
    drop((alice, rest));
    assert_eq!(*ledger.book().used(), book::Used::default());
}

#[test]
fn every_limit_refuses_what_passes_it_and_says_by_how_much() {
    let limits = Limits {
        streams_per_host: Some(2),
        bits_per_second: Some(1_000),
        memory_bytes: Some(500),
        microcores: Some(300),
        process_bytes: Some(900),
        ..Limits::NONE
    };
    let ledger = Ledger::new(limits, Admission::Reject);
    let first = Demand {
        hosts: BTreeMap::from([("a".to_owned(), 1)]),
        bits_per_second: 600,
        memory_bytes: 400,
        process_bytes: 100,
        microcores: 200,
        ..Demand::default()
    };
    let held = ledger.admit(first, 0).unwrap();
    let twice = Demand { hosts: BTreeMap::from([("a".to_owned(), 2)]), ..Demand::default() };
    assert_eq!(refused(&ledger, twice), (Limit::StreamsPerHost, 1));
    assert_eq!(refused(&ledger, bits(450)), (Limit::Bandwidth, 50));
    assert_eq!(refused(&ledger, Demand { memory_bytes: 110, ..Demand::default() }), (Limit::Memory, 10));
    assert_eq!(refused(&ledger, Demand { microcores: 107, ..Demand::default() }), (Limit::Cpu, 7));
    let large = Demand { process_bytes: 805, ..Demand::default() };
    assert_eq!(refused(&ledger, large), (Limit::ProcessMemory, 5));
    assert!(ledger.admit(bits(400), 0).is_ok() && ledger.admit(to("a"), 0).is_ok());
    drop(held);
    assert_eq!(*ledger.book().used(), book::Used::default());
}

#[test]
fn refusals_name_what_is_used_and_what_to_do() {
    let ledger = Ledger::new(Limits { bits_per_second: Some(10_000_000), ..streams(2) }, Admission::Reject);
    let held = ledger.admit(bits(8_000_000), 0).unwrap();
    let text = ledger.admit(bits(4_200_000), 0).unwrap_err().to_string();
    for part in ["8.00 Mb/s of 10.00 Mb/s", "4.20 Mb/s more", "`max_bandwidth`"] {
        assert!(text.contains(part), "{text}");
    }
    let other = ledger.admit(bits(0), 0).unwrap();
    let text = ledger.admit(bits(0), 0).unwrap_err().to_string();
    assert!(text.contains("2 of 2 places") && text.contains("`max_streams`"), "{text}");
    drop((held, other));
}

#[test]
fn six_hundred_threads_never_pass_a_limit_by_one() {
    for admission in [Admission::Reject, Admission::Queue { max_waiting: 100 }] {
        let limits = Limits { streams: Some(50), streams_per_user: Some(30), ..Limits::NONE };
        let ledger = Ledger::new(limits, admission);
        let permits: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..600)
                .map(|n| {
                    let ledger = &ledger;
                    scope.spawn(move || ledger.admit(of(if n % 2 == 0 { "a" } else { "b" }), 0).ok())
                })
                .collect();
            starts.into_iter().filter_map(|start| start.join().unwrap()).collect()
        });
        let granted = || permits.iter().filter(|permit| permit.is_granted()).count();
        assert_eq!(granted(), 50, "{admission:?}");
        assert_eq!(permits.len() - granted(), admission.max_waiting());
    }
}

#[test]
fn threads_that_come_and_go_never_pass_a_limit_and_leave_nothing() {
    let running = AtomicUsize::new(0);
    let limits = Limits { streams: Some(7), streams_per_user: Some(4), ..Limits::NONE };
    let ledger = queueing(limits, 16);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (ledger, running) = (&ledger, &running);
            scope.spawn(move || {
                for round in 0..500 {
                    let user = ["a", "b", "c"][(thread + round) % 3];
                    let Ok(permit) = ledger.admit(of(user), (round % 3) as i32) else { continue };
                    if permit.is_granted() {
                        assert!(running.fetch_add(1, Ordering::SeqCst) < 7);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(*ledger.book().used(), book::Used::default());
    assert_eq!(ledger.book().waiting(), 0);
}

#[test]
fn a_panic_gives_its_place_back() {
    let ledger = Ledger::new(streams(1), Admission::Reject);
    let holder = Arc::clone(&ledger);
    std::thread::spawn(move || {
        let _permit = holder.admit(Demand::default(), 0).unwrap();
        panic!("this panic is part of the test");
    })
    .join()
    .unwrap_err();
    ledger.admit(Demand::default(), 0).unwrap();
}

#[test]
fn what_becomes_free_goes_by_priority_and_then_to_the_first() {
    let ledger = queueing(streams(1), 9);
    let mut running = ledger.admit(Demand::default(), 0).unwrap();
    let enter = |priority| ledger.admit(Demand::default(), priority).unwrap();
    let (late, first, second, urgent) = (enter(-1), enter(0), enter(0), enter(7));
    let positions = [&urgent, &first, &second, &late].map(|permit| permit.position().unwrap().0);
    assert_eq!(positions, [1, 2, 3, 4]);
    for next in [urgent, first, second, late] {
        assert!(!next.is_granted());
        drop(std::mem::replace(&mut running, next));
        // At once, with nothing in between for a later start to use.
        assert!(running.is_granted());
        assert!(!ledger.admit(Demand::default(), i32::MIN).unwrap().is_granted());
    }
}

#[test]
fn one_that_waits_for_its_user_or_host_lets_others_pass_but_none_of_its_own() {
    let limits = Limits { streams_per_user: Some(1), streams_per_host: Some(2), ..Limits::NONE };
    let ledger = queueing(limits, 9);
    let alice = ledger.admit(of("alice"), 0).unwrap();
    let alices = ledger.admit(of("alice"), 0).unwrap();
    let bob = ledger.admit(of("bob"), 0).unwrap();
    assert!(!alices.is_granted() && bob.is_granted());

    let held = ledger.admit(to("h"), 0).unwrap();
    let both = Demand { hosts: BTreeMap::from([("h".to_owned(), 2)]), ..Demand::default() };
    let both = ledger.admit(both, 0).unwrap();
    // It would fit, and go ahead of the one that was there first.
    let one = ledger.admit(to("h"), 0).unwrap();
    assert!(!both.is_granted() && !one.is_granted());
    assert!(ledger.admit(to("elsewhere"), 0).unwrap().is_granted());
    drop(held);
    assert!(both.is_granted() && !one.is_granted());
    drop((alice, both));
    assert!(alices.is_granted() && one.is_granted());
}

#[test]
fn sessions_are_counted_for_each_encoder_and_the_refusal_says_which_and_what_to_do() {
    let ledger = Ledger::new(sessions(Encoder::Nvenc, 2), Admission::Reject);
    let held = [(); 2].map(|()| ledger.admit(with(Encoder::Nvenc), 0).unwrap());
    let refusal = ledger.admit(with(Encoder::Nvenc), 0).unwrap_err();
    assert_eq!((refusal.limit.limit, refusal.limit.of.as_deref()), (Limit::EncoderSessions, Some("nvenc")));
    let text = refusal.to_string();
    for part in ["2 of 2 sessions of nvenc", "wait", "x264", "`max_encoder_sessions`"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(ledger.lack_of_sessions(Encoder::Nvenc).unwrap().used, 2);
    assert_eq!(ledger.lack_of_sessions(Encoder::Qsv), None);
    // Who needs none, or one of another encoder, is not in its way.
    let others = [Demand::default(), with(Encoder::Qsv), with(Encoder::Qsv), with(Encoder::Qsv)];
    let others = others.map(|demand| ledger.admit(demand, 0).unwrap());
    assert_eq!(held[0].session(), Some(Encoder::Nvenc));
    held[0].change(&Demand::default(), 0).unwrap();
    assert_eq!((held[0].session(), ledger.lack_of_sessions(Encoder::Nvenc)), (None, None));
    let third = ledger.admit(with(Encoder::Nvenc), 0).unwrap();
    drop((held, others, third));
    assert_eq!(*ledger.book().used(), book::Used::default());
}

#[test]
fn one_that_waits_for_a_session_lets_others_pass_and_gets_the_next_that_comes_back() {
    let ledger = queueing(sessions(Encoder::Nvenc, 1), 9);
    let held = ledger.admit(with(Encoder::Nvenc), 0).unwrap();
    let [first, second] = [(); 2].map(|()| ledger.admit(with(Encoder::Nvenc), 0).unwrap());
    assert!(!first.is_granted() && first.session().is_none());
    assert!(ledger.admit(Demand::default(), 0).unwrap().is_granted());
    let outlook = ledger.explain(&with(Encoder::Nvenc), 0);
    let line = outlook.limits.iter().find(|line| line.limit == Limit::EncoderSessions).unwrap();
    assert_eq!((line.of.as_deref(), line.used, line.asked, line.max), (Some("nvenc"), 1, 1, Some(1)));
    let Prospect::Waits { position: 3, limit: Some(limit) } = outlook.prospect else { panic!("{outlook:?}") };
    assert_eq!(limit.limit, Limit::EncoderSessions);
    // A copy takes over from the encoder.
    held.change(&Demand::default(), 0).unwrap();
    assert!(first.is_granted() && !second.is_granted());
    drop(first);
    assert!(second.is_granted());
}

#[test]
fn an_encoder_that_may_have_no_session_is_refused_and_not_queued() {
    let ledger = queueing(sessions(Encoder::Vaapi, 0), 9);
    assert_eq!(refused(&ledger, with(Encoder::Vaapi)), (Limit::EncoderSessions, 1));
    assert!(ledger.lack_of_sessions(Encoder::Vaapi).is_some());
}

#[test]
fn eight_is_what_consumer_cards_of_nvidia_allow() {
    let ledger = Ledger::new(Limits { streams: None, ..Limits::default() }, Admission::Reject);
    let held = [(); 8].map(|()| ledger.admit(with(Encoder::Nvenc), 0).unwrap());
    assert_eq!(refused(&ledger, with(Encoder::Nvenc)), (Limit::EncoderSessions, 1));
    assert!(ledger.admit(with(Encoder::Qsv), 0).is_ok());
    let without = Ledger::new(Limits::NONE, Admission::Reject);
    let more = [(); 9].map(|()| without.admit(with(Encoder::Nvenc), 0).unwrap());
    drop((held, more));
}

#[test]
fn a_big_one_does_not_starve_behind_small_ones() {
    let ledger = queueing(Limits { bits_per_second: Some(100), ..Limits::NONE }, 9);
    let mut small: Vec<_> = (0..10).map(|_| ledger.admit(bits(10), 0).unwrap()).collect();
    let big = ledger.admit(bits(80), 0).unwrap();
    for _ in 0..7 {
        small.pop();
        assert!(!ledger.admit(bits(10), 0).unwrap().is_granted(), "room is kept for the big one");
        assert!(!big.is_granted());
    }
    small.pop();
    assert!(big.is_granted());
}

#[test]
fn what_can_never_fit_is_refused_and_not_queued() {
    let ledger = queueing(Limits { bits_per_second: Some(100), ..Limits::NONE }, 9);
    assert_eq!(refused(&ledger, bits(101)), (Limit::Bandwidth, 1));
    assert!(ledger.admit(bits(100), 0).unwrap().is_granted());
}

#[test]
fn a_full_queue_refuses_but_lets_pass_whom_it_does_not_hold_up() {
    let limits = Limits { streams_per_user: Some(1), ..Limits::NONE };
    let ledger = queueing(limits, 1);
    let held = [ledger.admit(of("a"), 0).unwrap(), ledger.admit(of("a"), 0).unwrap()];
    let refusal = ledger.admit(of("a"), 9).unwrap_err();
    assert_eq!((refusal.limit.limit, refusal.queue), (Limit::StreamsPerUser, Some(1)));
    assert!(ledger.admit(of("b"), 0).unwrap().is_granted());
    drop(held);
}

#[test]
fn leaving_the_queue_frees_its_turn_and_lets_the_next_pass() {
    let ledger = queueing(Limits { bits_per_second: Some(100), ..Limits::NONE }, 2);
    let held = ledger.admit(bits(50), 0).unwrap();
    let big = ledger.admit(bits(80), 0).unwrap();
    let small = ledger.admit(bits(10), 0).unwrap();
    assert_eq!(refused(&ledger, bits(10)), (Limit::Waiting, 1));
    drop(big);
    assert!(small.is_granted() && held.is_granted());
}

#[test]
fn a_changed_demand_keeps_the_place_or_changes_nothing() {
    let limits =
        Limits { streams: Some(2), bits_per_second: Some(100), streams_per_user: Some(1), ..Limits::NONE };
    let ledger = queueing(limits, 9);
    let alice = ledger.admit(Demand { bits_per_second: 50, ..of("alice") }, 0).unwrap();
    let bob = ledger.admit(Demand { bits_per_second: 40, ..of("bob") }, 0).unwrap();
    let waiting = ledger.admit(bits(30), 0).unwrap();
    let refusal = alice.change(&Demand { bits_per_second: 61, ..of("alice") }, 0).unwrap_err();
    assert_eq!((refusal.limit.limit, refusal.limit.over), (Limit::Bandwidth, 1));
    assert_eq!(alice.change(&of("bob"), 0).unwrap_err().limit.limit, Limit::StreamsPerUser);
    alice.change(&Demand { bits_per_second: 60, ..of("carol") }, 0).unwrap();
    assert!(ledger.explain(&of("alice"), 0).limits.iter().all(|line| line.of.is_none() || line.used == 0));
    drop(bob);
    assert!(waiting.is_granted());
    drop((alice, waiting));
    assert_eq!(*ledger.book().used(), book::Used::default());
}

#[test]
fn one_that_waits_keeps_its_turn_when_it_changes() {
    let ledger = queueing(streams(1), 9);
    let held = ledger.admit(Demand::default(), 0).unwrap();
    let [first, second] = [(); 2].map(|()| ledger.admit(Demand::default(), 0).unwrap());
    first.change(&of("alice"), 0).unwrap();
    assert_eq!(first.position().unwrap().0, 1);
    second.change(&Demand::default(), 1).unwrap();
    assert_eq!(second.position().unwrap().0, 1);
    drop(held);
    assert!(second.is_granted());
}

#[test]
fn a_process_that_has_grown_starts_nothing_more_until_it_shrinks() {
    let ledger = queueing(Limits { process_bytes: Some(1_000), ..Limits::NONE }, 9);
    let of_process = |process_bytes| Demand { process_bytes, ..Demand::default() };
    ledger.set_process_memory(900);
    let one = ledger.admit(of_process(60), 0).unwrap();
    // Not measured yet, and yet there.
    let two = ledger.admit(of_process(60), 0).unwrap();
    assert!(one.is_granted() && !two.is_granted());
    drop(one);
    assert!(two.is_granted());
    ledger.set_process_memory(1_001);
    let three = ledger.admit(of_process(10), 0).unwrap();
    // What was measured does not leave with the stream.
    drop(two);
    assert!(!three.is_granted());
    ledger.set_process_memory(990);
    assert!(three.is_granted());
}

#[test]
fn explain_says_what_admit_does_and_takes_nothing() {
    let limits = Limits { streams: Some(2), streams_per_user: Some(1), ..Limits::NONE };
    let ledger = queueing(limits, 1);
    let held = ledger.admit(of("alice"), 0).unwrap();
    let outlook = ledger.explain(&of("alice"), 0);
    let line = outlook.limits.iter().find(|line| line.limit == Limit::StreamsPerUser).unwrap();
    assert_eq!((line.used, line.asked, line.max, line.over), (1, 1, Some(1), 1));
    let Prospect::Waits { position: 1, limit: Some(limit) } = outlook.prospect else { panic!("{outlook:?}") };
    assert_eq!(limit.limit, Limit::StreamsPerUser);
    assert_eq!(ledger.explain(&of("bob"), 0).prospect, Prospect::Granted);
    let waiting = ledger.admit(of("alice"), 0).unwrap();
    let Prospect::Refused(refusal) = ledger.explain(&of("alice"), 0).prospect else { panic!("not refused") };
    assert_eq!(refusal, ledger.admit(of("alice"), 0).unwrap_err());
    assert_eq!(ledger.explain(&of("bob"), 0).prospect, Prospect::Granted);
    drop((held, waiting));
}

#[test]
fn explaining_one_that_would_start_moves_nobody_who_waits() {
    let limits = Limits { bits_per_second: Some(5), streams_per_host: Some(2), ..Limits::NONE };
    let ledger = queueing(limits, 9);
    let _running = ledger.admit(bits(5), 0).unwrap();
    let first = ledger.admit(Demand { bits_per_second: 5, ..to("h") }, 0).unwrap();
    let behind = ledger.admit(bits(0), 0).unwrap();
    let both = Demand { hosts: BTreeMap::from([("h".to_owned(), 2)]), ..Demand::default() };
    // With it the first would wait for its host and let the other pass; but it is only asked about.
    assert_eq!(ledger.explain(&both, 1).prospect, Prospect::Granted);
    assert!(!first.is_granted() && !behind.is_granted());
    let both = ledger.admit(both, 1).unwrap();
    assert!(both.is_granted() && !first.is_granted() && behind.is_granted());
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_turn_wakes_once_when_its_place_comes_or_its_permit_goes() {
    let ledger = queueing(streams(1), 9);
    let held = ledger.admit(Demand::default(), 0).unwrap();
    let [next, other] = [(); 2].map(|()| ledger.admit(Demand::default(), 0).unwrap());
    let woken = [(); 2].map(|()| Arc::new(Count(AtomicUsize::new(0))));
    let mut turns = [next.turn(), other.turn()];
    let mut poll = |at: usize| {
        let waker = Waker::from(Arc::clone(&woken[at]));
        Pin::new(&mut turns[at]).poll(&mut Context::from_waker(&waker))
    };
    assert_eq!([poll(0), poll(1), poll(1)], [Poll::Pending; 3]);
    drop(held);
    drop(other);
    let counts = || [0, 1].map(|at: usize| woken[at].0.load(Ordering::SeqCst));
    assert_eq!(counts(), [1, 1]);
    assert_eq!([poll(0), poll(1)], [Poll::Ready(()); 2]);
    drop(next);
    assert_eq!(counts(), [1, 1]);
}
