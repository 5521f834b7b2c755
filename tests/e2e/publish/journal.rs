//! Logs, history, traces, and the ways to wait for events, with a real server at the other end.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use streambro_core::{
    ErrorKind, EventFilter, EventKind, LogLevel, Phase, Reason, Repeat, Resolver, StreamManager, Subscription,
};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::nginx::Nginx;
use streambro_tests::process;

use super::desk::{BOUND, Book, ends, live, manager, spec, until};
use super::logs::Logs;

#[tokio::test]
async fn a_log_and_the_history_tell_a_stream_s_life() {
    let nginx = Nginx::start().await;
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let wanted = spec("tv", &clip, Repeat::Times(2), &nginx.rtmp_url("live"), "tv").user("alice");
    let stream = manager.start(wanted).await.unwrap();
    assert!(manager.history().is_empty(), "it still runs");
    live(&stream).await;
    let status = ends(&stream, Reason::Finished).await;
    let lines = manager.logs("tv").unwrap();
    let words: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
    let wanted = [
        "destination 0: connecting",
        "starting",
        "destination 0: publishing",
        "destination 0: live",
        "live",
        "destination 0: ended (finished): the source has played to its end",
        "ended (finished): the source has played to its end",
    ];
    assert_eq!(words, wanted);
    assert!(lines.iter().all(|line| line.level == LogLevel::Info), "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[0].unix_ms <= pair[1].unix_ms));
    assert!(manager.logs("nobody").unwrap_err().kind == ErrorKind::NotFound);
    let history = manager.history();
    let run = &history[0];
    assert_eq!(history.len(), 1);
    assert_eq!((run.id.as_str(), run.user.as_deref(), run.reason), ("tv", Some("alice"), Reason::Finished));
    assert_eq!((run.bytes, run.laps, run.reconnects), (status.bytes, status.laps, 0));
    assert!(run.bytes > 10_000 && run.media_ms > 3_000, "{run:?}");
    assert_eq!(run.started_unix_ms, status.started_unix_ms);
    assert!(run.ended_unix_ms - run.started_unix_ms > 3_000, "{run:?}");
}

#[tokio::test]
async fn a_log_has_the_words_of_a_server_that_refuses_and_when_it_is_asked_again() {
    let server = Hostile::start(Attack::AlreadyPublishing, Stage::Published).await;
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let wanted = spec("tv", &clip, Repeat::Forever, &server.url(), "tv");
    let stream = manager.start(wanted).await.unwrap();
    until("three attempts have failed", BOUND, || stream.status().legs[0].attempts > 3).await;
    let lines = stream.logs();
    let refusals: Vec<_> = lines.iter().filter(|line| line.message.contains("waiting, next")).collect();
    assert!(refusals.len() >= 3, "{lines:?}");
    for line in refusals {
        assert_eq!(line.level, LogLevel::Warn);
        let message = line.message.to_ascii_lowercase();
        assert!(message.contains(" ms (already_publishing): "), "{message}");
        assert!(message.contains("netstream.publish.badname: "), "{message}");
    }
}

#[derive(Debug)]
struct Liar;

impl Resolver for Liar {
    fn resolve<'a, 'b, 'c>(
        &'a self,
        _: &'b str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
    {
        let words = "gone\n1970-01-01 all is well\x1b[2J\u{202e}";
        Box::pin(async move { Err(io::Error::other(words)) })
    }
}

#[tokio::test]
async fn foreign_words_neither_begin_a_line_of_a_log_nor_move_a_cursor() {
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = StreamManager::builder().resolver(Liar).build().await.unwrap();
    let book = Book::of(&manager);
    let wanted = spec("tv", &clip, Repeat::Forever, "rtmp://somewhere.example/live", "tv");
    let stream = manager.start(wanted).await.unwrap();
    assert_eq!(book.failure("tv").await.0, Reason::Unresolved);
    let lines = stream.logs();
    let told = lines.iter().find(|line| line.message.contains("gone")).expect("it has the words");
    assert!(told.message.contains(r"gone\n1970-01-01 all is well\u{1b}[2J\u{202e}"), "{told:?}");
    assert!(lines.iter().all(|line| !line.message.contains(char::is_control)), "{lines:?}");
    manager.shutdown(BOUND).await;
    assert!(manager.history().iter().all(|run| !run.detail.contains(char::is_control)));
}

#[tokio::test]
async fn who_traces_sees_a_span_for_each_stream_and_attempt_and_every_line_of_the_log() {
    let logs = Logs::default();
    // One thread runs everything that is traced.
    let _guard = tracing::subscriber::set_default(logs.clone());
    let server = Hostile::start(Attack::BadName, Stage::Published).await;
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let wanted = spec("tv", &clip, Repeat::Forever, &server.url(), "secret");
    let stream = manager.start(wanted).await.unwrap();
    book.failure("tv").await;
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let traced: Vec<_> = logs.lines().into_iter().filter(|line| line.contains(" streambro_core::")).collect();
    let spans: Vec<_> = traced.iter().filter(|line| !line.contains(" message=")).collect();
    assert_eq!(spans.len(), 2, "{traced:?}");
    assert!(spans[0].starts_with("INFO") && spans[0].ends_with(" stream id=tv"), "{spans:?}");
    assert!(spans[1].starts_with("INFO") && spans[1].ends_with(" attempt leg=0 n=1"), "{spans:?}");
    for line in stream.logs() {
        let level = line.level.name().to_ascii_uppercase();
        let found = traced.iter().any(|one| one.starts_with(&level) && one.contains(&line.message));
        assert!(found, "{line:?} in {traced:#?}");
    }
    assert!(stream.logs().iter().any(|line| line.level == LogLevel::Error), "a wrong key is for a human");
}

/// Reads all events in a thread that waits for nothing but the descriptor.
fn polled(mut events: Subscription) -> Vec<u64> {
    let mut seen = vec![];
    loop {
        let fd = events.fd().expect("a descriptor is left");
        let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
        let bound = Timespec { tv_sec: BOUND.as_secs() as i64, tv_nsec: 0 };
        assert_eq!(poll(&mut fds, Some(&bound)).expect("poll works"), 1, "after {seen:?}");
        match events.next_blocking(Some(Duration::ZERO)) {
            Ok(Some(event)) => seen.push(event.seq),
            Ok(None) => return seen,
            Err(error) => panic!("the descriptor said that there was something: {error}"),
        }
    }
}

/// Reads all events in a thread that sleeps in between.
fn blocked(mut events: Subscription) -> Vec<u64> {
    std::iter::from_fn(|| events.next_blocking(Some(BOUND)).expect("something happens"))
        .map(|e| e.seq)
        .collect()
}

#[tokio::test]
async fn a_task_a_thread_and_an_event_loop_read_the_same() {
    let nginx = Nginx::start().await;
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let [by_poll, by_thread] = [polled, blocked].map(|read| {
        let events = manager.subscribe(4_096);
        std::thread::spawn(move || read(events))
    });
    for n in 0..4 {
        let id = format!("tv{n}");
        let stream =
            manager.start(spec(&id, &clip, Repeat::Forever, &nginx.rtmp_url("live"), &id)).await.unwrap();
        live(&stream).await;
    }
    manager.shutdown(BOUND).await;
    until("the book is complete", BOUND, || book.closed()).await;
    let seen: Vec<_> = book.events().iter().map(|event| event.seq).collect();
    assert!(seen.len() > 4 * 6);
    assert_eq!(by_poll.join().unwrap(), seen);
    assert_eq!(by_thread.join().unwrap(), seen);
}

#[tokio::test]
async fn a_reader_of_one_user_s_events_is_told_of_no_other() {
    let server = Hostile::start(Attack::BadName, Stage::Published).await;
    let clip = Clip::new().seconds(2.0).make().await;
    let manager = manager().await;
    let mut of_alice = manager.subscribe_to(EventFilter::all().user("alice"), 1_024);
    for (id, user) in [("a", "alice"), ("b", "bob"), ("c", "carol")] {
        let wanted = spec(id, &clip, Repeat::Forever, &server.url(), id).user(user);
        manager.start(wanted).await.unwrap();
    }
    manager.start(spec("d", &clip, Repeat::Forever, &server.url(), "d")).await.unwrap();
    manager.shutdown(BOUND).await;
    let mut last = None;
    while let Some(event) = of_alice.next().await {
        let stream = event.stream.as_ref().map(|id| id.as_str());
        assert_eq!((stream, event.user.as_deref()), (Some("a"), Some("alice")), "{event:?}");
        assert!(last < Some(event.seq));
        last = Some(event.seq);
        if let EventKind::Phase { to: Phase::Ended, .. } = event.kind {
            return;
        }
    }
    panic!("it was not told of the end");
}

#[tokio::test]
async fn where_no_descriptor_is_left_the_error_says_so_and_the_events_go_on() {
    if !process::alone(concat!(
        module_path!(),
        "::where_no_descriptor_is_left_the_error_says_so_and_the_events_go_on"
    )) {
        return;
    }
    let manager = manager().await;
    let mut events = manager.subscribe(4);
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
    let error = events.fd().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Host, "{error}");
    setrlimit(Resource::Nofile, before).unwrap();
    assert!(events.fd().is_ok(), "it is asked anew");
    manager.shutdown(Duration::ZERO).await;
    assert!(events.next().await.is_none());
}
