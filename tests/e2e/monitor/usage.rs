//! Figures of streams and of the process, and the task that measures them.

use std::time::Duration;

use streambro_core::StreamManager;
use streambro_tests::{demo_clip, process};

use super::rig::{EVERY, live, manager, server, spec, tasks, until};

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

#[tokio::test]
async fn the_measuring_task_comes_with_the_first_stream_and_goes_with_the_last() {
    if !process::alone(concat!(
        module_path!(),
        "::the_measuring_task_comes_with_the_first_stream_and_goes_with_the_last"
    )) {
        return;
    }
    let server = server().await;
    let clip = demo_clip();
    // An hour: the task goes with the stream, not with its next sample.
    let manager = manager(|builder| builder.monitor_every(Duration::from_secs(3_600))).await;
    let before = tasks();
    for round in 0..3 {
        let a = manager.start(spec("a", &clip, &server)).await.unwrap();
        let b = manager.start(spec("b", &clip, &server)).await.unwrap();
        live(&a).await;
        live(&b).await;
        // Two supervisors, two connections at each end, and one that measures.
        assert_eq!(tasks(), before + 7, "round {round}");
        a.stop();
        a.ended().await;
        until("the first stream's tasks are gone", || (tasks() == before + 4).then_some(())).await;
        b.stop();
        b.ended().await;
        until("all tasks are gone", || (tasks() == before).then_some(())).await;
    }
}

#[tokio::test]
async fn an_interval_of_zero_measures_nothing() {
    if !process::alone(concat!(module_path!(), "::an_interval_of_zero_measures_nothing")) {
        return;
    }
    let server = server().await;
    let manager = manager(|builder| builder.monitor_every(Duration::ZERO)).await;
    let before = tasks();
    let stream = manager.start(spec("a", &demo_clip(), &server)).await.unwrap();
    live(&stream).await;
    assert_eq!(tasks(), before + 3);
    assert_eq!((stream.status().usage, manager.usage()), (None, None));
    assert!(manager.audit().await.findings.is_empty());
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
