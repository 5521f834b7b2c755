//! Reading messages out of inbound chunks (5.3).

use std::borrow::Cow;
use std::fmt;

use super::message::kind;

/// The chunk size until a SetChunkSize arrives (5.4.1).
const FIRST_CHUNK_SIZE: u32 = 128;

/// The largest message that is taken, in bytes. What a server sends a publisher has a few hundred.
const MAX_MESSAGE: u32 = 64 * 1024;

/// Chunk streams that are remembered. Real servers use two or three.
const MAX_STREAMS: usize = 8;

/// Three bytes of basic header, eleven of message header, four of extended timestamp (5.3.1).
const LONGEST_HEADER: usize = 3 + 11 + 4;

/// Why inbound bytes are not a chunk stream that can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// A message is announced that is larger than any a publisher has a use for.
    #[error("the server announces a message of {len} bytes")]
    MessageTooLarge {
        /// What it announces.
        len: u32,
    },
    /// A chunk size of 0 or beyond the longest message (5.4.1).
    #[error("the server sets a chunk size of {size}")]
    ChunkSize {
        /// What it sets.
        size: u32,
    },
    /// A header refers to one before it that never came.
    #[error("the server continues a message that it did not begin on chunk stream {csid}")]
    NoHeader {
        /// On which chunk stream.
        csid: u32,
    },
    /// Unfinished messages on too many chunk streams at once.
    #[error("the server interleaves more than {MAX_STREAMS} messages")]
    TooManyStreams,
    /// Unfinished messages with too many bytes in all.
    #[error("the server leaves too much unfinished")]
    TooMuchUnfinished,
}

/// A whole message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The message type (5.4, 7.1).
    pub kind: u8,
    /// The message stream.
    pub stream: u32,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// The payload: borrowed when it lay in one piece in the input.
    pub body: Cow<'a, [u8]>,
}

// By hand: the payload may repeat a stream key.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("stream", &self.stream)
            .field("timestamp", &self.timestamp)
            .field("len", &self.body.len())
            .finish()
    }
}

/// Turns inbound bytes, in any split, into messages.
///
/// SetChunkSize and Abort act here and are not returned. Between messages it holds the headers of the chunk streams
/// (about 50 bytes each) and no payload; within messages at most twice the largest message.
pub struct ChunkReader {
    streams: Vec<ChunkStream>,
    /// A header that has not fully arrived.
    header: [u8; LONGEST_HEADER],
    header_len: u8,
    /// The chunk whose payload is arriving: its index in `streams` and what is missing.
    chunk: Option<(usize, u32)>,
    chunk_size: u32,
    max_message: u32,
    /// Payload bytes of unfinished messages.
    held: u32,
    /// Counts chunks, to tell which chunk stream was used last.
    clock: u32,
}

/// What 5.3.1.2 lets later headers leave out.
struct ChunkStream {
    csid: u32,
    timestamp: u32,
    delta: u32,
    len: u32,
    stream: u32,
    /// The extended timestamp field of the last header, if it had one.
    extended: Option<u32>,
    used: u32,
    kind: u8,
    /// A message has begun and not ended.
    open: bool,
    body: Vec<u8>,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkReader {
    /// Begins behind the handshake.
    pub fn new() -> Self {
        Self::with_max_message(MAX_MESSAGE)
    }

    pub(super) fn with_max_message(max_message: u32) -> Self {
        Self {
            streams: Vec::new(),
            header: [0; LONGEST_HEADER],
            header_len: 0,
            chunk: None,
            chunk_size: FIRST_CHUNK_SIZE,
            max_message,
            held: 0,
            clock: 0,
        }
    }

    /// Returns the next message and moves `input` behind it; `None` when `input` is used up.
    ///
    /// # Errors
    /// A [`ChunkError`], after which the stream cannot be followed any more.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Message<'a>>, ChunkError> {
        loop {
            let message = match self.chunk {
                Some((index, missing)) => self.payload(index, missing, input)?,
                None => {
                    if !self.header(input)? {
                        return Ok(None);
                    }
                    None
                }
            };
            match message {
                Some(message) if message.kind == kind::SET_CHUNK_SIZE => {
                    if let Some(size) = word(&message.body) {
                        self.chunk_size = chunk_size(size)?;
                    }
                }
                Some(message) if message.kind == kind::ABORT => {
                    if let Some(csid) = word(&message.body) {
                        self.abort(csid);
                    }
                }
                Some(message) => return Ok(Some(message)),
                // A chunk with nothing missing still ends its message.
                None if input.is_empty() && !matches!(self.chunk, Some((_, 0))) => return Ok(None),
                None => {}
            }
        }
    }

    /// Takes header bytes; true when the header is whole and its chunk has begun.
    fn header(&mut self, input: &mut &[u8]) -> Result<bool, ChunkError> {
        loop {
            let have = usize::from(self.header_len);
            let need = self.header_need();
            if have == need {
                self.header_len = 0;
                self.begin(have)?;
                return Ok(true);
            }
            let n = input.len().min(need - have);
            if n == 0 {
                return Ok(false);
            }
            let (taken, rest) = input.split_at(n);
            self.header[have..have + n].copy_from_slice(taken);
            self.header_len += n as u8;
            *input = rest;
        }
    }

    /// How many bytes the header has, as far as can be told from those that are here.
    fn header_need(&self) -> usize {
        let header = &self.header[..usize::from(self.header_len)];
        let Some(&first) = header.first() else { return 1 };
        let basic = basic_len(first);
        if header.len() < basic {
            return basic;
        }
        let fields = basic + [11, 7, 3, 0][usize::from(first >> 6)];
        if header.len() < fields {
            return fields;
        }
        let extended = match header.get(basic..basic + 3) {
            Some(field) if first >> 6 < 3 => field == [0xFF; 3],
            _ => self.find(csid(header)).is_some_and(|index| self.streams[index].extended.is_some()),
        };
        fields + if extended { 4 } else { 0 }
    }

    /// Begins the chunk whose header has arrived, `len` bytes of it.
    fn begin(&mut self, len: usize) -> Result<(), ChunkError> {
        let header = self.header;
        let header = &header[..len];
        let format = header[0] >> 6;
        let csid = csid(header);
        let index = match self.find(csid) {
            Some(index) => index,
            None if format == 0 => self.add(csid)?,
            None => return Err(ChunkError::NoHeader { csid }),
        };
        self.clock = self.clock.wrapping_add(1);
        let stream = &mut self.streams[index];
        stream.used = self.clock;

        let fields = &header[basic_len(header[0])..];
        let mut stray = None;
        if format == 3 {
            let tail = word(fields);
            if !stream.open {
                // 5.3.1.2.4: a type 3 chunk that begins a message repeats the delta.
                stream.timestamp = stream.timestamp.wrapping_add(stream.delta);
            }
            let missing = stream.len - if stream.open { stream.body.len() as u32 } else { 0 };
            // Peers after the specification of 2009 leave the field out here. Only its value tells; where the chunk has
            // no room for it as payload, the present specification is right.
            stray = tail.filter(|&value| {
                Some(value) != stream.extended
                    && value != stream.timestamp
                    && missing.min(self.chunk_size) >= 4
            });
        } else {
            // A header that begins a message where another is unfinished gives that one up.
            self.held -= stream.body.len() as u32;
            stream.body = Vec::new();
            stream.open = false;

            let short = be24(&fields[..3]);
            stream.extended = if short == 0xFF_FFFF { word(&fields[fields.len() - 4..]) } else { None };
            let time = stream.extended.unwrap_or(short);
            stream.delta = time;
            stream.timestamp = if format == 0 { time } else { stream.timestamp.wrapping_add(time) };
            if format < 2 {
                stream.len = be24(&fields[3..6]);
                stream.kind = fields[6];
            }
            if format == 0 {
                stream.stream = u32::from_le_bytes([fields[7], fields[8], fields[9], fields[10]]);
            }
        }
        if stream.len > self.max_message {
            return Err(ChunkError::MessageTooLarge { len: stream.len });
        }
        stream.open = true;
        let missing = self.chunk_size.min(stream.len - stream.body.len() as u32);
        self.chunk = Some((index, missing));
        if let Some(value) = stray {
            self.hold(index, &value.to_be_bytes())?;
            // At least four were missing. If those were all, the next step ends the message.
            self.chunk = Some((index, missing - 4));
        }
        Ok(())
    }

    /// Takes payload bytes; returns the message when it is whole.
    fn payload<'a>(
        &mut self,
        index: usize,
        missing: u32,
        input: &mut &'a [u8],
    ) -> Result<Option<Message<'a>>, ChunkError> {
        let (taken, rest) = input.split_at(input.len().min(missing as usize));
        *input = rest;
        let missing = missing - taken.len() as u32;
        self.chunk = (missing > 0).then_some((index, missing));

        let stream = &mut self.streams[index];
        let whole = stream.body.len() + taken.len() == stream.len as usize;
        let body = if whole && stream.body.is_empty() {
            Cow::Borrowed(taken)
        } else {
            self.hold(index, taken)?;
            if !whole {
                return Ok(None);
            }
            let body = std::mem::take(&mut self.streams[index].body);
            self.held -= body.len() as u32;
            Cow::Owned(body)
        };
        let stream = &mut self.streams[index];
        stream.open = false;
        Ok(Some(Message { kind: stream.kind, stream: stream.stream, timestamp: stream.timestamp, body }))
    }

    fn hold(&mut self, index: usize, bytes: &[u8]) -> Result<(), ChunkError> {
        self.held += bytes.len() as u32;
        if self.held > 2 * self.max_message {
            return Err(ChunkError::TooMuchUnfinished);
        }
        let stream = &mut self.streams[index];
        if stream.body.capacity() - stream.body.len() < bytes.len() {
            // Grows with what has come, never to what was only announced, and never beyond it.
            let left = stream.len as usize - stream.body.len();
            stream.body.reserve_exact(bytes.len().max(stream.body.len()).min(left));
        }
        stream.body.extend_from_slice(bytes);
        Ok(())
    }

    fn abort(&mut self, csid: u32) {
        if let Some(index) = self.find(csid) {
            let stream = &mut self.streams[index];
            self.held -= stream.body.len() as u32;
            stream.body = Vec::new();
            stream.open = false;
        }
    }

    fn find(&self, csid: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.csid == csid)
    }

    /// Makes a place for a chunk stream, at the cost of the idle one that was used longest ago.
    fn add(&mut self, csid: u32) -> Result<usize, ChunkError> {
        let fresh = ChunkStream {
            csid,
            timestamp: 0,
            delta: 0,
            len: 0,
            stream: 0,
            extended: None,
            used: 0,
            kind: 0,
            open: false,
            body: Vec::new(),
        };
        if self.streams.len() < MAX_STREAMS {
            self.streams.push(fresh);
            return Ok(self.streams.len() - 1);
        }
        let oldest = (0..MAX_STREAMS)
            .filter(|&index| !self.streams[index].open)
            .max_by_key(|&index| self.clock.wrapping_sub(self.streams[index].used))
            .ok_or(ChunkError::TooManyStreams)?;
        self.streams[oldest] = fresh;
        Ok(oldest)
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.streams.capacity() * size_of::<ChunkStream>()
            + self.streams.iter().map(|stream| stream.body.capacity()).sum::<usize>()
    }
}

impl fmt::Debug for ChunkReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkReader")
            .field("streams", &self.streams.len())
            .field("chunk_size", &self.chunk_size)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

/// Length of the basic header (5.3.1.1).
fn basic_len(first: u8) -> usize {
    match first & 0x3F {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

/// Chunk stream of a header (5.3.1.1): 2..=63 in one byte, 64..=319 in two, 64..=65599 in three.
fn csid(header: &[u8]) -> u32 {
    match header[0] & 0x3F {
        0 => 64 + u32::from(header[1]),
        1 => 64 + u32::from(header[1]) + 256 * u32::from(header[2]),
        csid => u32::from(csid),
    }
}

/// Checks a chunk size (5.4.1): the first bit is zero, and no message is longer than 0xFFFFFF.
fn chunk_size(size: u32) -> Result<u32, ChunkError> {
    if (1..=0xFF_FFFF).contains(&size) { Ok(size) } else { Err(ChunkError::ChunkSize { size }) }
}

fn be24(bytes: &[u8]) -> u32 {
    u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2])
}

/// The first four bytes, big-endian.
pub(super) fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
