//! A publisher's side of an RTMP connection.

mod commands;

use std::collections::VecDeque;
use std::fmt;

use super::chunk::{ChunkError, ChunkReader, word};
use super::handshake::{self, Handshake};
use super::message::{MediaHeaders, MessageHead, csid, kind};
use super::refusal::Refusal;
use super::status::{Meaning, Status};
use super::target::Target;
use crate::media::amf0::{Reader, Value};
use crate::media::packet::Track;
use crate::secret::Secret;

/// Chunks that we send. 4,096 is what OBS takes; larger ones save little and some servers refuse them.
pub const CHUNK_SIZE: u32 = 4096;

/// An empty output buffer of at most this many bytes is kept, so that answering pings does not allocate.
const OUTPUT_KEPT: usize = 64;

/// Events that wait. More status messages are dropped: a server that talks so much says nothing.
const MAX_EVENTS: usize = 8;

/// User control events (7.1.7).
const PING_REQUEST: [u8; 2] = [0, 6];
const PING_RESPONSE: [u8; 2] = [0, 7];

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// Versions and nonces are exchanged.
    Handshake,
    /// The answer to connect is awaited.
    Connect,
    /// The answer to createStream is awaited.
    CreateStream,
    /// The answer to publish is awaited.
    Publish,
    /// Media flows.
    Live,
    /// We have said goodbye.
    Closing,
    /// The server has refused.
    Refused,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "during the handshake",
            Self::Connect => "before it accepted the application",
            Self::CreateStream => "before it made a stream",
            Self::Publish => "before it accepted the stream key",
            Self::Live => "while the stream was live",
            Self::Closing | Self::Refused => "after the end",
        })
    }
}

/// What ends a connection that cannot go on. Carries no text from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The server speaks something else: HTTP, or TLS on a plain port.
    #[error("this is not an RTMP server (it begins with byte {first:#04x})")]
    NotRtmp {
        /// Its first byte.
        first: u8,
    },
    /// The server's messages cannot be followed.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// createStream was answered without a stream id.
    #[error("the server makes a stream without an id")]
    NoStreamId,
    /// The server closed the connection.
    #[error("the server closed the connection {0}")]
    Closed(Stage),
}

/// What a connection tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server accepted the application.
    Connected,
    /// The server accepted the key: media may flow.
    Publishing {
        /// The message stream.
        stream_id: u32,
    },
    /// The server will not take the stream. Nothing more comes.
    Refused(Refusal),
    /// The server says something of a stream that it has accepted.
    ServerStatus {
        /// Whether the stream is over by that.
        ended: bool,
        /// The code, as in a [`Refusal`].
        code: String,
        /// The explanation, as in a [`Refusal`].
        description: String,
    },
    /// The server asks to be left for another one, or for itself anew (E-RTMP v2).
    ReconnectRequest {
        /// Where to go; `None` means the same address. It may carry a token.
        tc_url: Option<Secret>,
        /// The explanation, as in a [`Refusal`].
        description: String,
    },
}

/// The state of one connection: bytes in, bytes and events out. No socket, no clock.
///
/// [`output`](Self::output) holds control messages only. They may go out between two media messages, or between two
/// chunks of one, never inside a chunk.
pub struct Publisher {
    target: Target,
    stage: Stage,
    handshake: Option<Box<Handshake>>,
    reader: ChunkReader,
    media: MediaHeaders,
    stream_id: u32,
    output: Vec<u8>,
    consumed: usize,
    events: VecDeque<Event>,
    fault: Option<Fault>,
    transaction: f64,
    /// The transaction of the one command whose answer leads on.
    awaited: f64,
    /// Bytes received since the handshake, modulo 2^32 as the wire has it (5.4.3).
    received: u32,
    acknowledged: u32,
    /// The server wants to hear of so many bytes. 0: it has not said.
    window: u32,
    /// The last WindowAckSize that we sent.
    told_window: u32,
    bandwidth_checks: u32,
}

impl Publisher {
    /// Begins a connection: [`output`](Self::output) has the first bytes to send.
    ///
    /// `nonce` fills the handshake; connections should differ in it.
    pub fn new(target: Target, nonce: [u8; 8]) -> Self {
        let mut output = Vec::new();
        handshake::hello(nonce, &mut output);
        Self {
            target,
            stage: Stage::Handshake,
            handshake: Some(Box::default()),
            reader: ChunkReader::new(),
            media: MediaHeaders::new(0, CHUNK_SIZE),
            stream_id: 0,
            output,
            consumed: 0,
            events: VecDeque::new(),
            fault: None,
            transaction: 0.0,
            awaited: 0.0,
            received: 0,
            acknowledged: 0,
            window: 0,
            told_window: 0,
            bandwidth_checks: 0,
        }
    }

    /// Returns how far the connection has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Takes bytes from the server, in any split.
    ///
    /// # Errors
    /// A [`Fault`], then the same one for ever: the connection is of no further use.
    pub fn handle(&mut self, input: &[u8]) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.receive(input).inspect_err(|&fault| self.fault = Some(fault))
    }

    /// Says what the end of the server's bytes means: nothing after a goodbye or a refusal, else a fault.
    ///
    /// # Errors
    /// [`Fault::Closed`], or the fault that came before.
    pub fn handle_end(&mut self) -> Result<(), Fault> {
        match self.stage {
            _ if self.fault.is_some() => {}
            Stage::Closing | Stage::Refused => return Ok(()),
            stage => self.fault = Some(Fault::Closed(stage)),
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        event
    }

    /// Returns the bytes to send now. Empty when there are none.
    pub fn output(&self) -> &[u8] {
        &self.output[self.consumed..]
    }

    /// Says that the first `n` bytes of [`output`](Self::output) were sent.
    pub fn consume(&mut self, n: usize) {
        self.consumed = self.output.len().min(self.consumed + n);
        if self.consumed == self.output.len() {
            self.consumed = 0;
            self.output.clear();
            if self.output.capacity() > OUTPUT_KEPT {
                self.output = Vec::new();
            }
        }
    }

    /// Returns the headers of the next media message. Only after [`Event::Publishing`].
    ///
    /// # Panics
    /// When `body_len` exceeds [`MAX_BODY`](super::message::MAX_BODY).
    pub fn head(&mut self, track: Track, timestamp: u32, body_len: u32) -> MessageHead {
        debug_assert_eq!(self.stage, Stage::Live);
        self.media.next(track, timestamp, body_len)
    }

    /// Forgets the time stamps of [`head`](Self::head): headers that were made with them are not sent after all, and a delta
    /// must not stand on them.
    pub fn forget_times(&mut self) {
        self.media.reset();
    }

    /// Queues a data message, such as `@setDataFrame` with `onMetaData`. Only after [`Event::Publishing`].
    ///
    /// # Panics
    /// When `body` is longer than [`MAX_BODY`](super::message::MAX_BODY).
    pub fn data(&mut self, timestamp: u32, body: &[u8]) {
        debug_assert_eq!(self.stage, Stage::Live);
        self.send_at(timestamp, csid::STREAM, kind::DATA, self.stream_id, body);
    }

    /// Says goodbye: takes the stream down if it was put up. Media must not follow.
    ///
    /// What the server still sends is taken and means nothing.
    pub fn begin_close(&mut self) {
        let published = matches!(self.stage, Stage::Publish | Stage::Live);
        if self.stage != Stage::Refused {
            self.stage = Stage::Closing;
        }
        if published {
            let id = f64::from(self.stream_id);
            self.call_with_key("FCUnpublish");
            self.call(csid::CONNECTION, 0, "deleteStream", |w, _| {
                w.null().number(id);
            });
        }
    }

    fn receive(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        if let Some(handshake) = &mut self.handshake {
            if !handshake.advance(&mut input, &mut self.output)? {
                return Ok(());
            }
            self.handshake = None;
            if self.stage == Stage::Handshake {
                self.connect();
            }
        }
        self.received = self.received.wrapping_add(input.len() as u32);
        while let Some(message) = self.reader.read(&mut input)? {
            self.message(message.kind, &message.body)?;
        }
        self.acknowledge();
        Ok(())
    }

    fn message(&mut self, kind: u8, body: &[u8]) -> Result<(), Fault> {
        match kind {
            kind::WINDOW_ACK_SIZE => self.window = word(body).unwrap_or(self.window),
            kind::SET_PEER_BANDWIDTH => {
                if let Some(window) = word(body).filter(|&window| window != self.told_window)
                    && self.answer(csid::CONTROL, kind::WINDOW_ACK_SIZE, &window.to_be_bytes())
                {
                    self.told_window = window;
                }
            }
            kind::USER_CONTROL => {
                if let Some((&PING_REQUEST, time)) = body.split_first_chunk()
                    && let Some(time) = word(time)
                {
                    let mut pong = [0; 6];
                    pong[..2].copy_from_slice(&PING_RESPONSE);
                    pong[2..].copy_from_slice(&time.to_be_bytes());
                    self.answer(csid::CONTROL, kind::USER_CONTROL, &pong);
                }
            }
            kind::COMMAND => return self.command(body),
            // An AMF3 command begins with a zero and goes on in AMF0.
            kind::COMMAND_AMF3 if body.first() == Some(&0) => return self.command(&body[1..]),
            // The server's acknowledgements prove nothing: many send none.
            _ => {}
        }
        Ok(())
    }

    /// Acknowledges at half the window (5.4.3 wants it at the whole; a server that waits for it would be late).
    fn acknowledge(&mut self) {
        let due = (self.window / 2).max(1);
        if self.window > 0
            && self.received.wrapping_sub(self.acknowledged) >= due
            && self.answer(csid::CONTROL, kind::ACKNOWLEDGEMENT, &self.received.to_be_bytes())
        {
            self.acknowledged = self.received;
        }
    }

    /// Acts on a command. One that cannot be read is ignored.
    fn command(&mut self, body: &[u8]) -> Result<(), Fault> {
        if self.stage >= Stage::Closing {
            return Ok(());
        }
        let mut values = Reader::new(body);
        let Ok(Some(Value::String(name))) = values.next() else { return Ok(()) };
        let transaction = match values.next() {
            Ok(Some(Value::Number(number))) => number,
            Ok(_) => 0.0,
            Err(_) => return Ok(()),
        };
        match &*name {
            "_result" => return self.result(transaction, values),
            // Answers to releaseStream and FCPublish mean nothing.
            "_error" if self.stage < Stage::Live && transaction == self.awaited => {
                let status = self.read_status(values);
                self.refuse(status);
            }
            // Servers on rml_rtmp refuse a publisher in answer to nothing: what it says must tell that it is that.
            "_error" if self.stage == Stage::Publish && transaction == 0.0 => {
                let status = self.read_status(values);
                if status.names_a_cause() {
                    self.refuse(status);
                }
            }
            "onStatus" => {
                let status = self.read_status(values);
                self.status(status);
            }
            "onBWDone" => self.answer_call("_checkbw", None, |w| {
                w.null();
            }),
            "_onbwcheck" => {
                let count = f64::from(self.bandwidth_checks);
                self.bandwidth_checks = self.bandwidth_checks.wrapping_add(1);
                self.answer_call("_result", Some(transaction), |w| {
                    w.null().number(count);
                });
            }
            "ping" => self.answer_call("pong", Some(transaction), |w| {
                w.null();
            }),
            _ => {}
        }
        Ok(())
    }

    fn result(&mut self, transaction: f64, mut values: Reader<'_>) -> Result<(), Fault> {
        match self.stage {
            Stage::Connect if transaction == self.awaited => {
                let status = self.read_status(values);
                if status.meaning == Meaning::End {
                    self.refuse(status);
                } else {
                    self.events.push_back(Event::Connected);
                    self.create_stream();
                }
            }
            Stage::CreateStream if transaction == self.awaited => {
                let _null = values.next();
                let id = values.next().ok().flatten().and_then(|value| value.as_number());
                // Only what a number of the wire can be.
                let id = id.filter(|&id| id.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&id));
                self.publish(id.ok_or(Fault::NoStreamId)? as u32);
            }
            Stage::Publish if transaction == self.awaited => self.live(),
            _ => {}
        }
        Ok(())
    }

    fn read_status(&self, values: Reader<'_>) -> Status {
        Status::find(values, self.stage, &self.target)
    }

    fn status(&mut self, status: Status) {
        let live = self.stage == Stage::Live;
        match status.meaning {
            Meaning::Reconnect => {
                self.tell(Event::ReconnectRequest { tc_url: status.tc_url, description: status.description });
            }
            Meaning::Start if self.stage == Stage::Publish => self.live(),
            // Too early, or after a _result to publish.
            Meaning::Start => {}
            Meaning::End if !live => self.refuse(status),
            meaning if live => self.tell(Event::ServerStatus {
                ended: meaning == Meaning::End,
                code: status.code,
                description: status.description,
            }),
            _ => {}
        }
    }

    fn refuse(&mut self, status: Status) {
        self.stage = Stage::Refused;
        self.events.push_back(Event::Refused(status.into_refusal()));
    }

    /// Queues an event that the server can cause at will.
    fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    /// Bytes on the heap.
    #[cfg(test)]
    fn heap(&self) -> usize {
        self.target.app.capacity()
            + self.target.tc_url.capacity()
            + self.target.name.expose().len()
            + self.handshake.as_ref().map_or(0, |_| 2048)
            + self.reader.heap()
            + self.output.capacity()
            + self.events.capacity() * size_of::<Event>()
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the output: it carries the key.
        f.debug_struct("Publisher")
            .field("target", &self.target)
            .field("stage", &self.stage)
            .field("stream_id", &self.stream_id)
            .field("output", &self.output().len())
            .field("events", &self.events)
            .field("fault", &self.fault)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
