//! What ffmpeg makes of a film, and how: everything that is settled before its first run.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::pass::{Pass, PassFigures, PassSource};
use super::tape::Tape;
use crate::{
    ffmpeg::{self, Environment, Job, LEAD, Launch, SandboxPlan},
    spec::{Encoder, Times},
};

/// What ffmpeg makes of a film.
#[derive(Debug)]
pub(crate) struct Production {
    /// The program.
    pub(crate) ffmpeg: PathBuf,
    /// What it reads.
    pub(crate) source: PassSource,
    /// How it is made, each after the one before has failed. Never empty.
    pub(crate) ways: Vec<Way>,
    /// What ffmpeg may touch.
    pub(crate) sandbox: SandboxPlan,
    /// Why ffmpeg is needed, for people.
    pub(crate) why: String,
}

/// One way to make it.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// What ffmpeg is told.
    pub(crate) job: Job,
    /// What encodes the picture; `None` where it is copied.
    pub(crate) encoder: Option<Encoder>,
}

impl Production {
    /// A run from `from_ms` of the film on.
    pub(crate) fn pass(
        &self,
        way: usize,
        from_ms: u64,
        tape: &Arc<Tape>,
        figures: &Arc<PassFigures>,
        times: Times,
    ) -> Pass {
        let mut job = self.ways[way.min(self.ways.len() - 1)].job.clone();
        job.start = Duration::from_millis(from_ms);
        job.progress = true;
        let mut launch = Launch::new(&self.ffmpeg, ffmpeg::argv(&job));
        launch.input = Some(Arc::clone(&self.source.file));
        launch.environment = Environment { hardware: true, ..Environment::default() };
        launch.sandbox = self.sandbox.clone();
        Pass {
            launch,
            tape: Arc::clone(tape),
            source: self.source.clone(),
            from_ms,
            lead_ms: i64::try_from(LEAD.as_millis()).unwrap_or(0),
            figures: Arc::clone(figures),
            times,
        }
    }
}
