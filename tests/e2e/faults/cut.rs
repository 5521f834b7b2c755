//! Connections that are cut, and how one comes back or leaves.

use std::time::{Duration, Instant};

use streambro_core::{LegPhase, Phase, Reason, Retry, Times};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::nginx::Nginx;
use streambro_tests::proxy::{Flow, Proxy};

use super::rig::{self, Named, Nowhere, SOON, ms};

fn quick() -> Times {
    rig::times(|t| (t.backoff_first, t.backoff_max) = (ms(100), ms(400)))
}

#[tokio::test]
async fn whatever_way_a_connection_is_cut_the_stream_comes_back_by_itself() {
    let nginx = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let clip = rig::clip(2_000).await;
    let manager = rig::manager(quick()).await;
    let mut events = manager.subscribe(256);
    let stream = manager.start(rig::forever("cut", &clip, &proxy.rtmp_url("live"))).await.unwrap();
    rig::in_phase(&stream, Phase::Live, SOON).await;
    type Cut = (&'static str, fn(&Proxy));
    let cuts: [Cut; 3] = [
        ("reset", Proxy::reset_all),
        ("closed by the server", Proxy::half_close_all),
        ("reset within a frame", Proxy::reset_all),
    ];
    for (n, (what, cut)) in cuts.into_iter().enumerate() {
        if what.ends_with("frame") {
            // Blocked long enough for every buffer to be full: the next byte is one of a frame.
            proxy.set_flow(Flow::Stall);
            rig::until(SOON, "it lags", || (rig::leg(&stream).phase == LegPhase::Lagging).then_some(()))
                .await;
        }
        let cut_at = Instant::now();
        cut(&proxy);
        proxy.set_flow(Flow::Forward);
        let end = rig::next_end(&mut events, SOON).await;
        assert_eq!(end.reason, Some(Reason::PeerClosed), "{what}: {end:?}");
        assert!(end.at - cut_at < ms(1_000), "{what}: {:?}", end.at - cut_at);
        assert!(end.retry_in.unwrap() <= ms(460), "{what}: {end:?}");
        rig::until(SOON, what, || (rig::leg(&stream).reconnects == n as u64 + 1).then_some(())).await;
        let status = stream.status();
        assert_eq!((status.phase, status.reason), (Phase::Live, None), "{what}: {status:?}");
    }
    manager.shutdown(SOON).await;
    let recordings = nginx.settled("cut", 4, SOON).await;
    assert_eq!(recordings.len(), 4);
    recordings.iter().for_each(|recording| rig::assert_increasing(recording));
}

#[tokio::test]
async fn failures_in_a_row_are_retried_later_and_later_and_not_by_all_at_once() {
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let proxy = Proxy::start(server.address()).await;
    proxy.refuse(true);
    let clip = streambro_tests::demo_clip();
    let times = rig::times(|t| (t.backoff_first, t.backoff_max) = (ms(100), ms(1_600)));
    let manager = rig::manager(times).await;
    let mut events = manager.subscribe(4_096);
    for name in ["one", "other"] {
        manager.start(rig::forever(name, &clip, &proxy.rtmp_url("live"))).await.unwrap();
    }
    let mut delays: [Vec<Duration>; 2] = Default::default();
    while delays.iter().any(|delays| delays.len() < 5) {
        let end = rig::next_end(&mut events, SOON).await;
        // A reset may come while TCP still shakes hands.
        assert!(matches!(end.reason, Some(Reason::PeerClosed | Reason::Unreachable)), "{end:?}");
        delays[usize::from(end.stream == "other")].push(end.retry_in.unwrap());
    }
    println!("{delays:?}");
    for delays in &delays {
        for (n, delay) in delays.iter().take(5).enumerate() {
            let full = ms(100 * 3_u64.pow(n as u32)).min(ms(1_600));
            // The turns of all reconnects to one host come on top: 50 ms for two.
            assert!((full / 2 - ms(1)..=full + ms(110)).contains(delay), "{n}: {delays:?}");
        }
    }
    assert_ne!(delays[0][..5], delays[1][..5]);
    proxy.refuse(false);
    for name in ["one", "other"] {
        let back = tokio::time::timeout(SOON, manager.wait_for(name, Phase::Live)).await;
        back.expect("it comes back by itself").unwrap();
    }
}

#[tokio::test]
async fn a_stream_out_of_retries_ends_says_so_and_gives_its_place_back() {
    let clip = streambro_tests::demo_clip();
    let closed = format!("rtmp://127.0.0.1:{}/live", streambro_tests::net::free_port());
    let builder = streambro_core::StreamManager::builder().max_streams(1).times(quick());
    let manager = builder.build().await.unwrap();
    for attempts in [1, 4] {
        let retry = Retry::budget(attempts, Duration::from_secs(60));
        let spec = rig::forever("budget", &clip, &closed).retry(retry);
        let stream = manager.start(spec).await.unwrap();
        let ended = tokio::time::timeout(SOON, stream.ended()).await.expect("it ends");
        assert_eq!((ended.phase, ended.reason), (Phase::Ended, Some(Reason::RetriesExhausted)), "{ended:?}");
        assert_eq!(ended.legs[0].attempts, u64::from(attempts));
        // With what went wrong the last time.
        assert!(ended.detail.contains("no connection to 127.0.0.1"), "{ended:?}");
    }
    let good = Hostile::start(Attack::Nothing, Stage::Published).await;
    let stream = manager.start(rig::forever("next", &clip, &good.url())).await.unwrap();
    rig::in_phase(&stream, Phase::Live, SOON).await;
}

#[tokio::test]
async fn stop_ends_at_once_a_stream_that_waits_resolves_connects_or_shakes_hands() {
    let clip = streambro_tests::demo_clip();
    let early = Hostile::start(Attack::Close, Stage::Published).await;
    let silent = Hostile::start(Attack::Silent, Stage::Accepted).await;
    let nowhere = Nowhere::new().await;
    let names = Named(|host: &str| match host {
        "nobody.test" => None,
        host => Some(Ok(vec![host.parse().unwrap()])),
    });
    let builder = streambro_core::StreamManager::builder().unlimited().resolver(names);
    let manager = builder.build().await.unwrap();
    let urls = [
        ("waits", early.url(), LegPhase::Waiting),
        ("resolves", "rtmp://nobody.test/live".to_owned(), LegPhase::Connecting),
        ("connects", format!("rtmp://127.0.0.1:{}/live", nowhere.port()), LegPhase::Connecting),
        ("shakes-hands", silent.url(), LegPhase::Connecting),
    ];
    for (name, url, phase) in urls {
        let stream = manager.start(rig::forever(name, &clip, &url)).await.unwrap();
        rig::until(SOON, name, || (rig::leg(&stream).phase == phase).then_some(())).await;
        if name == "shakes-hands" {
            silent.until(SOON, |v| v.first().is_some_and(|v| v.received > 0)).await;
        }
        let stopped = Instant::now();
        stream.stop();
        let ended = tokio::time::timeout(SOON, stream.ended()).await.unwrap();
        assert!(stopped.elapsed() < ms(500), "{name}: {:?}", stopped.elapsed());
        assert_eq!((ended.phase, ended.reason), (Phase::Ended, Some(Reason::Stopped)), "{name}");
    }
    rig::until(SOON, "the connection closes", || (!rig::kernel_holds(silent.address())).then_some(())).await;
}

#[tokio::test]
async fn shutdown_waits_for_a_peer_that_never_reads_no_longer_than_the_goodbye_or_its_grace() {
    let clip = rig::clip(3_000).await;
    for (goodbye, grace) in [(ms(1_500), SOON), (SOON, ms(1_500))] {
        let server = Hostile::start(Attack::Nothing, Stage::Published).await;
        let proxy = Proxy::start(server.address()).await;
        let manager = rig::manager(rig::times(|t| t.goodbye = goodbye)).await;
        let stream = manager.start(rig::forever("deaf", &clip, &proxy.rtmp_url("live"))).await.unwrap();
        rig::in_phase(&stream, Phase::Live, SOON).await;
        proxy.set_flow(Flow::Stall);
        rig::in_phase(&stream, Phase::Degraded, SOON).await;
        let began = Instant::now();
        manager.shutdown(grace).await;
        let took = began.elapsed();
        println!("goodbye {goodbye:?}, grace {grace:?}: {took:?}");
        assert!((ms(1_400)..ms(2_500)).contains(&took), "{goodbye:?} {grace:?}: {took:?}");
        let status = stream.status();
        assert_eq!((status.phase, status.reason), (Phase::Ended, Some(Reason::ShutDown)));
        rig::until(ms(1_000), "the kernel lets go", || (!rig::kernel_holds(proxy.address())).then_some(()))
            .await;
    }
}
