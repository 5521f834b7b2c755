//! What the tests of this folder share.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use streambro_core::{
    Destination, EventKind, LegPhase, LegStatus, Phase, Reason, Repeat, Resolver, Source, Stream,
    StreamManager, StreamSpec, Subscription, Times,
};
use streambro_tests::ffmpeg::{self, Clip, Packet, Track};
use streambro_tests::flv::{self, Kind};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Generous: two cores may be shared by many tests.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The time table with changes.
pub(super) fn times(set: impl FnOnce(&mut Times)) -> Times {
    let mut times = Times::default();
    set(&mut times);
    times
}

pub(super) async fn manager(times: Times) -> StreamManager {
    let manager = StreamManager::builder().unlimited().times(times).build().await;
    manager.expect("a manager without a media root can always be built")
}

/// A file, played for ever to one destination, whose key is the stream's name.
pub(super) fn forever(id: &str, clip: &Path, url: &str) -> StreamSpec {
    let destination = Destination::new(url, id.to_owned()).expect("the address is valid");
    StreamSpec::new(id, Source::file(clip).repeat(Repeat::Forever)).destination(destination)
}

/// 12 s of video at a constant bitrate, with little sound.
pub(super) async fn clip(kbits: u32) -> PathBuf {
    Clip::new().seconds(12.0).size(640, 360).bitrate(kbits).audio_bitrate(64).make().await
}

pub(super) fn leg(stream: &Stream) -> LegStatus {
    stream.status().legs.into_iter().next().expect("a stream has a destination")
}

/// Looks every 10 ms until there is something to see.
///
/// # Panics
/// When there is not within `bound`.
pub(super) async fn until<T>(bound: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {bound:?}: {what}");
        tokio::time::sleep(ms(10)).await;
    }
}

pub(super) async fn in_phase(stream: &Stream, phase: Phase, bound: Duration) {
    let reached = tokio::time::timeout(bound, stream.wait_for(phase)).await;
    let reached = reached.unwrap_or_else(|_| panic!("not {phase:?} within {bound:?}: {:?}", stream.status()));
    reached.expect("the stream goes on");
}

/// What an event says of a leg.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) stream: String,
    pub(super) phase: LegPhase,
    pub(super) reason: Option<Reason>,
    pub(super) detail: String,
    pub(super) retry_in: Option<Duration>,
    pub(super) at: Instant,
}

/// An address of this machine where nobody ever answers: a listener whose queue is full.
#[derive(Debug)]
pub(super) struct Nowhere {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Nowhere {
    pub(super) async fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        let listener = socket.listen(1).expect("the socket can listen");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut queue = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(ms(500), TcpStream::connect(address)).await {
            queue.push(stream);
        }
        assert!(!queue.is_empty(), "nothing can be connected at all");
        Self { listener, _queue: queue }
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().expect("a bound socket has an address").port()
    }
}

/// The next event about a leg.
///
/// # Panics
/// When none comes within `bound`.
pub(super) async fn next_leg(events: &mut Subscription, bound: Duration) -> Heard {
    let hear = async {
        loop {
            let event = events.next().await.expect("the manager is there");
            if let EventKind::Leg { phase, reason, detail, retry_in_ms, .. } = event.kind {
                return Heard {
                    stream: event.stream.map_or_else(String::new, |id| id.to_string()),
                    phase,
                    reason,
                    detail,
                    retry_in: retry_in_ms.map(ms),
                    at: Instant::now(),
                };
            }
        }
    };
    tokio::time::timeout(bound, hear).await.unwrap_or_else(|_| panic!("no event within {bound:?}"))
}

/// The next end of a connection or an attempt.
pub(super) async fn next_end(events: &mut Subscription, bound: Duration) -> Heard {
    loop {
        let heard = next_leg(events, bound).await;
        if matches!(heard.phase, LegPhase::Waiting | LegPhase::Ended) {
            return heard;
        }
    }
}

/// Whether the kernel holds a socket of ours that is connected to this address, in whatever state.
///
/// A connection that was closed, but whose last bytes nobody takes, is such a socket.
pub(super) fn kernel_holds(peer: SocketAddr) -> bool {
    // 06 is TIME_WAIT, which holds no bytes.
    sockets().iter().any(|socket| socket.peer == hex(peer) && socket.state != "06")
}

/// Bytes that the kernel holds for the one connection of a server that does not read them.
pub(super) fn unread(server: SocketAddr) -> u64 {
    // The table is read in pieces while sockets come and go: one may be in it twice.
    let ours = sockets().into_iter().filter(|socket| socket.local == hex(server));
    ours.map(|socket| socket.unread).max().unwrap_or(0)
}

struct Socket {
    local: String,
    peer: String,
    state: String,
    unread: u64,
}

fn sockets() -> Vec<Socket> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel shows its sockets");
    let socket = |line: &str| {
        let mut fields = line.split_whitespace().skip(1).map(str::to_owned);
        let (local, peer, state, queues) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let unread = u64::from_str_radix(queues.split_once(':')?.1, 16).ok()?;
        // A listener's number is one of connections: 0A.
        Some(Socket { local, peer, unread: if state == "0A" { 0 } else { unread }, state })
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// An address as the kernel's table has it.
fn hex(address: SocketAddr) -> String {
    let IpAddr::V4(ip) = address.ip() else { panic!("the tests use IPv4") };
    format!("{:08X}:{:04X}", u32::from_le_bytes(ip.octets()), address.port())
}

pub(super) const MIB: u64 = 1 << 20;

/// What a recording must be: one piece of the source as it plays round and round, nothing lost, nothing reordered.
///
/// Audio may lose a frame or gain silence at the joint of two laps.
pub(super) async fn assert_unbroken(recording: &Path, clip: &Path) -> Counted {
    let source = ffmpeg::packets(clip).await;
    let got = flv::read(recording).expect("the recording is FLV");
    let mut counted = Counted::default();
    for (track, kind) in [(Track::Video, Kind::Video), (Track::Audio, Kind::Audio)] {
        let want: Vec<&Packet> = source.iter().filter(|p| p.track == track).collect();
        let place = |md5: &str, from: usize| {
            (0..want.len()).map(|step| (from + step) % want.len()).find(|at| want[*at].md5 == md5)
        };
        let mut next = 0;
        let mut last = None;
        for (n, tag) in got.samples(kind).enumerate() {
            assert!(last < Some(tag.timestamp), "{kind:?} {n}: {} after {last:?}", tag.timestamp);
            last = Some(tag.timestamp);
            let Some(at) = place(&tag.md5(), next) else {
                assert_eq!(kind, Kind::Audio, "{n}: a picture that is not in the source");
                continue;
            };
            let skipped = (at + want.len() - next) % want.len();
            let at_joint = next + 4 > want.len() || at < 4;
            let allowed = if kind == Kind::Audio && at_joint { 4 } else { 0 };
            assert!(skipped <= allowed, "{kind:?} {n}: frame {at} where {next} belongs");
            next = (at + 1) % want.len();
            match kind {
                Kind::Video => counted.video += 1,
                _ => counted.audio += 1,
            }
        }
    }
    counted
}

/// In whatever it begins, time goes forward in every track of a recording.
pub(super) fn assert_increasing(recording: &Path) {
    let got = flv::read(recording).expect("the recording is FLV");
    for kind in [Kind::Video, Kind::Audio] {
        let times: Vec<u32> = got.samples(kind).map(|tag| tag.timestamp).collect();
        assert!(!times.is_empty() && times.is_sorted_by(|a, b| a < b), "{kind:?} {times:?}");
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) video: usize,
    pub(super) audio: usize,
}

/// What a resolver may answer; `None` is silence.
pub(super) type Answer = Option<std::io::Result<Vec<IpAddr>>>;

impl<F: Fn(&str) -> Answer + Send + Sync + 'static> Resolver for Named<F> {
    fn resolve<'a, 'b, 'c>(
        &'a self,
        host: &'b str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let answer = (self.0)(host);
        Box::pin(async {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

/// A resolver in the words of one function.
pub(super) struct Named<F>(pub(super) F);

impl<F> std::fmt::Debug for Named<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Named")
    }
}
