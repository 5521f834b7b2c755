//! Starts and stops without end: nothing piles up. `tests/soak/cycles` runs the same for longer.

use std::time::{Duration, Instant};

use streambro_core::{LegPhase, Phase, StreamManager, Times};
use streambro_tests::hostile::{Attack, Stage};
use streambro_tests::{demo_clip, mem, process};

use super::{Belongings, SOON, asked, forever, in_phase};
use crate::faults::apart::{self, Apart};

/// Cycles of which each batch has its own manager.
const BATCH: u64 = 40;
/// Streams at once.
const WIDTH: u64 = 8;
/// What a thousand cycles may leave in memory (bar P9), in bytes.
const SLOPE: f64 = (1 << 20) as f64;
/// Below this nothing can be told from the allocator's own mood.
const NOISE: f64 = (512 << 10) as f64;

#[tokio::test]
async fn starts_and_stops_leave_no_descriptor_thread_task_child_or_memory() {
    const NAME: &str =
        concat!(module_path!(), "::starts_and_stops_leave_no_descriptor_thread_task_child_or_memory");
    if !process::alone(NAME) {
        return;
    }
    // In a process of their own: their books grow with every visit.
    let attacks = [(Attack::Nothing, Stage::Published), (Attack::BadName, Stage::Published)];
    apart::serve(&attacks);
    let cycles = asked("STREAMBRO_SOAK_CYCLES").unwrap_or(200);
    let servers = Apart::start(NAME, &attacks).await;
    let [good, refusing] = [0, 1].map(|n| format!("rtmp://{}/live", servers.addresses[n]));
    let urls = [good.clone(), refusing, good, "rtmp://127.0.0.1:1/live".to_owned()];
    // Warm: what is allocated once, and the pages of every path.
    let warm_up = (cycles / 4).max(2 * BATCH);
    let belongings = Belongings::now();
    let (began, mut done, mut at_first) = (Instant::now(), 0, None);
    let mut told = Instant::now();
    while done < warm_up + cycles {
        batch(&urls, done).await;
        done += BATCH;
        if done >= warm_up {
            at_first.get_or_insert_with(|| (done, mem::own().anonymous));
        }
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            println!("{done} cycles after {:?}: {:?}", began.elapsed(), mem::own());
        }
    }
    belongings.are_back().await;
    let (from, before) = at_first.expect("it was warm");
    let grown = mem::own().anonymous as f64 - before as f64;
    let allowed = (SLOPE * (done - from) as f64 / 1_000.0).max(NOISE);
    println!("{done} cycles in {:?}: grown by {:.0} KiB since cycle {from}", began.elapsed(), grown / 1024.0);
    assert!(grown <= allowed, "grown by {grown} bytes in {} cycles, allowed are {allowed}", done - from);
}

/// Streams that come to every stage and go.
async fn batch(urls: &[String], number: u64) {
    let mut times = Times::default();
    (times.settle, times.tick) = (Duration::from_millis(20), Duration::from_millis(10));
    let manager = StreamManager::builder().unlimited().times(times).build().await.unwrap();
    let mut events = manager.subscribe(16);
    for round in 0..BATCH / WIDTH {
        let mut streams = Vec::new();
        for n in 0..WIDTH {
            let url = &urls[n as usize % urls.len()];
            let stream = manager.start(forever(&format!("cycle-{n}"), demo_clip(), url)).await.unwrap();
            streams.push((n, stream));
        }
        for (n, stream) in &streams {
            match (n % 4, round % 3) {
                (0, _) => in_phase(stream, Phase::Live).await,
                (1 | 3, 1..) => attempted(stream).await,
                _ => {}
            }
            stream.stop();
        }
        for (_, stream) in &streams {
            let ended = tokio::time::timeout(SOON, stream.ended()).await.expect("it ends");
            assert_eq!(ended.phase, Phase::Ended);
        }
    }
    while events.try_next().is_some() {}
    // Every other one is just dropped.
    if (number / BATCH).is_multiple_of(2) {
        manager.shutdown(SOON).await;
    }
}

/// Waits until an attempt has failed.
async fn attempted(stream: &streambro_core::Stream) {
    let deadline = Instant::now() + SOON;
    while stream.status().legs[0].phase != LegPhase::Waiting {
        assert!(Instant::now() < deadline, "{:?}", stream.status());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
