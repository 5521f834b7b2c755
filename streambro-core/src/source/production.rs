//! What ffmpeg makes of a film, and how: everything that is settled before its first run.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    keeper::{Keep, Keeper},
    pass::{Pass, PassFigures, PassSource},
    tape::Tape,
};
use crate::{
    ffmpeg::{self, Codec, Encoders, Environment, Job, LEAD, Launch, SandboxPlan},
    plan::Work,
    spec::{Encode, Encoder, Times},
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
    /// What is known of the encoders here.
    pub(crate) encoders: Arc<Encoders>,
    /// What ffmpeg may touch.
    pub(crate) sandbox: SandboxPlan,
    /// Where what it makes is kept; `None` makes every lap anew.
    pub(crate) keep: Option<Keep>,
    /// How the stream is made.
    pub(crate) work: Work,
    /// Why ffmpeg is needed, for people.
    pub(crate) why: String,
    /// Where in the film it ends, in milliseconds, if that is not its end.
    pub(crate) to_ms: Option<u64>,
}

/// One way to make it.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// What ffmpeg is told.
    pub(crate) job: Job,
    /// What encodes the picture; `None` where it is copied.
    pub(crate) encoder: Option<Encoder>,
    /// Whether the encoder's device decodes as well.
    pub(crate) decodes: bool,
    /// Why it is not an encoder that would come before, for people; empty where there is none.
    pub(crate) instead: String,
}

impl Way {
    /// What makes a rendition by this way what it is: what was asked for, and what encodes it. Not what only costs more
    /// or less, nor which ffmpeg it was: what one has made is as good as before once there is a newer one.
    pub(crate) fn fingerprint(&self, encode: Option<&Encode>) -> String {
        let wish = encode.map(|encode| serde_json::to_string(&encode.canonical()).unwrap_or_default());
        let codec = self.encoder.map_or("copy", Encoder::name);
        let sound = format!("{:?}", self.job.audio);
        format!("{codec}\n{sound}\n{}", wish.unwrap_or_default())
    }
}

impl Production {
    /// The encoders in the order in which they are tried, and the first way of each. Empty where the picture is copied.
    pub(crate) fn encoders(&self) -> Vec<(usize, Encoder)> {
        let mut found: Vec<(usize, Encoder)> = vec![];
        for (at, way) in self.ways.iter().enumerate() {
            if let Some(encoder) = way.encoder
                && found.last().is_none_or(|(_, last)| *last != encoder)
            {
                found.push((at, encoder));
            }
        }
        found
    }

    /// Tries a way first, and those before it after all the others: why that is so is for people.
    pub(crate) fn begin_with(&mut self, first: usize, why: &str) {
        self.ways.rotate_left(first);
        if let Some(keep) = &mut self.keep {
            keep.begin_with(first);
        }
        let way = &mut self.ways[0];
        self.work.encoder = way.encoder;
        if !way.instead.is_empty() {
            way.instead.push_str("; ");
        }
        way.instead.push_str(why);
    }

    /// A run from `from_ms` of the film on.
    pub(crate) fn pass(
        &self,
        way: usize,
        from_ms: u64,
        tape: &Arc<Tape>,
        keeper: &Arc<Mutex<Option<Keeper>>>,
        figures: &Arc<PassFigures>,
        times: Arc<Times>,
    ) -> Pass {
        let mut job = self.ways[way.min(self.ways.len() - 1)].job.clone();
        job.start = Duration::from_millis(from_ms);
        job.limit = self.to_ms.map(|to| Duration::from_millis(to.saturating_sub(from_ms)));
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
            keeper: Arc::clone(keeper),
            figures: Arc::clone(figures),
            times,
        }
    }

    /// Lets the encoder of a way be tried before it is chosen again: it has failed at work.
    pub(crate) fn forget(&self, way: &Way) {
        if let Some(codec) = way.encoder.and_then(Codec::of) {
            self.encoders.forget(codec);
        }
    }

    /// How much all of it may become, in bytes.
    pub(crate) fn likely_bytes(&self) -> u64 {
        let ms = u128::from(self.source.length_ms.unwrap_or(0));
        u64::try_from(u128::from(self.work.bits_per_second) * ms / 8_000).unwrap_or(u64::MAX)
    }
}
