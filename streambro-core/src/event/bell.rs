//! A descriptor that is readable while there is something to read.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::io::{Errno, read, retry_on_intr, write};

use super::ring;

/// An eventfd; a pipe where there is none.
#[derive(Debug)]
pub(super) struct Bell {
    heard: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    rope: OwnedFd,
}

impl Bell {
    /// Creates a bell that does not ring.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub(super) fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use rustix::event::{EventfdFlags, eventfd};
            Ok(Self { heard: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
        }
        #[cfg(not(target_os = "linux"))]
        {
            use rustix::{
                fs::{OFlags, fcntl_setfl},
                io::{FdFlags, fcntl_setfd},
                pipe::pipe,
            };
            // macOS has no pipe2.
            let (heard, rope) = pipe()?;
            for end in [&heard, &rope] {
                fcntl_setfd(end, FdFlags::CLOEXEC)?;
                fcntl_setfl(end, OFlags::NONBLOCK)?;
            }
            Ok(Self { heard, rope })
        }
    }

    /// The end that writes: an eventfd is both.
    fn rope(&self) -> &OwnedFd {
        #[cfg(target_os = "linux")]
        {
            &self.heard
        }
        #[cfg(not(target_os = "linux"))]
        {
            &self.rope
        }
    }
}

impl ring::Bell for Bell {
    fn ring(&self) -> bool {
        // Eight bytes are an eventfd's unit, and a pipe's as good as any.
        retry_on_intr(|| write(self.rope(), &1_u64.to_ne_bytes())).is_ok()
    }

    fn hush(&self) -> bool {
        match retry_on_intr(|| read(&self.heard, &mut [0_u8; 8])) {
            // Somebody has read it, though only we should: it is as silent as it shall be.
            Ok(_) | Err(Errno::AGAIN) => true,
            Err(_) => false,
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}
