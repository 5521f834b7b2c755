//! Numbers events and hands them to every subscriber, without ever waiting for one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::Notify;

use super::{Event, EventKind};
use crate::{clock, spec::StreamId};

/// Where events come from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bus(Arc<Mutex<Sources>>);

#[derive(Debug, Default)]
struct Sources {
    next_seq: u64,
    closed: bool,
    rings: Vec<Weak<Ring>>,
}

impl Bus {
    /// Tells every subscriber what happened to `stream`.
    pub(crate) fn emit(&self, stream: &StreamId, kind: EventKind) {
        let mut sources = lock(&self.0);
        let event =
            Event { seq: sources.next_seq, unix_ms: clock::unix_ms(), stream: Some(stream.clone()), kind };
        sources.next_seq += 1;
        // Pushed under the lock, so that every ring has the order of the numbers.
        sources.rings.retain(|ring| match ring.upgrade() {
            Some(ring) => {
                ring.push(event.clone());
                true
            }
            None => false,
        });
    }

    /// Subscribes to what happens from now on, keeping at most `capacity` unread events.
    pub(crate) fn subscribe(&self, capacity: usize) -> Subscription {
        let ring =
            Arc::new(Ring { capacity: capacity.max(1), state: Mutex::default(), ready: Notify::new() });
        let mut sources = lock(&self.0);
        lock(&ring.state).closed = sources.closed;
        sources.rings.push(Arc::downgrade(&ring));
        Subscription(ring)
    }

    /// Ends all subscriptions once they have read what is there.
    pub(crate) fn close(&self) {
        let mut sources = lock(&self.0);
        sources.closed = true;
        for ring in sources.rings.drain(..).filter_map(|ring| ring.upgrade()) {
            lock(&ring.state).closed = true;
            ring.ready.notify_one();
        }
    }
}

/// A reader's own bounded queue. A slow reader loses the oldest events and is told how many.
#[derive(Debug)]
pub struct Subscription(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    capacity: usize,
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Event>,
    missed: u64,
    closed: bool,
}

impl Ring {
    fn push(&self, event: Event) {
        let mut state = lock(&self.state);
        if state.queue.len() == self.capacity {
            state.queue.pop_front();
            state.missed += 1;
        }
        state.queue.push_back(event);
        drop(state);
        self.ready.notify_one();
    }
}

impl Subscription {
    /// Waits for the next event; `None` once the manager is gone and everything has been read.
    ///
    /// Cancel safe: an event is either returned or still there.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let ready = self.0.ready.notified();
            match self.take() {
                Taken::Event(event) => return Some(event),
                Taken::Closed => return None,
                Taken::Empty => ready.await,
            }
        }
    }

    /// Returns the next event if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.take() {
            Taken::Event(event) => Some(event),
            Taken::Empty | Taken::Closed => None,
        }
    }

    fn take(&self) -> Taken {
        let mut state = lock(&self.0.state);
        if state.missed > 0 {
            let count = std::mem::take(&mut state.missed);
            // Numbered as the last one lost, so that numbers still only grow.
            let seq = state.queue.front().map_or(0, |event| event.seq.saturating_sub(1));
            let kind = EventKind::Missed { count };
            return Taken::Event(Event { seq, unix_ms: clock::unix_ms(), stream: None, kind });
        }
        match state.queue.pop_front() {
            Some(event) => Taken::Event(event),
            None if state.closed => Taken::Closed,
            None => Taken::Empty,
        }
    }
}

enum Taken {
    Event(Event),
    Empty,
    Closed,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing inside can be left torn by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{LegPhase, Phase};

    fn leg(bus: &Bus, leg: usize) {
        let kind = EventKind::Leg {
            leg,
            phase: LegPhase::Live,
            reason: None,
            detail: String::new(),
            retry_in_ms: None,
        };
        bus.emit(&StreamId::parse("s").unwrap(), kind);
    }

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_and_is_told() {
        let bus = Bus::default();
        let mut events = bus.subscribe(4);
        for n in 0..10 {
            leg(&bus, n);
        }
        assert_eq!(events.next().await.unwrap().kind, EventKind::Missed { count: 6 });
        let seqs: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|event| event.seq).collect();
        assert_eq!(seqs, [6, 7, 8, 9]);
    }

    #[tokio::test]
    async fn a_closed_bus_ends_the_subscription_after_the_last_event() {
        let bus = Bus::default();
        let mut events = bus.subscribe(4);
        leg(&bus, 0);
        bus.close();
        assert!(events.next().await.is_some());
        assert!(events.next().await.is_none());
        assert!(bus.subscribe(4).next().await.is_none());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken() {
        let bus = Bus::default();
        let mut events = bus.subscribe(4);
        let reader = tokio::spawn(async move { events.next().await });
        tokio::task::yield_now().await;
        leg(&bus, 7);
        assert!(reader.await.unwrap().is_some());
    }

    #[test]
    fn json_names_phases_as_the_documentation_does() {
        let kind = EventKind::Phase {
            from: Phase::Live,
            to: Phase::Reconnecting,
            reason: None,
            detail: String::new(),
        };
        let json = serde_json::to_string(&kind).unwrap();
        assert!(json.contains(r#""type":"phase","from":"live","to":"reconnecting""#), "{json}");
    }
}
