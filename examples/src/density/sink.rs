//! A server that only counts: as little work for each byte as counting allows, so that the sender is what is measured.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use streambro_core::media::amf0;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};

const HANDSHAKE: usize = 1_536;
/// The publisher uses chunk streams 2 to 8.
const CHUNK_STREAMS: usize = 16;
const CHUNK_SIZE: u32 = 4_096;
const READ: usize = 64 * 1_024;

/// Message types (RTMP 1.0, 5.4 and 7.1).
const SET_CHUNK_SIZE: u8 = 1;
const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const DATA: u8 = 18;
const COMMAND: u8 = 20;

/// What came under one stream key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Connections that published.
    pub publishes: u64,
    /// Video frames, sequence headers not counted.
    pub video: u64,
    /// Audio frames, sequence headers not counted.
    pub audio: u64,
    /// Bytes on the wire of all audio, video and data messages, chunk headers included.
    pub bytes: u64,
    /// Time stamp of the last video frame.
    pub last_video_ms: Option<u32>,
    /// Time stamp of the last audio frame.
    pub last_audio_ms: Option<u32>,
    /// When the first frame came, in microseconds since 1970.
    pub first_unix_us: u64,
    /// Time stamps that did not grow.
    pub backwards: u64,
}

/// The books of all connections.
pub type Books = Arc<Mutex<BTreeMap<String, Received>>>;

/// What a sink can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Drops every connection and refuses new ones.
    Leave,
    /// Is back, at the same port.
    Return,
    /// Goes on accepting, and reads no more.
    Stall,
}

/// A server, until it is dropped.
pub struct Sink {
    address: SocketAddr,
    listener: Option<TcpListener>,
    tls: Option<tokio_rustls::TlsAcceptor>,
    books: Books,
    stalled: Arc<AtomicBool>,
    connections: JoinSet<()>,
    accepts: Vec<u64>,
}

impl Sink {
    /// Listens on a free port of the loopback.
    ///
    /// # Errors
    /// Those of listening.
    pub fn new(tls: Option<tokio_rustls::TlsAcceptor>) -> io::Result<Self> {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            tls,
            books: Books::default(),
            stalled: Arc::default(),
            connections: JoinSet::new(),
            accepts: vec![],
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it has got so far.
    #[must_use]
    pub fn received(&self) -> BTreeMap<String, Received> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When it accepted connections since it was last told to leave, in milliseconds since 1970.
    #[must_use]
    pub fn accepts(&self) -> &[u64] {
        &self.accepts
    }

    /// Serves publishers. Cancel safe.
    ///
    /// # Errors
    /// When accepting fails for good.
    pub async fn serve(&mut self) -> io::Result<()> {
        loop {
            let Some(listener) = &self.listener else { return std::future::pending().await };
            let (tcp, _) = listener.accept().await?;
            self.accepts.push(unix_us() / 1_000);
            tcp.set_nodelay(true)?;
            // Those that have ended.
            while self.connections.try_join_next().is_some() {}
            let (tls, books, stalled) =
                (self.tls.clone(), Arc::clone(&self.books), Arc::clone(&self.stalled));
            self.connections.spawn(async move {
                // How a publisher leaves is its own affair; what counts is in the books.
                let _ = match tls {
                    Some(tls) => match tls.accept(tcp).await {
                        Ok(link) => connection(link, books, &stalled).await,
                        Err(error) => Err(error),
                    },
                    None => connection(tcp, books, &stalled).await,
                };
            });
        }
    }

    /// Does what it is told.
    ///
    /// # Errors
    /// When the port has been taken.
    pub async fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Leave => {
                self.listener = None;
                self.connections.shutdown().await;
                self.accepts.clear();
            }
            Order::Return => self.listener = Some(listen(self.address)?),
            Order::Stall => self.stalled.store(true, Ordering::Relaxed),
        }
        Ok(())
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections that are closing do not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4_096)
}

async fn connection(
    mut link: impl AsyncRead + AsyncWrite + Unpin,
    books: Books,
    stalled: &AtomicBool,
) -> io::Result<()> {
    let mut hello = vec![0; 1 + HANDSHAKE];
    link.read_exact(&mut hello).await?;
    let mut answer = vec![3];
    answer.resize(1 + HANDSHAKE, 0);
    answer.extend_from_slice(&hello[1..]);
    link.write_all(&answer).await?;
    link.read_exact(&mut hello[1..]).await?;
    drop((hello, answer));

    // Dropped with the connection, also when that is cut from here.
    let mut page = Page { session: Session::default(), books };
    let mut buf = vec![0; READ];
    loop {
        let n = link.read(&mut buf).await?;
        let session = &mut page.session;
        if n == 0 {
            return Ok(());
        }
        session.take(&buf[..n])?;
        if !session.answers.is_empty() {
            link.write_all(&std::mem::take(&mut session.answers)).await?;
        }
        if session.published_now() {
            session.book(&page.books);
        }
        if stalled.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
    }
}

/// One connection's page in the books, written when it ends.
struct Page {
    session: Session,
    books: Books,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.session.book(&self.books);
    }
}

/// One connection's parser. Payload is passed over, not copied.
#[derive(Default)]
struct Session {
    chunk_size: usize,
    streams: [Chunks; CHUNK_STREAMS],
    /// Of the header that is being read.
    head: Vec<u8>,
    /// The chunk stream whose payload comes now, and how much of this chunk is left.
    current: Option<(usize, usize)>,
    command: Vec<u8>,
    answers: Vec<u8>,
    key: Option<String>,
    booked: bool,
    got: Received,
}

#[derive(Clone, Copy, Default)]
struct Chunks {
    timestamp: u32,
    len: usize,
    kind: u8,
    extended: bool,
    /// Of the message that is being read.
    done: usize,
    wire: u64,
    second_byte: u8,
}

impl Session {
    fn take(&mut self, mut input: &[u8]) -> io::Result<()> {
        if self.chunk_size == 0 {
            self.chunk_size = 128;
        }
        while !input.is_empty() {
            match self.current {
                Some((id, left)) => {
                    let n = left.min(input.len());
                    self.payload(id, &input[..n]);
                    input = &input[n..];
                    self.current = Some((id, left - n)).filter(|(_, left)| *left > 0);
                    if self.current.is_none() && self.streams[id].done == self.streams[id].len {
                        self.message(id)?;
                    }
                }
                None => {
                    self.head.push(input[0]);
                    input = &input[1..];
                    self.header()?;
                }
            }
        }
        Ok(())
    }

    /// Looks whether the header is complete, and begins its chunk.
    fn header(&mut self) -> io::Result<()> {
        let (format, id) = (self.head[0] >> 6, usize::from(self.head[0] & 63));
        if !(2..CHUNK_STREAMS).contains(&id) {
            return Err(io::Error::other("the sink knows chunk streams 2 to 15"));
        }
        let plain = 1 + [11, 7, 3, 0][usize::from(format)];
        if self.head.len() < plain {
            return Ok(());
        }
        let chunks = &mut self.streams[id];
        let word = |at: usize| u32::from_be_bytes([0, self.head[at], self.head[at + 1], self.head[at + 2]]);
        let time = if format < 3 { word(1) } else { 0 };
        let extended = if format < 3 { time == 0xff_ffff } else { chunks.extended };
        if extended && self.head.len() < plain + 4 {
            return Ok(());
        }
        let time = match (extended, &self.head[plain..]) {
            (true, &[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            _ => time,
        };
        chunks.extended = extended;
        if format < 2 {
            chunks.len = word(4) as usize;
            chunks.kind = self.head[7];
        }
        match format {
            0 => chunks.timestamp = time,
            1 | 2 => chunks.timestamp = chunks.timestamp.wrapping_add(time),
            _ => {}
        }
        chunks.wire += self.head.len() as u64;
        self.head.clear();
        let left = (chunks.len - chunks.done).min(self.chunk_size);
        self.current = Some((id, left)).filter(|_| left > 0);
        if left == 0 {
            self.message(id)?;
        }
        Ok(())
    }

    fn payload(&mut self, id: usize, bytes: &[u8]) {
        let chunks = &mut self.streams[id];
        if chunks.done <= 1 && chunks.done + bytes.len() > 1 {
            chunks.second_byte = bytes[1 - chunks.done];
        }
        if !matches!(chunks.kind, AUDIO | VIDEO) {
            self.command.extend_from_slice(bytes);
        }
        chunks.done += bytes.len();
        chunks.wire += bytes.len() as u64;
    }

    fn message(&mut self, id: usize) -> io::Result<()> {
        let chunks = &mut self.streams[id];
        let (kind, time, frame) = (chunks.kind, chunks.timestamp, chunks.second_byte == 1);
        let wire = std::mem::take(&mut chunks.wire);
        chunks.done = 0;
        let command = std::mem::take(&mut self.command);
        let got = &mut self.got;
        match kind {
            AUDIO | VIDEO | DATA => got.bytes += wire,
            SET_CHUNK_SIZE if command.len() >= 4 => {
                self.chunk_size =
                    u32::from_be_bytes([command[0], command[1], command[2], command[3]]) as usize;
            }
            COMMAND => self.answer(&command)?,
            _ => {}
        }
        let got = &mut self.got;
        let (count, last) = match kind {
            VIDEO => (&mut got.video, &mut got.last_video_ms),
            AUDIO => (&mut got.audio, &mut got.last_audio_ms),
            _ => return Ok(()),
        };
        if frame {
            *count += 1;
            got.backwards += u64::from(last.is_some_and(|last| time <= last));
            *last = Some(time);
            if got.first_unix_us == 0 {
                got.first_unix_us = unix_us();
            }
        }
        Ok(())
    }

    fn answer(&mut self, command: &[u8]) -> io::Result<()> {
        let mut reader = amf0::Reader::new(command);
        let mut next = || reader.next().map_err(io::Error::other);
        let name = next()?.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let transaction = next()?.and_then(|value| value.as_number()).unwrap_or(0.0);
        // Of the message; GStreamer looks for the answer to `publish` in the stream that it made.
        let mut stream = 0;
        let mut body = vec![];
        let mut writer = amf0::Writer::new(&mut body);
        match name.as_str() {
            "connect" => {
                // As servers do; ffmpeg sends chunks of 128 bytes to those that do not, at twice the cost.
                self.answers.extend_from_slice(&[2, 0, 0, 0, 0, 0, 4, SET_CHUNK_SIZE, 0, 0, 0, 0]);
                self.answers.extend_from_slice(&CHUNK_SIZE.to_be_bytes());
                // GStreamer goes on after this code only.
                writer.string("_result").number(transaction).object().end().object();
                writer
                    .key("level")
                    .string("status")
                    .key("code")
                    .string("NetConnection.Connect.Success")
                    .end();
            }
            "createStream" => {
                writer.string("_result").number(transaction).null().number(1.0);
            }
            "publish" => {
                next()?;
                self.key = next()?.and_then(|value| value.as_str().map(str::to_owned));
                self.got.publishes = 1;
                stream = 1;
                writer.string("onStatus").number(0.0).null().object();
                writer.key("level").string("status").key("code").string("NetStream.Publish.Start").end();
            }
            _ => return Ok(()),
        }
        self.answers.extend_from_slice(&[3, 0, 0, 0]);
        self.answers.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
        self.answers.extend_from_slice(&[COMMAND, stream, 0, 0, 0]);
        self.answers.extend_from_slice(&body);
        Ok(())
    }

    fn published_now(&mut self) -> bool {
        self.got.first_unix_us > 0 && !std::mem::replace(&mut self.booked, self.got.first_unix_us > 0)
    }

    /// Writes what came since the last time into the books.
    fn book(&mut self, books: &Books) {
        let Some(key) = &self.key else { return };
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        let book = books.entry(key.clone()).or_default();
        let got = std::mem::take(&mut self.got);
        book.publishes += got.publishes;
        book.video += got.video;
        book.audio += got.audio;
        book.bytes += got.bytes;
        book.backwards += got.backwards;
        book.last_video_ms = got.last_video_ms.or(book.last_video_ms);
        book.last_audio_ms = got.last_audio_ms.or(book.last_audio_ms);
        if book.first_unix_us == 0 {
            book.first_unix_us = got.first_unix_us;
        }
        // What follows must not look like a first frame.
        self.got = Received {
            first_unix_us: book.first_unix_us,
            last_video_ms: book.last_video_ms,
            last_audio_ms: book.last_audio_ms,
            ..Received::default()
        };
    }
}

/// Microseconds since 1970: the one clock that two processes share.
#[must_use]
pub fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
