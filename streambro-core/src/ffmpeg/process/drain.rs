//! Reads what a child writes beside its media, so that it never waits for us.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::unix::AsyncFd;

use super::super::{
    progress::{Parser, Progress},
    words::Words,
};

/// What one wake may read before the others have their turn: a pipe holds 64 KiB.
const BUDGET: usize = 128 * 1_024;
const AT_ONCE: usize = 16 * 1_024;

/// Takes a child's words until it has no more.
pub(super) async fn words(pipe: AsyncFd<Arc<OwnedFd>>, words: Arc<Words>) {
    drain(pipe, |bytes| words.push(bytes)).await;
    words.end();
}

/// Takes a child's progress until there is no more.
pub(super) async fn progress(pipe: AsyncFd<Arc<OwnedFd>>, latest: Arc<Mutex<Progress>>) {
    let mut parser = Parser::default();
    drain(pipe, |bytes| {
        if let Some(progress) = parser.push(bytes) {
            *latest.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        }
    })
    .await;
}

async fn drain(pipe: AsyncFd<Arc<OwnedFd>>, mut take: impl FnMut(&[u8])) {
    let mut buf = vec![0; AT_ONCE];
    loop {
        let Ok(mut ready) = pipe.readable().await else { return };
        let mut read = 0;
        while read < BUDGET {
            match ready.try_io(|pipe| Ok(rustix::io::read(pipe.get_ref(), &mut buf[..])?)) {
                Ok(Ok(0)) => return,
                Ok(Ok(n)) => {
                    take(&buf[..n]);
                    read += n;
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(_)) => return,
                Err(_would_block) => break,
            }
        }
        if read >= BUDGET {
            tokio::task::yield_now().await;
        }
    }
}
