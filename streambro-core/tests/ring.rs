//! Every order of what the threads around the event ring can do, tried by loom.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use loom::{future::block_on, model, thread};

mod sync {
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "../src/event/ring.rs"]
mod ring;

use ring::{Missed, Ring, Taken};

/// A descriptor as the kernel would have it: what it says can be seen at any time, without the ring's lock.
#[derive(Debug, Default)]
struct Bell(loom::sync::atomic::AtomicBool);

impl Bell {
    fn rings(&self) -> bool {
        self.0.load(loom::sync::atomic::Ordering::SeqCst)
    }
}

impl ring::Bell for Bell {
    fn ring(&self) -> bool {
        assert!(!self.0.swap(true, loom::sync::atomic::Ordering::SeqCst), "it rings once");
        true
    }

    fn hush(&self) -> bool {
        assert!(self.0.swap(false, loom::sync::atomic::Ordering::SeqCst), "it has rung");
        true
    }
}

type Queue = Arc<Ring<u64, Bell>>;

fn queue(capacity: usize) -> Queue {
    Arc::new(Ring::new(capacity))
}

/// Pushes 0 and 1 and closes, in a thread.
fn teller(ring: &Queue) -> thread::JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || {
        ring.push(0, 0);
        ring.push(1, 1);
        ring.close();
    })
}

/// What a reader of a ring with one place got, which must account for both items in order.
#[derive(Default)]
struct Read {
    seen: Vec<u64>,
    missed: u64,
}

impl Read {
    /// Returns whether it was the end.
    fn note(&mut self, taken: Taken<u64>) -> bool {
        match taken {
            Taken::Item(item) => self.seen.push(item),
            Taken::Missed(Missed { count, last }) => {
                assert!(self.seen.iter().all(|seen| *seen < last), "numbers only grow");
                self.missed += count;
            }
            Taken::Empty => {}
            Taken::Closed => {
                assert!(self.seen == [0, 1] && self.missed == 0 || self.seen == [1] && self.missed == 1);
                return true;
            }
        }
        false
    }
}

#[test]
fn a_thread_that_waits_gets_all_and_the_end() {
    model(|| {
        let ring = queue(1);
        let teller = teller(&ring);
        let mut read = Read::default();
        // A wake that is lost would be a deadlock, which loom reports.
        while !read.note(ring.wait(None)) {}
        assert!(ring.is_over());
        teller.join().unwrap();
    });
}

#[test]
fn a_task_that_waits_gets_all_and_the_end() {
    model(|| {
        let ring = queue(1);
        let teller = teller(&ring);
        let mut read = Read::default();
        while !read.note(block_on(std::future::poll_fn(|context| ring.poll(context)))) {}
        teller.join().unwrap();
    });
}

#[test]
fn the_bell_rings_just_while_there_is_something_to_read() {
    model(|| {
        let (ring, bell) = (queue(2), Arc::new(Bell::default()));
        ring.hang(&bell);
        let teller = teller(&ring);
        let mut seen = vec![];
        loop {
            if !bell.rings() {
                thread::yield_now();
                continue;
            }
            match ring.take() {
                Taken::Item(item) => seen.push(item),
                Taken::Closed => break,
                Taken::Empty | Taken::Missed(_) => panic!("it rang for nothing"),
            }
        }
        assert_eq!(seen, [0, 1]);
        teller.join().unwrap();
        assert!(bell.rings(), "for ever once closed");
    });
}

#[test]
fn a_bell_that_is_hung_up_while_items_come_says_what_is_so() {
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    model(move || {
        counted.fetch_add(1, Relaxed);
        let (ring, bell) = (queue(1), Arc::new(Bell::default()));
        let pusher = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.push(0, 0);
                ring.push(1, 1);
            })
        };
        ring.hang(&bell);
        let mut read = Read::default();
        read.note(ring.take());
        pusher.join().unwrap();
        // Whatever the order was: it rings now if and only if there is something.
        while bell.rings() {
            read.note(ring.take());
        }
        assert!(matches!(ring.take(), Taken::Empty));
        ring.close();
        assert!(bell.rings() && read.note(ring.take()));
    });
    assert!(orders.load(Relaxed) > 10, "loom tried {orders:?} orders");
}
