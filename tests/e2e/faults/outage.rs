//! A network that is gone for eight seconds and takes every connection with it.

use std::time::{Duration, Instant};

use streambro_core::{Phase, Reason, Stream};
use streambro_tests::nginx::Nginx;
use streambro_tests::pace::Pace;
use streambro_tests::proxy::Proxy;

use super::rig::{self, SOON, ms};
use super::step;

/// Packets that a second of the clip has: pictures and audio frames.
const PACKETS: f64 = 30.0 + 46.875;

/// The most packets in any second of the next `bound`, as a multiple of the nominal rate.
async fn busiest(stream: &Stream, bound: Duration) -> f64 {
    let began = Instant::now();
    let mut pace = Pace::default();
    while began.elapsed() < bound {
        pace.look(Instant::now(), rig::leg(stream).packets);
        tokio::time::sleep(ms(20)).await;
    }
    pace.most() / PACKETS
}

#[tokio::test]
async fn after_eight_seconds_without_a_network_a_new_connection_goes_on_in_step_and_without_a_burst() {
    let nginx = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let clip = rig::clip(2_000).await;
    let times = rig::times(|t| (t.backoff_first, t.backoff_max) = (ms(200), ms(1_000)));
    let manager = rig::manager(times).await;
    let mut events = manager.subscribe(256);
    let stream = manager.start(rig::forever("outage", &clip, &proxy.rtmp_url("live"))).await;
    let stream = stream.expect("the clip can be played");
    rig::in_phase(&stream, Phase::Live, SOON).await;
    proxy.refuse(true);
    proxy.reset_all();
    assert_eq!(rig::next_end(&mut events, SOON).await.reason, Some(Reason::PeerClosed));
    let stood = stream.status().media_ms;
    // The time is what is tested.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!((stream.status().phase, stream.status().media_ms), (Phase::Reconnecting, stood));
    proxy.refuse(false);
    let most = busiest(&stream, Duration::from_secs(6)).await;
    println!("at {most:.2} of the nominal rate at most");
    assert!((0.8..1.5).contains(&most), "{most}");
    assert_eq!((stream.status().phase, rig::leg(&stream).reconnects), (Phase::Live, 1));
    manager.shutdown(SOON).await;
    for recording in nginx.settled("outage", 2, SOON).await {
        rig::assert_increasing(&recording);
        step::assert_in_step(&recording, &clip).await;
    }
}
