//! A bounded queue with one reader, who may wait in a task, in a thread, or on a bell that the system knows.
//!
//! Everything that a reader could miss happens under one lock. `tests/ring.rs` compiles this file with loom's
//! primitives and tries every order of what its threads do, so it names nothing outside itself but `super::sync`.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::sync::{Condvar, Mutex, MutexGuard};

/// Something that is heard outside: a descriptor that is readable while it rings.
pub(super) trait Bell {
    /// Begins to ring. Returns whether it does.
    fn ring(&self) -> bool;

    /// Stops ringing. Returns whether it has.
    fn hush(&self) -> bool;
}

/// The queue.
#[derive(Debug)]
pub(super) struct Ring<T, B> {
    capacity: usize,
    state: Mutex<State<T, B>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State<T, B> {
    queue: VecDeque<(u64, T)>,
    missed: Option<Missed>,
    closed: bool,
    waker: Option<Waker>,
    /// Whether the reader's thread waits. Telling a condition variable that nobody waits on costs a system call.
    asleep: bool,
    bell: Option<Arc<B>>,
    ringing: bool,
}

/// What was lost since the reader last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    /// How many.
    pub(super) count: u64,
    /// The number of the last one.
    pub(super) last: u64,
}

/// What there is to read.
#[derive(Debug)]
pub(super) enum Taken<T> {
    Item(T),
    Missed(Missed),
    Empty,
    Closed,
}

impl<T, B: Bell> Ring<T, B> {
    /// An empty queue for at most `capacity` items; at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            queue: VecDeque::new(),
            missed: None,
            closed: false,
            waker: None,
            asleep: false,
            bell: None,
            ringing: false,
        };
        Self { capacity: capacity.max(1), state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Adds an item, at the cost of the oldest one when there is no room. A closed queue takes none.
    pub(super) fn push(&self, number: u64, item: T) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.queue.len() == self.capacity
            && let Some((last, _)) = state.queue.pop_front()
        {
            let count = state.missed.map_or(0, |missed| missed.count) + 1;
            state.missed = Some(Missed { count, last });
        }
        state.queue.push_back((number, item));
        self.rouse(state);
    }

    /// Lets the reader come to an end once everything is read.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.rouse(state);
    }

    /// Whether it is closed and everything is read.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.closed && state.queue.is_empty()
    }

    /// Takes what is there.
    pub(super) fn take(&self) -> Taken<T> {
        self.lock().take()
    }

    /// Takes what is there, or has the task woken when there is something. Never `Empty`.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Taken<T>> {
        let mut state = self.lock();
        match state.take() {
            Taken::Empty => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
            taken => Poll::Ready(taken),
        }
    }

    /// Takes what is there, or waits for it in this thread. `Empty` when the time is up; `None` is for ever.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Taken<T> {
        // A time beyond what the clock can tell is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        loop {
            let taken = state.take();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !matches!(taken, Taken::Empty) || left == Some(Duration::ZERO) {
                return taken;
            }
            state.asleep = true;
            state = match left {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.asleep = false;
        }
    }

    /// Has `bell` ring whenever there is something to read, and for ever once closed. The first bell stays.
    pub(super) fn hang(&self, bell: &Arc<B>) {
        let mut state = self.lock();
        if state.bell.is_none() {
            state.bell = Some(Arc::clone(bell));
            state.toll();
        }
    }

    fn rouse(&self, mut state: MutexGuard<'_, State<T, B>>) {
        state.toll();
        let (waker, asleep) = (state.waker.take(), state.asleep);
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T, B>> {
        // Nothing inside can be left torn by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, B: Bell> State<T, B> {
    fn take(&mut self) -> Taken<T> {
        if let Some(missed) = self.missed.take() {
            return Taken::Missed(missed);
        }
        match self.queue.pop_front() {
            Some((_, item)) => {
                self.toll();
                Taken::Item(item)
            }
            None if self.closed => Taken::Closed,
            None => Taken::Empty,
        }
    }

    /// Lets the bell say what is so. Called under the lock: what it said before cannot come after.
    fn toll(&mut self) {
        let Some(bell) = &self.bell else { return };
        // What was missed made room for what is there: the queue is not empty then.
        let wanted = self.closed || !self.queue.is_empty();
        if wanted != self.ringing && if wanted { bell.ring() } else { bell.hush() } {
            self.ringing = wanted;
        }
    }
}
