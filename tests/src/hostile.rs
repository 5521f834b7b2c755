//! An RTMP server that behaves badly on purpose.
//!
//! It speaks just enough of the server's side, written from the specification and independently of the library, to
//! bring a publisher to a chosen stage, and then does one bad thing. It remembers what the publisher did.

mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use wire::{Inbound, Message, Value};

/// When the bad thing happens. Until then the server is a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// As soon as the connection is made, instead of the handshake.
    Accepted,
    /// When the handshake is done.
    Handshaken,
    /// When `connect` has been answered.
    Connected,
    /// When `createStream` has been answered.
    Created,
    /// When `publish` has been accepted.
    Published,
}

/// The bad thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// None: the server answers pings never, takes everything and stays good.
    Nothing,
    /// Set Chunk Size with this value (0 and `0xFF_FFFF` are the interesting ones), then messages of 16 MiB without
    /// end, cut accordingly (into chunks of one byte after 0).
    ChunkSize(u32),
    /// Announces messages of 16 MiB on 300 chunk streams, over 4 GiB in all, and sends the first chunk of each.
    HugeMessages,
    /// A command whose long string and array claim 4 GiB.
    HugeAmf,
    /// A command with objects nested this deep.
    DeepAmf(u32),
    /// Acknowledgements, without end.
    AckStorm,
    /// Ping requests, without end.
    PingStorm,
    /// Asks for an acknowledgement of every single byte.
    WindowOfOne,
    /// One byte of a valid answer a second.
    OneByteASecond,
    /// Reads, never says another word.
    Silent,
    /// Neither reads nor says another word; the connection stays open.
    StopReading,
    /// Closes the connection (FIN).
    Close,
    /// Resets the connection (RST).
    Reset,
    /// Random bytes, without end.
    Noise,
    /// Refuses `connect`.
    RejectConnect,
    /// Refuses `publish` with `NetStream.Publish.BadName`, as for a wrong key.
    BadName,
    /// Refuses `publish` with `NetStream.Publish.BadName` and the words "already publishing".
    AlreadyPublishing,
    /// Answers `createStream` with an error.
    RejectCreateStream,
    /// Refuses `publish` with words that repeat the key.
    EchoKey,
    /// Accepts `publish` and ends the stream soon after, both with words that repeat the key.
    EchoKeyLater,
}

/// What one connection did, as the server saw it.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// Bytes read from the publisher.
    pub received: u64,
    /// Bytes written to the publisher.
    pub sent: u64,
    /// The names of the commands received, in order.
    pub commands: Vec<String>,
    /// The application named by `connect`.
    pub app: String,
    /// The key named by `publish`.
    pub key: String,
    /// The message stream id that `publish` came on. The server gave out [`STREAM_ID`].
    pub publish_stream: Option<u32>,
    /// Audio, video and data messages received.
    pub media: u64,
    /// Ping responses received.
    pub pongs: u64,
    /// Acknowledgements received.
    pub acks: u64,
    /// From accepting the connection to the bad thing.
    pub attacked_after: Option<Duration>,
    /// From accepting the connection to its end. `None` while it is open.
    pub closed_after: Option<Duration>,
}

impl Visit {
    fn count(&mut self, message: &Message) {
        match message.kind {
            3 => self.acks += 1,
            // Ping response.
            4 if message.body.starts_with(&[0, 7]) => self.pongs += 1,
            8 | 9 | 18 => self.media += 1,
            _ => {}
        }
    }
}

/// The message stream id that `createStream` is answered with: not the usual 1.
pub const STREAM_ID: u32 = 7;

/// A running server. Dropped, it stops listening.
#[derive(Debug)]
pub struct Hostile {
    address: SocketAddr,
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

impl Hostile {
    /// Listens on a free port of 127.0.0.1. Every connection gets the same treatment.
    ///
    /// The refusals come where they belong, whatever the stage says.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(attack: Attack, stage: Stage) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        // Small, so that a server that stops reading is felt soon.
        socket.set_recv_buffer_size(32 << 10).expect("the buffer can be set");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
        let listener = socket.listen(1024).expect("the socket can listen");
        let address = listener.local_addr().expect("a bound socket has an address");
        let visits = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let number = {
                    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
                    book.push(Visit::default());
                    book.len() - 1
                };
                let host = Host { stream, book: Arc::clone(&book), number, since: Instant::now() };
                tokio::spawn(host.receive(attack, stage));
            }
        });
        Self { address, visits, task }
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `rtmp://127.0.0.1:PORT/live`
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtmp://{}/live", self.address)
    }

    /// Every connection so far, the first first.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the visits satisfy a condition.
    ///
    /// # Panics
    /// When they have not within `bound`.
    pub async fn until(&self, bound: Duration, what: impl Fn(&[Visit]) -> bool) -> Vec<Visit> {
        let deadline = Instant::now() + bound;
        loop {
            let visits = self.visits();
            if what(&visits) {
                return visits;
            }
            assert!(Instant::now() < deadline, "not within {bound:?}: {visits:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection.
struct Host {
    stream: TcpStream,
    book: Arc<Mutex<Vec<Visit>>>,
    number: usize,
    since: Instant,
}

impl Host {
    async fn receive(mut self, attack: Attack, stage: Stage) {
        // However it ends, it ends; the visit tells.
        let _ = self.serve(attack, stage).await;
        let after = self.since.elapsed();
        self.note(|visit| visit.closed_after = Some(after));
    }

    fn note(&self, set: impl FnOnce(&mut Visit)) {
        set(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner)[self.number]);
    }

    async fn serve(&mut self, attack: Attack, stage: Stage) -> std::io::Result<()> {
        if stage == Stage::Accepted {
            return self.attack(attack, &mut Inbound::default()).await;
        }
        self.handshake().await?;
        let mut inbound = Inbound::default();
        if stage == Stage::Handshaken {
            return self.attack(attack, &mut inbound).await;
        }
        loop {
            let message = self.read(&mut inbound).await?;
            let Some((name, transaction, rest)) = message.command() else { continue };
            self.note(|visit| visit.commands.push(name.clone()));
            let reached = match name.as_str() {
                "connect" => {
                    let app = rest.first().and_then(|v| v.field("app")).unwrap_or_default();
                    self.note(|visit| visit.app = app);
                    if attack == Attack::RejectConnect {
                        let info =
                            wire::status("error", "NetConnection.Connect.Rejected", "no such application");
                        self.say(&wire::command(0, "_error", transaction, &[Value::Null, info])).await?;
                        return self.drain(&mut inbound).await;
                    }
                    self.say(&wire::control(5, 5_000_000)).await?;
                    self.say(&wire::control(1, 4096)).await?;
                    let info = wire::status("status", "NetConnection.Connect.Success", "welcome");
                    self.say(&wire::command(0, "_result", transaction, &[Value::Object(Vec::new()), info]))
                        .await?;
                    Stage::Connected
                }
                "createStream" => {
                    if attack == Attack::RejectCreateStream {
                        let info = wire::status("error", "NetConnection.Call.Failed", "no more streams");
                        self.say(&wire::command(0, "_error", transaction, &[Value::Null, info])).await?;
                        return self.drain(&mut inbound).await;
                    }
                    let id = Value::Number(f64::from(STREAM_ID));
                    self.say(&wire::command(0, "_result", transaction, &[Value::Null, id])).await?;
                    Stage::Created
                }
                "publish" => {
                    let key = rest.get(1).map(Value::text).unwrap_or_default();
                    self.note(|visit| {
                        (visit.key, visit.publish_stream) = (key.clone(), Some(message.stream));
                    });
                    if matches!(attack, Attack::EchoKey | Attack::EchoKeyLater) {
                        let code = format!("NetStream.Publish.{key}");
                        let start = wire::status("status", "NetStream.Publish.Start", &wire::echo(&key));
                        let refuse = wire::status("error", &code, &wire::echo(&key));
                        if attack == Attack::EchoKeyLater {
                            self.say(&wire::command(STREAM_ID, "onStatus", 0.0, &[Value::Null, start]))
                                .await?;
                            // The first media is here: it believes that it is on the air.
                            self.read(&mut inbound).await?;
                        }
                        self.say(&wire::command(STREAM_ID, "onStatus", 0.0, &[Value::Null, refuse])).await?;
                        return self.drain(&mut inbound).await;
                    }
                    let refusal = match attack {
                        Attack::BadName => Some("invalid stream name"),
                        Attack::AlreadyPublishing => Some("Already publishing"),
                        _ => None,
                    };
                    let info = match refusal {
                        Some(words) => wire::status("error", "NetStream.Publish.BadName", words),
                        None => wire::status("status", "NetStream.Publish.Start", "go on"),
                    };
                    self.say(&wire::command(STREAM_ID, "onStatus", 0.0, &[Value::Null, info])).await?;
                    if refusal.is_some() {
                        return self.drain(&mut inbound).await;
                    }
                    Stage::Published
                }
                _ => continue,
            };
            if reached == stage {
                return self.attack(attack, &mut inbound).await;
            }
        }
    }

    async fn handshake(&mut self) -> std::io::Result<()> {
        let mut c0c1 = [0; 1537];
        self.stream.read_exact(&mut c0c1).await?;
        self.note(|visit| visit.received += 1537);
        let mut answer = vec![3];
        // S1: our time, zero, and bytes of our choice; S2: C1 again.
        answer.extend_from_slice(&[0; 8]);
        answer.extend((0..1528u32).map(|i| (i.wrapping_mul(31) >> 3) as u8));
        answer.extend_from_slice(&c0c1[1..]);
        self.say(&answer).await?;
        let mut c2 = [0; 1536];
        self.stream.read_exact(&mut c2).await?;
        self.note(|visit| visit.received += 1536);
        Ok(())
    }

    async fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.note(|visit| visit.sent += bytes.len() as u64);
        Ok(())
    }

    async fn read(&mut self, inbound: &mut Inbound) -> std::io::Result<Message> {
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some(message) = inbound.next() {
                self.note(|visit| visit.count(&message));
                return Ok(message);
            }
            let read = self.stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.note(|visit| visit.received += read as u64);
            inbound.push(&buffer[..read]);
        }
    }

    /// Reads until the publisher leaves.
    async fn drain(&mut self, inbound: &mut Inbound) -> std::io::Result<()> {
        loop {
            let message = self.read(inbound).await?;
            if let Some((name, ..)) = message.command() {
                self.note(|visit| visit.commands.push(name));
            }
        }
    }

    /// Says the same thing for ever and reads whatever comes meanwhile.
    async fn storm(&mut self, words: &[u8], inbound: &mut Inbound) -> std::io::Result<()> {
        let mut buffer = [0; 16 << 10];
        let mut at = 0;
        loop {
            tokio::select! {
                wrote = async { self.stream.writable().await?; self.stream.try_write(&words[at..]) } => match wrote {
                    Ok(count) => {
                        at = (at + count) % words.len();
                        self.note(|visit| visit.sent += count as u64);
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                },
                read = async { self.stream.readable().await?; self.stream.try_read(&mut buffer) } => match read {
                    Ok(0) => return Ok(()),
                    Ok(count) => {
                        self.note(|visit| visit.received += count as u64);
                        inbound.push(&buffer[..count]);
                        while let Some(message) = inbound.next() {
                            self.note(|visit| visit.count(&message));
                        }
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                },
            }
        }
    }

    async fn attack(&mut self, attack: Attack, inbound: &mut Inbound) -> std::io::Result<()> {
        let after = self.since.elapsed();
        self.note(|visit| visit.attacked_after = Some(after));
        match attack {
            Attack::Nothing
            | Attack::Silent
            | Attack::RejectConnect
            | Attack::BadName
            | Attack::AlreadyPublishing
            | Attack::RejectCreateStream
            | Attack::EchoKey
            | Attack::EchoKeyLater => {}
            Attack::ChunkSize(size) => {
                self.say(&wire::control(1, size)).await?;
                // The longest message there is, whole in one chunk when the size allows, again and again.
                let words = wire::longest(size);
                return self.storm(&words, inbound).await;
            }
            Attack::HugeMessages => {
                for chunk_stream in 64..364u16 {
                    self.say(&wire::announcement(chunk_stream, 0x00FF_FFFF)).await?;
                }
            }
            Attack::HugeAmf => self.say(&wire::huge_amf()).await?,
            Attack::DeepAmf(depth) => self.say(&wire::deep_amf(depth)).await?,
            Attack::AckStorm => {
                let words: Vec<u8> = (0..1000).flat_map(|i| wire::control(3, i * 1000)).collect();
                return self.storm(&words, inbound).await;
            }
            Attack::PingStorm => {
                let words: Vec<u8> = (0..1000).flat_map(wire::ping).collect();
                return self.storm(&words, inbound).await;
            }
            Attack::WindowOfOne => self.say(&wire::control(5, 1)).await?,
            Attack::OneByteASecond => {
                // At the first stage a valid S0 and the start of S1, later a valid command, both endless.
                let words = if inbound.started() {
                    let long = "x".repeat(4_000);
                    wire::command(0, "onBWDone", 0.0, &[Value::Null, wire::status("status", "slow", &long)])
                } else {
                    vec![3; 1537]
                };
                for byte in words {
                    self.say(&[byte]).await?;
                    // The publisher may leave meanwhile.
                    let wait = tokio::time::timeout(Duration::from_secs(1), self.drain(inbound));
                    if let Ok(ended) = wait.await {
                        return ended;
                    }
                }
            }
            Attack::StopReading => {
                // Until the publisher has gone: the kernel tells by refusing what we write, so ask it now and then.
                loop {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    if wire::peer_gone(self.stream.local_addr()?, self.stream.peer_addr()?) {
                        return Ok(());
                    }
                }
            }
            Attack::Close => return Ok(()),
            Attack::Reset => {
                self.stream.set_zero_linger()?;
                return Ok(());
            }
            Attack::Noise => {
                let mut state = 0x9E37_79B9_7F4A_7C15u64;
                let words: Vec<u8> = std::iter::repeat_with(|| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 32) as u8
                })
                .take(65_521)
                .collect();
                return self.storm(&words, inbound).await;
            }
        }
        self.drain(inbound).await
    }
}

#[cfg(test)]
mod tests;
