//! What makes the tape of a run: ffmpeg, time after time, until a rendition takes its place.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::Run;
use crate::{
    event::{Bus, EventKind},
    journal::{Entry, LogLevel, What},
    media::index::AudioConfig,
    plan::{self, Cost, Work},
    source::{Child, Film, Keeper, Kept, PassEnd, PassFigures, PassNews, Production, Tape},
    spec::{Repeat, StreamSpec, Times},
    status::{Encoding, EncodingState},
    supervisor::passes::{PassPlan, Passes},
};

/// How long a rendition may take to be safe on the disk before another lap is made instead: less than is on the tape.
const SAFE: Duration = Duration::from_secs(3);

/// What makes the tape of a run.
#[derive(Debug)]
pub(super) struct Studio {
    production: Production,
    tape: Arc<Tape>,
    figures: Arc<PassFigures>,
    keeper: Arc<Mutex<Option<Keeper>>>,
    /// Nothing more is made.
    closed: AtomicBool,
    /// Which of the production's ways is gone, beginning with 1; 0 before the first run.
    way: AtomicUsize,
    flows: Notify,
    /// One of many of its stream: what it takes is wanted again.
    is_item: bool,
}

/// What makes, or has made, what a run plays.
#[derive(Debug)]
pub(super) enum Making {
    Studio(Arc<Studio>),
    Kept(Kept),
}

impl Making {
    /// The running ffmpeg.
    pub(super) fn child(&self) -> Option<Child> {
        match self {
            Self::Studio(studio) => studio.figures.read().process,
            Self::Kept(_) => None,
        }
    }

    /// What is known of it now.
    pub(super) fn status(&self, ended: bool) -> Encoding {
        match self {
            Self::Studio(studio) => studio.status(ended),
            Self::Kept(kept) => Encoding::kept(kept.why.clone(), kept.encoder),
        }
    }
}

impl Studio {
    pub(super) fn new(production: Production) -> Self {
        Self {
            production,
            tape: Arc::default(),
            figures: Arc::default(),
            keeper: Arc::default(),
            closed: AtomicBool::new(false),
            way: AtomicUsize::new(0),
            flows: Notify::new(),
            is_item: false,
        }
    }

    /// The same of an item in a playlist, whose silence sounds like this.
    pub(super) fn of_item(production: Production, silence: &AudioConfig) -> Self {
        Self { tape: Arc::new(Tape::with_silence(silence)), is_item: true, ..Self::new(production) }
    }

    pub(super) fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// What decides about its runs.
    pub(super) fn passes(&self, spec: &StreamSpec, repeat: Repeat, seed: u64) -> Passes {
        Passes::new(repeat.laps(), self.production.ways.len(), seed, spec.retry)
    }

    /// Waits until a run has brought something that a receiver can begin with. For one reader. Cancel safe.
    pub(super) async fn flows(&self) {
        self.flows.notified().await;
    }

    /// What is known of it now.
    fn status(&self, ended: bool) -> Encoding {
        let figures = self.figures.read();
        let way = self.production.ways.get(self.way.load(Relaxed).saturating_sub(1));
        let state = match figures.process {
            _ if self.tape.is_handed_over() => EncodingState::Kept,
            Some(_) => EncodingState::Running,
            None if ended || self.tape.is_closed() => EncodingState::Over,
            None => EncodingState::Waiting,
        };
        Encoding {
            why: self.production.why.clone(),
            state,
            encoder: way.and_then(|way| way.encoder),
            device_decodes: way.is_some_and(|way| way.decodes),
            pid: figures.process.map(|process| process.pid),
            sandbox: figures.process.map(|process| process.sandbox),
            runs: figures.runs,
            reached_ms: figures.reached_ms,
            ahead_ms: self.tape.ahead_ms(),
            buffered_bytes: self.tape.held(),
            lost_words: figures.lost_words,
            frames: figures.progress.frames,
            speed: figures.progress.speed,
        }
    }

    /// Makes what the passes have planned, until that ends or `stop` turns true.
    pub(super) fn run(
        self: &Arc<Self>,
        run: &Arc<Run>,
        passes: &Passes,
        times: Arc<Times>,
        mut stop: watch::Receiver<bool>,
        bus: &Bus,
    ) -> impl Future<Output = PassEnd> + Send + use<> {
        let (studio, run, bus, plan) = (Arc::clone(self), Arc::clone(run), bus.clone(), passes.plan());
        let trouble = passes.trouble().map(|(_, detail)| detail.clone());
        async move {
            let stopped = async {
                // Who held the other end is gone, and this task with it.
                if stop.wait_for(|stop| *stop).await.is_err() {
                    pending::<()>().await;
                }
            };
            studio.make(&run, plan, trouble.as_deref(), times, stopped, &bus).await
        }
    }

    async fn make(
        &self,
        run: &Run,
        plan: PassPlan,
        trouble: Option<&str>,
        times: Arc<Times>,
        stopped: impl Future<Output = ()>,
        bus: &Bus,
    ) -> PassEnd {
        let mut stopped = pin!(stopped);
        let stop_here = PassEnd::Stopped { reached_ms: plan.from_ms };
        let found = tokio::select! {
            biased;
            () = &mut stopped => return stop_here,
            found = self.begin(plan) => found,
        };
        if let Some(film) = found {
            return self.hand_over(run, film, "it has been encoded like this before", bus);
        }
        self.announce(run, plan, trouble, bus);
        let (tape, figures) = (&self.tape, &self.figures);
        let pass = self.production.pass(plan.encoder, plan.from_ms, tape, &self.keeper, figures, times);
        let news = |news| match news {
            PassNews::Flows => self.flows.notify_one(),
            PassNews::Says(line) => run.say(&line),
        };
        let end = pass.run(&mut stopped, news).await;
        match &end {
            PassEnd::Failed { reason, detail, reached_ms, .. } => {
                run.say(detail);
                let (reason, detail, reached_ms) = (*reason, detail.clone(), *reached_ms);
                run.tell(EventKind::EncoderFailed { reason, detail, reached_ms }, bus);
            }
            PassEnd::Lap { ms } => {
                let kept = tokio::select! {
                    biased;
                    () = &mut stopped => None,
                    kept = self.finish(run, plan, *ms, bus) => kept,
                };
                if let Some(film) = kept {
                    return self.hand_over(run, film, "the first pass has been kept", bus);
                }
            }
            PassEnd::Stopped { .. } | PassEnd::Stored => {}
        }
        end
    }

    /// Looks for what has been made already; where there is nothing, and a lap begins, a copy is kept of it.
    async fn begin(&self, plan: PassPlan) -> Option<Film> {
        let keep = self.production.keep.as_ref()?;
        if plan.from_ms > 0 {
            // Of what another encoder began nothing can be made that is one.
            if self.way.load(Relaxed) != plan.encoder + 1 {
                *self.keeper() = None;
            }
            return None;
        }
        *self.keeper() = None;
        let film = keep.find(plan.encoder).await;
        let mut keeper = self.keeper();
        if film.is_none() && !self.closed.load(Relaxed) {
            *keeper = keep.begin(plan.encoder, self.production.likely_bytes(), false);
        }
        film
    }

    /// Nothing more is made: what was being kept of a lap is given up. Others may look at the studio for as long as they like.
    pub(super) fn close(&self) {
        let mut keeper = self.keeper();
        self.closed.store(true, Relaxed);
        *keeper = None;
    }

    /// Ends the copy that was kept of a lap. Returns it once it is safe on the disk.
    async fn finish(&self, run: &Run, plan: PassPlan, ms: u64, bus: &Bus) -> Option<Film> {
        let keeper = self.keeper().take()?;
        let failure = keeper.failure();
        let outcome = match keeper.finish(ms) {
            // Not in time: the next lap finds it.
            Some(outcome) => timeout(SAFE, outcome).await.ok()?,
            None => return self.not_kept(run, &failure?, bus),
        };
        match outcome {
            Ok(Ok(_)) => self.production.keep.as_ref()?.find(plan.encoder).await,
            Ok(Err(failure)) => self.not_kept(run, &failure.detail, bus),
            Err(_) => None,
        }
    }

    fn not_kept(&self, run: &Run, why: &str, bus: &Bus) -> Option<Film> {
        run.say(why);
        run.tell(EventKind::Rendition { kept: false, detail: why.to_owned() }, bus);
        None
    }

    fn hand_over(&self, run: &Run, film: Film, why: &str, bus: &Bus) -> PassEnd {
        self.tape.play(film);
        if !self.is_item {
            run.give_back(&self.production.work);
        }
        let detail = format!("{why}: it is copied from here on, and ffmpeg runs no more");
        run.tell(EventKind::Rendition { kept: true, detail }, bus);
        self.flows.notify_one();
        PassEnd::Stored
    }

    /// Tells which encoder it is, if that is news, and what became of the one before.
    fn announce(&self, run: &Run, plan: PassPlan, trouble: Option<&str>, bus: &Bus) {
        let before = self.way.swap(plan.encoder + 1, Relaxed);
        if before == plan.encoder + 1 {
            return;
        }
        let ways = &self.production.ways;
        let Some(way) = ways.get(plan.encoder) else { return };
        if let Some(failed) = before.checked_sub(1).and_then(|before| ways.get(before)) {
            // What comes after this stream looks anew.
            self.production.forget(failed);
        }
        let instead_of = before.checked_sub(1).and_then(|before| ways.get(before)?.encoder);
        let detail = match (before, way.instead.is_empty()) {
            (0, true) => self.production.why.clone(),
            (0, false) => format!("{}; {}", self.production.why, way.instead),
            _ => format!("the one before it failed: {}", trouble.unwrap_or("it does not say why")),
        };
        let name = way.encoder.map_or("no encoder", |encoder| encoder.name());
        run.note(&run.span, Entry::new(What::Ffmpeg(LogLevel::Info), &format!("{name}: {detail}")));
        run.tell(EventKind::Encoder { encoder: way.encoder, instead_of, detail }, bus);
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Keeper>> {
        // Whole at every instant, whatever panicked.
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Writes down what ffmpeg says.
    fn say(&self, words: &str) {
        self.note(&self.span, Entry::new(What::Ffmpeg(LogLevel::Warn), words));
    }

    /// Gives back what only ffmpeg took: its memory, its CPU, the session of its encoder.
    fn give_back(&self, work: &Work) {
        let spec = self.wanted();
        let tls = spec.destinations.iter().map(|to| to.url.is_tls());
        let demand = plan::demand(&spec, &Cost::native(work.bits_per_second, tls));
        if let Some(permit) = self.permit().as_ref() {
            // Refused only where the process has outgrown its memory meanwhile: then it keeps it all until it ends.
            let _ = permit.change(&demand, self.spec.priority);
        }
    }

    /// Shows what makes its tape.
    pub(super) fn open_studio(&self, studio: &Arc<Studio>) {
        *self.making() = Some(Making::Studio(Arc::clone(studio)));
    }

    /// Shows, and tells, that it plays what has been made before.
    pub(super) fn show_kept(&self, kept: Kept, bus: &Bus) {
        let detail = "it has been made before, and is copied".to_owned();
        *self.making() = Some(Making::Kept(kept));
        self.note(&self.span, Entry::new(What::Ffmpeg(LogLevel::Info), &detail));
        self.tell(EventKind::Rendition { kept: true, detail }, bus);
    }
}
