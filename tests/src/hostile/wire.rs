//! Just enough RTMP for a server: chunks in, messages out, AMF0 both ways.

use std::collections::HashMap;
use std::net::SocketAddr;

/// An AMF0 value, as far as the server needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Boolean(bool),
    Text(String),
    Object(Vec<(String, Self)>),
    Null,
}

impl Value {
    pub(super) fn text(&self) -> String {
        if let Self::Text(text) = self { text.clone() } else { String::new() }
    }

    pub(super) fn field(&self, name: &str) -> Option<String> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.text())
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.push(0);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Boolean(yes) => out.extend_from_slice(&[1, u8::from(*yes)]),
            Self::Text(text) if text.len() > 0xFFFF => {
                out.push(0x0C);
                out.extend_from_slice(&(text.len() as u32).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Text(text) => {
                out.push(2);
                short(text, out);
            }
            Self::Object(fields) => {
                out.push(3);
                for (key, value) in fields {
                    short(key, out);
                    value.write(out);
                }
                out.extend_from_slice(&[0, 0, 9]);
            }
            Self::Null => out.push(5),
        }
    }

    fn read(input: &mut &[u8]) -> Option<Self> {
        Some(match take(input, 1)?[0] {
            0 => Self::Number(f64::from_be_bytes(take(input, 8)?.try_into().ok()?)),
            1 => Self::Boolean(take(input, 1)?[0] != 0),
            2 => Self::Text(read_short(input)?),
            kind @ (3 | 8) => {
                if kind == 8 {
                    // The count of an associative array is only a hint.
                    take(input, 4)?;
                }
                let mut fields = Vec::new();
                loop {
                    let key = read_short(input)?;
                    if key.is_empty() && input.first() == Some(&9) {
                        take(input, 1)?;
                        break;
                    }
                    fields.push((key, Self::read(input)?));
                }
                Self::Object(fields)
            }
            5 | 6 => Self::Null,
            _ => return None,
        })
    }
}

fn short(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn read_short(input: &mut &[u8]) -> Option<String> {
    let len = u16::from_be_bytes(take(input, 2)?.try_into().ok()?);
    Some(String::from_utf8_lossy(take(input, len.into())?).into_owned())
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = input.split_at_checked(count)?;
    *input = tail;
    Some(head)
}

/// One message from the publisher.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Name, transaction id and the values after them, of an AMF0 command.
    pub(super) fn command(&self) -> Option<(String, f64, Vec<Value>)> {
        if self.kind != 20 {
            return None;
        }
        let mut input = self.body.as_slice();
        let name = Value::read(&mut input)?.text();
        let Value::Number(transaction) = Value::read(&mut input)? else { return None };
        let mut rest = Vec::new();
        while let Some(value) = Value::read(&mut input) {
            rest.push(value);
        }
        Some((name, transaction, rest))
    }
}

/// Puts messages together from chunks.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    bytes: Vec<u8>,
    chunk: Option<usize>,
    streams: HashMap<u32, Partial>,
    any: bool,
}

#[derive(Clone, Debug, Default)]
struct Partial {
    length: usize,
    kind: u8,
    stream: u32,
    extended: bool,
    body: Vec<u8>,
}

impl Inbound {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether any message has been read.
    pub(super) fn started(&self) -> bool {
        self.any
    }

    pub(super) fn next(&mut self) -> Option<Message> {
        loop {
            let (used, done) = self.step()?;
            self.bytes.drain(..used);
            if let Some(message) = done {
                self.any = true;
                if message.kind == 1
                    && let Ok(size) = message.body[..].try_into().map(u32::from_be_bytes)
                {
                    self.chunk = Some(size as usize);
                }
                return Some(message);
            }
        }
    }

    /// One chunk: how many bytes it took, and the message it completed.
    fn step(&mut self) -> Option<(usize, Option<Message>)> {
        let mut input = self.bytes.as_slice();
        let first = take(&mut input, 1)?[0];
        let id = match first & 0x3F {
            0 => 64 + u32::from(take(&mut input, 1)?[0]),
            1 => {
                let more = take(&mut input, 2)?;
                64 + u32::from(more[0]) + 256 * u32::from(more[1])
            }
            id => u32::from(id),
        };
        let mut partial = self.streams.get(&id).cloned().unwrap_or_default();
        let format = first >> 6;
        if format < 3 {
            let head = take(&mut input, [11, 7, 3][usize::from(format)])?;
            partial.extended = head[..3] == [0xFF; 3];
            if format < 2 {
                partial.length = u32::from_be_bytes([0, head[3], head[4], head[5]]) as usize;
                partial.kind = head[6];
            }
            if format == 0 {
                partial.stream = u32::from_le_bytes(head[7..11].try_into().ok()?);
            }
            partial.body.clear();
        }
        if partial.extended {
            take(&mut input, 4)?;
        }
        let missing = partial.length - partial.body.len();
        partial.body.extend_from_slice(take(&mut input, missing.min(self.chunk.unwrap_or(128)))?);
        let used = self.bytes.len() - input.len();
        let done = (partial.body.len() == partial.length).then(|| Message {
            kind: partial.kind,
            stream: partial.stream,
            body: std::mem::take(&mut partial.body),
        });
        self.streams.insert(id, partial);
        Some((used, done))
    }
}

/// Cuts a message into chunks of 4,096 bytes, which the server has announced by the time it says anything long.
fn message(chunk_stream: u8, kind: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    let mut out = vec![chunk_stream, 0, 0, 0, len[1], len[2], len[3], kind];
    out.extend_from_slice(&stream.to_le_bytes());
    for (i, part) in body.chunks(4096).enumerate() {
        if i > 0 {
            out.push(0xC0 | chunk_stream);
        }
        out.extend_from_slice(part);
    }
    out
}

/// A protocol control message with one 32-bit value; 5 is Window Acknowledgement Size, 1 Set Chunk Size, 3 an
/// Acknowledgement.
pub(super) fn control(kind: u8, value: u32) -> Vec<u8> {
    message(2, kind, 0, &value.to_be_bytes())
}

/// A ping request.
pub(super) fn ping(time: u32) -> Vec<u8> {
    let mut body = vec![0, 6];
    body.extend_from_slice(&time.to_be_bytes());
    message(2, 4, 0, &body)
}

/// An AMF0 command.
pub(super) fn command(stream: u32, name: &str, transaction: f64, rest: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    Value::Text(name.to_owned()).write(&mut body);
    Value::Number(transaction).write(&mut body);
    for value in rest {
        value.write(&mut body);
    }
    message(3, 20, stream, &body)
}

/// Every way in which a server might repeat a key to the one who sent it.
pub(super) fn echo(key: &str) -> String {
    let (stem, query) = key.split_once('?').unwrap_or((key, ""));
    // An invisible character would hide a word from a search and show it to a reader.
    let (head, tail) = stem.split_at(stem.len() / 2);
    format!(
        "no such stream: {head}\u{200b}{tail} {key} live/{key} '{stem}' args={query} rtmp://h/live/{stem}"
    )
}

/// The information object of `_result`, `_error` and `onStatus`.
pub(super) fn status(level: &str, code: &str, description: &str) -> Value {
    let field = |name: &str, text: &str| (name.to_owned(), Value::Text(text.to_owned()));
    Value::Object(vec![
        field("level", level),
        field("code", code),
        field("description", description),
        ("done".to_owned(), Value::Boolean(true)),
    ])
}

/// The first 128 bytes of a video message that claims `length`. Chunk stream ids from 64 on.
pub(super) fn announcement(chunk_stream: u16, length: u32) -> Vec<u8> {
    let [low, high] = (chunk_stream - 64).to_le_bytes();
    let len = length.to_be_bytes();
    let mut out = vec![1, low, high, 0, 0, 0, len[1], len[2], len[3], 9, 1, 0, 0, 0];
    out.extend_from_slice(&[0x17; 128]);
    out
}

/// A command of 16 MiB in chunks of the given size.
pub(super) fn longest(chunk_size: u32) -> Vec<u8> {
    const LENGTH: usize = 0x00FF_FFFF;
    let head = [3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0];
    let part = LENGTH.min(chunk_size.max(1) as usize);
    // Markers of AMF0 null: a command that goes on for ever. Doubled rather than pushed: even a debug build is quick.
    let mut chunk = vec![5; part];
    chunk.push(0xC3);
    let mut out = [&head[..], &chunk.repeat(LENGTH.div_ceil(part))].concat();
    // The last chunk has what is left, and none follows.
    out.truncate(head.len() + LENGTH + LENGTH.div_ceil(part) - 1);
    out
}

/// `onStatus` with a long string and a strict array that both claim `0xFFFF_FFFF`.
pub(super) fn huge_amf() -> Vec<u8> {
    let head = |body: &mut Vec<u8>| {
        Value::Text("onStatus".to_owned()).write(body);
        Value::Number(0.0).write(body);
        Value::Null.write(body);
    };
    let mut out = Vec::new();
    // 0x0A is a strict array, 0x0C a long string.
    for marker in [0x0A, 0x0C] {
        let mut body = Vec::new();
        head(&mut body);
        body.push(marker);
        body.extend_from_slice(&u32::MAX.to_be_bytes());
        body.extend_from_slice(b"short");
        out.extend(message(3, 20, 0, &body));
    }
    out
}

/// `onStatus` whose information object holds an object that holds an object, and so on.
pub(super) fn deep_amf(depth: u32) -> Vec<u8> {
    let mut body = Vec::new();
    Value::Text("onStatus".to_owned()).write(&mut body);
    Value::Number(0.0).write(&mut body);
    Value::Null.write(&mut body);
    for _ in 0..depth {
        body.push(3);
        short("a", &mut body);
    }
    Value::Null.write(&mut body);
    for _ in 0..depth {
        body.extend_from_slice(&[0, 0, 9]);
    }
    message(3, 20, 0, &body)
}

/// Whether the other end of a connection on this machine has closed, without reading from ours.
///
/// Our own end may never learn of it: the FIN waits behind data that we do not read. The kernel's table shows the
/// publisher's end, which is out of ESTABLISHED (01) as soon as its process has closed it.
pub(super) fn peer_gone(local: SocketAddr, peer: SocketAddr) -> bool {
    let (SocketAddr::V4(local), SocketAddr::V4(peer)) = (local, peer) else { return false };
    let hex =
        |a: std::net::SocketAddrV4| format!("{:08X}:{:04X}", u32::from_le_bytes(a.ip().octets()), a.port());
    let (local, peer) = (hex(local), hex(peer));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let state = table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        (fields.next() == Some(&peer) && fields.next() == Some(&local))
            .then(|| fields.next().unwrap_or_default())
    });
    state != Some("01")
}
