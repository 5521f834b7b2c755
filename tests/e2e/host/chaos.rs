//! Sixteen threads that do whatever comes to their minds with one manager. `tests/soak/chaos` runs the same for longer.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use streambro_core::{
    Destination, Error, ErrorKind, EventKind, Phase, Repeat, Source, Stream, StreamManager, StreamSpec,
    Subscription, Times,
};
use streambro_tests::dice::Dice;
use streambro_tests::nginx::Nginx;
use streambro_tests::{demo_clip, process};
use tokio::runtime::Handle;

use super::{Belongings, SOON, asked};
use crate::faults::apart::{self, Apart};
use streambro_tests::hostile::{Attack, Stage};

const THREADS: usize = 16;
const STREAMS: usize = 9;
const PER_USER: usize = 4;
const IDS: u64 = 14;
const USERS: u64 = 3;
/// Longer than any call may take, on a machine that does other things as well.
const STUCK: Duration = Duration::from_secs(60);

/// What all threads share.
struct Table {
    manager: RwLock<StreamManager>,
    urls: Vec<String>,
    /// Every handle that was given out and has not been seen to end.
    given: Mutex<Vec<Stream>>,
    done: AtomicBool,
    /// What each thread does and since when, for the watchdog.
    doing: Vec<Mutex<(&'static str, Instant)>>,
    calls: AtomicU64,
    started: AtomicU64,
    lived: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_threads_at_random_neither_lock_up_nor_pass_a_limit_nor_lose_a_stream() {
    const NAME: &str = concat!(
        module_path!(),
        "::sixteen_threads_at_random_neither_lock_up_nor_pass_a_limit_nor_lose_a_stream"
    );
    if !process::alone(NAME) {
        return;
    }
    let attacks = [(Attack::Nothing, Stage::Published), (Attack::Close, Stage::Published)];
    apart::serve(&attacks);
    let seed = asked("STREAMBRO_SOAK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let length = Duration::from_secs(asked("STREAMBRO_SOAK_SECONDS").unwrap_or(10));
    println!(
        "seed {seed}, for {length:?}: STREAMBRO_SOAK_SEED={seed} repeats the thoughts, not the schedule"
    );
    let (servers, nginx) = (Apart::start(NAME, &attacks).await, Nginx::start().await);
    let mut urls: Vec<_> = servers.addresses.iter().map(|address| format!("rtmp://{address}/live")).collect();
    urls.extend([nginx.rtmp_url("pass"), nginx.rtmp_url("pass"), "rtmp://127.0.0.1:1/live".to_owned()]);
    let belongings = Belongings::now();
    let table = Arc::new(Table {
        manager: RwLock::new(manager().await),
        urls,
        given: Mutex::default(),
        done: AtomicBool::new(false),
        doing: (0..THREADS).map(|_| Mutex::new(("nothing", Instant::now()))).collect(),
        calls: AtomicU64::new(0),
        started: AtomicU64::new(0),
        lived: AtomicU64::new(0),
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (table, handle) = (Arc::clone(&table), Handle::current());
            std::thread::spawn(move || {
                let work = || table.play(thread, Dice::new(seed.wrapping_add(thread as u64)), &handle);
                // The first to fail ends it for all.
                let result = catch_unwind(AssertUnwindSafe(work));
                table.done.store(true, Ordering::Relaxed);
                result
            })
        })
        .collect();
    let deadline = Instant::now() + length;
    while threads.iter().any(|thread| !thread.is_finished()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if Instant::now() > deadline {
            table.done.store(true, Ordering::Relaxed);
        }
        for (thread, doing) in table.doing.iter().enumerate() {
            let (what, since) = *lock(doing);
            assert!(since.elapsed() < STUCK, "seed {seed}: thread {thread} is stuck in {what}");
        }
    }
    for thread in threads {
        thread.join().expect("caught").unwrap_or_else(|_| panic!("seed {seed}: see above"));
    }
    let last = read(&table.manager).clone();
    last.shutdown(SOON).await;
    assert!(last.list().iter().all(|status| status.phase == Phase::Ended));
    for stream in lock(&table.given).drain(..) {
        assert_eq!(stream.status().phase, Phase::Ended, "seed {seed}: lost: {:?}", stream.status());
    }
    let [calls, started, lived] =
        [&table.calls, &table.started, &table.lived].map(|count| count.load(Ordering::Relaxed));
    println!("{calls} calls, {started} starts, {lived} changes to live");
    assert!(calls > 500 && started > 20 && lived > 0, "{calls} calls, {started} starts, {lived} live");
    drop((last, table));
    belongings.are_back().await;
}

async fn manager() -> StreamManager {
    let mut times = Times::default();
    (times.settle, times.goodbye) = (Duration::from_millis(50), Duration::from_millis(500));
    (times.backoff_first, times.backoff_max) = (Duration::from_millis(20), Duration::from_millis(200));
    times.backoff_refused = Duration::from_millis(200);
    let builder = StreamManager::builder().max_streams(STREAMS).max_streams_per_user(PER_USER);
    builder.times(times).build().await.expect("the settings are good")
}

impl Table {
    fn play(&self, thread: usize, mut dice: Dice, runtime: &Handle) {
        let mut events: Option<Subscription> = None;
        while !self.done.load(Ordering::Relaxed) {
            // No lock is held while it is used.
            let manager = read(&self.manager).clone();
            let id = dice.throw(IDS);
            let name = format!("chaos-{id}");
            self.calls.fetch_add(1, Ordering::Relaxed);
            match dice.throw(100) {
                0..30 => {
                    self.now(thread, "start");
                    match runtime.block_on(manager.start(self.spec(id, &mut dice))) {
                        Ok(stream) => self.given(&manager, stream),
                        Err(error) => expected(&error),
                    }
                }
                30..40 => {
                    self.now(thread, "stop");
                    manager.stop(&name).unwrap_or_else(|error| expected(&error));
                }
                40..46 => {
                    self.now(thread, "replace");
                    match runtime.block_on(manager.replace(self.spec(id, &mut dice))) {
                        Ok(stream) => self.given(&manager, stream),
                        Err(error) => expected(&error),
                    }
                }
                46..50 => {
                    self.now(thread, "start, dropped on the way");
                    let spec = self.spec(id, &mut dice);
                    runtime.block_on(async {
                        let mut start = Box::pin(manager.start(spec));
                        let once = std::future::poll_fn(|context| Poll::Ready(start.as_mut().poll(context)));
                        if let Poll::Ready(Ok(stream)) = once.await {
                            self.given(&manager, stream);
                        }
                    });
                }
                50..70 => {
                    self.now(thread, "status");
                    if let Err(error) = manager.status(&name) {
                        expected(&error);
                    }
                }
                70..88 => {
                    self.now(thread, "list");
                    self.within_limits(&manager);
                }
                88..92 => {
                    self.now(thread, "subscribe");
                    events = Some(manager.subscribe(1 + dice.throw(64) as usize));
                }
                92..98 => {
                    self.now(thread, "events");
                    self.hear(&mut events);
                }
                // Of few threads, so that streams come on the air in between.
                98 if thread < 4 => {
                    self.now(thread, "clear_all");
                    if dice.throw(4) == 0 {
                        manager.clear_all();
                    } else {
                        manager.as_user(format!("user-{}", dice.throw(USERS))).clear_all();
                    }
                }
                // Once in a hundred calls of one thread.
                _ if thread == 0 && dice.throw(4) == 0 => {
                    self.now(thread, "shutdown");
                    self.shut_down(&manager, runtime);
                }
                _ => {
                    self.now(thread, "wait");
                    std::thread::sleep(Duration::from_millis(dice.throw(50)));
                }
            }
            self.now(thread, "nothing");
            std::thread::sleep(Duration::from_millis(dice.throw(60)));
        }
    }

    fn now(&self, thread: usize, what: &'static str) {
        *lock(&self.doing[thread]) = (what, Instant::now());
    }

    fn spec(&self, id: u64, dice: &mut Dice) -> StreamSpec {
        // Few differ, so that many starts meet the same stream.
        let url = &self.urls[(id + u64::from(dice.throw(8) == 0)) as usize % self.urls.len()];
        let repeat = if dice.throw(8) == 0 { Repeat::Times(2) } else { Repeat::Forever };
        let name = format!("chaos-{id}");
        let destination = Destination::new(url, name.clone()).expect("the rig's addresses are good");
        let source = Source::file(demo_clip()).repeat(repeat);
        StreamSpec::new(name, source).user(format!("user-{}", id % USERS)).destination(destination)
    }

    fn given(&self, manager: &StreamManager, stream: Stream) {
        self.started.fetch_add(1, Ordering::Relaxed);
        // A stream that was given out is known, unless another has taken its name or all have ended.
        let known = manager.status(stream.id().as_str()).is_ok();
        assert!(known || stream.status().phase == Phase::Ended, "lost: {:?}", stream.status());
        let mut given = lock(&self.given);
        given.push(stream);
        if given.len() > 1_000 {
            given.retain(|stream| stream.status().phase != Phase::Ended);
            assert!(given.len() <= 1_000, "streams are given out and never end");
        }
    }

    fn within_limits(&self, manager: &StreamManager) {
        // A place is taken when the source is open and the stream is let in. A list is read one by one: those who have
        // a place in two lists, one after the other, had theirs at the same time.
        let placed = || {
            let has_place = |phase| !matches!(phase, Phase::Preparing | Phase::Queued | Phase::Ended);
            let list = manager.list().into_iter().filter(|status| has_place(status.phase));
            list.map(|status| ((status.id, status.started_unix_ms), status.user)).collect::<BTreeMap<_, _>>()
        };
        let (mut active, later) = (placed(), placed());
        active.retain(|run, _| later.contains_key(run));
        let mut users = BTreeMap::new();
        for user in active.values() {
            *users.entry(user).or_insert(0) += 1;
        }
        assert!(active.len() <= STREAMS, "{active:#?}");
        assert!(users.values().all(|streams| *streams <= PER_USER), "{users:?}");
    }

    fn hear(&self, events: &mut Option<Subscription>) {
        let Some(subscription) = events else { return };
        let mut last = None;
        while let Some(event) = subscription.try_next() {
            assert!(last < Some(event.seq), "{last:?} {event:?}");
            last = Some(event.seq);
            if matches!(event.kind, EventKind::Phase { to: Phase::Live, .. }) {
                self.lived.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn shut_down(&self, manager: &StreamManager, runtime: &Handle) {
        let next = runtime.block_on(self::manager());
        *self.manager.write().unwrap_or_else(PoisonError::into_inner) = next;
        runtime.block_on(manager.shutdown(Duration::from_secs(5)));
        assert!(manager.list().iter().all(|status| status.phase == Phase::Ended));
        let refused = runtime.block_on(manager.start(self.spec(0, &mut Dice::new(0)))).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Closed, "{refused}");
    }
}

/// What may be said no to when everyone does what they like.
fn expected(error: &Error) {
    let kinds = [
        ErrorKind::AlreadyExists,
        ErrorKind::NotFound,
        ErrorKind::LimitReached,
        ErrorKind::Closed,
        ErrorKind::Ended,
    ];
    assert!(kinds.contains(&error.kind), "{error}");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
