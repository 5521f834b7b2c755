//! What a user may see and do, and what not.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::timeout;

use super::tests::{BOUND, ends, narrow, reach, runs, spec};
use crate::{
    ErrorKind, Phase, Platform, PlaylistKind, Reason, Result, Schedule, StreamManager, StreamSpec, UserScope,
    Verdict,
};

/// Every call of a user that names a stream which is there already.
const CALLS: [&str; 17] = [
    "reschedule",
    "extend",
    "clear_end",
    "cancel",
    "replace",
    "stop",
    "stream",
    "status",
    "logs",
    "wait_for",
    "playlist",
    "as_run",
    "edit",
    "add_destination",
    "remove_destination",
    "enable_destination",
    "rotate_destination",
];

/// Every call of a user that names none.
const OTHERS: [&str; 12] = [
    "user",
    "start",
    "schedule",
    "upcoming",
    "explain",
    "analyze",
    "analyze_for",
    "encoders",
    "list",
    "history",
    "subscribe",
    "clear_all",
];

/// Every call of a host that a user has not, and why.
const HOSTS_ALONE: [(&str, &str); 13] = [
    ("builder", "makes a manager"),
    ("as_user", "chooses the user"),
    ("subscribe_to", "its filter may name another user"),
    ("prepare", "no limit of a user's counts what it takes"),
    ("renditions", "shared by all users"),
    ("clear_renditions", "shared by all users"),
    ("shutdown", "ends everybody's streams"),
    ("capacity", "how much fits is the machine's owner's to know"),
    ("usage", "of the whole process"),
    ("doctor", "of the machine"),
    ("audit", "of all streams"),
    ("open_metrics", "of all streams"),
    ("leak_place", "for tests"),
];

async fn call(scope: &UserScope, call: &str, id: &str) -> Result<()> {
    match call {
        "replace" => scope.replace(spec(id)).await.map(|_| ()),
        "stop" => scope.stop(id),
        "stream" => scope.stream(id).map(|_| ()),
        "logs" => scope.logs(id).map(|_| ()),
        "status" => scope.status(id).map(|_| ()),
        "wait_for" => scope.wait_for(id, Phase::Ended).await,
        "playlist" => scope.playlist(id, PlaylistKind::Main).map(|_| ()),
        "as_run" => scope.as_run(id, PlaylistKind::Main).map(|_| ()),
        "add_destination" => {
            let destination = crate::Destination::new("rtmp://127.0.0.1/live", "another").unwrap();
            scope.add_destination(id, destination).map(|_| ())
        }
        "remove_destination" => scope.remove_destination(id, 0),
        "enable_destination" => scope.enable_destination(id, 0, false),
        "rotate_destination" => scope.rotate_destination(id, 0),
        "reschedule" => scope.reschedule(id, Schedule::new()).await.map(|_| ()),
        "extend" => scope.extend(id, Duration::from_secs(1)).await.map(|_| ()),
        "clear_end" => scope.clear_end(id).await.map(|_| ()),
        "cancel" => scope.cancel(id).await,
        "edit" => scope.edit(id, PlaylistKind::Main, None, []).await.map(|_| ()),
        _ => panic!("{call} is not tested"),
    }
}

/// The names of the public calls in the blocks that begin with `of` in these sources.
fn calls(of: &str, sources: &[&'static str]) -> BTreeSet<&'static str> {
    let blocks = sources.iter().flat_map(|source| source.split(of).skip(1));
    let lines = blocks.flat_map(|block| block.split("\n}").next().unwrap_or_default().lines());
    lines
        .filter_map(|line| line.trim().strip_prefix("pub ")?.trim_start_matches("async ").strip_prefix("fn "))
        .filter_map(|line| line.split(['(', '<']).next())
        .collect()
}

#[test]
fn every_call_of_a_user_is_tested() {
    let tested: BTreeSet<_> = CALLS.into_iter().chain(OTHERS).collect();
    assert_eq!(calls("\nimpl UserScope", &[include_str!("user.rs")]), tested);
}

#[test]
fn every_call_of_a_host_is_a_users_too_or_there_is_a_reason() {
    let sources = [
        include_str!("audit.rs"),
        include_str!("clear.rs"),
        include_str!("doctor.rs"),
        include_str!("legs.rs"),
        include_str!("lists.rs"),
        include_str!("metrics.rs"),
        include_str!("monitor.rs"),
        include_str!("outlook.rs"),
        include_str!("prepare.rs"),
        include_str!("timetable/verbs.rs"),
        include_str!("verbs.rs"),
        include_str!("views.rs"),
    ];
    let hosts = calls("\nimpl StreamManager", &sources);
    let named: BTreeSet<_> =
        CALLS.into_iter().chain(OTHERS).chain(HOSTS_ALONE.map(|(call, _)| call)).collect();
    let unnamed: Vec<_> = hosts.difference(&named).collect();
    assert!(unnamed.is_empty(), "add to `UserScope`, or say why not: {unnamed:?}");
    let gone: Vec<_> = HOSTS_ALONE.iter().filter(|(call, _)| !hosts.contains(call)).collect();
    assert!(gone.is_empty(), "no manager has these: {gone:?}");
}

#[tokio::test]
async fn the_wrong_user_finds_nothing_on_every_call_and_changes_nothing() {
    let manager = narrow(2, 4).await;
    let bobs = manager.start(spec("bobs").user("bob")).await.unwrap();
    let nobodys = manager.start(spec("nobodys")).await.unwrap();
    let queued = manager.start(spec("queued").user("bob")).await.unwrap();
    let ended = manager.start(spec("ended").user("bob")).await.unwrap();
    ended.stop();
    ends(&ended, Reason::Stopped).await;
    for stream in [&bobs, &nobodys] {
        runs(stream).await;
    }
    let alice = manager.as_user("alice");
    let empty = StreamManager::builder().build().await.unwrap().as_user("alice");
    let mut events = alice.subscribe(64);
    let before: Vec<_> =
        manager.list().iter().map(|status| (status.id.clone(), status.started_unix_ms)).collect();
    for id in ["bobs", "nobodys", "queued", "ended"] {
        for name in CALLS {
            let error = call(&alice, name, id).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotFound, "{name}");
            assert_eq!(error, call(&empty, name, id).await.unwrap_err(), "{name} of {id} tells something");
        }
        // The same spec but for the user: even that does not show.
        let error = alice.start(spec(id).user("bob")).await.unwrap_err();
        assert_eq!(
            (error.kind, error.detail.as_str()),
            (ErrorKind::AlreadyExists, "this id is taken; choose another")
        );
        assert_eq!(alice.explain(&spec(id)).await.unwrap().verdict, Verdict::IdTaken);
    }
    assert!(alice.list().is_empty() && alice.history().is_empty());
    assert_eq!(alice.clear_all(), 0);
    let after: Vec<_> =
        manager.list().iter().map(|status| (status.id.clone(), status.started_unix_ms)).collect();
    assert_eq!(before, after);
    bobs.stop();
    ends(&bobs, Reason::Stopped).await;
    assert!(events.try_next().is_none());
    for stream in [&nobodys, &queued] {
        assert!(!stream.0.is_stopping(), "{:?}", stream.status());
    }
}

#[tokio::test]
async fn a_user_does_with_their_own_what_the_host_does_with_all() {
    let manager = StreamManager::builder().build().await.unwrap();
    let alice = manager.as_user("alice");
    assert!(alice.explain(&spec("tv")).await.unwrap().would_start());
    let StreamSpec { source, destinations, .. } = spec("tv");
    let (hers, hosts) =
        (alice.analyze(&source, &destinations[0]).await, manager.analyze(&source, &destinations[0]).await);
    assert_eq!(hers.unwrap(), hosts.unwrap());
    let hers = alice.analyze_for(&source, &Platform::Twitch).await.unwrap();
    assert_eq!(hers.platform, Some(Platform::Twitch));
    assert_eq!(alice.encoders().await.unwrap(), manager.encoders().await.unwrap());
    // Whoever the spec names, it is hers.
    let mut events = alice.subscribe(64);
    let stream = alice.start(spec("tv").user("bob")).await.unwrap();
    assert_eq!((alice.user(), manager.status("tv").unwrap().user.as_deref()), ("alice", Some("alice")));
    let replaced = alice.replace(spec("tv").user("bob").priority(1)).await.unwrap();
    ends(&stream, Reason::Stopped).await;
    assert_eq!(alice.list()[0].user.as_deref(), Some("alice"));
    reach(&replaced, Phase::Starting).await;
    assert_eq!(alice.stream("tv").unwrap().id(), replaced.id());
    alice.stop("tv").unwrap();
    timeout(BOUND, alice.wait_for("tv", Phase::Ended)).await.expect("it ends").unwrap();
    assert_eq!(alice.status("tv").unwrap().reason, Some(Reason::Stopped));
    assert!(!alice.logs("tv").unwrap().is_empty());
    assert_eq!(alice.history().iter().filter(|record| record.id == *replaced.id()).count(), 2);
    assert!(events.try_next().is_some());
}

#[tokio::test]
async fn a_user_clears_their_own_streams_and_no_others() {
    let manager = StreamManager::builder().build().await.unwrap();
    let alice = manager.as_user("alice");
    let hers = alice.start(spec("hers")).await.unwrap();
    let over = alice.start(spec("over")).await.unwrap();
    let bobs = manager.start(spec("bobs").user("bob")).await.unwrap();
    let ended = manager.start(spec("ended").user("bob")).await.unwrap();
    let nobodys = manager.start(spec("nobodys")).await.unwrap();
    for stream in [&over, &ended] {
        stream.stop();
        ends(stream, Reason::Stopped).await;
    }
    assert_eq!(alice.clear_all(), 1);
    ends(&hers, Reason::Stopped).await;
    assert_eq!((alice.clear_all(), alice.list().len()), (0, 0));
    assert!(over.logs().is_empty() && !ended.logs().is_empty());
    assert_eq!(manager.status("ended").unwrap().phase, Phase::Ended);
    for stream in [&bobs, &nobodys] {
        runs(stream).await;
        assert!(!stream.0.is_stopping());
    }
    assert_eq!(manager.clear_all(), 2);
}
