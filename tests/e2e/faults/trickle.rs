//! Peers that take a little now and then, far less than there is: a connection that moves, and leads nowhere.

use std::time::Duration;

use streambro_core::{Phase, Reason};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::proxy::{Flow, Proxy};

use super::rig::{self, SOON, ms};

#[tokio::test]
async fn a_peer_that_takes_less_than_a_tenth_is_stalled_and_one_that_takes_a_fifth_lags() {
    let clip = rig::clip(3_000).await;
    let nominal = std::fs::metadata(&clip).unwrap().len() / 12;
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let times = rig::times(|t| {
        t.no_progress = ms(8_000);
        (t.backoff_first, t.backoff_max) = (4 * SOON, 4 * SOON);
    });
    let manager = rig::manager(times).await;
    let mut events = manager.subscribe(256);
    let mut streams = Vec::new();
    // A receiver's window opens by half of its buffer at a time: at 6 %, every 3 s or so.
    for (name, percent) in [("trickle", 6), ("fifth", 20)] {
        let proxy = Proxy::start(server.address()).await;
        let stream = manager.start(rig::forever(name, &clip, &proxy.rtmp_url("live"))).await.unwrap();
        rig::in_phase(&stream, Phase::Live, SOON).await;
        proxy.set_flow(Flow::Rate(nominal * percent / 100));
        streams.push((stream, proxy));
    }
    let end = rig::next_end(&mut events, 3 * SOON).await;
    assert_eq!((end.stream.as_str(), end.reason), ("trickle", Some(Reason::Stalled)), "{end:?}");
    assert!(end.detail.contains("a tenth"), "{end:?}");
    // As long again as it takes to find out.
    let patience = tokio::time::timeout(Duration::from_secs(17), rig::next_end(&mut events, 2 * SOON));
    assert!(patience.await.is_err(), "{:?}", streams[1].0.status());
    let leg = rig::leg(&streams[1].0);
    assert_eq!(leg.attempts, 1, "{leg:?}");
    manager.shutdown(SOON).await;
}
