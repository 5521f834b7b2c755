//! A small view of a file that moves with the reader.

use std::io;

use super::error::MediaError;
use super::read::ReadAt;

/// How much of a table or header a window holds, in bytes.
const SIZE: usize = 512;
/// The same while a file is opened: nothing of it outlives the call.
const SCAN_SIZE: usize = 16 << 10;

/// A cache of one stretch of a file. Empty until the first read, never larger than its region.
///
/// It holds no state of its own: losing its content costs a read and nothing else.
#[derive(Debug)]
pub(crate) struct Window {
    buf: Box<[u8]>,
    start: u64,
    len: usize,
    limit: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { buf: Box::default(), start: 0, len: 0, limit: SIZE }
    }
}

impl Window {
    /// A larger one, for walking a whole table once.
    pub(crate) fn for_scan() -> Self {
        Self { limit: SCAN_SIZE, ..Self::default() }
    }

    /// Returns `N` bytes at `at`, from a region that ends at `end`.
    ///
    /// # Errors
    /// `Truncated` when the file or the region ends first. `WouldBlock` changes nothing but the cache.
    pub(crate) fn get<const N: usize>(
        &mut self,
        reader: &dyn ReadAt,
        at: u64,
        end: u64,
    ) -> Result<[u8; N], MediaError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(reader, at, N, end)?);
        Ok(out)
    }

    /// Returns `n` bytes (at most 64) at `at`, from a region that ends at `end`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn bytes(
        &mut self,
        reader: &dyn ReadAt,
        at: u64,
        n: usize,
        end: u64,
    ) -> Result<&[u8], MediaError> {
        debug_assert!(n <= 64);
        let begin = match at.checked_sub(self.start) {
            Some(skip) if skip.saturating_add(n as u64) <= self.len as u64 => {
                usize::try_from(skip).unwrap_or(0)
            }
            _ => {
                self.fill(reader, at, n, end)?;
                0
            }
        };
        self.buf
            .get(begin..begin + n)
            .ok_or_else(|| MediaError::Truncated { needed: at.saturating_add(n as u64) })
    }

    fn fill(&mut self, reader: &dyn ReadAt, at: u64, n: usize, end: u64) -> Result<(), MediaError> {
        let needed = at.saturating_add(n as u64);
        if needed > end || needed == u64::MAX {
            return Err(MediaError::Truncated { needed });
        }
        let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(self.limit).max(n);
        if self.buf.len() < want {
            self.buf = vec![0; want].into();
        }
        self.len = 0;
        self.start = at;
        let mut len = 0;
        while len < n {
            match reader.read_at(&mut self.buf[len..want], at + len as u64) {
                Ok(0) => return Err(MediaError::Truncated { needed }),
                Ok(read) => len += read.min(want - len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.len = len;
        Ok(())
    }
}

/// Reads `N` bytes at `at` without a window.
///
/// # Errors
/// `Truncated` when the file ends first.
pub(crate) fn exact<const N: usize>(reader: &dyn ReadAt, at: u64) -> Result<[u8; N], MediaError> {
    let mut out = [0; N];
    fill(reader, &mut out, at)?;
    Ok(out)
}

/// Fills `buf` from `at`.
///
/// # Errors
/// `Truncated` when the file ends first.
pub(crate) fn fill(reader: &dyn ReadAt, buf: &mut [u8], at: u64) -> Result<(), MediaError> {
    let needed = at.saturating_add(buf.len() as u64);
    if needed == u64::MAX {
        return Err(MediaError::Truncated { needed });
    }
    reader.read_exact_at(buf, at).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => MediaError::Truncated { needed },
        _ => error.into(),
    })
}
