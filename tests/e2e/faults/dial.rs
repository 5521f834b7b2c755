//! Destinations that cannot or must not be reached.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use streambro_core::{Destination, DestinationPolicy, ErrorKind, LegPhase, Phase, Reason, StreamManager};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::net;

use super::rig::{self, Named, Nowhere, SOON, ms};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn what_cannot_be_reached_is_told_apart_within_the_connect_time_and_tried_again() {
    let clip = streambro_tests::demo_clip();
    let names = Named(|host: &str| match host {
        "fails.test" => Some(Err(io::Error::other("the zone is on fire"))),
        "empty.test" => Some(Ok(Vec::new())),
        "hangs.test" => None,
        _ => Some(Ok(vec![HERE])),
    });
    let times = rig::times(|t| {
        t.connect = ms(1_500);
        (t.backoff_first, t.backoff_max) = (ms(100), ms(100));
    });
    let builder = StreamManager::builder().unlimited().times(times).resolver(names);
    let manager = builder.build().await.unwrap();
    let nowhere = Nowhere::new().await;
    let full = format!("rtmp://full.test:{}/live", nowhere.port());
    let closed = format!("rtmp://closed.test:{}/live", net::free_port());
    let cases = [
        ("fails", "rtmp://fails.test/live", Reason::Unresolved),
        ("empty", "rtmp://empty.test/live", Reason::Unresolved),
        ("hangs", "rtmp://hangs.test/live", Reason::Unresolved),
        ("nowhere", &full, Reason::Unreachable),
        ("closed", &closed, Reason::Unreachable),
    ];
    for (name, url, reason) in cases {
        let mut events = manager.subscribe(64);
        let began = Instant::now();
        let stream = manager.start(rig::forever(name, &clip, url)).await.unwrap();
        let end = rig::next_end(&mut events, SOON).await;
        assert_eq!(end.reason, Some(reason), "{name}: {end:?}");
        assert!(end.at - began < ms(2_500), "{name}: {:?}", end.at - began);
        if name == "fails" {
            assert!(end.detail.contains("the zone is on fire"), "{end:?}");
        }
        rig::until(SOON, "it tries again", || (rig::leg(&stream).attempts > 1).then_some(())).await;
        assert_eq!(stream.status().phase, Phase::Starting);
        stream.stop();
        stream.ended().await;
    }
}

#[tokio::test]
async fn a_name_that_nobody_has_is_unresolved() {
    let clip = streambro_tests::demo_clip();
    let manager = rig::manager(rig::times(|t| t.connect = ms(4_000))).await;
    let mut events = manager.subscribe(64);
    // RFC 6761: there is no such name.
    let url = "rtmp://nonexistent.invalid/live";
    let stream = manager.start(rig::forever("nobody", &clip, url)).await.unwrap();
    let end = rig::next_end(&mut events, SOON).await;
    assert_eq!(end.reason, Some(Reason::Unresolved), "{end:?}");
    assert!(end.retry_in.unwrap() < Duration::from_secs(1));
    stream.stop();
    stream.ended().await;
}

#[tokio::test]
async fn an_address_that_the_policy_forbids_is_never_contacted_whatever_its_name() {
    let clip = streambro_tests::demo_clip();
    let server = Hostile::start(Attack::Nothing, Stage::Published).await;
    let port = server.address().port();
    // Every way to write this host that a filter might miss.
    let here: [IpAddr; 4] =
        [HERE, "::1".parse().unwrap(), "::ffff:127.0.0.1".parse().unwrap(), [0; 4].into()];
    let names = Named(move |_: &str| Some(Ok(here.to_vec())));
    let builder = StreamManager::builder().resolver(names).destinations(DestinationPolicy::Public);
    let manager = builder.build().await.unwrap();
    let mut events = manager.subscribe(64);
    let url = format!("rtmp://innocent.example:{port}/live");
    let stream = manager.start(rig::forever("inside", &clip, &url)).await.unwrap();
    let end = rig::next_end(&mut events, SOON).await;
    assert_eq!((end.reason, end.phase), (Some(Reason::NotAllowed), LegPhase::Waiting), "{end:?}");
    assert!(end.retry_in.unwrap() >= Duration::from_secs(30), "{end:?}");
    assert!(server.visits().is_empty());
    stream.stop();
    stream.ended().await;
    // An address in the URL needs no resolver, and no start.
    for url in
        [server.url(), format!("rtmp://[::1]:{port}/live"), format!("rtmp://[::ffff:7f00:1]:{port}/live")]
    {
        let refused = manager.start(rig::forever("literal", &clip, &url)).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotAllowed, "{url}: {refused}");
    }
}

#[tokio::test]
async fn the_policy_is_asked_again_at_every_reconnect() {
    let clip = streambro_tests::demo_clip();
    let server = Hostile::start(Attack::Close, Stage::Connected).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // Rebinding: allowed at first, then another address of this host, which would answer as well.
    let names = Named(move |_: &str| {
        let last = if count.fetch_add(1, Ordering::Relaxed) == 0 { 1 } else { 2 };
        Some(Ok(vec![IpAddr::from([127, 0, 0, last])]))
    });
    let allowed = DestinationPolicy::Allow(vec!["127.0.0.1/32".parse().unwrap()]);
    let times = rig::times(|t| {
        (t.backoff_first, t.backoff_max, t.backoff_refused) = (ms(50), ms(50), ms(200));
    });
    let builder = StreamManager::builder().resolver(names).destinations(allowed).times(times);
    let manager = builder.build().await.unwrap();
    let mut events = manager.subscribe(64);
    let url = format!("rtmp://rebound.test:{}/live", server.address().port());
    let destination = Destination::new(&url, "key").unwrap();
    assert!(destination.label().contains("rebound.test"));
    manager.start(rig::forever("rebound", &clip, &url)).await.unwrap();
    assert_eq!(rig::next_end(&mut events, SOON).await.reason, Some(Reason::PeerClosed));
    for _ in 0..3 {
        assert_eq!(rig::next_end(&mut events, SOON).await.reason, Some(Reason::NotAllowed));
    }
    assert!(asked.load(Ordering::Relaxed) >= 4);
    assert_eq!(server.visits().len(), 1);
}
