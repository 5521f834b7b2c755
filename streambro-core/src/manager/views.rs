//! Looking at streams.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

use super::{
    stream::Stream,
    timetable::Planned,
    user::Caller,
    verbs::{StreamManager, closed, missing},
};
use crate::{
    error::Result,
    event::{EventFilter, Subscription},
    journal::{LogLine, RunRecord},
    spec::StreamId,
    status::{Phase, StreamStatus},
    supervisor::Run,
};

impl StreamManager {
    /// Returns the handle of a stream that runs, or has ended and is not [forgotten](crate::Builder::keep_ended) yet.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn stream(&self, id: &str) -> Result<Stream> {
        self.find(Caller::Host, id).map(Stream)
    }

    /// Returns what is known of a stream now.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is [forgotten](crate::Builder::keep_ended).
    pub fn status(&self, id: &str) -> Result<StreamStatus> {
        self.status_for(Caller::Host, id)
    }

    pub(super) fn status_for(&self, caller: Caller<'_>, id: &str) -> Result<StreamStatus> {
        let run = self.find(caller, id);
        let known = StreamId::parse(id).ok();
        let planned = known.and_then(|id| self.0.timetable.planned(caller, &id));
        match (run, planned) {
            (Ok(run), planned) if planned.as_ref().is_none_or(|planned| planned.shows(&run)) => {
                let schedule = planned.and_then(|planned| planned.schedule);
                Ok(StreamStatus { schedule, ..run.status() })
            }
            (_, Some(planned)) => Ok(planned.waiting()),
            (run, None) => run.map(|run| run.status()),
        }
    }

    /// Returns what is known of every stream, by id; those that have ended included, until they are
    /// [forgotten](crate::Builder::keep_ended).
    pub fn list(&self) -> Vec<StreamStatus> {
        self.list_for(Caller::Host)
    }

    pub(super) fn list_for(&self, caller: Caller<'_>) -> Vec<StreamStatus> {
        let registry = self.registry();
        let runs: Vec<_> = registry.known().filter(|run| caller.may_see(&run.spec)).cloned().collect();
        drop(registry);
        let mut planned: BTreeMap<_, _> = self
            .0
            .timetable
            .all_planned(caller)
            .into_iter()
            .map(|planned| (planned.id.clone(), planned))
            .collect();
        let mut all = vec![];
        for run in runs {
            all.push(match planned.remove(&run.id) {
                Some(planned) if planned.shows(&run) => {
                    StreamStatus { schedule: planned.schedule, ..run.status() }
                }
                Some(waiting) => waiting.waiting(),
                None => run.status(),
            });
        }
        all.extend(planned.into_values().map(Planned::waiting));
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Returns the latest lines of a stream's log, oldest first. A stream that is started again while it is known, or
    /// replaced, goes on in its log if the user is the same.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is [forgotten](crate::Builder::keep_ended).
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
    /// `NotFound` when there is none, or it is [forgotten](crate::Builder::keep_ended); `Ended` when the stream ends without
    /// having come there.
    pub async fn wait_for(&self, id: &str, phase: Phase) -> Result<()> {
        self.stream(id)?.wait_for(phase).await
    }

    /// Subscribes to what happens from now on, keeping at most `capacity` unread events. The first to subscribe also hears what
    /// became of the [state](crate::EventKind::State) before.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.subscribe_to(EventFilter::all(), capacity)
    }

    /// Subscribes to what passes `filter` from now on, keeping at most `capacity` unread events.
    pub fn subscribe_to(&self, filter: EventFilter, capacity: usize) -> Subscription {
        self.0.services.bus.subscribe(filter, capacity)
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
}
