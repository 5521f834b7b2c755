//! Too much, no longer too much, and what happens then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use streambro_core::{
    AlertAction, Alerts, Event, EventKind, Reason, Resource, Stream, StreamManager, Subscription,
};
use streambro_tests::{demo_clip, mem, process};
use tokio::time::timeout;

use super::rig::{SOON, live, manager, server, spec, until};

/// Memory that all streams together are taken to hold.
const HELD: usize = 64 << 20;

/// A manager for which a stream holds more than is allowed, once somebody holds that much.
async fn greedy(action: AlertAction) -> StreamManager {
    let alerts = Alerts::default().memory_bytes(HELD as u64 / 2).cpu_percent(1e9).action(action);
    manager(|builder| builder.alerts(alerts)).await
}

/// The next alert, and its stream.
async fn next_alert(events: &mut Subscription) -> (Option<String>, Resource, f64, f64, bool) {
    let next = async {
        loop {
            let Event { stream, kind, .. } = events.next().await.expect("the manager is there");
            if let EventKind::Alert { what, value, threshold, began, .. } = kind {
                return (stream.map(|id| id.to_string()), what, value, threshold, began);
            }
        }
    };
    timeout(SOON, next).await.expect("an alert")
}

fn alerts_left(events: &mut Subscription) -> Vec<EventKind> {
    let left = std::iter::from_fn(|| events.try_next()).map(|event| event.kind);
    left.filter(|kind| matches!(kind, EventKind::Alert { .. })).collect()
}

/// Waits for so many more samples.
async fn samples(stream: &Stream, count: usize) {
    for _ in 0..count {
        let seen = stream.status().usage.map(|usage| usage.sampled_unix_ms);
        until("another sample", || {
            stream.status().usage.map(|usage| usage.sampled_unix_ms).filter(|at| Some(*at) != seen)
        })
        .await;
    }
}

#[tokio::test]
async fn a_busy_stream_is_told_once_when_it_begins_and_once_when_it_ends() {
    if !process::alone(concat!(
        module_path!(),
        "::a_busy_stream_is_told_once_when_it_begins_and_once_when_it_ends"
    )) {
        return;
    }
    let server = server().await;
    let alerts = Alerts::default().cpu_percent(15.0).memory_bytes(u64::MAX);
    let manager = manager(|builder| builder.alerts(alerts)).await;
    let mut events = manager.subscribe(1_024);
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    live(&stream).await;
    // What it took to come here is over.
    samples(&stream, 3).await;
    let _ = alerts_left(&mut events);
    let busy = Arc::new(AtomicBool::new(true));
    let work = std::thread::spawn({
        let busy = Arc::clone(&busy);
        move || while busy.load(Relaxed) {}
    });
    let (id, what, value, threshold, began) = next_alert(&mut events).await;
    assert_eq!((id.as_deref(), what, began), (Some("a"), Resource::Cpu, true));
    assert!(value > threshold && (threshold - 15.0).abs() < 1e-9, "{value} of {threshold}");
    samples(&stream, 5).await;
    assert_eq!(alerts_left(&mut events), [], "it was told already");
    busy.store(false, Relaxed);
    work.join().unwrap();
    let (_, what, value, _, began) = next_alert(&mut events).await;
    assert_eq!((what, began), (Resource::Cpu, false));
    assert!(value < 15.0, "{value}");
}

#[tokio::test]
async fn a_stream_that_holds_too_much_is_stopped_when_that_was_asked_for() {
    let server = server().await;
    let manager = greedy(AlertAction::Stop).await;
    let mut events = manager.subscribe(1_024);
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    live(&stream).await;
    let block = vec![1_u8; HELD];
    let (id, what, value, threshold, began) = next_alert(&mut events).await;
    assert_eq!((id.as_deref(), what, began), (Some("a"), Resource::Memory, true));
    assert!(value > threshold, "{value} of {threshold}");
    let status = timeout(SOON, stream.ended()).await.unwrap();
    assert_eq!(status.reason, Some(Reason::OverLimit));
    drop(block);
}

#[tokio::test]
async fn a_restart_says_goodbye_and_goes_on_at_the_same_place_once() {
    let server = server().await;
    let manager = greedy(AlertAction::Restart).await;
    let mut events = manager.subscribe(1_024);
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    live(&stream).await;
    let block = vec![1_u8; HELD];
    let (.., began) = next_alert(&mut events).await;
    assert!(began);
    let media = stream.status().media_ms;
    let visits = server.until(SOON, |visits| visits.len() == 2).await;
    assert!(visits[0].commands.iter().any(|command| command == "deleteStream"), "{:?}", visits[0].commands);
    live(&stream).await;
    // Still above, but told already: it is not restarted without end.
    samples(&stream, 5).await;
    assert_eq!(alerts_left(&mut events), []);
    let status = stream.status();
    assert_eq!((status.legs[0].attempts, status.legs[0].reconnects), (2, 1), "{status:#?}");
    assert!(status.media_ms >= media, "{} after {media}", status.media_ms);
    assert_eq!(server.visits().len(), 2);
    drop(block);
    stream.stop();
    assert_eq!(stream.ended().await.reason, Some(Reason::Stopped));
}

#[tokio::test]
async fn a_process_near_its_limit_is_told_of_without_a_stream() {
    let server = server().await;
    // Pages of the program that are touched for the first time count as well.
    let before = manager(|builder| builder).await;
    live(&before.start(spec("before", &demo_clip(), &server)).await.unwrap()).await;
    before.shutdown(Duration::from_secs(5)).await;
    // Above nine tenths of it, and with room for one more: so much that what a start takes is small beside it.
    let _ballast = vec![1_u8; HELD];
    let most = mem::own().resident * 110 / 100;
    let manager = manager(|builder| builder.max_process_memory(most)).await;
    let mut events = manager.subscribe(1_024);
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    let (id, what, value, threshold, began) = next_alert(&mut events).await;
    assert_eq!((id, what, began), (None, Resource::ProcessMemory, true));
    assert!((threshold - 0.9 * most as f64).abs() < 1.0 && value > threshold, "{value} of {threshold}");
    live(&stream).await;
    samples(&stream, 3).await;
    assert!(alerts_left(&mut events).is_empty());
    manager.shutdown(Duration::from_secs(5)).await;
}
