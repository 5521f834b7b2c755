//! Bytes that come at one end and go at the other.

use std::{collections::VecDeque, io};

/// What is taken from the allocator at once.
const CHUNK: usize = 64 * 1_024;

/// A stretch of an endless file, in memory. Offsets count from its first byte ever.
#[derive(Debug, Default)]
pub(super) struct Store {
    chunks: VecDeque<Box<[u8]>>,
    /// The offset of the first chunk.
    base: u64,
    /// Behind the last byte.
    end: u64,
    /// A chunk that was let go, for the next that is wanted.
    spare: Option<Box<[u8]>>,
}

impl Store {
    /// Where the next byte goes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> u64 {
        self.chunks.len() as u64 * CHUNK as u64
    }

    /// Whether the byte at `offset` is there.
    pub(super) fn holds(&self, offset: u64) -> bool {
        (self.base..self.end).contains(&offset)
    }

    /// Appends bytes.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let at = usize::try_from(self.end - self.base).unwrap_or(usize::MAX);
            if at == self.chunks.len() * CHUNK {
                let fresh = self.spare.take().unwrap_or_else(|| vec![0; CHUNK].into());
                self.chunks.push_back(fresh);
            }
            let Some(chunk) = self.chunks.back_mut() else { return };
            let room = &mut chunk[at % CHUNK..];
            let n = room.len().min(bytes.len());
            room[..n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            self.end += n as u64;
        }
    }

    /// Fills `buf` with what stands at `offset`.
    ///
    /// # Errors
    /// `NotFound` when some of it was let go or never came.
    pub(super) fn read(&self, mut buf: &mut [u8], offset: u64) -> io::Result<()> {
        let gone =
            || io::Error::new(io::ErrorKind::NotFound, "the destination is so far behind that it is gone");
        let mut at = offset.checked_sub(self.base).ok_or_else(gone)?;
        if offset + buf.len() as u64 > self.end {
            return Err(gone());
        }
        while !buf.is_empty() {
            let chunk = self.chunks.get((at / CHUNK as u64) as usize).ok_or_else(gone)?;
            let from = &chunk[(at % CHUNK as u64) as usize..];
            let n = from.len().min(buf.len());
            buf[..n].copy_from_slice(&from[..n]);
            buf = &mut buf[n..];
            at += n as u64;
        }
        Ok(())
    }

    /// Lets go of what lies before `offset`, in whole chunks.
    pub(super) fn let_go(&mut self, offset: u64) {
        while self.base + CHUNK as u64 <= offset.min(self.end)
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.spare = Some(chunk);
            self.base += CHUNK as u64;
        }
    }

    /// Lets go of everything, the room included.
    pub(super) fn clear(&mut self) {
        self.base = self.end;
        // What comes next begins a chunk.
        self.chunks = VecDeque::new();
        self.spare = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn byte(at: u64) -> u8 {
        (at.wrapping_mul(31) >> 3) as u8
    }

    proptest! {
        // Each writes megabytes.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_was_appended_is_read_until_it_is_let_go(
            steps in proptest::collection::vec((0_usize..200_000, 0_u64..300_000, 1_usize..100_000), 1..40)
        ) {
            let (mut store, mut first) = (Store::default(), 0);
            for (more, keep, len) in steps {
                let from = store.end();
                store.append(&(from..from + more as u64).map(byte).collect::<Vec<_>>());
                first = store.end().saturating_sub(keep).max(first);
                store.let_go(first);
                prop_assert!(store.held() <= store.end() - first + 2 * CHUNK as u64);
                let mut buf = vec![0; len.min((store.end() - first) as usize)];
                store.read(&mut buf, first).unwrap();
                prop_assert!(buf.iter().zip(first..).all(|(got, at)| *got == byte(at)));
                store.read(&mut [0], store.end()).unwrap_err();
                if let Some(gone) = store.base.checked_sub(1) {
                    store.read(&mut [0], gone).unwrap_err();
                }
            }
            store.clear();
            prop_assert_eq!(store.held(), 0);
            let end = store.end();
            store.append(b"anew");
            let mut buf = [0; 4];
            store.read(&mut buf, end).unwrap();
            prop_assert_eq!(&buf, b"anew");
        }
    }
}
