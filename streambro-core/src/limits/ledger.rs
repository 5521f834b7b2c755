//! The ledger: one lock, held for a lookup. Two starts can never share the last place, and no later one can overtake.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{
    admission::Admission,
    book::Book,
    demand::Demand,
    limit::{LimitUse, Limits},
    refusal::Refusal,
};
use crate::spec::Encoder;

/// Who holds places, and who waits for one.
#[derive(Debug)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
}

/// What a ledger would say to a demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Every limit that the demand touches.
    pub limits: Vec<LimitUse>,
    /// What would happen.
    pub prospect: Prospect,
}

/// What would happen to a demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Prospect {
    /// There is a place.
    Granted,
    /// It would wait.
    Waits {
        /// Its place in the queue, from 1.
        position: usize,
        /// The limit in its way; `None` when nothing but its turn is.
        limit: Option<LimitUse>,
    },
    /// It would get no place.
    Refused(Refusal),
}

impl Ledger {
    /// Creates an empty ledger.
    pub(crate) fn new(limits: Limits, admission: Admission) -> Arc<Self> {
        Arc::new(Self { book: Mutex::new(Book::new(limits, admission.max_waiting())) })
    }

    /// Takes a place or, where that is the policy, a turn in the queue.
    ///
    /// # Errors
    /// The first limit that is in the way: the manager's, then the user's, then a host's, then an encoder's.
    pub(crate) fn admit(self: &Arc<Self>, demand: Demand, priority: i32) -> Result<Permit, Refusal> {
        let mut book = self.book();
        let (key, _) = enter(&mut book, demand, priority)?;
        // Not for itself only: whoever was held up by another may pass, if that one now has to wait for its host.
        let woken = book.hand_over();
        drop(book);
        wake(woken);
        Ok(Permit { ledger: Arc::clone(self), key })
    }

    /// Says what [`admit`](Self::admit) would do now, and takes nothing.
    pub(crate) fn explain(&self, demand: &Demand, priority: i32) -> Outlook {
        let mut book = self.book();
        let mut limits = book.uses(demand);
        if book.max_waiting > 0 {
            limits.push(book.queue_use());
        }
        // The very same way in, so that it cannot say anything else.
        let prospect = match enter(&mut book, demand.clone(), priority) {
            Err(refusal) => Prospect::Refused(refusal),
            Ok((key, in_turn)) => {
                let prospect = match book.position(key) {
                    Some((position, limit)) if !in_turn => Prospect::Waits { position, limit },
                    _ => Prospect::Granted,
                };
                book.leave(key);
                prospect
            }
        };
        Outlook { limits, prospect }
    }

    /// Tells how much memory the process has now.
    ///
    /// Places granted after this count on top of it, until the next call.
    pub(crate) fn set_process_memory(&self, bytes: u64) {
        let mut book = self.book();
        book.measure(bytes);
        let woken = book.hand_over();
        drop(book);
        wake(woken);
    }

    /// Whether [`set_process_memory`](Self::set_process_memory) makes a difference.
    pub(crate) fn limits_process_memory(&self) -> bool {
        self.book().limits_process_memory()
    }

    /// Every limit as each of these demands sees it, all at the same moment.
    pub(crate) fn uses<'a>(&self, demands: impl Iterator<Item = &'a Demand>) -> Vec<Vec<LimitUse>> {
        let book = self.book();
        demands.map(|demand| book.uses(demand)).collect()
    }

    /// The sessions of an encoder, if all of them are taken.
    pub(crate) fn lack_of_sessions(&self, encoder: Encoder) -> Option<LimitUse> {
        self.book().over_sessions(encoder)
    }

    /// How many streams there may be at once, in all and for each user, where one for which there is no place is refused.
    pub(crate) fn most_streams(&self) -> (Option<u64>, Option<u64>) {
        self.book().most_streams()
    }

    /// How many places are taken.
    pub(crate) fn places(&self) -> usize {
        usize::try_from(self.book().used.streams).unwrap_or(usize::MAX)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing in there can panic half-way but for want of memory, which ends the process.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Enters a demand into the queue, and tells whether it is its turn at once. Nobody gets a place by this.
///
/// Whoever waits already and could have a place has it: the queue is full or not as it stands.
fn enter(book: &mut Book, demand: Demand, priority: i32) -> Result<(u64, bool), Refusal> {
    if let Some(limit) = book.never(&demand) {
        return Err(Refusal { limit, queue: None });
    }
    let queue = book.queue_use();
    let key = book.enter(demand, priority);
    let in_turn = book.is_next(key);
    if in_turn || book.waiting() <= book.max_waiting {
        return Ok((key, in_turn));
    }
    let limit = book.position(key).and_then(|(_, limit)| limit);
    book.leave(key);
    let queue_is_a_way = book.max_waiting > 0;
    Err(match limit {
        Some(limit) => Refusal { limit, queue: queue_is_a_way.then_some(queue.used) },
        // It would fit, but others were there first.
        None => Refusal { limit: queue, queue: None },
    })
}

/// Outside of the lock: who is woken may come back at once.
fn wake(woken: Vec<Waker>) {
    woken.into_iter().for_each(Waker::wake);
}

/// A place, or a turn in the queue that becomes one. Dropping it gives either back, whatever ended the stream.
#[derive(Debug)]
pub(crate) struct Permit {
    ledger: Arc<Ledger>,
    key: u64,
}

impl Permit {
    /// Whether it is a place by now.
    pub(crate) fn is_granted(&self) -> bool {
        self.ledger.book().is_granted(self.key)
    }

    /// Its place in the queue from 1, and what is in its way if that is more than its turn; `None` once granted.
    pub(crate) fn position(&self) -> Option<(usize, Option<LimitUse>)> {
        let book = self.ledger.book();
        if book.is_granted(self.key) { None } else { book.position(self.key) }
    }

    /// The encoder of which it holds a session.
    pub(crate) fn session(&self) -> Option<Encoder> {
        self.ledger.book().session(self.key)
    }

    /// Resolves when it is a place, or when the permit is gone.
    pub(crate) fn turn(&self) -> Turn {
        Turn { ledger: Arc::clone(&self.ledger), key: self.key }
    }

    /// Asks for something else instead, keeping the place or the turn.
    ///
    /// # Errors
    /// The limit in the way. Everything is as it was then.
    pub(crate) fn change(&self, demand: &Demand, priority: i32) -> Result<(), Refusal> {
        let mut book = self.ledger.book();
        let changed = book.change(self.key, demand, priority);
        let woken = book.hand_over();
        drop(book);
        wake(woken);
        changed.map_err(|limit| Refusal { limit, queue: None })
    }

    /// What it asks for.
    pub(crate) fn demand(&self) -> Demand {
        self.ledger.book().demand(self.key).cloned().unwrap_or_default()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut book = self.ledger.book();
        let mut woken = book.leave(self.key);
        woken.extend(book.hand_over());
        drop(book);
        wake(woken);
    }
}

/// Waits for a place. Cancel safe; dropping it gives up nothing.
#[derive(Debug)]
pub(crate) struct Turn {
    ledger: Arc<Ledger>,
    key: u64,
}

impl Future for Turn {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.ledger.book().wait(self.key, context.waker()) { Poll::Pending } else { Poll::Ready(()) }
    }
}
