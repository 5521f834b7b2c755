//! Numbers events and hands them to every subscriber, without ever waiting for one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{
    Event, EventFilter, EventKind,
    subscription::{Ring, Subscription},
};
use crate::{clock, spec::StreamId};

/// So many words about the state wait for somebody to hear them.
const MOST_UNHEARD: usize = 8;

/// Where events come from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bus(Arc<Mutex<Sources>>);

#[derive(Debug, Default)]
struct Sources {
    next_seq: u64,
    closed: bool,
    readers: Vec<Reader>,
    /// What became of the state while nobody listened: some of it happens before a manager is there to be listened to.
    unheard: Vec<Event>,
}

#[derive(Debug)]
struct Reader {
    filter: EventFilter,
    ring: Weak<Ring>,
}

impl Bus {
    /// Tells every subscriber who wants it what happened to `stream`, which is `user`'s.
    pub(crate) fn emit(&self, stream: &StreamId, user: Option<&str>, kind: EventKind) {
        self.number(Some(stream), user, kind);
    }

    /// Tells every subscriber who wants all what happened to the process.
    pub(crate) fn announce(&self, kind: EventKind) {
        self.number(None, None, kind);
    }

    fn number(&self, stream: Option<&StreamId>, user: Option<&str>, kind: EventKind) {
        let mut sources = self.sources();
        let seq = sources.next_seq;
        sources.next_seq += 1;
        let is_waited_for = matches!(kind, EventKind::State { .. }) && stream.is_none();
        if sources.readers.is_empty() && !is_waited_for {
            return;
        }
        let unix_ms = clock::unix_ms();
        let event = Event { seq, unix_ms, stream: stream.cloned(), user: user.map(str::to_owned), kind };
        let mut is_heard = false;
        // Pushed under the lock, so that every ring has the order of the numbers.
        sources.readers.retain(|reader| match reader.ring.upgrade() {
            Some(ring) => {
                if reader.filter.lets_through(stream, user) {
                    ring.push(seq, event.clone());
                    is_heard = true;
                }
                true
            }
            None => false,
        });
        if is_waited_for && !is_heard {
            if sources.unheard.len() == MOST_UNHEARD {
                sources.unheard.remove(0);
            }
            sources.unheard.push(event);
        }
    }

    /// Subscribes to what happens from now on and passes `filter`, keeping at most `capacity` unread events. The first one
    /// also hears what nobody has heard of the state.
    pub(crate) fn subscribe(&self, filter: EventFilter, capacity: usize) -> Subscription {
        let ring = Arc::new(Ring::new(capacity));
        let mut sources = self.sources();
        if sources.closed {
            ring.close();
        } else {
            // Where nothing happens, nothing else takes out those who left.
            sources.readers.retain(|reader| reader.ring.strong_count() > 0);
            if filter.lets_through(None, None) {
                for event in sources.unheard.drain(..) {
                    ring.push(event.seq, event);
                }
            }
            sources.readers.push(Reader { filter, ring: Arc::downgrade(&ring) });
        }
        drop(sources);
        Subscription::new(ring)
    }

    /// Ends all subscriptions once they have read what is there.
    pub(crate) fn close(&self) {
        let mut sources = self.sources();
        sources.closed = true;
        for ring in sources.readers.drain(..).filter_map(|reader| reader.ring.upgrade()) {
            ring.close();
        }
    }

    #[cfg(test)]
    pub(super) fn readers(&self) -> usize {
        self.sources().readers.len()
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        // Nothing inside can be left torn by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
