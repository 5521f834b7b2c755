//! A host that has no file descriptor left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use streambro_core::{ErrorKind, LegPhase, Phase, Reason, StreamManager};
use streambro_tests::hostile::{Attack, Stage};
use streambro_tests::process::{self, Exhausted};

use super::apart::{self, Apart};
use super::rig::{self, Named, SOON, ms};

/// CPU time of this process.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

async fn cpu_of_the_next(bound: Duration) -> Duration {
    let before = cpu();
    tokio::time::sleep(bound).await;
    cpu() - before
}

#[tokio::test]
async fn without_descriptors_starts_and_reconnects_fail_with_the_remedy_and_the_rest_plays_on() {
    const NAME: &str = concat!(
        module_path!(),
        "::without_descriptors_starts_and_reconnects_fail_with_the_remedy_and_the_rest_plays_on"
    );
    if !process::alone(NAME) {
        return;
    }
    let attacks = [(Attack::Nothing, Stage::Published)];
    apart::serve(&attacks);
    let servers = Apart::start(NAME, &attacks).await;
    let port = servers.addresses[0].port();
    let reachable = Arc::new(AtomicBool::new(true));
    let known = Arc::clone(&reachable);
    let names = Named(move |_: &str| match known.load(Ordering::Relaxed) {
        true => Some(Ok(vec![[127, 0, 0, 1].into()])),
        false => Some(Ok(vec![])),
    });
    let times = rig::times(|t| (t.backoff_first, t.backoff_max) = (ms(100), ms(400)));
    let builder = StreamManager::builder().unlimited().times(times).resolver(names);
    let manager = builder.build().await.expect("the settings are good");
    let clip = rig::clip(1_000).await;

    let url = format!("rtmp://good.test:{port}/live");
    let mut running = Vec::new();
    for name in ["a", "b", "c"] {
        let stream = manager.start(rig::forever(name, &clip, &url)).await.unwrap();
        rig::in_phase(&stream, Phase::Live, SOON).await;
        running.push(stream);
    }
    reachable.store(false, Ordering::Relaxed);
    // One that looks for a connection when there is no descriptor for it.
    let late = manager.start(rig::forever("late", &clip, &url)).await.unwrap();
    rig::until(SOON, "it waits", || (rig::leg(&late).phase == LegPhase::Waiting).then_some(())).await;
    let quiet = cpu_of_the_next(Duration::from_secs(2)).await;

    let exhausted = Exhausted::now();
    reachable.store(true, Ordering::Relaxed);
    let refused = manager.start(rig::forever("refused", &clip, &url)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Host, "{refused}");
    assert!(refused.detail.contains("ulimit -n"), "{refused}");
    rig::until(SOON, "it says so", || (rig::leg(&late).reason == Some(Reason::Host)).then_some(())).await;
    assert!(rig::leg(&late).detail.contains("ulimit -n"), "{:?}", late.status());
    let packets: Vec<u64> = running.iter().map(|stream| rig::leg(stream).packets).collect();
    let busy = cpu_of_the_next(Duration::from_secs(2)).await;
    for (stream, before) in running.iter().zip(packets) {
        let status = stream.status();
        assert!(status.legs[0].packets > before + 50, "{status:?}");
        assert_eq!((status.phase, status.legs[0].attempts, status.legs[0].skips), (Phase::Live, 1, 0));
    }
    drop(exhausted);

    println!("CPU of two seconds: {quiet:?}, without descriptors {busy:?}");
    assert!(busy <= 3 * quiet + ms(100), "{quiet:?} {busy:?}");
    rig::in_phase(&late, Phase::Live, SOON).await;
    assert_eq!(rig::leg(&late).reason, None);
    let again = manager.start(rig::forever("refused", &clip, &url)).await.unwrap();
    rig::in_phase(&again, Phase::Live, SOON).await;
    manager.shutdown(SOON).await;
}
