//! The reader's end: three ways to wait for the same events.

use std::{
    future::poll_fn,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, OnceLock},
    task::Poll,
    time::Duration,
};

use super::{
    Event, EventKind,
    bell::Bell,
    ring::{self, Taken},
};
use crate::{
    clock,
    error::{Error, ErrorKind, Result},
};

/// The queue of one reader.
pub(super) type Ring = ring::Ring<Event, Bell>;

/// A reader's own bounded queue. A slow reader loses the oldest events and is told how many.
///
/// There are three ways to wait, for one reader at a time: [`next`](Self::next) in async code,
/// [`next_blocking`](Self::next_blocking) in a thread, and [`fd`](Self::fd) for whoever polls descriptors. They may be
/// mixed.
///
/// Events are numbered by the manager. The numbers that one reader sees only grow. With a filter they have gaps where
/// the events of others were; what was lost is told by [`EventKind::Missed`] and by nothing else.
#[derive(Debug)]
pub struct Subscription {
    ring: Arc<Ring>,
    bell: OnceLock<Arc<Bell>>,
}

impl Subscription {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self { ring, bell: OnceLock::new() }
    }

    /// Waits for the next event; `None` once the manager is gone and everything has been read.
    ///
    /// Cancel safe: an event is either returned or still there.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| match self.ring.poll(context) {
            Poll::Ready(taken) => Poll::Ready(event(taken)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Waits for the next event in this thread; `None` once the manager is gone and everything has been read.
    ///
    /// Without a `timeout` it waits as long as it takes; with a timeout of zero it only looks. For threads of the host:
    /// in async code it would hold up everything else on that thread, use [`next`](Self::next) there.
    ///
    /// # Errors
    /// `TimedOut` when there was no event in time.
    pub fn next_blocking(&mut self, timeout: Option<Duration>) -> Result<Option<Event>> {
        match self.ring.wait(timeout) {
            Taken::Empty => Err(Error::new(ErrorKind::TimedOut, "events", "there was none in time")),
            taken => Ok(event(taken)),
        }
    }

    /// Returns the next event if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        event(self.ring.take())
    }

    /// Returns whether the manager is gone and everything has been read: no event will ever come.
    pub fn is_closed(&self) -> bool {
        self.ring.is_over()
    }

    /// Returns a descriptor for `poll`, `epoll`, `kqueue` and event loops.
    ///
    /// It is readable while events wait, and for ever once the manager is gone. Read events with
    /// [`next_blocking`](Self::next_blocking) and a timeout of zero, or [`try_next`](Self::try_next); never read or
    /// write the descriptor itself. It is the same at each call, belongs to the subscription and closes with it. The
    /// first call creates it: who never asks pays nothing.
    ///
    /// # Errors
    /// `Host` when no descriptor is left.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        if let Some(bell) = self.bell.get() {
            return Ok(bell.as_fd());
        }
        let new = Bell::new().map_err(|error| Error::new(ErrorKind::Host, "events", error.to_string()))?;
        let bell = self.bell.get_or_init(|| Arc::new(new));
        self.ring.hang(bell);
        Ok(bell.as_fd())
    }
}

fn event(taken: Taken<Event>) -> Option<Event> {
    match taken {
        Taken::Item(event) => Some(event),
        // Numbered as the last one lost, so that numbers still only grow.
        Taken::Missed(missed) => Some(Event {
            seq: missed.last,
            unix_ms: clock::unix_ms(),
            stream: None,
            user: None,
            kind: EventKind::Missed { count: missed.count },
        }),
        Taken::Empty | Taken::Closed => None,
    }
}
