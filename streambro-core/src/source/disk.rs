//! Threads that wait for disks, so that nobody else has to.
//!
//! Each device has a few threads of its own. A mount that never answers keeps its own threads and the streams that
//! play from it, and nothing more. The host's blocking pool is never used.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{media::read::ReadAt, survey::Opened};

/// Reads under way at once on one device. Enough to keep an SSD's queue busy, few enough for a thousand mounts.
const THREADS_PER_DEVICE: usize = 4;

/// A thread without work ends after this.
const IDLE: Duration = Duration::from_secs(5);

/// Every device that streams play from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disks(Arc<Mutex<HashMap<u64, Weak<Disk>>>>);

impl Disks {
    /// Returns the threads of a device, shared by all who read from it.
    pub(crate) fn of(&self, device: u64) -> Arc<Disk> {
        let mut disks = lock(&self.0);
        if let Some(disk) = disks.get(&device).and_then(Weak::upgrade) {
            return disk;
        }
        disks.retain(|_, disk| disk.strong_count() > 0);
        let disk = Arc::new(Disk::default());
        disks.insert(device, Arc::downgrade(&disk));
        disk
    }

    /// How many threads there are, and how many of them read right now.
    pub(crate) fn threads(&self) -> (usize, usize) {
        let disks: Vec<_> = lock(&self.0).values().filter_map(Weak::upgrade).collect();
        disks.iter().fold((0, 0), |(threads, busy), disk| {
            let queue = lock(&disk.queue);
            (threads + queue.threads, busy + queue.threads.saturating_sub(queue.idle))
        })
    }
}

/// One device's queue of reads, and its threads.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

#[derive(Debug)]
struct Job {
    opened: Arc<Opened>,
    wanted: Vec<Span>,
    reply: oneshot::Sender<io::Result<Vec<Vec<u8>>>>,
}

/// A stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: usize,
}

impl Disk {
    /// Asks for stretches of a file, in their order; fewer bytes come at the end of the file.
    ///
    /// Never blocks. Dropping the receiver takes the request back unless its thread has begun.
    pub(super) fn read(self: &Arc<Self>, opened: Arc<Opened>, wanted: Vec<Span>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let mut queue = lock(&self.queue);
        queue.jobs.push_back(Job { opened, wanted, reply });
        queue.jobs.retain(|job| !job.reply.is_closed());
        if queue.jobs.len() > queue.idle && queue.threads < THREADS_PER_DEVICE {
            let disk = Arc::clone(self);
            let spawned =
                std::thread::Builder::new().name("streambro-disk".to_owned()).spawn(move || disk.serve());
            match spawned {
                Ok(_) => queue.threads += 1,
                // With another thread at work the job only waits longer; with none it fails, and says so.
                Err(error) if queue.threads == 0 => {
                    if let Some(job) = queue.jobs.pop_back() {
                        let _ = job.reply.send(Err(error));
                    }
                }
                Err(_) => {}
            }
        }
        drop(queue);
        self.arrived.notify_one();
        answer
    }

    fn serve(&self) {
        let mut queue = lock(&self.queue);
        loop {
            let Some(job) = queue.jobs.pop_front() else {
                queue.idle += 1;
                let (back, wait) =
                    self.arrived.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
                queue = back;
                queue.idle -= 1;
                if wait.timed_out() && queue.jobs.is_empty() {
                    queue.threads -= 1;
                    return;
                }
                continue;
            };
            drop(queue);
            if !job.reply.is_closed() {
                let bytes = job.wanted.iter().map(|span| read(&job.opened, span)).collect();
                let _ = job.reply.send(bytes);
            }
            queue = lock(&self.queue);
        }
    }
}

/// What a read brings.
pub(super) type Answer = oneshot::Receiver<io::Result<Vec<Vec<u8>>>>;

fn read(opened: &Opened, span: &Span) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; span.len];
    let mut filled = 0;
    while filled < bytes.len() {
        match opened.file.read_at(&mut bytes[filled..], span.offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A queue is whole at every instant, whatever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
