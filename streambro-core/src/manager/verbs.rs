//! The registry of streams and what can be done with it.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    builder::{Builder, YEAR},
    doctor::Wanted,
    launch::{Leaving, Unfinished},
    memory::Memory,
    monitor::{Monitor, Settings},
    open::Sources,
    registry::{Entry, Registry, forget_ended},
    stream::Stream,
    timetable::Timetable,
    user::{Caller, UserScope},
};
use crate::{
    error::{Error, ErrorKind, Result},
    limits::Ledger,
    spec::{DestinationPolicy, StreamId, StreamSpec},
    status::Reason,
    supervisor::{Run, Services},
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
    /// What makes renditions ahead of time, and starts what is planned.
    pub(super) errands: TaskTracker,
    pub(super) timetable: Arc<Timetable>,
    /// What is kept beyond its end.
    pub(super) memory: Option<Arc<Memory>>,
    registry: Arc<Mutex<Registry>>,
    runtime: Handle,
    /// What forgets streams that have ended.
    forgetting: Mutex<Option<JoinHandle<()>>>,
}

/// What a manager is made of.
pub(super) struct Equipment {
    pub(super) sources: Arc<Sources>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) reserve: u64,
    pub(super) policy: DestinationPolicy,
    pub(super) services: Services,
    pub(super) monitor: Settings,
    pub(super) wanted: Wanted,
    pub(super) timetable: Timetable,
    pub(super) memory: Option<Arc<Memory>>,
}

impl StreamManager {
    /// Begins to set up a manager.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn new(equipment: Equipment) -> Self {
        let Equipment { sources, ledger, reserve, policy, services, monitor, wanted, timetable, memory } =
            equipment;
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
            errands: TaskTracker::new(),
            timetable: Arc::new(timetable),
            memory,
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
    /// [`Phase::Queued`](crate::Phase::Queued).
    ///
    /// Idempotent: a stream that runs with the same spec is returned as it is. One that is stopped while its source is
    /// being opened is returned as well, and has ended. Cancel safe: when the future is dropped before its source is open,
    /// nothing runs and no place is taken; while it is being kept, it runs and is known.
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
        self.check_time(caller, &id, &spec)?;
        let comeback = self.0.timetable.comeback(&id);
        let brought = self.bring(caller, &id, &spec, comeback.as_ref()).await?;
        let run = Arc::clone(brought.run());
        self.enroll(caller, &run, &spec)?;
        self.remembered().await;
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
        self.check_new_time(caller, &id, &spec)?;
        if known.is_settled() && known.wanted().difference(&spec).is_none() {
            self.take_over(&known, spec);
            self.remembered().await;
            return Ok(Stream(known));
        }
        let (mut prepared, _) = self.0.sources.open(&spec, None, 0).await?;
        // Again: opening may take long, and the old one shall go on untouched.
        self.check_new_time(caller, &id, &spec)?;
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
            let run = Run::new(id.clone(), spec.clone(), &self.0.services.books, &self.0.services.times);
            run.hold(permit);
            let entry = Entry { run: Arc::clone(&run), task: None };
            let leaving = registry.streams.insert(id, entry);
            registry.forget_leaving();
            registry.leaving.extend(leaving);
            (old, run)
        };
        let unfinished = Unfinished { manager: self, run: &run, before: None };
        self.take_over(&run, spec);
        old.stop(Reason::Stopped);
        // Also when this future is dropped: nobody else waits for its goodbye.
        let leaving = Leaving { manager: self, run: &old };
        let bound = self.0.services.times.goodbye * 2;
        let _ = timeout(bound, Stream(Arc::clone(&old)).ended()).await;
        drop(leaving);
        run.inherit(&old);
        self.launch(&run, Some(prepared))?;
        unfinished.finish();
        self.remembered().await;
        Ok(Stream(run))
    }

    /// Wants a stream to end. Idempotent; does not wait: see [`Stream::ended`]. Of one with a schedule it cancels the window
    /// that is on, and not the next.
    ///
    /// Where state is kept this is, a moment later: a process that is killed right now may have the stream run once more.
    ///
    /// # Errors
    /// `NotFound` when no stream has this id, or what had it is [forgotten](Builder::keep_ended).
    pub fn stop(&self, id: &str) -> Result<()> {
        self.stop_for(Caller::Host, id)
    }

    pub(super) fn stop_for(&self, caller: Caller<'_>, id: &str) -> Result<()> {
        // First: a run that takes its place meanwhile is ended as well. One that waits for its time is there as well.
        let planned = StreamId::parse(id).is_ok_and(|id| self.0.timetable.stopped(caller, &id));
        match self.find(caller, id) {
            Ok(run) => {
                run.stop(Reason::Stopped);
                Ok(())
            }
            Err(_) if planned => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends all streams in order within `grace`, aborts what is left, and closes all subscriptions.
    ///
    /// Renditions under way are gone from the disk then, unless the disk takes longer than `grace` and two seconds.
    /// Every run is in the [`history`](Self::history) then. What had not been forgotten stays as long as the manager; the
    /// directory of the state is free for another one.
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
                run.withdraw(Reason::ShutDown, &self.0.services.bus);
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
        for tasks in [&self.0.services.tasks, &self.0.errands].into_iter().chain(writers) {
            tasks.close();
            let _ = timeout_at(deadline + LAST_BREATH, tasks.wait()).await;
        }
        if let Some(memory) = &self.0.memory {
            // Where they were at the very end.
            let _ = timeout_at(deadline + LAST_BREATH, self.save(memory)).await;
            let _ = timeout_at(deadline + LAST_BREATH, memory.close()).await;
        }
        let monitor = self.registry().monitor.take();
        let forgetting = self.0.forgetting.lock().unwrap_or_else(PoisonError::into_inner).take();
        for task in [monitor, forgetting, self.0.timetable.take_task()].into_iter().flatten() {
            task.abort();
            // It ends by being aborted.
            let _ = task.await;
        }
        self.0.services.bus.close();
    }

    /// # Errors
    /// `Closed` once it shuts down.
    pub(super) fn is_open(&self) -> Result<()> {
        if self.registry().closed { Err(closed()) } else { Ok(()) }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    pub(super) fn abort(&self, run: &Arc<Run>, reason: Reason) {
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

/// What has ended is nothing to change.
fn running(run: Arc<Run>) -> Result<Arc<Run>> {
    if run.ended_at().is_some() { Err(missing(run.id.as_str())) } else { Ok(run) }
}

pub(super) fn missing(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, id, "no stream has this id")
}

/// What a user is told of an id that is another's.
pub(super) fn taken(id: &StreamId) -> Error {
    Error::new(ErrorKind::AlreadyExists, id.as_str(), "this id is taken; choose another")
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "manager", "it is shutting down and starts nothing any more")
}
