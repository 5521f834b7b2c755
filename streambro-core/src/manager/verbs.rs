//! The registry of streams and what can be done with it.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    builder::{Builder, YEAR},
    doctor::Wanted,
    monitor::{Monitor, Settings},
    open::Sources,
    registry::{Entry, Registry, forget_ended},
    stream::Stream,
    user::{Caller, UserScope},
};
use crate::{
    error::{Error, ErrorKind, Result},
    event::{EventFilter, Subscription},
    journal::{LogLine, RunRecord},
    limits::Ledger,
    source::Prepared,
    spec::{DestinationPolicy, StreamId, StreamSpec},
    status::{Phase, Reason, StreamStatus},
    supervisor::{self, Run, Services},
};

/// How long a shutdown waits for tasks that it has aborted.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// Runs streams. Cheap to clone; when the last clone is dropped, its streams are aborted.
#[derive(Clone)]
pub struct StreamManager(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) sources: Arc<Sources>,
    pub(super) ledger: Arc<Ledger>,
    /// Memory that [`capacity`](StreamManager::capacity) leaves alone, in bytes.
    pub(super) reserve: u64,
    pub(super) policy: DestinationPolicy,
    pub(super) services: Arc<Services>,
    pub(super) monitor: Monitor,
    pub(super) wanted: Wanted,
    /// Cancelled when it shuts down or goes.
    pub(super) closing: CancellationToken,
    /// What makes renditions ahead of time.
    pub(super) preparing: TaskTracker,
    registry: Arc<Mutex<Registry>>,
    runtime: Handle,
    /// What forgets streams that have ended.
    forgetting: Mutex<Option<JoinHandle<()>>>,
}

impl StreamManager {
    /// Begins to set up a manager.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn new(
        sources: Arc<Sources>,
        ledger: Arc<Ledger>,
        reserve: u64,
        policy: DestinationPolicy,
        services: Services,
        monitor: Settings,
        wanted: Wanted,
    ) -> Self {
        let registry = Arc::new(Mutex::new(Registry::new(services.books.keep.ended)));
        let runtime = Handle::current();
        let forgetting = forget_ended(Arc::downgrade(&registry), Arc::clone(&services.books));
        Self(Arc::new(Inner {
            sources,
            ledger,
            reserve,
            policy,
            services: Arc::new(services),
            monitor: Monitor::new(monitor),
            wanted,
            closing: CancellationToken::new(),
            preparing: TaskTracker::new(),
            registry,
            forgetting: Mutex::new(Some(runtime.spawn(forgetting))),
            runtime,
        }))
    }

    /// Makes a face of the manager that sees the streams of one user and no others.
    pub fn as_user(&self, user: impl Into<String>) -> UserScope {
        UserScope::new(self.clone(), user.into())
    }

    /// Puts a stream on the air: returns once its source is open and understood and it has a place, and does not wait
    /// for media.
    ///
    /// With [`Admission::Queue`](crate::Admission::Queue) a stream for which there is no place is returned as well, in
    /// [`Phase::Queued`].
    ///
    /// Idempotent: a stream that runs with the same spec is returned as it is. One that is stopped while its source is
    /// being opened is returned as well, and has ended. Cancel safe: when the future is dropped before it is done,
    /// nothing runs and no place is taken.
    ///
    /// # Errors
    /// Everything that is wrong with the file, the settings or the place: `InvalidSpec`, `AlreadyExists` (naming the
    /// field that differs), `LimitReached`, `NotAllowed`, `SourceUnreadable`, `SourceInvalid`, `SourceUnsupported`;
    /// `TimedOut` when the file system does not answer; `Host` when a thread, a descriptor or memory is lacking; `Ended`
    /// when a `replace` took the stream's place meanwhile; `Closed` after [`shutdown`](Self::shutdown).
    pub async fn start(&self, spec: StreamSpec) -> Result<Stream> {
        self.start_for(Caller::Host, spec).await
    }

    pub(super) async fn start_for(&self, caller: Caller<'_>, spec: StreamSpec) -> Result<Stream> {
        let id = self.check(&spec)?;
        let (run, before) = loop {
            match self.claim(caller, &id, &spec)? {
                Claim::New(run, before) => break (run, before),
                Claim::Running(run) => return Ok(Stream(run)),
                Claim::Unsettled(run) => settled(&run).await,
            }
        };
        let unfinished = Unfinished { manager: self, run: &run, before };
        self.weigh();
        self.glance(&spec)?;
        // Whoever wants it to end does not wait for a disk.
        let prepared = tokio::select! {
            biased;
            _ = run.stop_wanted() => None,
            prepared = self.0.sources.open(&spec) => Some(prepared?),
        };
        self.launch(&run, prepared)?;
        unfinished.finish();
        Ok(Stream(run))
    }

    /// Changes a stream: the new spec takes the place of the old one under the same id.
    ///
    /// The new source is opened first; if that fails, or what the new spec takes beyond the old one passes a limit, the
    /// old stream goes on untouched. Then the old connections say goodbye and the new ones open. A stream that waits for
    /// a place keeps its turn. Of several at once the last one wins. Not cancel safe: dropped while the old connections
    /// say goodbye, it leaves no stream.
    ///
    /// # Errors
    /// As [`start`](Self::start), but never `AlreadyExists`; `NotFound` when no stream has this id, or what had it is
    /// [forgotten](Builder::keep_ended); `Ended` when another call took this one's place.
    pub async fn replace(&self, spec: StreamSpec) -> Result<Stream> {
        self.replace_for(Caller::Host, spec).await
    }

    pub(super) async fn replace_for(&self, caller: Caller<'_>, spec: StreamSpec) -> Result<Stream> {
        let id = self.check(&spec)?;
        let known = self.find(caller, id.as_str()).and_then(running)?;
        if known.is_settled() && known.wanted().difference(&spec).is_none() {
            return Ok(Stream(known));
        }
        let mut prepared = self.0.sources.open(&spec).await?;
        self.weigh();
        let (old, run) = {
            let mut registry = self.registry();
            if registry.closed {
                return Err(closed());
            }
            // Again: it may have gone, and another user's come, while the source was opened.
            let old = registry.streams.get(&id).filter(|entry| caller.may_see(&entry.run.spec));
            let old = old.map(|entry| Arc::clone(&entry.run)).ok_or_else(|| missing(id.as_str()));
            let old = old.and_then(running)?;
            if old.is_stopping() {
                let detail = "the stream is being stopped; start it again when it has ended";
                return Err(Error::new(ErrorKind::Ended, id.as_str(), detail));
            }
            let permit = self.inherit(&old, &spec, &mut prepared)?;
            let run = Run::new(id.clone(), spec, &self.0.services.books, &self.0.services.times);
            run.hold(permit);
            let entry = Entry { run: Arc::clone(&run), task: None };
            let leaving = registry.streams.insert(id, entry);
            registry.forget_leaving();
            registry.leaving.extend(leaving);
            (old, run)
        };
        let unfinished = Unfinished { manager: self, run: &run, before: None };
        old.stop(Reason::Stopped);
        // Also when this future is dropped: nobody else waits for its goodbye.
        let leaving = Leaving { manager: self, run: &old };
        let bound = self.0.services.times.goodbye * 2;
        let _ = timeout(bound, Stream(Arc::clone(&old)).ended()).await;
        drop(leaving);
        run.inherit(&old);
        self.launch(&run, Some(prepared))?;
        unfinished.finish();
        Ok(Stream(run))
    }

    /// Wants a stream to end. Idempotent; does not wait: see [`Stream::ended`].
    ///
    /// # Errors
    /// `NotFound` when no stream has this id, or what had it is [forgotten](Builder::keep_ended).
    pub fn stop(&self, id: &str) -> Result<()> {
        self.stop_for(Caller::Host, id)
    }

    pub(super) fn stop_for(&self, caller: Caller<'_>, id: &str) -> Result<()> {
        self.find(caller, id)?.stop(Reason::Stopped);
        Ok(())
    }

    /// Returns the handle of a stream that runs, or has ended and is not [forgotten](Builder::keep_ended) yet.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn stream(&self, id: &str) -> Result<Stream> {
        self.find(Caller::Host, id).map(Stream)
    }

    /// Returns what is known of a stream now.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is [forgotten](Builder::keep_ended).
    pub fn status(&self, id: &str) -> Result<StreamStatus> {
        self.find(Caller::Host, id).map(|run| run.status())
    }

    /// Returns what is known of every stream, by id; those that have ended included, until they are
    /// [forgotten](Builder::keep_ended).
    pub fn list(&self) -> Vec<StreamStatus> {
        self.list_for(Caller::Host)
    }

    pub(super) fn list_for(&self, caller: Caller<'_>) -> Vec<StreamStatus> {
        let registry = self.registry();
        let runs: Vec<_> = registry.known().filter(|run| caller.may_see(&run.spec)).cloned().collect();
        drop(registry);
        runs.iter().map(|run| run.status()).collect()
    }

    /// Returns the latest lines of a stream's log, oldest first. A stream that is started again while it is known, or
    /// replaced, goes on in its log if the user is the same.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is [forgotten](Builder::keep_ended).
    pub fn logs(&self, id: &str) -> Result<Vec<LogLine>> {
        self.find(Caller::Host, id).map(|run| run.logs())
    }

    /// Returns the latest runs that have ended, oldest first. A start that failed was no run.
    pub fn history(&self) -> Vec<RunRecord> {
        self.0.services.books.history()
    }

    /// Waits until a stream is in `phase`. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is [forgotten](Builder::keep_ended); `Ended` when the stream ends without
    /// having come there.
    pub async fn wait_for(&self, id: &str, phase: Phase) -> Result<()> {
        self.stream(id)?.wait_for(phase).await
    }

    /// Subscribes to what happens from now on, keeping at most `capacity` unread events.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.subscribe_to(EventFilter::all(), capacity)
    }

    /// Subscribes to what passes `filter` from now on, keeping at most `capacity` unread events.
    pub fn subscribe_to(&self, filter: EventFilter, capacity: usize) -> Subscription {
        self.0.services.bus.subscribe(filter, capacity)
    }

    /// Ends all streams in order within `grace`, aborts what is left, and closes all subscriptions.
    ///
    /// Renditions under way are gone from the disk then, unless the disk takes longer than `grace` and two seconds.
    /// Every run is in the [`history`](Self::history) then. What had not been forgotten stays as long as the manager.
    /// Idempotent; a second call waits as well. Cancel safe: the streams go on ending.
    pub async fn shutdown(&self, grace: Duration) {
        // A grace beyond what a clock can tell is as good as a year.
        let grace = grace.min(YEAR);
        let deadline = Instant::now() + grace;
        let runs: Vec<_> = {
            let mut registry = self.registry();
            registry.closed = true;
            let Registry { streams, leaving, .. } = &*registry;
            let begun = |entry: &Entry| (Arc::clone(&entry.run), entry.task.is_some());
            streams.values().chain(leaving).map(begun).collect()
        };
        self.0.closing.cancel();
        for (run, begun) in &runs {
            run.stop(Reason::ShutDown);
            if !begun {
                // Its source is being opened, which a dead mount takes for ever.
                run.withdraw(&self.0.services.bus);
            }
        }
        for (run, _) in &runs {
            if timeout_at(deadline, Stream(Arc::clone(run)).ended()).await.is_err() {
                self.abort(run, Reason::ShutDown);
            }
        }
        // What is aborted ends at its next breath; a host that blocks its runtime may hold it up.
        // What the streams were keeping goes with them: nothing half written is left to whoever ends the process now.
        let writers = self.0.sources.workshop.store().map(|store| store.writers());
        for tasks in [&self.0.services.tasks, &self.0.preparing].into_iter().chain(writers) {
            tasks.close();
            let _ = timeout_at(deadline + LAST_BREATH, tasks.wait()).await;
        }
        let monitor = self.registry().monitor.take();
        let forgetting = self.0.forgetting.lock().unwrap_or_else(PoisonError::into_inner).take();
        for task in [monitor, forgetting].into_iter().flatten() {
            task.abort();
            // It ends by being aborted.
            let _ = task.await;
        }
        self.0.services.bus.close();
    }

    /// Looks whether the id is free, and takes it if it is. That takes no place.
    fn claim(&self, caller: Caller<'_>, id: &StreamId, spec: &StreamSpec) -> Result<Claim> {
        let mut registry = self.registry();
        if registry.closed {
            return Err(closed());
        }
        // Ended ones as well: they are still there for their own user to look at.
        if registry.streams.get(id).is_some_and(|entry| !caller.may_see(&entry.run.spec)) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                id.as_str(),
                "this id is taken; choose another",
            ));
        }
        if let Some(entry) = registry.streams.get(id).filter(|entry| entry.run.ended_at().is_none()) {
            let run = Arc::clone(&entry.run);
            return match run.wanted().difference(spec) {
                _ if run.is_stopping() => Ok(Claim::Unsettled(run)),
                None if run.is_settled() => Ok(Claim::Running(run)),
                None => Ok(Claim::Unsettled(run)),
                Some(field) => Err(Error::new(
                    ErrorKind::AlreadyExists,
                    id.as_str(),
                    format!("a stream with this id runs with another `{field}`; use `replace` to change it"),
                )),
            };
        }
        let run = Run::new(id.clone(), spec.clone(), &self.0.services.books, &self.0.services.times);
        let entry = Entry { run: Arc::clone(&run), task: None };
        let before = registry.streams.insert(id.clone(), entry);
        Ok(Claim::New(run, before))
    }

    /// Lets a run begin, once it has a place or a turn. One that has been stopped meanwhile, perhaps before its source
    /// was open, ends instead.
    fn launch(&self, run: &Arc<Run>, prepared: Option<Prepared>) -> Result<()> {
        let mut registry = self.registry();
        if registry.closed {
            return Err(closed());
        }
        let entry = registry.streams.get_mut(&run.id).filter(|entry| Arc::ptr_eq(&entry.run, run));
        let Some(entry) = entry else {
            let detail = "another `replace` has taken its place";
            return Err(Error::new(ErrorKind::Ended, run.id.as_str(), detail));
        };
        let Some(mut prepared) = prepared.filter(|_| !run.is_stopping()) else {
            // A host's subscriber to traces may come back.
            drop(registry);
            run.end(Reason::Stopped, "", &self.0.services.bus);
            return Ok(());
        };
        if run.permit().is_none() {
            run.hold(self.admit(&run.wanted(), &mut prepared)?);
        }
        if let Prepared::Lists(rolls) = &prepared {
            // Whoever started it may look at once.
            run.show_rolls(rolls);
        }
        run.show_waiting(&self.0.services);
        let work = supervisor::run(Arc::clone(run), prepared, Arc::clone(&self.0.services));
        entry.task = Some(self.0.services.tasks.spawn_on(work, &self.0.runtime).abort_handle());
        if registry.monitor.as_ref().is_none_or(JoinHandle::is_finished) {
            let measure = self.0.monitor.task(&self.0);
            registry.monitor = measure.map(|task| self.0.runtime.spawn(task));
        }
        Ok(())
    }

    /// # Errors
    /// `Closed` once it shuts down.
    pub(super) fn is_open(&self) -> Result<()> {
        if self.registry().closed { Err(closed()) } else { Ok(()) }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    fn abort(&self, run: &Arc<Run>, reason: Reason) {
        // In this order: the task's own last word must not come first.
        run.end(reason, "there was no time for a goodbye", &self.0.services.bus);
        let mut registry = self.registry();
        let Registry { streams, leaving, .. } = &mut *registry;
        let mut entries = streams.get_mut(&run.id).into_iter().chain(leaving);
        if let Some(task) =
            entries.find(|entry| Arc::ptr_eq(&entry.run, run)).and_then(|entry| entry.task.take())
        {
            task.abort();
        }
    }

    /// Every run that has not ended.
    pub(super) fn running(&self) -> Vec<Arc<Run>> {
        self.registry().known().filter(|run| run.ended_at().is_none()).cloned().collect()
    }

    /// One stream whose end is worth waiting for. Without any the monitor goes, and the next start brings another.
    pub(super) fn watch_one_or_leave(&self) -> Option<watch::Receiver<Phase>> {
        let mut registry = self.registry();
        let running = registry.known().map(|run| run.phase()).find(|phase| *phase.borrow() != Phase::Ended);
        if running.is_none() {
            registry.monitor = None;
        }
        running
    }

    pub(super) fn find(&self, caller: Caller<'_>, id: &str) -> Result<Arc<Run>> {
        let known = StreamId::parse(id).map_err(|_| missing(id))?;
        let registry = self.registry();
        registry.find(&known).filter(|run| caller.may_see(&run.spec)).cloned().ok_or_else(|| missing(id))
    }

    /// Whether `start` would find the id taken.
    pub(super) fn is_taken(&self, caller: Caller<'_>, id: &StreamId) -> Result<bool> {
        let registry = self.registry();
        if registry.closed {
            return Err(closed());
        }
        let taken = |run: &Arc<Run>| run.ended_at().is_none() || !caller.may_see(&run.spec);
        Ok(registry.find(id).is_some_and(taken))
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        // Entries are whole at every instant, whatever panicked.
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StreamManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamManager")
            .field("streams", &self.registry().streams.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closing.cancel();
        let forgetting = self.forgetting.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = forgetting {
            task.abort();
        }
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let Registry { streams, leaving, monitor, .. } = &mut *registry;
        let streams = mem::take(streams);
        let entries: Vec<_> = streams.into_values().chain(mem::take(leaving)).collect();
        let monitor = monitor.take();
        drop(registry);
        for entry in entries {
            entry.run.end(Reason::ShutDown, "the manager was dropped", &self.services.bus);
            if let Some(task) = &entry.task {
                task.abort();
            }
        }
        if let Some(monitor) = monitor {
            monitor.abort();
        }
        self.services.bus.close();
    }
}

/// What [`StreamManager::claim`] found.
enum Claim {
    /// The id was free; this run has it now. The one that had it before has ended.
    New(Arc<Run>, Option<Entry>),
    /// This run is just what is wanted.
    Running(Arc<Run>),
    /// This run opens its source or says goodbye: what becomes of it decides.
    Unsettled(Arc<Run>),
}

/// Waits until a run has opened its source, or has ended if it is to end.
async fn settled(run: &Run) {
    let done = |phase: &Phase| match *phase {
        Phase::Ended => true,
        Phase::Preparing | Phase::Stopping => false,
        _ => !run.is_stopping(),
    };
    // The sender lives in the run.
    let _ = run.phase().wait_for(done).await;
}

/// Takes a run out of the registry again unless its start succeeds: also when the start is cancelled.
struct Unfinished<'a> {
    manager: &'a StreamManager,
    run: &'a Arc<Run>,
    /// Who had the id before, and can still be looked at.
    before: Option<Entry>,
}

impl Unfinished<'_> {
    fn finish(self) {
        let mut this = mem::ManuallyDrop::new(self);
        if let Some(before) = this.before.take() {
            this.run.inherit(&before.run);
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let mut registry = self.manager.registry();
        let found = registry.streams.get_mut(&self.run.id).filter(|entry| Arc::ptr_eq(&entry.run, self.run));
        let gone = match (found, self.before.take()) {
            (Some(entry), Some(before)) => Some(mem::replace(entry, before)),
            (Some(_), None) => registry.streams.remove(&self.run.id),
            (None, before) => before,
        };
        drop(registry);
        drop(gone);
        self.run.withdraw(&self.manager.0.services.bus);
    }
}

/// Ends a run that a `replace` has taken out of the registry, if it has not said its goodbye by then.
struct Leaving<'a> {
    manager: &'a StreamManager,
    run: &'a Arc<Run>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.manager.abort(self.run, Reason::Stopped);
    }
}

/// What has ended is nothing to change.
fn running(run: Arc<Run>) -> Result<Arc<Run>> {
    if run.ended_at().is_some() { Err(missing(run.id.as_str())) } else { Ok(run) }
}

fn missing(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, id, "no stream has this id")
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "manager", "it is shutting down and starts nothing any more")
}
