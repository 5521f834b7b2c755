//! From a wish to a run that runs, and back if it does not come about.

use std::{mem, sync::Arc};

use tokio::task::JoinHandle;

use super::{
    open::Comeback,
    registry::Entry,
    user::Caller,
    verbs::{StreamManager, closed, taken},
};
use crate::{
    error::{Error, ErrorKind, Result},
    source::Prepared,
    spec::{StreamId, StreamSpec},
    status::{Phase, Reason},
    supervisor::{self, Run},
};

impl StreamManager {
    /// Lets a stream run, whatever is planned.
    pub(super) async fn bring(
        &self,
        caller: Caller<'_>,
        id: &StreamId,
        spec: &StreamSpec,
        comeback: Option<&Comeback>,
    ) -> Result<Brought> {
        let (run, before) = loop {
            match self.claim(caller, id, spec)? {
                Claim::New(run, before) => break (run, before),
                Claim::Running(run) => return Ok(Brought::Known(run)),
                Claim::Unsettled(run) => settled(&run).await,
            }
        };
        let unfinished = Unfinished { manager: self, run: &run, before };
        self.weigh();
        self.glance(spec)?;
        // Whoever wants it to end does not wait for a disk.
        let prepared = tokio::select! {
            biased;
            _ = run.stop_wanted() => None,
            opened = self.0.sources.open(spec, comeback, self.0.timetable.unix_ms()) => {
                let (prepared, start) = opened?;
                run.begin_at(start);
                run.rest(comeback.map(|comeback| &*comeback.resting).unwrap_or_default());
                Some(prepared)
            }
        };
        self.launch(&run, prepared)?;
        unfinished.finish();
        Ok(Brought::New(run))
    }

    /// Looks whether the id is free, and takes it if it is. That takes no place.
    fn claim(&self, caller: Caller<'_>, id: &StreamId, spec: &StreamSpec) -> Result<Claim> {
        let mut registry = self.registry();
        if registry.closed {
            return Err(closed());
        }
        // Ended ones as well: they are still there for their own user to look at.
        if registry.streams.get(id).is_some_and(|entry| !caller.may_see(&entry.run.spec)) {
            return Err(taken(id));
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
    pub(super) fn launch(&self, run: &Arc<Run>, prepared: Option<Prepared>) -> Result<()> {
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
        entry.task = Some(self.0.services.tasks.spawn_on(work, self.runtime()).abort_handle());
        if registry.monitor.as_ref().is_none_or(JoinHandle::is_finished) {
            let measure = self.0.monitor.task(&self.0);
            registry.monitor = measure.map(|task| self.runtime().spawn(task));
        }
        Ok(())
    }
}

/// A run that was wanted.
pub(super) enum Brought {
    /// It was not there before.
    New(Arc<Run>),
    /// It runs already, just as it is wanted.
    Known(Arc<Run>),
}

impl Brought {
    pub(super) fn run(&self) -> &Arc<Run> {
        match self {
            Self::New(run) | Self::Known(run) => run,
        }
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
pub(super) struct Unfinished<'a> {
    pub(super) manager: &'a StreamManager,
    pub(super) run: &'a Arc<Run>,
    /// Who had the id before, and can still be looked at.
    pub(super) before: Option<Entry>,
}

impl Unfinished<'_> {
    pub(super) fn finish(self) {
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
        self.manager.withdrawn(self.run);
        self.run.withdraw(Reason::StartFailed, &self.manager.0.services.bus);
    }
}

/// Ends a run that a `replace` has taken out of the registry, if it has not said its goodbye by then.
pub(super) struct Leaving<'a> {
    pub(super) manager: &'a StreamManager,
    pub(super) run: &'a Arc<Run>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.manager.abort(self.run, Reason::Stopped);
    }
}
