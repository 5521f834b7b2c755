//! start, stop, replace, shutdown and limits, with a real server at the other end.

use std::path::Path;
use std::time::{Duration, Instant};

use streambro_core::{ErrorKind, LegPhase, Phase, Reason, Repeat, Source, StreamManager, StreamSpec};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, ends, live, manager, spec, to, until};
use super::film::Film;

/// Whether the server has a recording open: its publisher is there.
fn recording(nginx: &Nginx, file: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", nginx.pid())).expect("the server runs");
    open.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|target| target == file)
}

async fn clip() -> std::path::PathBuf {
    Clip::new().seconds(4.0).make().await
}

#[tokio::test]
async fn start_is_idempotent_and_names_the_field_that_differs() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, manager().await);
    let url = nginx.rtmp_url("live");
    let wanted = || spec("one", &clip, Repeat::Forever, &url, "one").user("alice");
    // At once, not one after the other: one of them opens the file, the other finds it opened.
    let (a, b) = tokio::join!(manager.start(wanted()), manager.start(wanted()));
    let (a, b) = (a.unwrap(), b.unwrap());
    live(&a).await;
    assert_eq!(b.status().phase, Phase::Live);
    let again = manager.start(wanted()).await.unwrap();
    assert_eq!(again.id(), a.id());
    let others = [
        ("user", wanted().user("bob")),
        ("source", spec("one", &clip, Repeat::Once, &url, "one").user("alice")),
        ("destinations", wanted().destination(to(&url, "two"))),
        ("destinations", spec("one", &clip, Repeat::Forever, &url, "another-key").user("alice")),
    ];
    for (field, other) in others {
        let error = manager.start(other).await.unwrap_err();
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::AlreadyExists, "one"));
        assert!(error.detail.contains(&format!("`{field}`")), "{error}");
        assert!(!error.to_string().contains("another-key"), "{error}");
    }
    assert_eq!(manager.list().len(), 1);
    assert_eq!(a.status().legs[0].attempts, 1, "one connection");
    // Handles come and go; the stream stays.
    drop((a, b, again));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(manager.status("one").unwrap().phase, Phase::Live);
    assert_eq!(nginx.recordings("one").len(), 1);
}

#[tokio::test]
async fn stop_says_goodbye_within_a_second_and_the_key_is_free_at_once() {
    let nginx = Nginx::start().await;
    let film = Film::of(clip().await).await;
    let manager = manager().await;
    let book = Book::of(&manager);
    assert_eq!(manager.stop("tv").unwrap_err().kind, ErrorKind::NotFound);
    let wanted = || spec("tv", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), "tv");
    for round in 1..=3 {
        let stream = manager.start(wanted()).await.unwrap();
        live(&stream).await;
        assert_eq!(stream.status().legs[0].attempts, 1, "round {round}: the key was still in use");
        let file = nginx.recordings("tv").pop().unwrap();
        assert!(recording(&nginx, &file));
        let since = Instant::now();
        manager.stop("tv").unwrap();
        stream.stop();
        let status = ends(&stream, Reason::Stopped).await;
        until("the server has closed its recording", BOUND, || !recording(&nginx, &file)).await;
        let took = since.elapsed();
        eprintln!("round {round}: gone after {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(status.legs[0].phase, LegPhase::Ended);
        // Whole frames up to the goodbye, from the beginning of the film each time.
        assert_eq!(film.locate(&file, 0).first, 0);
        assert!(!super::film::read(&file).truncated);
        manager.stop("tv").unwrap();
        assert_eq!(manager.status("tv").unwrap().phase, Phase::Ended);
    }
    assert_eq!(nginx.recordings("tv").len(), 3);
    book.audit();
}

#[tokio::test]
async fn a_stop_while_the_server_is_away_or_silent_does_not_wait_for_it() {
    use streambro_tests::hostile::{Attack, Hostile, Stage};
    let silent = Hostile::start(Attack::Silent, Stage::Connected).await;
    let (clip, manager) = (clip().await, manager().await);
    let stream = manager.start(spec("s", &clip, Repeat::Forever, &silent.url(), "k")).await.unwrap();
    silent.until(BOUND, |visits| visits.iter().any(|v| v.attacked_after.is_some())).await;
    let since = Instant::now();
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    assert!(since.elapsed() < Duration::from_millis(500), "{:?}", since.elapsed());
    silent.until(BOUND, |visits| visits.len() == 1 && visits[0].closed_after.is_some()).await;
}

#[tokio::test]
async fn replace_switches_the_file_and_a_bad_file_changes_nothing() {
    let nginx = Nginx::start().await;
    let old = Film::of(clip().await).await;
    let new = Film::of(Clip::new().seconds(3.0).size(240, 136).make().await).await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let url = nginx.rtmp_url("live");
    let missing = manager.replace(spec("tv", &new.path, Repeat::Once, &url, "tv")).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    let first = manager.start(spec("tv", &old.path, Repeat::Forever, &url, "tv").user("u")).await.unwrap();
    live(&first).await;
    let bad = no_media();
    let error = manager.replace(spec("tv", bad.path(), Repeat::Once, &url, "tv")).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::SourceInvalid | ErrorKind::SourceUnsupported), "{error}");
    assert_eq!(first.status().phase, Phase::Live);
    // The same again is the same stream.
    let same = manager.replace(spec("tv", &old.path, Repeat::Forever, &url, "tv").user("u")).await.unwrap();
    assert_eq!(same.status().legs[0].attempts, 1);

    let second = manager.replace(spec("tv", &new.path, Repeat::Once, &url, "tv").user("u")).await.unwrap();
    assert_eq!((first.status().phase, first.status().reason), (Phase::Ended, Some(Reason::Stopped)));
    live(&second).await;
    assert_eq!(second.status().legs[0].attempts, 1, "the old connection freed the key");
    ends(&second, Reason::Finished).await;
    let files = nginx.settled("tv", 2, BOUND).await;
    assert_eq!(old.locate(&files[0], 0).first, 0);
    new.check(&files[1], 1);
    assert_eq!(manager.list().len(), 1);
    book.audit();
}

/// A file that is no media.
fn no_media() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), "no film at all\n".repeat(100)).expect("it can be written");
    file
}

#[tokio::test]
async fn shutdown_ends_all_in_order_within_its_grace_and_nothing_starts_after() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, manager().await);
    let book = Book::of(&manager);
    let url = nginx.rtmp_url("live");
    let mut streams = Vec::new();
    for key in ["a", "b", "c"] {
        streams.push(manager.start(spec(key, &clip, Repeat::Forever, &url, key)).await.unwrap());
    }
    for stream in &streams {
        live(stream).await;
    }
    let files: Vec<_> = ["a", "b", "c"].iter().map(|key| nginx.recordings(key)[0].clone()).collect();
    let since = Instant::now();
    // Twice at once, and once more: it is the same shutdown.
    let grace = Duration::from_secs(5);
    tokio::join!(manager.shutdown(grace), manager.shutdown(grace));
    manager.shutdown(grace).await;
    let took = since.elapsed();
    eprintln!("shut down after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    for stream in &streams {
        ends(stream, Reason::ShutDown).await;
    }
    until("the server has closed all", Duration::from_secs(1), || {
        files.iter().all(|file| !recording(&nginx, file))
    })
    .await;
    assert!(files.iter().all(|file| !super::film::read(file).truncated));
    let error = manager.start(spec("d", &clip, Repeat::Forever, &url, "d")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Closed);
    until("subscriptions end", BOUND, || book.closed()).await;
    book.audit();
    for key in ["a", "b", "c"] {
        assert_eq!(book.phases(key).last().map(|p| (p.1, p.2)), Some((Phase::Ended, Some(Reason::ShutDown))));
    }
}

#[tokio::test]
async fn shutdown_does_not_outstay_its_grace_for_a_peer_that_does_not_answer() {
    use streambro_tests::hostile::{Attack, Hostile, Stage};
    let deaf = Hostile::start(Attack::StopReading, Stage::Published).await;
    // Enough to fill its buffers, so that there is no room for a goodbye.
    let clip = Clip::new().seconds(4.0).size(640, 360).bitrate(6_000).make().await;
    let manager = manager().await;
    let stream = manager.start(spec("deaf", &clip, Repeat::Forever, &deaf.url(), "k")).await.unwrap();
    deaf.until(BOUND, |visits| visits.iter().any(|v| v.attacked_after.is_some())).await;
    until("it takes no more", BOUND, || {
        let status = stream.status();
        // Bits a millisecond: kilobits a second.
        status.media_ms > 2_000 && status.bytes * 8 / status.media_ms < 3_000
    })
    .await;
    let since = Instant::now();
    manager.shutdown(Duration::from_millis(700)).await;
    let took = since.elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    ends(&stream, Reason::ShutDown).await;
    deaf.until(BOUND, |visits| visits[0].closed_after.is_some()).await;
}

#[tokio::test]
async fn the_sixth_stream_of_a_user_is_refused_until_one_has_ended() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, manager().await);
    let url = nginx.rtmp_url("pass");
    let wanted = |n: usize, user: &str| {
        let id = format!("{user}-{n}");
        StreamSpec::new(&id, Source::file(&clip).repeat(Repeat::Forever))
            .user(user)
            .destination(to(&url, &id))
    };
    let mut streams = Vec::new();
    for n in 0..5 {
        streams.push(manager.start(wanted(n, "alice")).await.unwrap());
    }
    let error = manager.start(wanted(5, "alice")).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::LimitReached, "alice"));
    assert!(error.detail.contains('5'), "{error}");
    // One that runs already needs no place, and others have their own.
    manager.start(wanted(0, "alice")).await.unwrap();
    for n in 0..5 {
        manager.start(wanted(n, "bob")).await.unwrap();
    }
    assert_eq!(manager.list().len(), 10);
    for stream in &streams {
        live(stream).await;
    }
    streams[2].stop();
    ends(&streams[2], Reason::Stopped).await;
    let sixth = manager.start(wanted(5, "alice")).await.unwrap();
    live(&sixth).await;
    // A start that fails takes no place.
    let broken = StreamSpec::new("broken", Source::file("/no/such/film.mp4"))
        .user("carol")
        .destination(to(&url, "broken"));
    for _ in 0..6 {
        let error = manager.start(broken.clone()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::SourceUnreadable, "{error}");
    }
    for n in 0..5 {
        manager.start(wanted(n, "carol")).await.unwrap();
    }
    manager.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn dropping_the_last_manager_handle_ends_the_streams() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, manager().await);
    let book = Book::of(&manager);
    let stream =
        manager.start(spec("tv", &clip, Repeat::Forever, &nginx.rtmp_url("live"), "tv")).await.unwrap();
    live(&stream).await;
    let file = nginx.recordings("tv").pop().unwrap();
    let other: StreamManager = manager.clone();
    drop(manager);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stream.status().phase, Phase::Live, "another handle is left");
    let since = Instant::now();
    drop(other);
    assert!(since.elapsed() < Duration::from_millis(100), "it does not block");
    let status = ends(&stream, Reason::ShutDown).await;
    assert_eq!(status.legs[0].phase, LegPhase::Ended);
    until("the server has closed its recording", BOUND, || !recording(&nginx, &file)).await;
    until("the subscription ends", BOUND, || book.closed()).await;
    assert_eq!(book.phases("tv").last().map(|p| p.1), Some(Phase::Ended));
}
