//! Calls that meet: what is wanted last is what runs, and every place is given back.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use streambro_core::{ErrorKind, Phase, Reason, Repeat, StreamManager};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, ends, live, manager, spec};

async fn clip() -> std::path::PathBuf {
    Clip::new().seconds(4.0).make().await
}

/// A manager with one place: a place that is lost shows at the next start.
async fn narrow() -> StreamManager {
    StreamManager::builder().max_streams(1).build().await.unwrap()
}

#[tokio::test]
async fn a_stream_started_right_after_its_stop_is_on_the_air() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, narrow().await);
    let wanted = || spec("one", &clip, Repeat::Forever, &nginx.rtmp_url("live"), "one");
    let first = manager.start(wanted()).await.unwrap();
    live(&first).await;
    for _ in 0..3 {
        manager.stop("one").unwrap();
        let again = manager.start(wanted()).await.unwrap();
        live(&again).await;
        assert_eq!(manager.status("one").unwrap().phase, Phase::Live);
    }
    // Another spec may follow a stop just as well.
    manager.stop("one").unwrap();
    let other = spec("one", &clip, Repeat::Forever, &nginx.rtmp_url("live"), "two");
    live(&manager.start(other).await.unwrap()).await;
    assert_eq!(first.status().reason, Some(Reason::Stopped));
}

#[tokio::test]
async fn of_several_replaces_at_once_one_runs_and_holds_the_one_place() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, narrow().await);
    let wanted = |key: &str| spec("one", &clip, Repeat::Forever, &nginx.rtmp_url("live"), key);
    let first = manager.start(wanted("first")).await.unwrap();
    live(&first).await;
    let (a, b, c) = tokio::join!(
        manager.replace(wanted("a")),
        manager.replace(wanted("b")),
        manager.replace(wanted("c"))
    );
    let answers = [a, b, c];
    let runs: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert!(!runs.is_empty(), "{answers:?}");
    for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(error.kind, ErrorKind::Ended, "{error}");
    }
    manager.wait_for("one", Phase::Live).await.unwrap();
    assert_eq!(ends(&first, Reason::Stopped).await.phase, Phase::Ended);
    manager.stop("one").unwrap();
    for run in runs {
        tokio::time::timeout(BOUND, run.ended()).await.expect("every run ends");
    }
    live(&manager.start(wanted("again")).await.unwrap()).await;
}

#[tokio::test]
async fn a_start_that_is_dropped_on_the_way_takes_no_place() {
    let nginx = Nginx::start().await;
    let (clip, manager) = (clip().await, narrow().await);
    let wanted = |id: &str| spec(id, &clip, Repeat::Forever, &nginx.rtmp_url("live"), id);
    let mut tries = 0;
    let (id, start) = loop {
        tries += 1;
        // A name for each try: an ended run is still told of by its name.
        let id = format!("dropped-{tries}");
        let mut start = Box::pin(manager.start(wanted(&id)));
        match std::future::poll_fn(|context| Poll::Ready(start.as_mut().poll(context))).await {
            // Begun, and waiting for the thread that opens the file.
            Poll::Pending => break (id, start),
            // That was quicker: once more.
            Poll::Ready(started) => {
                manager.stop(id.as_str()).unwrap();
                ends(&started.unwrap(), Reason::Stopped).await;
            }
        }
    };
    assert_eq!(manager.status(id.as_str()).unwrap().phase, Phase::Preparing);
    drop(start);
    assert_eq!(manager.status(id.as_str()).unwrap_err().kind, ErrorKind::NotFound);
    live(&manager.start(wanted("kept")).await.unwrap()).await;
}

#[tokio::test]
async fn a_start_that_meets_a_shutdown_leaves_nothing_running() {
    let nginx = Nginx::start().await;
    let clip = clip().await;
    for wait in [0, 1, 3] {
        let manager = manager().await;
        let start = manager.start(spec("one", &clip, Repeat::Forever, &nginx.rtmp_url("live"), "one"));
        let shutdown = async {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            manager.shutdown(Duration::from_secs(2)).await;
        };
        let (started, ()) = tokio::join!(start, shutdown);
        match started {
            Ok(stream) => {
                let ended = tokio::time::timeout(BOUND, stream.ended()).await.expect("it ends");
                assert_eq!(ended.phase, Phase::Ended);
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::Closed, "{error}"),
        }
        assert!(manager.list().iter().all(|status| status.phase == Phase::Ended));
    }
}

#[tokio::test]
async fn a_runtime_that_ends_ends_its_streams_for_whoever_holds_a_handle() {
    let nginx = Nginx::start().await;
    let clip = clip().await;
    let wanted = spec("one", &clip, Repeat::Forever, &nginx.rtmp_url("live"), "one");
    let (stream, manager) = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let both = runtime.block_on(async {
            let manager = manager().await;
            let stream = manager.start(wanted).await.unwrap();
            live(&stream).await;
            (stream, manager)
        });
        runtime.shutdown_timeout(BOUND);
        both
    })
    .join()
    .unwrap();
    let ended = tokio::time::timeout(BOUND, stream.ended()).await.expect("its task is gone");
    assert_eq!((ended.phase, ended.reason), (Phase::Ended, Some(Reason::ShutDown)));
    drop(manager);
}

#[tokio::test]
async fn a_trust_that_holds_no_certificate_is_refused_at_the_start() {
    let (clip, manager) = (clip().await, manager().await);
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let mut wanted = streambro_core::StreamSpec::new("one", streambro_core::Source::file(&clip));
        let destination = streambro_core::Destination::new("rtmps://127.0.0.1:1/live", "key").unwrap();
        wanted = wanted.destination(destination.trust(streambro_core::Trust::Roots(pem.to_owned())));
        let error = manager.start(wanted).await.unwrap_err();
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "trust"), "{error}");
    }
}
