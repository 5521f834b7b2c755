//! A small RTMP server inside the demo: takes publishers, counts what arrives, keeps nothing.
//!
//! The protocol is spoken by a crate that has nothing to do with streambro, so what it counts is what any server
//! would have got.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult};
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running receiver. Dropped, it stops listening; open connections go on until their publishers leave.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    task: JoinHandle<()>,
}

/// What a receiver has got so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReceiverReport {
    /// TCP connections accepted.
    pub connections: u64,
    /// Connections that ended with a protocol error.
    pub protocol_errors: u64,
    /// One entry for each stream key, in the order of their first publish. The keys themselves are not told.
    pub streams: Vec<StreamReport>,
}

/// What came on one stream key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Publishes, the first one included.
    pub publishes: u64,
    /// Publishes after the first.
    pub reconnects: u64,
    /// Whether a publisher is there now.
    pub live: bool,
    /// Metadata messages.
    pub metadata: u64,
    /// The video track.
    pub video: TrackReport,
    /// The audio track.
    pub audio: TrackReport,
}

/// What came on one track.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrackReport {
    /// Messages, sequence headers included.
    pub messages: u64,
    /// AVC or AAC sequence headers.
    pub headers: u64,
    /// Video keyframes; always 0 for audio.
    pub keyframes: u64,
    /// Message payload in bytes.
    pub bytes: u64,
    /// Timestamp of the first message in milliseconds.
    pub first_ms: Option<u32>,
    /// Timestamp of the last message in milliseconds.
    pub last_ms: Option<u32>,
    /// Messages whose timestamp is below that of the one before, within one publish.
    pub backwards: u64,
    /// The longest step from one message to the next within one publish, in milliseconds.
    pub longest_step_ms: u32,
}

#[derive(Debug, Default)]
struct Books {
    report: ReceiverReport,
    by_key: HashMap<String, usize>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let books = Arc::new(Mutex::new(Books::default()));
        let shared = Arc::clone(&books);
        let task = tokio::spawn(async move {
            loop {
                // Accepting fails for want of descriptors, too: then the next try must not spin.
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                };
                lock(&shared).report.connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, books, task })
    }

    /// `rtmp://127.0.0.1:PORT/live`, to be published to under any key.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtmp://{}/live", self.address)
    }

    /// What has come so far.
    #[must_use]
    pub fn report(&self) -> ReceiverReport {
        lock(&self.books).report.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TrackReport {
    /// Counts a message. `previous` is the timestamp of the one before on the same publish.
    fn count(&mut self, data: &[u8], timestamp: u32, previous: &mut Option<u32>) {
        self.messages += 1;
        self.bytes += data.len() as u64;
        self.first_ms = self.first_ms.or(Some(timestamp));
        self.last_ms = Some(timestamp);
        if data.len() > 1 && data[1] == 0 {
            self.headers += 1;
        }
        if let Some(before) = previous.replace(timestamp) {
            // RTMP timestamps wrap: half the circle ahead is later, the other half is earlier.
            let step = timestamp.wrapping_sub(before);
            if step > u32::MAX / 2 {
                self.backwards += 1;
            } else {
                self.longest_step_ms = self.longest_step_ms.max(step);
            }
        }
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, books: Arc<Mutex<Books>>) {
    let mut publisher = Publisher { books, stream: None, video: None, audio: None };
    if converse(stream, &mut publisher).await == Err(Ended::Protocol) {
        lock(&publisher.books).report.protocol_errors += 1;
    }
    publisher.leave();
}

/// Why a conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The connection is gone.
    Gone,
    /// The peer's bytes make no sense to the protocol crate.
    Protocol,
}

async fn converse(mut stream: TcpStream, publisher: &mut Publisher) -> Result<(), Ended> {
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0; 16 << 10];
    let mut handshake = Handshake::new(PeerType::Server);
    let first = handshake.generate_outbound_p0_and_p1().map_err(|_| Ended::Protocol)?;
    write(&mut stream, &first).await?;
    let early = loop {
        let read = read(&mut stream, &mut buffer).await?;
        match handshake.process_bytes(&buffer[..read]).map_err(|_| Ended::Protocol)? {
            HandshakeProcessResult::InProgress { response_bytes } => {
                write(&mut stream, &response_bytes).await?;
            }
            HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                write(&mut stream, &response_bytes).await?;
                break remaining_bytes;
            }
        }
    };
    let (mut session, results) =
        ServerSession::new(ServerSessionConfig::new()).map_err(|_| Ended::Protocol)?;
    answer(&mut stream, &mut session, results, publisher).await?;
    let results = session.handle_input(&early).map_err(|_| Ended::Protocol)?;
    answer(&mut stream, &mut session, results, publisher).await?;
    loop {
        let read = read(&mut stream, &mut buffer).await?;
        let results = session.handle_input(&buffer[..read]).map_err(|_| Ended::Protocol)?;
        answer(&mut stream, &mut session, results, publisher).await?;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize, Ended> {
    match stream.read(buffer).await {
        Ok(0) | Err(_) => Err(Ended::Gone),
        Ok(read) => Ok(read),
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Ended> {
    stream.write_all(bytes).await.map_err(|_| Ended::Gone)
}

/// Sends what the session wants sent and accepts whatever is asked for.
async fn answer(
    stream: &mut TcpStream,
    session: &mut ServerSession,
    results: Vec<ServerSessionResult>,
    publisher: &mut Publisher,
) -> Result<(), Ended> {
    let mut results: std::collections::VecDeque<_> = results.into();
    while let Some(result) = results.pop_front() {
        match result {
            ServerSessionResult::OutboundResponse(packet) => write(stream, &packet.bytes).await?,
            ServerSessionResult::RaisedEvent(event) => {
                if let Some(request) = publisher.note(event) {
                    results.extend(session.accept_request(request).map_err(|_| Ended::Protocol)?);
                }
            }
            ServerSessionResult::UnhandleableMessageReceived(_) => {}
        }
    }
    Ok(())
}

/// What one connection publishes.
struct Publisher {
    books: Arc<Mutex<Books>>,
    /// Its place in the report, once it publishes.
    stream: Option<usize>,
    video: Option<u32>,
    audio: Option<u32>,
}

impl Publisher {
    /// Counts what happened. Returns the request to accept, if it is one.
    fn note(&mut self, event: ServerSessionEvent) -> Option<u32> {
        match event {
            ServerSessionEvent::ConnectionRequested { request_id, .. }
            | ServerSessionEvent::ReleaseStreamRequested { request_id, .. } => return Some(request_id),
            ServerSessionEvent::PublishStreamRequested { request_id, stream_key, .. } => {
                self.enter(stream_key);
                return Some(request_id);
            }
            ServerSessionEvent::PublishStreamFinished { .. } => self.leave(),
            ServerSessionEvent::StreamMetadataChanged { .. } => {
                self.with(|stream, _, _| stream.metadata += 1);
            }
            ServerSessionEvent::VideoDataReceived { data, timestamp, .. } => self.with(|stream, video, _| {
                stream.video.count(&data, timestamp.value, video);
                // Frame type 1, and neither a sequence header nor an end of sequence.
                if data.len() > 1 && data[0] >> 4 == 1 && data[1] == 1 {
                    stream.video.keyframes += 1;
                }
            }),
            ServerSessionEvent::AudioDataReceived { data, timestamp, .. } => {
                self.with(|stream, _, audio| stream.audio.count(&data, timestamp.value, audio));
            }
            _ => {}
        }
        None
    }

    fn enter(&mut self, key: String) {
        self.leave();
        let mut books = lock(&self.books);
        let next = books.report.streams.len();
        let index = *books.by_key.entry(key).or_insert(next);
        if index == next {
            books.report.streams.push(StreamReport::default());
        }
        let stream = &mut books.report.streams[index];
        stream.publishes += 1;
        stream.reconnects = stream.publishes - 1;
        stream.live = true;
        drop(books);
        (self.stream, self.video, self.audio) = (Some(index), None, None);
    }

    fn leave(&mut self) {
        if let Some(index) = self.stream.take() {
            lock(&self.books).report.streams[index].live = false;
        }
    }

    fn with(&mut self, count: impl FnOnce(&mut StreamReport, &mut Option<u32>, &mut Option<u32>)) {
        if let Some(index) = self.stream {
            count(&mut lock(&self.books).report.streams[index], &mut self.video, &mut self.audio);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Publishes the demo's clip with ffmpeg. `false` when this machine has none.
    async fn publish(url: &str) -> bool {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
        let mut command = tokio::process::Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-i", clip, "-c", "copy", "-f", "flv", url]);
        match command.kill_on_drop(true).status().await {
            Ok(status) => {
                assert!(status.success());
                true
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => panic!("cannot start ffmpeg: {e}"),
        }
    }

    #[tokio::test]
    async fn counts_a_whole_clip_twice() {
        let receiver = Receiver::start().await.unwrap();
        let url = format!("{}/key", receiver.url());
        if !publish(&url).await {
            eprintln!("skipped: no ffmpeg on this machine");
            return;
        }
        assert!(publish(&url).await);
        tokio::time::timeout(Duration::from_secs(5), async {
            while receiver.report().streams[0].live {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        let report = receiver.report();
        assert_eq!((report.connections, report.protocol_errors, report.streams.len()), (2, 0, 1));
        let stream = &report.streams[0];
        assert_eq!((stream.publishes, stream.reconnects), (2, 1));
        // 240 frames in four groups of pictures, and what ffmpeg puts around them: a header and an end of sequence.
        assert_eq!((stream.video.keyframes, stream.video.headers), (8, 2));
        assert!((480..=484).contains(&stream.video.messages), "{stream:?}");
        assert!((750..=754).contains(&stream.audio.messages), "{stream:?}");
        assert_eq!((stream.video.backwards, stream.audio.backwards), (0, 0));
        assert!(stream.video.longest_step_ms <= 34, "{stream:?}");
    }

    #[tokio::test]
    async fn outlives_nonsense() {
        let receiver = Receiver::start().await.unwrap();
        let address = receiver.address;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(&[0xFF; 8192]).await;
        drop(stream);
        drop(TcpStream::connect(address).await.unwrap());
        tokio::time::timeout(Duration::from_secs(5), async {
            while receiver.report().protocol_errors == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
    }
}
