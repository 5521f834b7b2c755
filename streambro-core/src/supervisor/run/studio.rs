//! What makes the tape of a run: ffmpeg, time after time.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::sync::{Notify, watch};

use super::Run;
use crate::{
    journal::{Entry, LogLevel, What},
    source::{PassEnd, PassFigures, PassNews, Production, Tape},
    spec::{StreamSpec, Times},
    supervisor::passes::Passes,
};

/// What makes the tape of a run.
#[derive(Debug)]
pub(super) struct Studio {
    production: Arc<Production>,
    tape: Arc<Tape>,
    figures: Arc<PassFigures>,
    /// Which of the production's ways is gone.
    way: AtomicUsize,
    flows: Notify,
}

impl Studio {
    pub(super) fn new(production: Arc<Production>) -> Self {
        Self {
            production,
            tape: Arc::default(),
            figures: Arc::default(),
            way: AtomicUsize::new(0),
            flows: Notify::new(),
        }
    }

    pub(super) fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// What decides about its runs.
    pub(super) fn passes(&self, spec: &StreamSpec, seed: u64) -> Passes {
        Passes::new(spec.source.repeat.laps(), self.production.ways.len(), seed, spec.retry)
    }

    /// Waits until a run has brought something that a receiver can begin with. For one reader. Cancel safe.
    pub(super) async fn flows(&self) {
        self.flows.notified().await;
    }

    /// Runs ffmpeg as the passes have planned, until it ends or `stop` turns true.
    pub(super) fn run(
        self: &Arc<Self>,
        run: &Arc<Run>,
        passes: &Passes,
        times: Times,
        mut stop: watch::Receiver<bool>,
    ) -> impl Future<Output = PassEnd> + Send + use<> {
        let plan = passes.plan();
        self.way.store(plan.encoder, Relaxed);
        let pass = self.production.pass(plan.encoder, plan.from_ms, &self.tape, &self.figures, times);
        let (studio, run) = (Arc::clone(self), Arc::clone(run));
        async move {
            let stopped = async {
                // Who held the other end is gone, and this task with it.
                if stop.wait_for(|stop| *stop).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let news = |news| match news {
                PassNews::Flows => studio.flows.notify_one(),
                PassNews::Says(line) => run.say(&line),
            };
            let end = pass.run(stopped, news).await;
            if let PassEnd::Failed { detail, .. } = &end {
                run.say(detail);
            }
            end
        }
    }
}

impl Run {
    /// Writes down what ffmpeg says.
    fn say(&self, words: &str) {
        self.note(&self.span, Entry::new(What::Ffmpeg(LogLevel::Warn), words));
    }

    /// Shows what makes its tape.
    pub(super) fn open_studio(&self, studio: &Arc<Studio>) {
        // A run has one at most.
        let _ = self.studio.set(Arc::clone(studio));
    }
}
