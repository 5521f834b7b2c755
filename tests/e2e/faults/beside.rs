//! What a fault of one stream does to the streams beside it: nothing.

use std::time::{Duration, Instant};

use streambro_core::{
    Destination, Lateness, Phase, Reason, Source, Stream, StreamManager, StreamSpec, Times, Trust,
};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::proxy::{Flow, Proxy};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::rig::{self, Named, SOON, ms};

const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Streams that play undisturbed, and what was known of them a while ago.
struct Others {
    streams: Vec<Stream>,
    before: Lateness,
}

impl Others {
    async fn live(manager: &StreamManager, count: usize, clip: &std::path::Path, url: &str) -> Self {
        let mut streams = Vec::new();
        for n in 0..count {
            let stream = manager.start(rig::forever(&format!("other-{n}"), clip, url)).await;
            streams.push(stream.expect("the clip can be played"));
        }
        for stream in &streams {
            rig::in_phase(stream, Phase::Live, SOON).await;
        }
        let mut others = Self { streams, before: Lateness::default() };
        others.lateness();
        others
    }

    /// How punctual their packets were since the last time this was asked.
    fn lateness(&mut self) -> Lateness {
        let mut now = Lateness::default();
        self.streams.iter().for_each(|stream| now.add(&rig::leg(stream).lateness));
        let mut since = now;
        since.counts.iter_mut().zip(self.before.counts).for_each(|(now, before)| *now -= before);
        self.before = now;
        since
    }

    /// As punctual as in the quiet time before, on the same machine: within a generous factor.
    fn assert_undisturbed(&mut self, quiet: &Lateness) {
        let p99 = |lateness: &Lateness| lateness.quantile(0.99).expect("packets were sent");
        let disturbed = self.lateness();
        println!("p99 {} ms, before {} ms", p99(&disturbed), p99(quiet));
        assert!(p99(&disturbed) <= (3 * p99(quiet)).max(100), "{quiet:?} {disturbed:?}");
        for stream in &self.streams {
            let status = stream.status();
            assert_eq!((status.phase, status.legs[0].attempts, status.legs[0].skips), (Phase::Live, 1, 0));
        }
    }
}

#[tokio::test]
async fn names_handshakes_and_links_that_hang_end_in_the_tables_times_and_leave_the_others_punctual() {
    let clip = rig::clip(3_000).await;
    let good = Hostile::start(Attack::Nothing, Stage::Published).await;
    let link = Proxy::start(good.address()).await;
    // TLS that comes and goes at a byte a second.
    let slow_ears = Proxy::start(good.address()).await;
    slow_ears.set_flow(Flow::Dribble(Duration::from_secs(1)));
    let slow_mouth = slow_mouth().await;
    let names = Named(|host: &str| match host {
        "hangs.test" => None,
        "fails.test" => Some(Err(std::io::Error::other("the zone is on fire"))),
        _ => Some(Ok(vec![HERE])),
    });
    // The real table, but for one connection each.
    let times = rig::times(|t| (t.backoff_first, t.backoff_max) = (4 * SOON, 4 * SOON));
    let builder = StreamManager::builder().unlimited().times(times).resolver(names);
    let manager = builder.build().await.expect("the settings are good");
    let mut others = Others::live(&manager, 4, &clip, &good.url()).await;
    let half_open = manager.start(rig::forever("half-open", &clip, &link.rtmp_url("live"))).await.unwrap();
    rig::in_phase(&half_open, Phase::Live, SOON).await;
    // A quiet time to compare with.
    others.lateness();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let quiet = others.lateness();

    let mut events = manager.subscribe(1_024);
    let began = Instant::now();
    link.set_flow(Flow::Stall);
    let rtmps = |port: u16| format!("rtmps://tls.test:{port}/live");
    let (dns, tls, stall) =
        (Times::default().connect, Times::default().handshake, Times::default().no_progress);
    let cases = [
        ("fails", "rtmp://fails.test/live".to_owned(), Reason::Unresolved, Duration::ZERO),
        ("hangs", "rtmp://hangs.test/live".to_owned(), Reason::Unresolved, dns),
        ("slow-ears", rtmps(slow_ears.address().port()), Reason::HandshakeTimeout, tls),
        ("slow-mouth", rtmps(slow_mouth), Reason::HandshakeTimeout, tls),
        ("half-open", String::new(), Reason::Stalled, stall),
    ];
    for (name, url, ..) in &cases[..4] {
        for n in 0..4 {
            let destination = Destination::new(url, "key").unwrap().trust(Trust::DangerAnyCertificate);
            let spec = StreamSpec::new(format!("{name}-{n}"), Source::file(&clip)).destination(destination);
            manager.start(spec).await.unwrap();
        }
    }
    for _ in 0..4 * 4 + 1 {
        let end = rig::next_end(&mut events, 2 * SOON).await;
        let (name, _, reason, after) =
            cases.iter().find(|case| end.stream.starts_with(case.0)).expect("one of the cases");
        assert_eq!(end.reason, Some(*reason), "{name}: {end:?}");
        let took = end.at - began;
        // Buffers that fill up and samples of half a second come on top.
        assert!((*after..*after + ms(4_000)).contains(&took), "{name}: {took:?}");
    }
    others.assert_undisturbed(&quiet);
    manager.shutdown(SOON).await;
}

/// A port where TLS begins to answer with a byte a second.
async fn slow_mouth() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A handshake record of 4 KiB, and a ServerHello of 4,000 bytes within.
                let hello = [0x16, 3, 3, 0x10, 0, 2, 0, 0x0F, 0xA0, 3, 3];
                for byte in hello.into_iter().chain(std::iter::repeat(7)) {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn one_stalled_stream_of_twenty_leaves_the_others_punctual() {
    let clip = rig::clip(1_000).await;
    let good = Hostile::start(Attack::Nothing, Stage::Published).await;
    let link = Proxy::start(good.address()).await;
    let times = rig::times(|t| (t.no_progress, t.tcp_user) = (ms(4_000), ms(4_000)));
    let manager = rig::manager(times).await;
    let mut others = Others::live(&manager, 19, &clip, &good.url()).await;
    let stalled = manager.start(rig::forever("stalled", &clip, &link.rtmp_url("live"))).await.unwrap();
    rig::in_phase(&stalled, Phase::Live, SOON).await;
    others.lateness();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let quiet = others.lateness();
    let mut events = manager.subscribe(256);
    link.set_flow(Flow::Stall);
    let end = rig::next_end(&mut events, SOON).await;
    assert_eq!((end.stream.as_str(), end.reason), ("stalled", Some(Reason::Stalled)), "{end:?}");
    others.assert_undisturbed(&quiet);
    manager.shutdown(SOON).await;
}
