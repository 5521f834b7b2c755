//! What is in a file, as a number.

use std::{
    fmt,
    fs::File,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::media::read::ReadAt;

/// Bytes read at once: what BLAKE3 needs to use the whole width of the processor many times over, and little memory.
const WINDOW: usize = 256 << 10;

/// BLAKE3 of a file's whole content.
///
/// Renditions are shared between users. A digest of samples could be met by a file that differs elsewhere, and then one
/// user's picture would go out on another's channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContentHash([u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads the first `len` bytes of a file and returns their hash; `None` when `stop` was set meanwhile.
///
/// `progress` is told how many were read. Blocks for as long as the file system does.
///
/// # Errors
/// Those of the file; `UnexpectedEof` when it is shorter.
pub(super) fn hash(
    file: &File,
    len: u64,
    stop: &AtomicBool,
    progress: impl Fn(u64),
) -> io::Result<Option<ContentHash>> {
    let mut hasher = blake3::Hasher::new();
    let mut window = vec![0; WINDOW];
    let mut at = 0;
    while at < len {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let wanted = usize::try_from(len - at).map_or(WINDOW, |left| left.min(WINDOW));
        file.read_exact_at(&mut window[..wanted], at)?;
        hasher.update(&window[..wanted]);
        at += wanted as u64;
        progress(at);
    }
    Ok(Some(ContentHash(hasher.finalize().into())))
}

#[cfg(test)]
pub(super) fn of(bytes: &[u8]) -> ContentHash {
    ContentHash(blake3::hash(bytes).into())
}
