//! From packets to bytes: what goes around a frame, and the frame itself read straight into its place.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io, mem,
    sync::Arc,
};

use crate::{
    media::{
        flv,
        packet::{Content, Packet, Track},
        program::{News, Program},
    },
    rtmp::{
        message::{MessageHead, Piece as WirePiece},
        session::Publisher,
    },
    source::{Piece, Reader},
};

/// The most that is read and written at once. A tick of a 20 Mb/s stream.
const SCRATCH: usize = 256 * 1_024;

/// No program has so many configurations.
const OF_ANOTHER_PROGRAM: u16 = u16::MAX;

/// A message of one connection: its headers, and where its body comes from.
#[derive(Debug)]
pub(super) struct Message {
    head: MessageHead,
    lead: Lead,
    inline: Option<Arc<[u8]>>,
    /// Offset of the rest of the body in the file.
    offset: u64,
    /// What [`Outbox::consume`] reports once it is out.
    packet: Option<Sent>,
}

/// The bytes that FLV puts before a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    bytes: [u8; 5],
    len: u8,
}

/// A packet of media that went out whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When it was due, in milliseconds on the stream's clock.
    pub dts: u64,
    /// Whether a receiver can begin to decode there.
    pub key: bool,
}

/// What is due and not yet out. Descriptors only: the file is the buffer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Message>,
    /// Bytes of the first message's wire form that are out already.
    sent: u32,
    /// The rest of the first message cannot be read any more.
    torn: bool,
    announced: Announced,
}

/// The configurations that the receiver knows.
#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    metadata: bool,
    video: Option<u16>,
    audio: Option<u16>,
}

/// Where bytes are put together, one for each thread: filled and written without an await in between.
struct Scratch {
    bytes: Vec<u8>,
    filled: usize,
    pieces: Vec<Piece>,
}

thread_local! {
    /// The room of an outbox that has nothing to send: it goes to the next one that has.
    static SPARE_QUEUE: Cell<VecDeque<Message>> = const { Cell::new(VecDeque::new()) };
    static THREAD_SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { bytes: vec![], filled: 0, pieces: vec![] }) };
}

impl Outbox {
    /// Whether nothing is due.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Forgets what is due but for a message that has begun: what follows it must start cleanly.
    pub(crate) fn clear(&mut self) {
        self.queue.truncate(usize::from(self.sent > 0));
    }

    /// Forgets what is due because it cannot be read. Of a message that has begun the rest is zeros: one picture is spoilt,
    /// and the connection stays.
    pub(crate) fn abandon(&mut self, publisher: &mut Publisher) {
        self.clear();
        publisher.forget_times();
        self.torn = self.sent > 0;
        // What was announced may be among what is forgotten.
        self.change_program(News { video: true, audio: true });
    }

    /// Announces what comes next as if it were another configuration: numbers of one program mean nothing in the next.
    pub(crate) fn change_program(&mut self, news: News) {
        let Announced { video, audio, .. } = &mut self.announced;
        for (known, _) in
            [(video, news.video), (audio, news.audio)].into_iter().filter(|(_, is_news)| *is_news)
        {
            *known = known.map(|_| OF_ANOTHER_PROGRAM);
        }
    }

    /// Queues a packet at `timestamp`, and before it whatever headers the receiver lacks.
    pub(crate) fn push(
        &mut self,
        packet: &Packet,
        timestamp: u32,
        program: &Program,
        publisher: &mut Publisher,
    ) {
        if !self.announced.metadata {
            self.announced.metadata = true;
            publisher.data(timestamp, &program.metadata);
            // Both headers come first: a receiver decides by them what the stream has.
            self.announce(Track::Audio, 0, timestamp, program, publisher);
        }
        let in_band = self.announce(packet.track, packet.config, timestamp, program, publisher);
        let entrance = program.is_entrance(packet);
        let sent = Some(Sent { dts: packet.dts, key: entrance });
        match (packet.track, packet.content) {
            (Track::Video, Content::Sample { offset, len }) => {
                let lead = flv::prefix::video_frame(packet.key, packet.cts);
                let inline = in_band.filter(|_| packet.key);
                self.queue_message(publisher, packet.track, timestamp, &lead, inline, offset, len, sent);
            }
            (Track::Audio, Content::Sample { offset, len }) => {
                let lead = flv::prefix::AUDIO_FRAME;
                self.queue_message(publisher, packet.track, timestamp, &lead, None, offset, len, sent);
            }
            (_, Content::Silence) => {
                let frame = program.silence.clone();
                self.queue_message(publisher, packet.track, timestamp, &[], frame, 0, 0, sent);
            }
        }
    }

    /// Tells the receiver of a configuration it does not know. Returns the parameter sets to repeat in-band, if it
    /// knew another one before.
    fn announce(
        &mut self,
        track: Track,
        config: u16,
        timestamp: u32,
        program: &Program,
        publisher: &mut Publisher,
    ) -> Option<Arc<[u8]>> {
        let known = match track {
            Track::Video => &mut self.announced.video,
            Track::Audio => &mut self.announced.audio,
        };
        if *known == Some(config) {
            return None;
        }
        let changed = known.is_some();
        let (header, in_band) = match track {
            Track::Video => {
                let video = program.video.get(usize::from(config))?;
                (Arc::clone(&video.header), changed.then(|| Arc::clone(&video.in_band)))
            }
            Track::Audio => (Arc::clone(program.audio.get(usize::from(config))?), None),
        };
        // Only now: one that is not there must be looked for again.
        *known = Some(config);
        self.queue_message(publisher, track, timestamp, &[], Some(header), 0, 0, None);
        in_band
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a message")]
    fn queue_message(
        &mut self,
        publisher: &mut Publisher,
        track: Track,
        timestamp: u32,
        lead: &[u8],
        inline: Option<Arc<[u8]>>,
        offset: u64,
        len: u32,
        packet: Option<Sent>,
    ) {
        let mut front = Lead { len: lead.len() as u8, ..Lead::default() };
        front.bytes[..lead.len()].copy_from_slice(lead);
        let body = lead.len() + inline.as_ref().map_or(0, |inline| inline.len()) + len as usize;
        let head = publisher.head(track, timestamp, body as u32);
        if self.queue.capacity() == 0 {
            self.queue = SPARE_QUEUE.take();
        }
        self.queue.push_back(Message { head, lead: front, inline, offset, packet });
    }

    /// Puts control bytes and what is due together and hands them to `write` until it takes no more.
    ///
    /// Returns how many bytes went out, and whether everything did.
    ///
    /// # Errors
    /// Those of the file (`UnexpectedEof`: it became shorter) as [`TransmitError::Source`], those of `write` as
    /// [`TransmitError::Link`].
    pub(crate) fn transmit(
        &mut self,
        publisher: &mut Publisher,
        reader: &Reader,
        mut write: impl FnMut(&[u8]) -> io::Result<Option<usize>>,
        mut sent: impl FnMut(Sent),
    ) -> Result<Transmitted, TransmitError> {
        THREAD_SCRATCH.with_borrow_mut(|scratch| {
            let mut total = 0;
            loop {
                let control = scratch.load(self, publisher);
                let wanted = scratch.filled;
                if wanted == 0 {
                    if self.queue.capacity() > 0 {
                        SPARE_QUEUE.set(mem::take(&mut self.queue));
                    }
                    return Ok(Transmitted { bytes: total, outcome: Transfer::Done });
                }
                let ready = match scratch.gather(reader) {
                    Ok(()) => wanted,
                    // Answers to the server need no file.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock && control > 0 => control,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Ok(Transmitted { bytes: total, outcome: Transfer::Fetching });
                    }
                    Err(error) => return Err(TransmitError::Source(error)),
                };
                let mut out = 0;
                let mut blocked = false;
                while out < ready && !blocked {
                    match write(&scratch.bytes[out..ready]).map_err(TransmitError::Link)? {
                        Some(n) => out += n,
                        None => blocked = true,
                    }
                }
                total += out as u64;
                publisher.consume(out.min(control));
                self.consume(out.saturating_sub(control), &mut sent);
                if blocked {
                    return Ok(Transmitted { bytes: total, outcome: Transfer::Blocked });
                }
            }
        })
    }

    fn consume(&mut self, bytes: usize, sent: &mut impl FnMut(Sent)) {
        let mut left = bytes as u64 + u64::from(mem::take(&mut self.sent));
        while let Some(message) = self.queue.front() {
            let whole = u64::from(message.head.wire_len());
            if left < whole {
                break;
            }
            left -= whole;
            message.packet.into_iter().for_each(&mut *sent);
            self.queue.pop_front();
            self.torn = false;
        }
        self.sent = left as u32;
    }
}

/// What an [`Outbox::transmit`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transmitted {
    /// Bytes that went out.
    pub bytes: u64,
    /// Whether that was all.
    pub outcome: Transfer,
}

/// Whether an [`Outbox`] is empty, and if not, what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// Nothing is left.
    Done,
    /// The socket takes no more.
    Blocked,
    /// The disk must bring something first.
    Fetching,
}

/// What stopped an [`Outbox::transmit`].
#[derive(Debug)]
pub(crate) enum TransmitError {
    /// The file.
    Source(io::Error),
    /// The connection.
    Link(io::Error),
}

impl Scratch {
    /// Lays out control bytes and then as many messages as fit; returns how many bytes are control.
    fn load(&mut self, outbox: &Outbox, publisher: &Publisher) -> usize {
        self.bytes.resize(SCRATCH, 0);
        self.pieces.clear();
        self.filled = 0;
        // Control messages may not interrupt a message that has begun.
        let control = if outbox.sent == 0 { publisher.output() } else { &[] };
        let control = &control[..control.len().min(SCRATCH)];
        self.append(control);
        let mut from = outbox.sent;
        for message in &outbox.queue {
            let room = (SCRATCH - self.filled) as u32;
            if room == 0 {
                break;
            }
            for piece in message.head.pieces(from, room) {
                match piece {
                    WirePiece::Head(bytes) => self.append(bytes),
                    WirePiece::Body { start, len } => self.append_body(message, start, len, outbox.torn),
                }
            }
            from = 0;
        }
        control.len()
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Appends a range of a body: from the lead, from what is held inline, and a gap for what is in the file.
    fn append_body(&mut self, message: &Message, start: u32, len: u32, torn: bool) {
        let inline = message.inline.as_deref().unwrap_or_default();
        let lead = &message.lead.bytes[..usize::from(message.lead.len)];
        let (mut at, end) = (start as usize, (start + len) as usize);
        for (part, begin) in [(lead, 0), (inline, lead.len())] {
            let stop = end.min(begin + part.len());
            if at < stop {
                self.append(&part[at - begin..stop - begin]);
                at = stop;
            }
        }
        if at < end {
            let offset = message.offset + (at - lead.len() - inline.len()) as u64;
            if torn {
                self.bytes[self.filled..self.filled + (end - at)].fill(0);
            } else {
                self.pieces.push(Piece { offset, at: self.filled, len: end - at });
            }
            self.filled += end - at;
        }
    }

    /// Reads the file's bytes into their gaps, in the file's order: audio and video lie in runs there.
    fn gather(&mut self, reader: &Reader) -> io::Result<()> {
        self.pieces.sort_unstable_by_key(|piece| (piece.offset, piece.at));
        reader.gather(&mut self.bytes, &self.pieces)
    }
}
