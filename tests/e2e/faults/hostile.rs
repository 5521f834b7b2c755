//! Servers that break the rules.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use streambro_core::{LegPhase, Phase, Reason, Times};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::proxy::{Flow, Proxy};
use streambro_tests::{mem, process};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::apart::{self, Apart};
use super::rig::{self, MIB, SOON, ms};

/// What the time table allows to attempts, and to connections that get nowhere.
const PATIENCE: Duration = Duration::from_secs(4);

const STAGES: [Stage; 4] = [Stage::Accepted, Stage::Handshaken, Stage::Connected, Stage::Created];

/// What must become of a stream whose server does this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The connection ends for one of these reasons.
    Ends(&'static [Reason]),
    /// The stream goes on the air.
    Lives,
}

use Fate::{Ends, Lives};

const BROKEN: Fate = Ends(&[Reason::ProtocolError]);
/// A server that keeps talking and never answers.
const LATE: Fate = Ends(&[Reason::HandshakeTimeout]);
const LATE_OR_BROKEN: Fate = Ends(&[Reason::HandshakeTimeout, Reason::ProtocolError]);

/// Every attack that could cost memory or time, at every stage where it differs.
const ATTACKS: [(Attack, Stage, Fate); 28] = [
    (Attack::Nothing, Stage::Published, Lives),
    (Attack::ChunkSize(0), Stage::Handshaken, BROKEN),
    (Attack::ChunkSize(0), Stage::Published, BROKEN),
    (Attack::ChunkSize(0xFF_FFFF), Stage::Handshaken, BROKEN),
    (Attack::ChunkSize(0xFF_FFFF), Stage::Published, BROKEN),
    (Attack::ChunkSize(1), Stage::Connected, BROKEN),
    (Attack::HugeMessages, Stage::Handshaken, BROKEN),
    (Attack::HugeMessages, Stage::Published, BROKEN),
    (Attack::HugeAmf, Stage::Handshaken, LATE_OR_BROKEN),
    (Attack::HugeAmf, Stage::Published, Lives),
    (Attack::DeepAmf(10_000), Stage::Connected, LATE_OR_BROKEN),
    (Attack::DeepAmf(10_000), Stage::Published, BROKEN),
    // The deepest that fits the longest message that is taken at all.
    (Attack::DeepAmf(9_000), Stage::Published, Lives),
    (Attack::AckStorm, Stage::Handshaken, LATE),
    (Attack::AckStorm, Stage::Created, LATE),
    (Attack::AckStorm, Stage::Published, Lives),
    (Attack::PingStorm, Stage::Connected, LATE),
    (Attack::PingStorm, Stage::Published, Lives),
    (Attack::WindowOfOne, Stage::Created, LATE),
    (Attack::WindowOfOne, Stage::Published, Lives),
    (Attack::OneByteASecond, Stage::Published, Lives),
    (Attack::Silent, Stage::Published, Lives),
    (Attack::StopReading, Stage::Created, LATE),
    (Attack::StopReading, Stage::Published, Ends(&[Reason::Stalled])),
    // Whether the publish command was out by then is chance, and makes the difference.
    (Attack::Close, Stage::Created, Ends(&[Reason::PeerClosed, Reason::RejectedEarly])),
    (Attack::Noise, Stage::Accepted, BROKEN),
    (Attack::Noise, Stage::Handshaken, BROKEN),
    (Attack::Noise, Stage::Published, BROKEN),
];

#[tokio::test]
async fn no_hostile_server_costs_a_mebibyte_a_panic_or_the_others_their_stream() {
    const NAME: &str =
        concat!(module_path!(), "::no_hostile_server_costs_a_mebibyte_a_panic_or_the_others_their_stream");
    if !process::alone(NAME) {
        return;
    }
    let attacks = ATTACKS.map(|(attack, stage, _)| (attack, stage));
    apart::serve(&attacks);
    let servers = Apart::start(NAME, &attacks).await;
    let clip = rig::clip(1_000).await;
    let times = rig::times(|t| {
        (t.connect, t.handshake) = (PATIENCE, PATIENCE);
        (t.no_progress, t.tcp_user) = (PATIENCE, PATIENCE);
        // One connection each.
        (t.backoff_first, t.backoff_max) = (Duration::from_secs(60), Duration::from_secs(60));
    });
    let manager = rig::manager(times).await;
    let mut events = manager.subscribe(4_096);
    let url = |n: usize| format!("rtmp://{}/live", servers.addresses[n]);
    // What playing costs at all: the first stream fills the scratch of this thread.
    let good = manager.start(rig::forever("0", &clip, &url(0))).await.unwrap();
    rig::in_phase(&good, Phase::Live, SOON).await;
    let before = mem::own().anonymous;
    let began = Instant::now();
    for (n, (attack, stage, _)) in ATTACKS.iter().enumerate().skip(1) {
        let stream = manager.start(rig::forever(&n.to_string(), &clip, &url(n))).await;
        stream.unwrap_or_else(|error| panic!("{attack:?} {stage:?}: {error}"));
    }
    let (mut ends, mut lives, mut peak) = (HashMap::new(), HashMap::new(), before);
    let known = |n: &usize, ends: &HashMap<usize, _>, lives: &HashMap<usize, _>| match ATTACKS[*n].2 {
        Ends(_) => ends.contains_key(n),
        Lives => lives.contains_key(n),
    };
    loop {
        let missing: Vec<usize> = (1..ATTACKS.len()).filter(|n| !known(n, &ends, &lives)).collect();
        if missing.is_empty() {
            break;
        }
        let told = |n: &usize| format!("{:?}: {:?}", ATTACKS[*n], ends.get(n));
        let late = began.elapsed() > 2 * SOON;
        assert!(!late, "nothing became of {:#?}", missing.iter().map(told).collect::<Vec<_>>());
        peak = peak.max(mem::own().anonymous);
        let Ok(heard) = tokio::time::timeout(ms(100), rig::next_leg(&mut events, SOON)).await else {
            continue;
        };
        let n: usize = heard.stream.parse().unwrap();
        match heard.phase {
            LegPhase::Waiting | LegPhase::Ended => drop(ends.insert(n, heard)),
            LegPhase::Live => drop(lives.insert(n, heard)),
            _ => {}
        }
    }
    println!("{} attacks in {:?}: {} KiB", ATTACKS.len(), began.elapsed(), (peak - before) / 1024);
    for (n, (attack, stage, fate)) in ATTACKS.iter().enumerate() {
        let end = ends.get(&n);
        match fate {
            Lives => assert!(end.is_none(), "{attack:?} {stage:?}: {end:?}"),
            Ends(reasons) => {
                let end = end.unwrap();
                assert!(reasons.contains(&end.reason.unwrap()), "{attack:?} {stage:?}: {end:?}");
                let took = end.at - began;
                // How much later is this machine's affair: that something became of all is bounded above.
                let early = end.reason == Some(Reason::HandshakeTimeout) && took < PATIENCE;
                assert!(!early, "{attack:?} {stage:?} closed after {took:?}");
            }
        }
    }
    assert!(peak - before < MIB, "grown by {} KiB", (peak - before) / 1024);
    // Those whose connection ended leave nothing behind.
    for (n, (attack, stage, fate)) in ATTACKS.iter().enumerate() {
        if matches!(fate, Ends(_)) {
            assert!(!rig::kernel_holds(servers.addresses[n]), "{attack:?} {stage:?}");
        }
    }
    let status = good.status();
    assert_eq!((status.phase, status.legs[0].attempts, status.legs[0].skips), (Phase::Live, 1, 0));
    manager.shutdown(SOON).await;
}

#[tokio::test]
async fn a_server_that_is_slow_or_silent_at_any_stage_is_left_after_ten_seconds() {
    let clip = streambro_tests::demo_clip();
    let manager = rig::manager(Times::default()).await;
    let mut events = manager.subscribe(1_024);
    let mut servers = HashMap::new();
    for attack in [Attack::Silent, Attack::OneByteASecond, Attack::StopReading] {
        for stage in STAGES {
            let server = Hostile::start(attack, stage).await;
            let name = servers.len().to_string();
            manager.start(rig::forever(&name, &clip, &server.url())).await.unwrap();
            servers.insert(name, (server, attack, stage));
        }
    }
    let all = servers.len();
    for _ in 0..all {
        let end = rig::next_end(&mut events, SOON).await;
        let (server, attack, stage) = &servers[&end.stream];
        assert_eq!(end.reason, Some(Reason::HandshakeTimeout), "{attack:?} {stage:?}: {end:?}");
        let visits = server.until(ms(1_000), |v| v[0].closed_after.is_some()).await;
        let after = visits[0].closed_after.unwrap();
        assert!((ms(9_900)..ms(11_500)).contains(&after), "{attack:?} {stage:?}: {after:?}");
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_those_that_only_a_human_can_mend_are_retried_slowly() {
    const SLOW: bool = true;
    let cases = [
        (Attack::BadName, Stage::Published, Reason::BadKey, SLOW),
        (Attack::AlreadyPublishing, Stage::Published, Reason::AlreadyPublishing, !SLOW),
        (Attack::RejectConnect, Stage::Published, Reason::BadApp, SLOW),
        (Attack::RejectCreateStream, Stage::Published, Reason::Refused, !SLOW),
        (Attack::Close, Stage::Published, Reason::RejectedEarly, SLOW),
        (Attack::Reset, Stage::Published, Reason::RejectedEarly, SLOW),
        (Attack::Close, Stage::Connected, Reason::PeerClosed, !SLOW),
        (Attack::Reset, Stage::Handshaken, Reason::PeerClosed, !SLOW),
    ];
    let clip = streambro_tests::demo_clip();
    for (attack, stage, reason, slow) in cases {
        let server = Hostile::start(attack, stage).await;
        let manager = rig::manager(Times::default()).await;
        let mut events = manager.subscribe(64);
        let stream = manager.start(rig::forever("refused", &clip, &server.url())).await.unwrap();
        let end = rig::next_end(&mut events, SOON).await;
        assert_eq!(end.reason, Some(reason), "{attack:?} {stage:?}: {end:?}");
        let retry = end.retry_in.unwrap();
        assert_eq!(retry >= Duration::from_secs(30), slow, "{attack:?} {stage:?}: {end:?}");
        assert!(retry <= Duration::from_secs(61), "{attack:?} {stage:?}: {end:?}");
        assert!(!end.detail.is_empty() && !end.detail.contains("refused\""), "{end:?}");
        assert_eq!(stream.status().phase, Phase::Starting);
        manager.shutdown(SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_without_end_from_a_server_that_reads_no_answer_neither_hang_the_host_nor_last() {
    let server = Hostile::start(Attack::PingStorm, Stage::Connected).await;
    let proxy = Proxy::start(server.address()).await;
    let clip = streambro_tests::demo_clip();
    let manager = rig::manager(rig::times(|t| t.handshake = ms(5_000))).await;
    let mut events = manager.subscribe(64);
    let began = Instant::now();
    let url = proxy.rtmp_url("live");
    let _stream = manager.start(rig::forever("deaf", &clip, &url)).await.unwrap();
    server.until(SOON, |v| v.first().is_some_and(|v| v.attacked_after.is_some())).await;
    proxy.set_flow(Flow::Stall);
    let end = rig::next_end(&mut events, SOON).await;
    assert_eq!(end.reason, Some(Reason::HandshakeTimeout), "{end:?}");
    assert!(end.at - began < ms(6_500), "{:?}", end.at - began);
}

#[tokio::test]
async fn a_server_that_breaks_the_rules_within_its_welcome_is_left_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtmp://{}/live", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // All at once: the handshake, an answer to each command that is to come, and a chunk size of 0.
        let mut words = vec![3; 1 + 1_536 + 1_536];
        words[5..9].fill(0);
        words.extend(message(20, &[text("_result"), number(1.0), vec![5, 5]].concat()));
        words.extend(message(20, &[text("_result"), number(4.0), vec![5], number(1.0)].concat()));
        let start =
            [vec![3], field("level", "status"), field("code", "NetStream.Publish.Start"), vec![0, 0, 9]];
        words.extend(message(20, &[text("onStatus"), number(0.0), vec![5], start.concat()].concat()));
        words.extend(message(1, &[0; 4]));
        stream.write_all(&words).await.unwrap();
        // And nothing more.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    });
    let manager = rig::manager(Times::default()).await;
    let mut events = manager.subscribe(64);
    let clip = streambro_tests::demo_clip();
    manager.start(rig::forever("welcome", &clip, &url)).await.unwrap();
    let end = rig::next_end(&mut events, ms(5_000)).await;
    assert_eq!(end.reason, Some(Reason::ProtocolError), "{end:?}");
    tokio::time::timeout(SOON, server).await.expect("it is left").unwrap();
}

/// A message in one chunk.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() <= 128);
    [&[3, 0, 0, 0, 0, 0, body.len() as u8, kind, 0, 0, 0, 0], body].concat()
}

fn number(number: f64) -> Vec<u8> {
    [&[0][..], &number.to_be_bytes()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[2, 0, text.len() as u8], text.as_bytes()].concat()
}

fn field(name: &str, value: &str) -> Vec<u8> {
    [&text(name)[1..], &text(value)].concat()
}
