//! Peers that stop reading.

use std::path::Path;
use std::time::{Duration, Instant};

use streambro_core::{Phase, Reason, Times};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::nginx::Nginx;
use streambro_tests::proxy::{Flow, Proxy};
use streambro_tests::{mem, process};

use super::rig::{self, MIB, SOON, ms};

/// What became of a stream to a peer that stopped reading.
#[derive(Debug)]
struct GivenUp {
    /// How long after the last byte that the peer's kernel accepted.
    after: Duration,
    /// What this process held more of at most, in bytes.
    grown: u64,
}

/// Plays to a peer that stops reading after publish, until it is given up and tried again.
async fn given_up(clip: &Path, times: Times, bound: Duration) -> GivenUp {
    let server = Hostile::start(Attack::StopReading, Stage::Published).await;
    let manager = rig::manager(times).await;
    // What playing costs at all: the first stream of a thread fills the scratch that all share.
    let good = Hostile::start(Attack::Nothing, Stage::Published).await;
    let stream =
        manager.start(rig::forever("good", clip, &good.url())).await.expect("the clip can be played");
    rig::in_phase(&stream, Phase::Live, SOON).await;
    stream.stop();
    stream.ended().await;
    let mut events = manager.subscribe(64);
    let before = mem::own().anonymous;
    let stream =
        manager.start(rig::forever("still", clip, &server.url())).await.expect("the clip can be played");
    let (mut taken, mut moved, mut peak) = (0, Instant::now(), before);
    let watch = async {
        let mut looks = 0;
        loop {
            let now = rig::unread(server.address());
            if now > taken {
                (taken, moved) = (now, Instant::now());
            }
            if looks % 20 == 0 {
                peak = peak.max(mem::own().anonymous);
            }
            looks += 1;
            tokio::time::sleep(ms(10)).await;
        }
    };
    let end = tokio::select! {
        end = rig::next_end(&mut events, bound) => end,
        () = watch => unreachable!(),
    };
    assert_eq!(end.reason, Some(Reason::Stalled), "{end:?}");
    assert!(taken > 0 && rig::leg(&stream).acked_bytes > 0);
    let visits = server.until(ms(1_000), |v| v[0].closed_after.is_some()).await;
    assert_eq!(visits[0].key, "still");
    // Closed is not enough: what a dead peer has not taken must not stay in the kernel either.
    let gone = || !rig::kernel_holds(server.address()) || server.visits().len() > 1;
    rig::until(ms(1_000), "the kernel lets go", || gone().then_some(())).await;
    server.until(SOON, |v| v.len() > 1 && v[1].publish_stream.is_some()).await;
    println!("{:?} after the last of {taken} bytes: {}", end.at - moved, end.detail);
    GivenUp { after: end.at - moved, grown: peak - before }
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_stalled_15_s_after_its_last_byte_and_costs_under_a_megabyte() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_peer_that_stops_reading_is_stalled_15_s_after_its_last_byte_and_costs_under_a_megabyte"
    );
    if !process::alone(NAME) {
        return;
    }
    let clip = rig::clip(3_000).await;
    let GivenUp { after, grown } = given_up(&clip, Times::default(), Duration::from_secs(40)).await;
    println!("grown by {} KiB", grown / 1024);
    assert!((Duration::from_secs(15)..Duration::from_secs(17)).contains(&after), "{after:?}");
    assert!(grown < MIB, "{grown}");
}

#[tokio::test]
async fn a_stall_is_found_at_a_low_bitrate_too_although_buffers_take_long_to_fill() {
    // The library's own silence is part of the stream: it is about 12 kB/s.
    let clip = rig::clip(40).await;
    let times = rig::times(|t| (t.no_progress, t.tcp_user) = (ms(3_000), ms(3_000)));
    let GivenUp { after, .. } = given_up(&clip, times, Duration::from_secs(60)).await;
    assert!((ms(3_000)..ms(4_500)).contains(&after), "{after:?}");
}

#[tokio::test]
async fn a_stall_in_mid_stream_is_found_and_the_stream_comes_back() {
    let nginx = Nginx::start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let clip = rig::clip(3_000).await;
    let times = rig::times(|t| {
        (t.no_progress, t.tcp_user) = (ms(3_000), ms(3_000));
        (t.backoff_first, t.backoff_max) = (ms(100), ms(200));
    });
    let manager = rig::manager(times).await;
    let mut events = manager.subscribe(64);
    let stream = manager.start(rig::forever("mid", &clip, &proxy.rtmp_url("live"))).await.unwrap();
    rig::in_phase(&stream, Phase::Live, SOON).await;
    proxy.set_flow(Flow::Stall);
    let up = proxy.bytes_up();
    let end = rig::next_end(&mut events, SOON).await;
    assert_eq!(end.reason, Some(Reason::Stalled), "{end:?}");
    // One read may have been under way.
    assert!(proxy.bytes_up() - up <= 16 << 10);
    rig::in_phase(&stream, Phase::Reconnecting, ms(500)).await;
    proxy.set_flow(Flow::Forward);
    rig::in_phase(&stream, Phase::Live, SOON).await;
    assert_eq!(rig::leg(&stream).reconnects, 1);
    manager.shutdown(SOON).await;
    for recording in &nginx.settled("mid", 2, SOON).await[1..] {
        rig::assert_increasing(recording);
    }
}

#[tokio::test]
async fn a_server_that_hears_nothing_any_more_hangs_up_and_is_published_to_again() {
    let nginx = Nginx::options().drop_idle_publisher(Duration::from_secs(2)).start().await;
    let proxy = Proxy::start(([127, 0, 0, 1], nginx.port()).into()).await;
    let clip = rig::clip(1_000).await;
    let times = rig::times(|t| (t.backoff_first, t.backoff_max) = (ms(100), ms(200)));
    let manager = rig::manager(times).await;
    let mut events = manager.subscribe(64);
    let stream = manager.start(rig::forever("unheard", &clip, &proxy.rtmp_url("pass"))).await.unwrap();
    rig::in_phase(&stream, Phase::Live, SOON).await;
    proxy.set_flow(Flow::Swallow);
    let end = rig::next_end(&mut events, SOON).await;
    assert_eq!(end.reason, Some(Reason::PeerClosed), "{end:?}");
    proxy.set_flow(Flow::Forward);
    rig::in_phase(&stream, Phase::Live, SOON).await;
    assert_eq!(rig::leg(&stream).reconnects, 1);
}
