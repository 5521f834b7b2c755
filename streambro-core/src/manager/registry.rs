//! The streams that run, and those that ended a moment ago.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    task::{AbortHandle, JoinHandle},
    time::{Instant, sleep_until},
};

use crate::{journal::Books, spec::StreamId, supervisor::Run};

/// The streams of a manager.
pub(super) struct Registry {
    pub(super) streams: BTreeMap<StreamId, Entry>,
    /// Whether it takes no more.
    pub(super) closed: bool,
    /// Measures while there are streams.
    pub(super) monitor: Option<JoinHandle<()>>,
    /// Those that a `replace` has taken out of the list and that still say goodbye.
    pub(super) leaving: Vec<Entry>,
    keep: Duration,
}

/// A stream.
pub(super) struct Entry {
    pub(super) run: Arc<Run>,
    /// Absent while the source is being opened.
    pub(super) task: Option<AbortHandle>,
}

impl Registry {
    /// An empty registry that knows streams for `keep` after their end.
    pub(super) fn new(keep: Duration) -> Self {
        Self { streams: BTreeMap::new(), closed: false, monitor: None, leaving: vec![], keep }
    }

    /// The stream of this name that runs or is still known.
    pub(super) fn find(&self, id: &StreamId) -> Option<&Arc<Run>> {
        let now = Instant::now();
        self.streams.get(id).map(|entry| &entry.run).filter(|run| self.knows(run, now))
    }

    /// All streams that run or are still known, by id.
    pub(super) fn known(&self) -> impl Iterator<Item = &Arc<Run>> {
        let now = Instant::now();
        self.streams.values().map(|entry| &entry.run).filter(move |run| self.knows(run, now))
    }

    fn knows(&self, run: &Run, now: Instant) -> bool {
        run.ended_at().is_none_or(|ended| now < ended + self.keep)
    }

    /// Takes out those that nobody needs to wait for any more.
    pub(super) fn forget_leaving(&mut self) {
        self.leaving.retain(|entry| entry.task.as_ref().is_some_and(|task| !task.is_finished()));
    }

    /// Takes out those of `these` that have ended, and names the others.
    pub(super) fn clear(&mut self, these: impl Fn(&Run) -> bool) -> (Vec<Entry>, Vec<Arc<Run>>) {
        let ended = |_: &StreamId, entry: &mut Entry| these(&entry.run) && entry.run.ended_at().is_some();
        let gone = self.streams.extract_if(.., ended).map(|(_, entry)| entry).collect();
        let others = self.streams.values().map(|entry| &entry.run).filter(|run| these(run)).cloned();
        (gone, others.collect())
    }

    /// Takes out what is no longer known, and says when the next one is due.
    fn forget(&mut self) -> (Vec<Entry>, Option<Instant>) {
        let (now, keep) = (Instant::now(), self.keep);
        let mut next: Option<Instant> = None;
        let over = |_: &StreamId, entry: &mut Entry| {
            let Some(due) = entry.run.ended_at().map(|ended| ended + keep) else { return false };
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            due <= now
        };
        let gone = self.streams.extract_if(.., over).map(|(_, entry)| entry).collect();
        (gone, next)
    }
}

/// Frees what was taken out. Not under the registry's lock: the end of a stream's span is the host's to hear of.
pub(super) fn free(gone: Vec<Entry>) {
    for entry in gone {
        // Whoever still has a handle must not hold the log with it.
        entry.run.free_log();
    }
}

/// Frees streams when their time is over, until the registry is gone. Sleeps while nothing has ended.
pub(super) async fn forget_ended(registry: Weak<Mutex<Registry>>, books: Arc<Books>) {
    // Nobody sees them any more when they are due: a little later many of them go at one look.
    let slack = books.keep.ended / 60;
    loop {
        let (gone, next) = match registry.upgrade() {
            // Whole at every instant, whatever panicked.
            Some(registry) => registry.lock().unwrap_or_else(PoisonError::into_inner).forget(),
            None => return,
        };
        free(gone);
        match next {
            // What ends meanwhile is due later than this.
            Some(due) => sleep_until(due + slack).await,
            None => books.wait_for_end().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        sync::{Arc, Weak},
        time::Duration,
    };

    use tokio::time::{advance, pause, timeout};

    use crate::{
        Destination, ErrorKind, Reason, Repeat, Source, Stream, StreamManager, StreamSpec, supervisor::Run,
    };

    /// Longer than anything here takes on a busy machine.
    const BOUND: Duration = Duration::from_secs(30);

    /// A spec whose server is not there.
    fn spec(id: &str) -> StreamSpec {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        StreamSpec::new(id, Source::file(clip).repeat(Repeat::Forever))
            .user("alice")
            .destination(Destination::new(&format!("rtmp://127.0.0.1:{port}/live"), "key").unwrap())
    }

    /// Starts a stream, lets its first attempt fail and stops it.
    async fn ended(manager: &StreamManager, spec: StreamSpec) -> Stream {
        let mut events = manager.subscribe(64);
        let stream = manager.start(spec).await.unwrap();
        let failed = async {
            while stream.status().legs[0].reason.is_none() {
                events.next().await.unwrap();
            }
        };
        timeout(BOUND, failed).await.unwrap();
        stream.stop();
        timeout(BOUND, stream.ended()).await.unwrap();
        stream
    }

    /// Lets every task that can run do so.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    fn weak(stream: &Stream) -> Weak<Run> {
        Arc::downgrade(&stream.0)
    }

    #[tokio::test]
    async fn a_stream_that_ended_is_freed_after_a_minute_without_a_call() {
        let manager = StreamManager::builder().build().await.unwrap();
        let held = ended(&manager, spec("held")).await;
        let dropped = weak(&ended(&manager, spec("dropped")).await);
        let lines = manager.logs("held").unwrap();
        assert!(lines.first().unwrap().message.contains("connecting"), "{lines:?}");
        assert!(lines.iter().any(|line| line.message.contains("(unreachable)")), "{lines:?}");
        assert_eq!(lines.last().unwrap().message, "ended (stopped)");
        assert_eq!(held.logs(), lines);
        pause();
        advance(Duration::from_secs(55)).await;
        settle().await;
        assert_eq!(manager.logs("held").unwrap(), lines);
        assert!(dropped.upgrade().is_some());
        advance(Duration::from_secs(10)).await;
        settle().await;
        assert!(dropped.upgrade().is_none(), "nobody has called anything");
        assert!(held.logs().is_empty(), "a handle does not hold the log");
        assert_eq!(manager.logs("held").unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(manager.history().len(), 2, "what is left");
    }

    #[tokio::test]
    async fn a_stream_is_forgotten_at_once_where_nothing_is_kept() {
        let manager = StreamManager::builder()
            .keep_ended(Duration::ZERO)
            .log_lines(0)
            .history(0)
            .build()
            .await
            .unwrap();
        let stream = ended(&manager, spec("s")).await;
        assert_eq!(manager.status("s").unwrap_err().kind, ErrorKind::NotFound);
        assert!(manager.list().is_empty() && manager.history().is_empty() && stream.logs().is_empty());
        let run = weak(&stream);
        drop(stream);
        settle().await;
        assert!(run.upgrade().is_none());
    }

    #[tokio::test]
    async fn a_stream_that_is_started_again_goes_on_in_its_log() {
        let manager = StreamManager::builder().build().await.unwrap();
        let wanted = spec("s");
        let first = ended(&manager, wanted.clone()).await;
        let lines = first.logs();
        let second = ended(&manager, wanted.clone()).await;
        assert_eq!(second.logs()[..lines.len()], lines);
        assert!(second.logs().len() > lines.len() && first.logs().is_empty());
        let of_bob = ended(&manager, wanted.user("bob")).await;
        assert!(of_bob.logs().iter().filter(|line| line.message.starts_with("ended")).count() == 1);
    }

    #[tokio::test]
    async fn every_run_is_in_the_history_once_and_a_failed_start_is_none() {
        let manager = StreamManager::builder().build().await.unwrap();
        let stream = ended(&manager, spec("a")).await;
        let mut bad = spec("bad");
        bad.source = Source::file("/no/such/film.mp4");
        manager.start(bad).await.unwrap_err();
        let running = manager.start(spec("b")).await.unwrap();
        let fresh = manager.start(spec("c")).await.unwrap();
        manager.shutdown(Duration::ZERO).await;
        let history = manager.history();
        assert_eq!(history.len(), 3, "{history:?}");
        let run = &history[0];
        assert_eq!((&run.id, run.user.as_deref(), run.reason), (stream.id(), Some("alice"), Reason::Stopped));
        assert!(run.started_unix_ms <= run.ended_unix_ms && (run.bytes, run.reconnects) == (0, 0));
        for stream in [running, fresh] {
            let run = history.iter().find(|run| run.id == *stream.id()).unwrap();
            assert_eq!(run.reason, Reason::ShutDown);
        }
    }

    #[tokio::test]
    async fn nothing_of_a_manager_runs_on_after_its_shutdown_or_its_end() {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let manager = StreamManager::builder().build().await.unwrap();
        ended(&manager, spec("a")).await;
        assert!(tasks() > 0);
        manager.shutdown(Duration::from_secs(5)).await;
        settle().await;
        assert_eq!(tasks(), 0);
        assert!(!manager.logs("a").unwrap().is_empty());
        drop(StreamManager::builder().build().await.unwrap());
        settle().await;
        assert_eq!(tasks(), 0);
    }
}
