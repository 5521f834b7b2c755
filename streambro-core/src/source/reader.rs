//! Reads a file without ever blocking: from the page cache, or from what a disk thread has brought.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io::{self, IoSliceMut},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    disk::{Answer, Span},
    film::Film,
    tape::Tape,
};
use crate::{media::read::ReadAt, sys};

/// What a disk thread reads at once: a second of a 1 Mb/s stream, and the kernel reads ahead beyond it.
const BLOCK: usize = 128 * 1_024;

/// Slices in one system call. Linux takes 1,024 (IOV_MAX); this many fit on the stack.
const MAX_SLICES: usize = 64;

/// A stretch of the file that belongs at a stretch of the scratch buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins in the file.
    pub offset: u64,
    /// Where it goes in the buffer.
    pub at: usize,
    /// How many bytes it has.
    pub len: usize,
}

/// Gaps of the file up to this are read with what lies around them.
const GAP: u64 = 16 * 1_024;

/// One stream's way to its open file, or to its tape.
///
/// `read_at` and `gather` answer `WouldBlock` when the bytes are not in memory; [`poll_fetch`](Self::poll_fetch) then
/// brings them, and the same call succeeds.
#[derive(Debug)]
pub(crate) struct Reader {
    origin: Origin,
    /// What a disk thread brought at the last fetch, while it is of use.
    blocks: RefCell<Vec<Block>>,
    /// What the last call that said `WouldBlock` needs: all of it, or one part would drive out the other for ever.
    missing: RefCell<Vec<Span>>,
    /// The file system cannot tell what is cached.
    opaque: Cell<bool>,
    fetching: Option<Fetch>,
}

#[derive(Debug)]
enum Origin {
    /// There is nothing to read.
    Nothing,
    Film(Film),
    /// In memory: there is nothing to fetch.
    Tape(Arc<Tape>),
}

#[derive(Debug)]
struct Fetch {
    needed: Vec<Span>,
    answer: Answer,
}

#[derive(Debug)]
struct Block {
    offset: u64,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads from a file, through the threads of its device.
    pub(crate) fn new(film: &Film) -> Self {
        Self::from_origin(Origin::Film(film.clone()))
    }

    /// Reads nothing.
    pub(super) fn nothing() -> Self {
        Self::from_origin(Origin::Nothing)
    }

    /// Reads from a tape.
    pub(super) fn of_tape(tape: &Arc<Tape>) -> Self {
        Self::from_origin(Origin::Tape(Arc::clone(tape)))
    }

    fn from_origin(origin: Origin) -> Self {
        Self {
            origin,
            blocks: RefCell::default(),
            missing: RefCell::default(),
            opaque: Cell::new(false),
            fetching: None,
        }
    }

    /// Fills `buf` piece by piece. Neighbours in the file that are neighbours in order are read by one system call.
    ///
    /// # Errors
    /// `WouldBlock` (see the type), `UnexpectedEof` when the file has become shorter, `NotFound` when the tape has moved
    /// on, and those of the file. The buffer's content is then undefined.
    pub(crate) fn gather(&self, buf: &mut [u8], pieces: &[Piece]) -> io::Result<()> {
        let film = match &self.origin {
            Origin::Film(film) => film,
            Origin::Nothing if pieces.is_empty() => return Ok(()),
            Origin::Nothing => return Err(io::ErrorKind::NotFound.into()),
            Origin::Tape(tape) => {
                return pieces
                    .iter()
                    .try_for_each(|piece| tape.read(&mut buf[piece.at..piece.at + piece.len], piece.offset));
            }
        };
        let mut rest = pieces;
        while let [first, ..] = rest {
            if self.copy_from_blocks(&mut buf[first.at..first.at + first.len], first.offset) == first.len {
                rest = &rest[1..];
                continue;
            }
            let run = run_length(rest);
            self.read_run(film, buf, &rest[..run]).inspect_err(|error| {
                if error.kind() == io::ErrorKind::WouldBlock {
                    *self.missing.borrow_mut() = spans(pieces);
                }
            })?;
            rest = &rest[run..];
        }
        Ok(())
    }

    /// Brings what was missing at the last `WouldBlock`.
    ///
    /// # Errors
    /// Those of the file; `UnexpectedEof` when it has become shorter than it was.
    pub(crate) fn poll_fetch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut fetch = match self.fetching.take() {
            Some(fetch) => fetch,
            None => {
                let needed = self.missing.take();
                let Origin::Film(film) = &self.origin else { return Poll::Ready(Ok(())) };
                let Some(share) = BLOCK.checked_div(needed.len()) else { return Poll::Ready(Ok(())) };
                let wanted = needed.iter().map(|span| Span { len: span.len.max(share), ..*span }).collect();
                Fetch { answer: film.disk.read(Arc::clone(&film.opened), wanted), needed }
            }
        };
        let Poll::Ready(answer) = Pin::new(&mut fetch.answer).poll(context) else {
            self.fetching = Some(fetch);
            return Poll::Pending;
        };
        self.missing.get_mut().clear();
        let brought = answer.map_err(|_| io::Error::other("the disk thread died"))??;
        let blocks = fetch.needed.iter().zip(brought).map(|(span, bytes)| {
            let whole = bytes.len() >= span.len;
            whole.then_some(Block { offset: span.offset, bytes }).ok_or(io::ErrorKind::UnexpectedEof)
        });
        *self.blocks.get_mut() = blocks.collect::<Result<_, _>>()?;
        Poll::Ready(Ok(()))
    }

    /// Forgets what a disk thread brought, once it has been used: a stream that waits holds no buffer.
    pub(crate) fn rest(&mut self) {
        if !self.opaque.get() {
            *self.blocks.get_mut() = vec![];
        }
    }

    /// Reads pieces that follow each other in the file into their places.
    fn read_run(&self, film: &Film, buf: &mut [u8], run: &[Piece]) -> io::Result<()> {
        let total: usize = run.iter().map(|piece| piece.len).sum();
        let start = run[0].offset;
        let mut done = 0;
        while done < total {
            if self.opaque.get() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let mut slices = SliceList::default();
            let (mut tail, mut tail_at, mut skip) = (&mut *buf, 0, done);
            for piece in run {
                let (_, from) = tail.split_at_mut(piece.at - tail_at);
                let (slot, behind) = from.split_at_mut(piece.len);
                (tail, tail_at) = (behind, piece.at + piece.len);
                if skip >= piece.len {
                    skip -= piece.len;
                    continue;
                }
                if !slices.push(&mut slot[skip..]) {
                    break;
                }
                skip = 0;
            }
            match sys::read_cached(&film.opened.file, slices.as_mut(), start + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::Unsupported => self.opaque.set(true),
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn copy_from_blocks(&self, buf: &mut [u8], offset: u64) -> usize {
        let blocks = self.blocks.borrow();
        let found = blocks.iter().find_map(|block| {
            let from = usize::try_from(offset.checked_sub(block.offset)?).ok()?;
            block.bytes.get(from..).filter(|bytes| !bytes.is_empty())
        });
        let Some(bytes) = found else { return 0 };
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        n
    }
}

impl ReadAt for Reader {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        // A tape has no tables.
        let Origin::Film(film) = &self.origin else { return Ok(0) };
        let opened = &film.opened;
        if offset >= opened.len || buf.is_empty() {
            return Ok(0);
        }
        let copied = self.copy_from_blocks(buf, offset);
        if copied > 0 {
            return Ok(copied);
        }
        if !self.opaque.get() {
            match sys::read_cached(&opened.file, &mut [IoSliceMut::new(buf)], offset) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => self.opaque.set(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
        // A window may be wider than what is left of the file.
        let left = usize::try_from(opened.len - offset).unwrap_or(usize::MAX);
        *self.missing.borrow_mut() = vec![Span { offset, len: buf.len().min(left) }];
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// The stretches of the file that hold all the pieces, which are in the file's order.
fn spans(pieces: &[Piece]) -> Vec<Span> {
    let mut spans: Vec<Span> = vec![];
    for piece in pieces {
        let end = piece.offset + piece.len as u64;
        match spans.last_mut() {
            Some(last) if piece.offset <= last.offset + last.len as u64 + GAP => {
                last.len = last.len.max((end - last.offset) as usize);
            }
            _ => spans.push(Span { offset: piece.offset, len: piece.len }),
        }
    }
    spans
}

/// How many pieces from the first on follow each other both in the file and in the buffer.
fn run_length(pieces: &[Piece]) -> usize {
    let neighbours = |pair: &[Piece]| {
        let end = pair[0].offset + pair[0].len as u64;
        end == pair[1].offset && pair[1].at >= pair[0].at + pair[0].len
    };
    1 + pieces.windows(2).take_while(|pair| neighbours(pair)).count()
}

/// The slices of one system call, without an allocation.
struct SliceList<'a> {
    slices: [IoSliceMut<'a>; MAX_SLICES],
    len: usize,
}

impl Default for SliceList<'_> {
    fn default() -> Self {
        Self { slices: std::array::from_fn(|_| IoSliceMut::new(&mut [])), len: 0 }
    }
}

impl<'a> SliceList<'a> {
    fn push(&mut self, slice: &'a mut [u8]) -> bool {
        let Some(free) = self.slices.get_mut(self.len) else { return false };
        *free = IoSliceMut::new(slice);
        self.len += 1;
        true
    }

    fn as_mut(&mut self) -> &mut [IoSliceMut<'a>] {
        &mut self.slices[..self.len]
    }
}
