//! One publisher's connection, from its handshake to its end.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Books, lock, report::StreamReport};

/// Serves a publisher until its connection is gone, and writes down what it sends.
pub(super) async fn serve(stream: TcpStream, books: Arc<Mutex<Books>>) {
    let mut publisher = Publisher { books, stream: None, video: None, audio: None };
    if converse(stream, &mut publisher).await == Err(Ended::Protocol) {
        lock(&publisher.books).report.protocol_errors += 1;
    }
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

/// Sends what the session wants sent, and accepts whatever is asked for but refused keys.
async fn answer(
    stream: &mut TcpStream,
    session: &mut ServerSession,
    results: Vec<ServerSessionResult>,
    publisher: &mut Publisher,
) -> Result<(), Ended> {
    let mut results: VecDeque<_> = results.into();
    while let Some(result) = results.pop_front() {
        match result {
            ServerSessionResult::OutboundResponse(packet) => write(stream, &packet.bytes).await?,
            ServerSessionResult::RaisedEvent(event) => {
                let answered = match publisher.note(event) {
                    Some(Answer::Accept(request)) => session.accept_request(request),
                    Some(Answer::Refuse(request)) => {
                        session.reject_request(request, "NetStream.Publish.BadName", "unknown stream key")
                    }
                    None => continue,
                };
                results.extend(answered.map_err(|_| Ended::Protocol)?);
            }
            ServerSessionResult::UnhandleableMessageReceived(_) => {}
        }
    }
    Ok(())
}

/// What to say to a request.
enum Answer {
    Accept(u32),
    Refuse(u32),
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
    /// Counts what happened. Returns what to say, if it is a request.
    fn note(&mut self, event: ServerSessionEvent) -> Option<Answer> {
        match event {
            ServerSessionEvent::ConnectionRequested { request_id, .. }
            | ServerSessionEvent::ReleaseStreamRequested { request_id, .. } => {
                return Some(Answer::Accept(request_id));
            }
            ServerSessionEvent::PublishStreamRequested { request_id, stream_key, .. } => {
                return Some(if self.enter(stream_key) {
                    Answer::Accept(request_id)
                } else {
                    Answer::Refuse(request_id)
                });
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

    /// Begins to publish, unless the key is refused.
    fn enter(&mut self, key: String) -> bool {
        self.leave();
        let mut books = lock(&self.books);
        if books.refused.contains(&key) {
            books.report.refused += 1;
            return false;
        }
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
        true
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

/// Also when the receiver dies in the middle of a message.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.leave();
    }
}
