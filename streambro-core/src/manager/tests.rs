//! Places, queues, users and dry runs, with the bundled clip and a port where nobody listens.

use std::{
    future::poll_fn,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    Admission, Cost, Destination, ErrorKind, EventKind, Limit, Phase, Plan, Reason, Repeat, Share, Source,
    Stream, StreamManager, StreamSpec, Verdict,
};

pub(super) const BOUND: Duration = Duration::from_secs(30);

fn clip() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4"))
}

/// A stream that plays for ever to a port that refuses it.
pub(super) fn spec(id: &str) -> StreamSpec {
    of_file(id, clip())
}

fn of_file(id: &str, path: &Path) -> StreamSpec {
    StreamSpec::new(id, Source::file(path).repeat(Repeat::Forever))
        .destination(Destination::new("rtmp://127.0.0.1:1/live", id).unwrap())
}

pub(super) async fn narrow(places: usize, max_waiting: usize) -> StreamManager {
    let admission = Admission::Queue { max_waiting };
    StreamManager::builder().max_streams(places).admission(admission).build().await.unwrap()
}

pub(super) async fn reach(stream: &Stream, phase: Phase) {
    let reached = timeout(BOUND, stream.wait_for(phase)).await;
    reached.unwrap_or_else(|_| panic!("not {phase:?}: {:?}", stream.status())).unwrap();
}

pub(super) async fn ends(stream: &Stream, reason: Reason) {
    let ended = timeout(BOUND, stream.ended()).await.expect("it ends");
    assert_eq!(ended.reason, Some(reason), "{ended:?}");
}

/// Waits until a stream has its place.
pub(super) async fn runs(stream: &Stream) {
    let mut phases = stream.0.phase();
    let runs = |phase: &Phase| !matches!(phase, Phase::Preparing | Phase::Queued);
    timeout(BOUND, phases.wait_for(runs)).await.expect("it gets a place").unwrap();
    assert_ne!(stream.status().phase, Phase::Ended, "{:?}", stream.status());
}

/// What of a manager is taken: nothing, after all that began has ended.
pub(super) fn assert_empty(manager: &StreamManager) {
    let uses = manager.0.ledger.uses([crate::limits::Demand::default()].iter());
    assert!(uses[0].iter().all(|line| line.used == 0), "{uses:?}");
}

#[tokio::test]
async fn a_start_that_has_not_begun_to_encode_takes_little_room() {
    // A thousand may wait at once. With the road of ffmpeg inside, it was 3.8 KB, and streams cost 2 KB more each.
    let manager = StreamManager::builder().build().await.unwrap();
    assert!(size_of_val(&manager.start(spec("one"))) < 2_048);
    assert!(size_of_val(&manager.replace(spec("one"))) < 2_048);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn six_hundred_starts_at_once_never_pass_a_limit_by_one() {
    let manager = StreamManager::builder().build().await.unwrap();
    let starts: Vec<_> = (0..600)
        .map(|n| {
            let manager = manager.clone();
            // Three users have five places each; the rest takes what is left of twenty.
            let spec = spec(&format!("s{n}"));
            let spec = if n % 4 == 3 { spec } else { spec.user(["a", "b", "c"][n % 4]) };
            tokio::spawn(async move { manager.start(spec).await })
        })
        .collect();
    let mut started = vec![];
    for start in starts {
        match start.await.unwrap() {
            Ok(stream) => started.push(stream),
            Err(error) => assert_eq!(error.kind, ErrorKind::LimitReached, "{error}"),
        }
    }
    assert_eq!((started.len(), manager.list().len()), (20, 20));
    for user in ["a", "b", "c"] {
        assert!(manager.as_user(user).list().len() <= 5);
    }
    manager.shutdown(BOUND).await;
    assert_empty(&manager);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn six_hundred_that_may_wait_all_get_their_turn_and_never_more_than_may_run() {
    let manager = narrow(7, 600).await;
    let running = Arc::new(AtomicUsize::new(0));
    let starts: Vec<_> = (0..600)
        .map(|n| {
            let (manager, running) = (manager.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                let stream = manager.start(spec(&format!("s{n}"))).await.unwrap();
                runs(&stream).await;
                assert!(running.fetch_add(1, Ordering::SeqCst) < 7);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                stream.stop();
                ends(&stream, Reason::Stopped).await;
            })
        })
        .collect();
    for start in starts {
        start.await.unwrap();
    }
    assert_empty(&manager);
}

#[tokio::test]
async fn a_queued_stream_says_why_and_goes_on_when_its_turn_comes() {
    let manager = narrow(1, 2).await;
    let mut events = manager.subscribe(64);
    let first = manager.start(spec("first")).await.unwrap();
    let second = manager.start(spec("second")).await.unwrap();
    let urgent = manager.start(spec("urgent").priority(1)).await.unwrap();
    let status = second.status();
    assert_eq!((status.phase, status.reason), (Phase::Queued, Some(Reason::LimitReached)));
    assert!(status.detail.contains("1 of 1 places"), "{status:?}");
    assert_eq!((status.queue_position, urgent.status().queue_position), (Some(2), Some(1)));
    let error = manager.start(spec("third")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitReached);
    assert!(error.detail.contains("2 streams wait already"), "{error}");
    // The same again is the same stream, and takes no second turn.
    assert_eq!(manager.start(spec("second")).await.unwrap().status().phase, Phase::Queued);

    first.stop();
    runs(&urgent).await;
    assert_eq!(second.status().phase, Phase::Queued);
    urgent.stop();
    runs(&second).await;
    assert_eq!(second.status().queue_position, None);
    let mut seen = vec![];
    while let Some(event) = events.try_next() {
        if let EventKind::Phase { from, to, .. } = event.kind
            && event.stream.is_some_and(|id| id.as_str() == "second")
        {
            seen.push((from, to));
        }
    }
    let expected = [
        (Phase::Preparing, Phase::Queued),
        (Phase::Queued, Phase::Preparing),
        (Phase::Preparing, Phase::Starting),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_queued_stream_that_is_stopped_leaves_its_turn_to_the_next() {
    let manager = narrow(1, 1).await;
    let first = manager.start(spec("first")).await.unwrap();
    for _ in 0..3 {
        let waiting = manager.start(spec("waiting")).await.unwrap();
        assert_eq!(waiting.status().phase, Phase::Queued);
        manager.stop("waiting").unwrap();
        ends(&waiting, Reason::Stopped).await;
    }
    let next = manager.start(spec("next")).await.unwrap();
    first.stop();
    runs(&next).await;
}

#[tokio::test]
async fn shutdown_ends_what_waits_as_well_as_what_runs() {
    let manager = narrow(1, 5).await;
    let mut streams = vec![];
    for id in ["a", "b", "c"] {
        streams.push(manager.start(spec(id)).await.unwrap());
    }
    manager.shutdown(BOUND).await;
    for stream in &streams {
        ends(stream, Reason::ShutDown).await;
    }
    assert_empty(&manager);
}

#[tokio::test]
async fn dropping_the_manager_ends_what_waits() {
    let manager = narrow(1, 5).await;
    let _first = manager.start(spec("first")).await.unwrap();
    let waiting = manager.start(spec("waiting")).await.unwrap();
    drop(manager);
    ends(&waiting, Reason::ShutDown).await;
}

#[tokio::test]
async fn replacing_a_queued_stream_keeps_its_turn() {
    let manager = narrow(1, 2).await;
    let first = manager.start(spec("first")).await.unwrap();
    let waiting = manager.start(spec("waiting")).await.unwrap();
    let behind = manager.start(spec("behind")).await.unwrap();
    let replaced = manager.replace(spec("waiting").user("alice")).await.unwrap();
    ends(&waiting, Reason::Stopped).await;
    let status = replaced.status();
    assert_eq!((status.phase, status.queue_position), (Phase::Queued, Some(1)), "{status:?}");
    first.stop();
    runs(&replaced).await;
    assert_eq!(behind.status().phase, Phase::Queued);
}

#[tokio::test]
async fn a_replacement_that_takes_too_much_leaves_the_old_stream_alone() {
    let one = Cost::copy(1_000_000, false).bits_per_second;
    let builder = StreamManager::builder().max_streams(1).max_streams_per_host(1).max_bandwidth(one * 100);
    let manager = builder.build().await.unwrap();
    let stream = manager.start(spec("tv")).await.unwrap();
    runs(&stream).await;
    let two = spec("tv").destination(Destination::new("rtmp://127.0.0.1:1/live", "other").unwrap());
    let error = manager.replace(two).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::LimitReached, "127.0.0.1"));
    assert_ne!(stream.status().phase, Phase::Ended);
    // The one place goes along, also to another user.
    let other = manager.replace(spec("tv").user("alice")).await.unwrap();
    ends(&stream, Reason::Stopped).await;
    other.stop();
    ends(&other, Reason::Stopped).await;
    assert_empty(&manager);
}

/// Polls a future once.
pub(super) async fn begin<T>(future: &mut (impl Future<Output = T> + Unpin)) {
    let begun = poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending()));
    assert!(begun.await, "surveys are held up");
}

#[tokio::test]
async fn opening_a_source_takes_no_place() {
    let manager = StreamManager::builder().max_streams(1).build().await.unwrap();
    let held_up = manager.0.sources.shelf.hold_up().await;
    let mut opening = Box::pin(manager.start(spec("opening")));
    begin(&mut opening).await;
    assert_eq!(manager.status("opening").unwrap().phase, Phase::Preparing);
    assert_empty(&manager);
    drop(held_up);
    let first = manager.start(spec("first")).await.unwrap();
    assert_eq!(opening.await.unwrap_err().kind, ErrorKind::LimitReached);
    assert_eq!(manager.status("opening").unwrap_err().kind, ErrorKind::NotFound);
    runs(&first).await;
}

#[tokio::test]
async fn a_start_that_is_stopped_does_not_wait_for_its_source() {
    let manager = StreamManager::builder().build().await.unwrap();
    let _held_up = manager.0.sources.shelf.hold_up().await;
    let mut stopped = Box::pin(manager.start(spec("stopped")));
    begin(&mut stopped).await;
    manager.stop("stopped").unwrap();
    ends(&stopped.await.unwrap(), Reason::Stopped).await;
    let mut closed = Box::pin(manager.start(spec("closed")));
    begin(&mut closed).await;
    let (closed, ()) = tokio::join!(closed, manager.shutdown(BOUND));
    assert_eq!(closed.unwrap_err().kind, ErrorKind::Closed);
}

#[tokio::test]
async fn a_place_comes_back_whatever_ends_the_stream() {
    let manager = narrow(1, 1).await;
    let missing = manager.start(of_file("missing", Path::new("/no/such/film.mp4"))).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::SourceUnreadable);
    assert_empty(&manager);

    let held_up = manager.0.sources.shelf.hold_up().await;
    let mut cancelled = Box::pin(manager.start(spec("cancelled")));
    begin(&mut cancelled).await;
    drop(cancelled);
    assert_empty(&manager);

    let mut stopped = Box::pin(manager.start(spec("stopped")));
    begin(&mut stopped).await;
    manager.stop("stopped").unwrap();
    drop(held_up);
    ends(&stopped.await.unwrap(), Reason::Stopped).await;
    assert_empty(&manager);

    let running = manager.start(spec("running")).await.unwrap();
    let waiting = manager.start(spec("waiting")).await.unwrap();
    waiting.stop();
    running.stop();
    ends(&waiting, Reason::Stopped).await;
    ends(&running, Reason::Stopped).await;
    assert_empty(&manager);

    let replaced = manager.start(spec("replaced")).await.unwrap();
    let mut replace = Box::pin(manager.replace(spec("replaced").user("alice")));
    while poll_fn(|context| Poll::Ready(replace.as_mut().poll(context).is_pending())).await {
        if replaced.0.is_stopping() {
            // Dropped while the old one says goodbye.
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(replace);
    ends(&replaced, Reason::Stopped).await;
    assert_empty(&manager);
}

#[test]
fn a_run_that_has_ended_holds_no_place() {
    let ledger = crate::limits::Ledger::new(crate::limits::Limits::default(), Admission::Reject);
    let id = crate::StreamId::parse("late").unwrap();
    let books = Arc::new(crate::journal::Books::new(crate::journal::Keep::default()));
    let run = crate::supervisor::Run::new(id, spec("late"), &books, &Arc::default());
    run.end(Reason::ShutDown, "", &crate::event::Bus::default());
    // As when a shutdown ends it while its start is being admitted.
    run.hold(ledger.admit(crate::limits::Demand::default(), 0).unwrap());
    assert!(run.permit().is_none());
    assert_eq!(ledger.uses([crate::limits::Demand::default()].iter())[0][0].used, 0);
}

#[test]
fn a_runtime_that_is_gone_gives_back_places_and_turns() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (manager, streams) = runtime.block_on(async {
        let manager = narrow(1, 1).await;
        let streams = [manager.start(spec("a")).await.unwrap(), manager.start(spec("b")).await.unwrap()];
        (manager, streams)
    });
    runtime.shutdown_timeout(BOUND);
    assert!(streams.iter().all(|stream| stream.status().phase == Phase::Ended));
    assert_empty(&manager);
    // From another runtime: it cannot run there, and says so instead of keeping the place.
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let late = other.block_on(manager.start(spec("late"))).unwrap();
    assert_eq!((late.status().phase, late.status().reason), (Phase::Ended, Some(Reason::ShutDown)));
    assert_empty(&manager);
}

#[tokio::test]
async fn explain_names_the_limit_and_by_how_much_and_takes_nothing() {
    let builder =
        StreamManager::builder().max_streams(2).max_streams_per_user(1).max_bandwidth(1_000_000_000);
    let manager = builder.build().await.unwrap();
    let said = manager.explain(&spec("a").user("alice")).await.unwrap();
    assert!(said.would_start() && said.plan == Some(Plan::Copy) && said.findings.is_empty(), "{said:#?}");
    let cost = said.cost.unwrap();
    let bandwidth = said.limits.iter().find(|line| line.limit == Limit::Bandwidth).unwrap();
    assert_eq!((bandwidth.used, bandwidth.asked), (0, cost.bits_per_second));
    assert_empty(&manager);
    assert!(manager.list().is_empty());

    let running = manager.start(spec("a").user("alice")).await.unwrap();
    let said = manager.explain(&spec("b").user("alice")).await.unwrap();
    let Verdict::Refuse { limit, of, over, detail } = &said.verdict else { panic!("{said:#?}") };
    assert_eq!((*limit, of.as_deref(), *over), (Limit::StreamsPerUser, Some("alice"), 1));
    // And start does what was said, in the same words.
    let error = manager.start(spec("b").user("alice")).await.unwrap_err();
    assert_eq!((&error.subject, &error.detail), (&"alice".to_owned(), detail));
    let said = manager.explain(&spec("a").user("alice")).await.unwrap();
    assert_eq!(said.verdict, Verdict::IdTaken);
    running.stop();
    ends(&running, Reason::Stopped).await;
    assert!(manager.explain(&spec("a").user("alice")).await.unwrap().would_start());
}

#[tokio::test]
async fn explain_says_where_in_the_queue_a_stream_would_be() {
    let manager = narrow(1, 5).await;
    let _first = manager.start(spec("first")).await.unwrap();
    let _second = manager.start(spec("second")).await.unwrap();
    let position = async |spec: StreamSpec| match manager.explain(&spec).await.unwrap().verdict {
        Verdict::Queue { position, limit: Some(Limit::Streams), over: 1, .. } => position,
        verdict => panic!("{verdict:?}"),
    };
    assert_eq!((position(spec("x")).await, position(spec("x").priority(1)).await), (2, 1));
}

#[tokio::test]
async fn explain_tells_what_is_in_the_way_of_a_file_and_fails_for_one_that_cannot_be_read() {
    let manager = StreamManager::builder().build().await.unwrap();
    let no_film = of_file("x", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    assert_eq!(manager.explain(&no_film).await.unwrap_err().kind, ErrorKind::SourceUnsupported);
    let missing = of_file("x", Path::new("/no/such/film.mp4"));
    assert_eq!(manager.explain(&missing).await.unwrap_err().kind, ErrorKind::SourceUnreadable);
    let nowhere = StreamSpec::new("x", Source::file(clip()));
    assert_eq!(manager.explain(&nowhere).await.unwrap_err().kind, ErrorKind::InvalidSpec);
    manager.shutdown(BOUND).await;
    assert_eq!(manager.explain(&spec("x")).await.unwrap_err().kind, ErrorKind::Closed);
}

#[tokio::test]
async fn an_explanation_is_json_without_the_key() {
    let manager = StreamManager::builder().build().await.unwrap();
    let secret = StreamSpec::new("x", Source::file(clip()))
        .destination(Destination::new("rtmp://127.0.0.1:1/live", "canary-key").unwrap());
    let said = manager.explain(&secret).await.unwrap();
    let json = serde_json::to_string(&said).unwrap();
    assert!(json.contains(r#""plan":"copy""#) && json.contains(r#""verdict":{"type":"start"}"#), "{json}");
    assert!(!json.contains("canary") && !format!("{said:?}").contains("canary"));
}

#[tokio::test]
async fn capacity_counts_the_managers_limits_and_what_they_have_left() {
    let manager = StreamManager::builder().build().await.unwrap();
    let said = manager.explain(&spec("a").user("alice")).await.unwrap();
    let alices = || {
        let room = manager.capacity(&[said.share().unwrap()]).unwrap();
        let line = room.limits.into_iter().find(|line| line.limit == Limit::StreamsPerUser).unwrap();
        (line.of, line.free, line.streams)
    };
    assert_eq!(alices(), (Some("alice".to_owned()), 5, 5));
    let _running = manager.start(spec("a").user("alice")).await.unwrap();
    assert_eq!(alices(), (Some("alice".to_owned()), 4, 4));
    // Whatever else this machine does.
    let free = Share::new(Cost::default());
    assert_eq!(manager.capacity(&[free]).unwrap().binding, Some(Limit::Streams));
    for nothing in [vec![], vec![Share::new(Cost::default()).weight(0)]] {
        assert_eq!(manager.capacity(&nothing).unwrap_err().kind, ErrorKind::InvalidSpec);
    }
}

#[tokio::test]
async fn capacity_leaves_the_reserve_alone() {
    let huge = StreamManager::builder().unlimited().memory_reserve(u64::MAX).build().await.unwrap();
    let room = huge.capacity(&[Share::new(Cost::copy(4_200_000, true))]).unwrap();
    assert_eq!((room.streams, room.binding), (0, Some(Limit::HostMemory)));
}

#[tokio::test]
async fn a_process_that_is_too_large_starts_nothing_more() {
    let manager = StreamManager::builder().max_process_memory(1_000_000).build().await.unwrap();
    let error = manager.start(spec("x")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitReached);
    assert!(error.detail.contains("process's memory"), "{error}");
    let verdict = manager.explain(&spec("x")).await.unwrap().verdict;
    assert!(matches!(verdict, Verdict::Refuse { limit: Limit::ProcessMemory, .. }), "{verdict:?}");
}
