//! Links that are too slow, for a while or for long.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use streambro_core::{LegPhase, Phase, Reason, Stream, StreamManager};
use streambro_tests::nginx::Nginx;
use streambro_tests::pace::Pace;
use streambro_tests::proxy::{Flow, Proxy};
use streambro_tests::{mem, process};

use super::rig::{self, MIB, SOON, ms};
use super::step;

/// The clip: 4 Mb/s, and what its packets come to a second: 30 pictures, 48,000 / 1,024 audio frames.
const KBITS: u32 = 4_000;
const PACKETS: f64 = 30.0 + 46.875;

struct Scene {
    nginx: Nginx,
    proxy: Proxy,
    clip: PathBuf,
    manager: StreamManager,
    stream: Stream,
    /// Bytes a second.
    nominal: u64,
    before: mem::Usage,
}

impl Scene {
    /// A stream on the air through a proxy, on the real time table.
    async fn live() -> Self {
        let nginx = Nginx::start().await;
        let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
        let clip = rig::clip(KBITS).await;
        let nominal = std::fs::metadata(&clip).expect("the clip is there").len() / 12;
        let manager = rig::manager(rig::times(|_| {})).await;
        let stream = manager.start(rig::forever("slow", &clip, &proxy.rtmp_url("live"))).await;
        let stream = stream.expect("the clip can be played");
        rig::in_phase(&stream, Phase::Live, SOON).await;
        let before = mem::own();
        Self { nginx, proxy, clip, manager, stream, nominal, before }
    }

    fn slow_down(&self, percent: u64) {
        self.proxy.set_flow(Flow::Rate(self.nominal * percent / 100));
    }

    async fn lags(&self) {
        rig::in_phase(&self.stream, Phase::Degraded, 2 * SOON).await;
        let status = self.stream.status();
        assert_eq!(status.reason, Some(Reason::Behind), "{status:?}");
        assert_eq!(status.legs[0].phase, LegPhase::Lagging, "{status:?}");
    }

    /// Until it is no longer behind, or for so long: the most packets in any second from now on, as a multiple of the
    /// nominal rate.
    async fn catches_up(&self, bound: Duration) -> f64 {
        // What the kernel and the proxy hold goes out at once, and makes room for as much.
        tokio::time::sleep(ms(300)).await;
        let began = Instant::now();
        let mut pace = Pace::default();
        while self.stream.status().phase != Phase::Live && began.elapsed() < bound {
            pace.look(Instant::now(), rig::leg(&self.stream).packets);
            tokio::time::sleep(ms(20)).await;
        }
        let most = pace.most() / PACKETS;
        println!("caught up for {:?}, at {most:.2} of the nominal rate at most", began.elapsed());
        most
    }

    /// Whole to the receiver, in one connection, in bounded memory.
    async fn ends_unbroken(self) {
        let status = self.stream.status();
        assert_eq!(status.legs[0].attempts, 1, "{status:?}");
        let grown = mem::own().anonymous.saturating_sub(self.before.anonymous);
        println!("grown by {} KiB; {:?}", grown / 1024, status.legs[0]);
        assert!(grown < MIB, "grown by {} KiB", grown / 1024);
        self.manager.shutdown(SOON).await;
        let recordings = self.nginx.settled("slow", 1, SOON).await;
        assert_eq!(recordings.len(), 1);
        let counted = rig::assert_unbroken(&recordings[0], &self.clip).await;
        println!("{counted:?}");
        assert!(counted.video > 100 && counted.audio > 100, "{counted:?}");
        step::assert_in_step(&recordings[0], &self.clip).await;
    }
}

#[tokio::test]
async fn at_ninety_percent_of_its_rate_a_stream_lags_says_so_and_catches_up_at_no_more_than_half_again() {
    const NAME: &str = concat!(
        module_path!(),
        "::at_ninety_percent_of_its_rate_a_stream_lags_says_so_and_catches_up_at_no_more_than_half_again"
    );
    if !process::alone(NAME) {
        return;
    }
    let scene = Scene::live().await;
    scene.slow_down(90);
    scene.lags().await;
    scene.proxy.set_flow(Flow::Forward);
    let most = scene.catches_up(SOON).await;
    assert!((1.2..1.55).contains(&most), "{most}");
    rig::in_phase(&scene.stream, Phase::Live, ms(100)).await;
    assert_eq!(rig::leg(&scene.stream).skips, 0);
    scene.ends_unbroken().await;
}

#[tokio::test]
async fn at_half_its_rate_a_stream_moves_its_clock_after_ten_seconds_and_loses_no_frame() {
    const NAME: &str = concat!(
        module_path!(),
        "::at_half_its_rate_a_stream_moves_its_clock_after_ten_seconds_and_loses_no_frame"
    );
    if !process::alone(NAME) {
        return;
    }
    let scene = Scene::live().await;
    scene.slow_down(50);
    scene.lags().await;
    let mut latest = 0;
    rig::until(2 * SOON, "the clock is moved", || {
        let leg = rig::leg(&scene.stream);
        latest = latest.max(leg.late_ms);
        (leg.skips > 0).then_some(())
    })
    .await;
    println!("lag before the clock was moved: {latest} ms");
    assert!((9_000..12_000).contains(&latest), "{latest}");
    scene.proxy.set_flow(Flow::Forward);
    rig::in_phase(&scene.stream, Phase::Live, SOON).await;
    assert_eq!(rig::leg(&scene.stream).skips, 1);
    scene.ends_unbroken().await;
}

#[tokio::test]
async fn after_eight_seconds_without_a_byte_a_stream_goes_on_where_it_was_without_a_burst() {
    const NAME: &str = concat!(
        module_path!(),
        "::after_eight_seconds_without_a_byte_a_stream_goes_on_where_it_was_without_a_burst"
    );
    if !process::alone(NAME) {
        return;
    }
    let scene = Scene::live().await;
    scene.proxy.set_flow(Flow::Stall);
    // The time is what is tested.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(scene.stream.status().phase, Phase::Degraded);
    scene.proxy.set_flow(Flow::Forward);
    let most = scene.catches_up(Duration::from_secs(6)).await;
    assert!((1.2..1.55).contains(&most), "{most}");
    assert_eq!(rig::leg(&scene.stream).skips, 0);
    scene.ends_unbroken().await;
}
