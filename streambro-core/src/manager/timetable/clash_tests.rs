//! What is refused: two streams to one place, and more than there is room for.

use std::time::Duration;

use tokio::time::timeout;

use super::tests::{Hands, between, going_to, manager, planned, with_key, without_schedule};
use crate::{
    Admission, Destination, ErrorKind, Phase, Reason, StreamManager,
    manager::tests::{BOUND, spec},
};

#[tokio::test]
async fn two_streams_to_one_key_are_refused_by_name_and_touching_ones_are_not() {
    let manager = manager(&Hands::at("09:00")).await;
    manager.schedule(with_key("a", "k", "10:00", "10:30")).await.unwrap();
    let refusal = manager.schedule(with_key("b", "k", "10:15", "10:45")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::Overlap);
    for word in ["`a`", "`b`", "2026-06-01 10:15:00", "rtmp://127.0.0.1:1/live"] {
        assert!(refusal.detail.contains(word), "{refusal}");
    }
    assert!(!refusal.detail.contains("/k"), "{refusal}");
    manager.schedule(with_key("c", "k", "10:30", "10:45")).await.unwrap();
    manager.schedule(with_key("d", "other", "10:15", "10:45")).await.unwrap();
    // What the other ones are may change, and is looked at anew.
    let later = manager.reschedule("c", between("10:29", "10:45")).await.unwrap_err();
    assert_eq!(later.kind, ErrorKind::Overlap);
    assert_eq!(manager.extend("a", Duration::from_secs(60)).await.unwrap_err().kind, ErrorKind::Overlap);
    assert_eq!(manager.clear_end("a").await.unwrap_err().kind, ErrorKind::Overlap);
    assert_eq!(manager.upcoming(9).len(), 3);
    manager.cancel("c").await.unwrap();
    assert!(manager.clear_end("a").await.unwrap());
    assert_eq!(
        manager.schedule(with_key("c", "k", "23:00", "23:30")).await.unwrap_err().kind,
        ErrorKind::Overlap
    );
}

#[tokio::test]
async fn a_key_is_the_same_key_with_tls_and_as_a_backup_but_not_at_another_host() {
    let manager = manager(&Hands::at("09:00")).await;
    let to = |id: &str, destination: Destination| going_to(destination, planned(id, "10:00", "11:00"));
    let at = |url: &str| Destination::new(url, "k").unwrap();
    manager.schedule(to("a", at("rtmp://one.example/live2"))).await.unwrap();
    let tls =
        if cfg!(feature = "tls") { "rtmps://one.example/live2" } else { "rtmp://one.example/live2?x=1" };
    let clash = |error: crate::Error| assert_eq!(error.kind, ErrorKind::Overlap, "{error}");
    clash(manager.schedule(to("b", at(tls))).await.unwrap_err());
    let backup = at("rtmp://two.example/live2").backup("rtmp://one.example/live2").unwrap();
    clash(manager.schedule(to("b", backup)).await.unwrap_err());
    manager.schedule(to("b", at("rtmp://two.example/live2"))).await.unwrap();
    manager.schedule(to("c", at("rtmp://one.example/app"))).await.unwrap();
}

#[tokio::test]
async fn of_another_users_stream_a_refusal_says_nothing() {
    let manager = manager(&Hands::at("09:00")).await;
    let (alice, bob) = (manager.as_user("alice"), manager.as_user("bob"));
    alice.schedule(with_key("hers", "k", "10:00", "10:30")).await.unwrap();
    let refusal = bob.schedule(with_key("his", "k", "10:15", "10:45")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::Overlap);
    assert!(!refusal.detail.contains("hers"), "{refusal}");
    let taken = bob.schedule(planned("hers", "12:00", "12:30")).await.unwrap_err();
    assert_eq!((taken.kind, &*taken.detail), (ErrorKind::AlreadyExists, "this id is taken; choose another"));
    assert_eq!(bob.cancel("hers").await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(bob.stop("hers").unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(bob.status("hers").unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!((bob.list().len(), bob.upcoming(5).len(), bob.clear_all()), (0, 0, 0));
    assert_eq!((alice.list().len(), alice.upcoming(5).len(), alice.clear_all()), (1, 1, 1));
    assert!(manager.list().is_empty() && manager.upcoming(5).is_empty());
}

#[tokio::test]
async fn a_start_by_hand_is_refused_where_something_is_planned_unless_it_ends_before() {
    let clock = Hands::at("09:00");
    let manager = manager(&clock).await;
    manager.schedule(with_key("planned", "k", "10:00", "10:30")).await.unwrap();
    let by_hand = without_schedule(with_key("by-hand", "k", "10:00", "10:30"));
    assert_eq!(manager.start(by_hand.clone()).await.unwrap_err().kind, ErrorKind::Overlap);
    let stream = manager.start(by_hand.clone().schedule(between("09:00", "10:00"))).await.unwrap();
    // The other way round: what runs has no end that is known.
    let free = manager.start(without_schedule(with_key("free", "f", "10:00", "10:30")));
    free.await.unwrap();
    let refusal = manager.schedule(with_key("later", "f", "20:00", "20:30")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::Overlap);
    let refusal = manager.add_destination("free", Destination::new("rtmp://127.0.0.1:1/live", "k").unwrap());
    assert_eq!(refusal.unwrap_err().kind, ErrorKind::Overlap);
    clock.go("10:00");
    assert_eq!(timeout(BOUND, stream.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));
    manager.is_in("planned", Phase::Starting).await;
}

#[tokio::test]
async fn limits_are_checked_over_what_is_to_come() {
    let clock = Hands::at("09:00");
    let builder = || StreamManager::builder().clock(clock.clone()).max_streams(2).max_streams_per_user(1);
    let manager = builder().build().await.unwrap();
    manager.schedule(planned("a", "10:00", "10:30").user("alice")).await.unwrap();
    let refusal = manager.schedule(planned("b", "10:15", "11:00").user("alice")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::LimitReached);
    assert!(refusal.detail.contains("2026-06-01 10:15:00") && refusal.detail.contains("alice"), "{refusal}");
    manager.schedule(planned("b", "10:30", "11:00").user("alice")).await.unwrap();
    manager.schedule(planned("c", "10:00", "11:00").user("bob")).await.unwrap();
    let refusal = manager.schedule(planned("d", "10:40", "11:30").user("carl")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::LimitReached);
    assert!(refusal.detail.contains("more than 2 streams"), "{refusal}");
    // What runs counts as well, for nobody knows when it ends.
    manager.start(spec("runs")).await.unwrap();
    assert_eq!(
        manager.schedule(planned("d", "10:10", "10:20")).await.unwrap_err().kind,
        ErrorKind::LimitReached
    );
    manager.schedule(planned("d", "11:00", "11:30").user("carl")).await.unwrap();

    let queue = builder().admission(Admission::Queue { max_waiting: 5 }).build().await.unwrap();
    for id in ["a", "b", "c"] {
        queue.schedule(planned(id, "10:00", "11:00").user("alice")).await.unwrap();
    }
}
