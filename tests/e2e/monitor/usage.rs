//! Figures of streams and of the process, and the task that measures them.

use std::time::Duration;

use streambro_core::StreamManager;
use streambro_tests::hostile::{Hostile, Visit};
use streambro_tests::{demo_clip, process};

use super::rig::{EVERY, SOON, live, manager, server, spec, tasks, until};

#[tokio::test]
async fn streams_of_one_clip_share_what_the_process_uses_alike() {
    let (server, manager) = (server().await, manager(|builder| builder).await);
    let clip = demo_clip();
    let streams = [
        manager.start(spec("a", &clip, &server)).await.unwrap(),
        manager.start(spec("b", &clip, &server)).await.unwrap(),
    ];
    assert_eq!((streams[0].status().usage, manager.usage()), (None, None), "nothing was measured yet");
    for stream in &streams {
        live(stream).await;
    }
    // Several intervals on, so that the welcome's burst is out of them.
    let first = until("a sample", || manager.usage()).await;
    let later = until("samples some seconds on", || {
        manager.usage().filter(|usage| usage.sampled_unix_ms >= first.sampled_unix_ms + 3_000)
    })
    .await;
    assert!(later.memory_bytes > 1 << 20 && !later.estimated, "{later:?}");
    let (mut bits, mut samples) = ([0, 0], 0);
    let mut seen = 0;
    while samples < 10 {
        let usages = until("another sample", || {
            let usages = [streams[0].status().usage?, streams[1].status().usage?];
            (usages[0].sampled_unix_ms > seen && usages[0].sampled_unix_ms == usages[1].sampled_unix_ms)
                .then_some(usages)
        })
        .await;
        seen = usages[0].sampled_unix_ms;
        samples += 1;
        let whole = manager.usage().unwrap();
        for (bits, usage) in bits.iter_mut().zip(usages) {
            assert!(usage.estimated);
            assert!(usage.memory_bytes <= whole.memory_bytes, "{usage:?} of {whole:?}");
            *bits += usage.bits_per_second / 10;
        }
    }
    eprintln!("{bits:?} bit/s, {:?}", manager.usage());
    // The clip's own rate over some seconds; scenes differ.
    let clip_bits = std::fs::metadata(&clip).unwrap().len() * 8 / 8;
    for bits in bits {
        assert!(bits > clip_bits / 4 && bits < clip_bits * 4, "{bits} of {clip_bits}");
    }
    for stream in &streams {
        stream.stop();
        assert_eq!(stream.ended().await.usage, None, "what has ended uses nothing");
    }
}

/// How many tasks there are more than before while two streams run, when one is left, and when none is.
async fn tasks_of(every: Duration, server: &Hostile) -> [usize; 3] {
    let closed = |visits: &[Visit]| visits.iter().filter(|visit| visit.closed_after.is_some()).count();
    let closed_before = closed(&server.visits());
    let manager = manager(|builder| builder.monitor_every(every)).await;
    let before = tasks();
    let mut counts = [0; 3];
    let mut streams = Vec::new();
    for id in ["a", "b"] {
        streams.push(manager.start(spec(id, &demo_clip(), server)).await.unwrap());
    }
    for stream in &streams {
        live(stream).await;
    }
    counts[0] = tasks() - before;
    for (gone, stream) in streams.iter().enumerate() {
        stream.stop();
        stream.ended().await;
        server.until(SOON, |visits| closed(visits) - closed_before > gone).await;
        let audit = manager.audit().await;
        assert_eq!((audit.tasks, audit.findings), (1 - gone, vec![]));
        counts[gone + 1] = tasks() - before;
    }
    assert_eq!((streams[0].status().usage, manager.usage()), (None, None));
    // It waits for its own tasks, so that the next count begins without them.
    manager.shutdown(SOON).await;
    counts
}

#[tokio::test]
async fn the_measuring_task_comes_with_the_first_stream_and_goes_with_the_last() {
    if !process::alone(concat!(
        module_path!(),
        "::the_measuring_task_comes_with_the_first_stream_and_goes_with_the_last"
    )) {
        return;
    }
    // Zero measures nothing. An hour: the task goes with the stream, not with its next sample.
    let server = server().await;
    let without = tasks_of(Duration::ZERO, &server).await;
    let with = tasks_of(Duration::from_secs(3_600), &server).await;
    assert_eq!(with, [without[0] + 1, without[1] + 1, without[2]], "{without:?}");
}

#[tokio::test]
async fn neither_shutdown_nor_a_dropped_manager_leaves_a_task() {
    if !process::alone(concat!(module_path!(), "::neither_shutdown_nor_a_dropped_manager_leaves_a_task")) {
        return;
    }
    let server = server().await;
    let before = tasks();
    let manager = manager(|builder| builder).await;
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    live(&stream).await;
    manager.shutdown(Duration::from_secs(5)).await;
    until("shutdown left no task", || (tasks() == before).then_some(())).await;
    drop(manager);

    let manager = StreamManager::builder().monitor_every(EVERY).build().await.unwrap();
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    live(&stream).await;
    drop(manager);
    stream.ended().await;
    until("the drop left no task", || (tasks() == before).then_some(())).await;
}
