//! Encoding ahead of time.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{verbs::StreamManager, workshop::aside};
use crate::{
    error::{Error, ErrorKind, Result},
    plan::{Road, road},
    rendition::{Failure, RenditionUsage},
    source::{Keeper, PassEnd, PassFault, PassFigures, Production, Tape},
    spec::{Repeat, Retry, Source, Times, Video},
    status::Reason,
    supervisor::{Next, Passes},
};

/// Failures within an hour that end it: nobody is on the air meanwhile, and whoever asked wants to know.
const MOST_FAILURES: u32 = 5;
/// How often what threads do is looked at.
const LOOK: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(60 * 60);

impl StreamManager {
    /// Makes the rendition of a source ahead of time: what the first lap of a looped stream would make on the air.
    ///
    /// `video` is what the spec of the stream will say. Returns once the source is open and understood; then ffmpeg works as
    /// fast as it can, at low priority, also while streams run. What has been made before, or needs no ffmpeg, is finished at
    /// once. Takes no place. Cancel safe.
    ///
    /// # Errors
    /// As [`start`](Self::start) for the source and the settings; `InvalidSpec` when the manager keeps no
    /// [renditions](crate::Builder::renditions).
    pub async fn prepare(&self, source: &Source, video: impl Into<Video>) -> Result<Preparation> {
        let video = &video.into();
        self.is_open()?;
        if self.0.sources.workshop.store().is_none() {
            let detail =
                "this manager keeps no renditions; the setting `renditions` names a directory for them";
            return Err(Error::new(ErrorKind::InvalidSpec, "renditions", detail));
        }
        let learnt = self.0.sources.learn(source, video).await?;
        let way = road(video, &learnt.known(), learnt.tools.is_ok());
        if way == Road::Copy {
            return Ok(Preparation::finished(&source.first_file().display().to_string()));
        }
        // As a looped one: of others nothing is kept.
        let looped = source.clone().repeat(Repeat::Forever);
        let production = self.0.sources.production(&looped, video, way, learnt).await?;
        let preparation = Preparation::new(&source.first_file().display().to_string(), &production);
        let work = work(
            Arc::clone(&preparation.shared),
            production,
            Arc::clone(&self.0.services.times),
            self.0.closing.child_token(),
        );
        self.0.errands.spawn_on(work, self.runtime());
        Ok(preparation)
    }
}

impl StreamManager {
    /// Says how much the renditions take that are kept; `None` when none are kept. Cancel safe.
    ///
    /// # Errors
    /// `Host` when the directory cannot be read.
    pub async fn renditions(&self) -> Result<Option<RenditionUsage>> {
        let Some(store) = self.0.sources.workshop.store().cloned() else { return Ok(None) };
        let failed = |failure: Failure| Error::new(ErrorKind::Host, "renditions", failure.detail);
        aside(move || store.usage()).await?.map(Some).map_err(failed)
    }

    /// Removes every rendition, and returns how many. What plays one plays on, and its space comes back when it ends; what is
    /// being made is kept. Cancel safe.
    ///
    /// # Errors
    /// `Host` when the directory cannot be read or written.
    pub async fn clear_renditions(&self) -> Result<usize> {
        let Some(store) = self.0.sources.workshop.store().cloned() else { return Ok(0) };
        let failed = |failure: Failure| Error::new(ErrorKind::Host, "renditions", failure.detail);
        aside(move || store.clear()).await?.map_err(failed)
    }
}

/// A rendition that is being made. Dropped before it is finished, it is given up and leaves nothing.
pub struct Preparation {
    shared: Arc<Shared>,
}

/// What handle and task share.
struct Shared {
    name: String,
    total_ms: Option<u64>,
    bytes: u64,
    figures: Arc<PassFigures>,
    state: Mutex<State>,
    stage: watch::Sender<PrepareStage>,
    cancel: CancellationToken,
}

#[derive(Default)]
struct State {
    hashed: u64,
    encoding_since: Option<Instant>,
    encoded_for: Option<Duration>,
    outcome: Option<Result<PrepareOutcome>>,
}

/// What a [`Preparation`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PrepareOutcome {
    /// ffmpeg has made the rendition.
    Made,
    /// It was there already.
    Found,
    /// The source needs none: it is copied as it is.
    NotNeeded,
}

/// How far a [`Preparation`] is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PrepareProgress {
    /// What it does.
    pub stage: PrepareStage,
    /// How much of the film is made, in milliseconds; while it is read, how much was read of it in the same measure.
    pub done_ms: u64,
    /// How long the film is, in milliseconds; `None` when it does not say.
    pub total_ms: Option<u64>,
    /// Media made in the time it took: 2 is twice as fast as it plays.
    pub speed: f64,
    /// When it will be finished, in milliseconds from now; `None` while nobody can know.
    pub eta_ms: Option<u64>,
}

/// What a [`Preparation`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PrepareStage {
    /// It reads the film, to know it by its content.
    Reading,
    /// ffmpeg is at work.
    Encoding,
    /// The rendition is there.
    Finished,
    /// It failed, or was cancelled.
    Failed,
}

impl Preparation {
    fn new(name: &str, production: &Production) -> Self {
        let shared = Shared {
            name: name.to_owned(),
            total_ms: production.source.length_ms,
            bytes: production.source.len,
            figures: Arc::default(),
            state: Mutex::default(),
            stage: watch::Sender::new(PrepareStage::Reading),
            cancel: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Of what there is nothing to do for.
    fn finished(name: &str) -> Self {
        let shared = Shared {
            name: name.to_owned(),
            total_ms: None,
            bytes: 0,
            figures: Arc::default(),
            state: Mutex::new(State { outcome: Some(Ok(PrepareOutcome::NotNeeded)), ..State::default() }),
            stage: watch::Sender::new(PrepareStage::Finished),
            cancel: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns how far it is now.
    pub fn progress(&self) -> PrepareProgress {
        let shared = &self.shared;
        let (stage, state) = (*shared.stage.borrow(), shared.state());
        let total = shared.total_ms;
        let done_ms = match stage {
            PrepareStage::Reading => {
                let part = u128::from(total.unwrap_or(0)) * u128::from(state.hashed);
                u64::try_from(part / u128::from(shared.bytes.max(1))).unwrap_or(0)
            }
            PrepareStage::Finished => total.unwrap_or(0),
            _ => shared.figures.read().reached_ms,
        };
        let elapsed = state.encoded_for.or_else(|| state.encoding_since.map(|since| since.elapsed()));
        let elapsed = elapsed.map_or(0.0, |elapsed| elapsed.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a measure for people")]
        let speed = if elapsed > 0.0 { done_ms as f64 / 1_000.0 / elapsed } else { 0.0 };
        let left = total.map(|total| total.saturating_sub(done_ms));
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate; saturates"
        )]
        let eta_ms = match stage {
            PrepareStage::Encoding if speed > 0.0 => left.map(|left| (left as f64 / speed) as u64),
            PrepareStage::Finished => Some(0),
            _ => None,
        };
        PrepareProgress { stage, done_ms, total_ms: total, speed, eta_ms }
    }

    /// Gives it up: ffmpeg ends, and nothing half made is left on the disk once it is [over](Self::wait). Does nothing to
    /// one that is finished.
    pub fn cancel(&self) {
        self.shared.cancel.cancel();
    }

    /// Waits until it is finished, and says whether there was anything to do. Cancel safe.
    ///
    /// When it failed, what there was of it is off the disk by then, unless the disk is out of reach for 5 s.
    ///
    /// # Errors
    /// Why it failed: `SourceInvalid`, `EncoderUnavailable`, `EncoderFailed`, `Host` when the disk is full or the quota too
    /// small; `Ended` when it was cancelled, `Closed` when the manager shut down.
    pub async fn wait(&self) -> Result<PrepareOutcome> {
        let over = |stage: &PrepareStage| matches!(stage, PrepareStage::Finished | PrepareStage::Failed);
        // The sender lives in here.
        let _ = self.shared.stage.subscribe().wait_for(over).await;
        let outcome = self.shared.state().outcome.clone();
        outcome
            .unwrap_or_else(|| Err(self.shared.error(ErrorKind::Closed, "the manager or its runtime ended")))
    }
}

impl fmt::Debug for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preparation").field("source", &self.shared.name).finish_non_exhaustive()
    }
}

impl Drop for Preparation {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whole at every instant, whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, &self.name, detail)
    }
}

/// Says that it failed if nothing else was said: a runtime that ends drops the task.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.stage.send_if_modified(|stage| {
            let unsaid = matches!(stage, PrepareStage::Reading | PrepareStage::Encoding);
            if unsaid {
                *stage = PrepareStage::Failed;
            }
            unsaid
        });
    }
}

async fn work(shared: Arc<Shared>, production: Production, times: Arc<Times>, closing: CancellationToken) {
    let last_word = LastWord(Arc::clone(&shared));
    let made = tokio::select! {
        biased;
        () = closing.cancelled() => Err(shared.error(ErrorKind::Closed, "the manager is shutting down")),
        () = shared.cancel.cancelled() => Err(shared.error(ErrorKind::Ended, "it was cancelled")),
        made = make(&shared, &production, Arc::clone(&times)) => made,
    };
    if let Some(keep) = &production.keep {
        // Whoever is told may look at the disk, or end the process.
        let _ = timeout(times.encoder_stop, keep.at_rest()).await;
    }
    let stage = if made.is_ok() { PrepareStage::Finished } else { PrepareStage::Failed };
    {
        let mut state = shared.state();
        state.encoded_for = state.encoding_since.map(|since| since.elapsed());
        state.outcome = Some(made);
    }
    shared.stage.send_replace(stage);
    drop(last_word);
}

/// Makes it. Dropped, it ends ffmpeg and leaves nothing on the disk.
async fn make(shared: &Shared, production: &Production, times: Arc<Times>) -> Result<PrepareOutcome> {
    let Some(keep) = &production.keep else {
        return Err(shared.error(ErrorKind::Host, "no thread could be started to read the film"));
    };
    let watch = async {
        loop {
            shared.state().hashed = keep.hashed_bytes();
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = keep.hashed() => {}
        () = watch => {}
    }
    for way in 0..production.ways.len() {
        if keep.find(way).await.is_some() {
            return Ok(PrepareOutcome::Found);
        }
    }
    shared.state().encoding_since = Some(Instant::now());
    shared.stage.send_replace(PrepareStage::Encoding);
    let mut passes = Passes::new(Some(1), production.ways.len(), 0, Retry::budget(MOST_FAILURES, HOUR));
    let (tape, keeper) = (Arc::new(Tape::sink()), Arc::default());
    let began = Instant::now();
    loop {
        let plan = passes.plan();
        if plan.from_ms == 0 {
            let begun = keep.begin(plan.encoder, production.likely_bytes(), true);
            let lost =
                || shared.error(ErrorKind::Host, "the film could not be read, or no thread be started");
            *lock(&keeper) = Some(begun.ok_or_else(lost)?);
        }
        passes.begin(began.elapsed());
        let pass =
            production.pass(plan.encoder, plan.from_ms, &tape, &keeper, &shared.figures, Arc::clone(&times));
        let given_up = async {
            while lock(&keeper).as_ref().is_none_or(|keeper: &Keeper| keeper.failure().is_none()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let mut end = pass.run(given_up, |_| {}).await;
        if let Some(failure) = lock(&keeper).as_ref().and_then(|keeper| keeper.failure()) {
            return Err(shared.error(ErrorKind::Host, failure));
        }
        if let PassEnd::Lap { .. } = end
            && lock(&keeper).is_none()
        {
            let (fault, reason) = (PassFault::Passing, Reason::EncoderFailed);
            let detail = "ffmpeg died at the end of its film".to_owned();
            end = PassEnd::Failed { fault, reason, detail, reached_ms: 0 };
        }
        if let PassEnd::Lap { ms } = end {
            let finished = lock(&keeper).take().and_then(|keeper| keeper.finish(ms));
            let lost = || shared.error(ErrorKind::Host, "the rendition was lost; please report it");
            let kept = finished.ok_or_else(lost)?.await.map_err(|_| lost())?;
            let failed = |failure: Failure| shared.error(ErrorKind::Host, failure.detail);
            return kept.map(|_| PrepareOutcome::Made).map_err(failed);
        }
        match passes.ended(end, began.elapsed(), false, &times) {
            Next::Run => {}
            // What another encoder began is of no use.
            Next::FallBack => passes.begin_anew(),
            Next::Wait(delay) => tokio::time::sleep(delay).await,
            Next::GiveUp(reason, detail) => return Err(shared.error(kind(reason), detail)),
            // Only after a lap, which has returned, and of what goes on the air.
            Next::Close | Next::SkipLap { .. } | Next::Rest => return Ok(PrepareOutcome::Made),
        }
    }
}

fn kind(reason: Reason) -> ErrorKind {
    match reason {
        Reason::SourceInvalid | Reason::SourceTruncated => ErrorKind::SourceInvalid,
        Reason::EncoderUnavailable => ErrorKind::EncoderUnavailable,
        Reason::Host => ErrorKind::Host,
        _ => ErrorKind::EncoderFailed,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole at every instant, whatever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
