//! Which encoders really work here: each is tried, none is believed.
//!
//! Everything here waits for ffmpeg and belongs on a thread that may.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    args::{Codec, Decoder, Format, Job, Shape, trial},
    ask::{Answer, Ear, Question, ask},
    tools::{Identity, Tools},
};
use crate::spec::{Encode, Encoder, Preset, Size};

mod preset;
mod why;

use preset::Presets;

/// The order in which [`Encoder::Auto`] tries them, where the host gives none: hardware first, for it leaves the
/// processor alone.
pub(crate) const ORDER: [Encoder; 5] =
    [Encoder::Nvenc, Encoder::Qsv, Encoder::VideoToolbox, Encoder::Vaapi, Encoder::X264];

/// A driver that starts cold takes seconds.
const TIME: Duration = Duration::from_secs(10);
/// More than a failing encoder writes.
const MAX_WORDS: usize = 16 * 1_024;
/// How long a failure is believed: a session comes free, a driver is installed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Devices beyond this are surely made up.
const MAX_KNOWN: usize = 64;

/// What the trial encodes. NVENC refuses pictures below 145 x 49, others below 128 x 128.
const SIZE: Size = Size { width: 320, height: 180 };
/// Six pictures.
const SOURCE: &str = "testsrc2=size=320x180:rate=30:duration=0.2";

/// Whether an encoder works here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Availability {
    /// It has encoded pictures.
    Available,
    /// It has not.
    Unavailable {
        /// Why not, for people.
        why: String,
    },
}

/// What became of trying an encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EncoderReport {
    /// The encoder; never [`Encoder::Auto`].
    pub encoder: Encoder,
    /// Whether it works here.
    pub availability: Availability,
}

/// The encoders in the order in which they are tried: each once, and [`ORDER`] for an empty order.
pub(crate) fn chain(order: &[Encoder]) -> Vec<Codec> {
    let order = if order.is_empty() { &ORDER[..] } else { order };
    let mut chain = vec![];
    for codec in order.iter().filter_map(|&encoder| Codec::of(encoder)) {
        if !chain.contains(&codec) {
            chain.push(codec);
        }
    }
    chain
}

/// What is known of the encoders of this host.
#[derive(Debug)]
pub(crate) struct Encoders {
    known: Mutex<HashMap<Key, Slot>>,
    presets: Presets,
    /// How long a trial may take.
    time: Duration,
}

impl Default for Encoders {
    fn default() -> Self {
        Self { known: Mutex::default(), presets: Presets::default(), time: TIME }
    }
}

/// An encoder of one ffmpeg on one device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    identity: Identity,
    codec: Codec,
    device: Option<PathBuf>,
}

/// Locked while the encoder is tried, so that it is tried once.
type Slot = Arc<Mutex<Option<(Instant, Availability)>>>;

impl Encoders {
    /// Whether an encoder works. Blocks for 10 s at most when nothing is known of it, and for as long as another caller
    /// tries it.
    pub(crate) fn availability(&self, tools: &Tools, codec: Codec, device: Option<&Path>) -> Availability {
        let device = device.filter(|device| codec.takes(device));
        let slot = self.slot(tools, codec, device);
        let mut known = lock(&slot);
        if let Some((tried, availability)) = &*known
            && (*availability == Availability::Available || tried.elapsed() < PATIENCE)
        {
            return availability.clone();
        }
        let availability = attempt(tools, codec, device, self.time);
        *known = Some((Instant::now(), availability.clone()));
        availability
    }

    /// Forgets what is known of an encoder: it has failed at work.
    pub(crate) fn forget(&self, codec: Codec) {
        lock(&self.known).retain(|key, _| key.codec != codec);
    }

    /// Tries every encoder of `chain`, all at once. Blocks for 10 s at most, and for as long as other callers try them.
    pub(crate) fn reports(
        &self,
        tools: &Tools,
        chain: &[Codec],
        device: Option<&Path>,
    ) -> Vec<EncoderReport> {
        let report = |codec: Codec| EncoderReport {
            encoder: codec.encoder(),
            availability: self.availability(tools, codec, device),
        };
        std::thread::scope(|scope| {
            let tries: Vec<_> = chain
                .iter()
                .map(|&codec| {
                    let thread = std::thread::Builder::new().name("streambro-probe".to_owned());
                    (codec, thread.spawn_scoped(scope, move || report(codec)).ok())
                })
                .collect();
            let outcome = |(codec, handle): (Codec, Option<std::thread::ScopedJoinHandle<'_, _>>)| {
                handle.and_then(|handle| handle.join().ok()).unwrap_or_else(|| report(codec))
            };
            tries.into_iter().map(outcome).collect()
        })
    }

    /// The preset for `encode` with `codec`: as said, or for libx264 the slowest that is fast enough here.
    ///
    /// Blocks for 4 s at most when nothing is known of a picture of this size and rate, and for as long as other trials
    /// run: they go one after the other, for they measure.
    pub(crate) fn preset(&self, tools: &Tools, encode: &Encode, codec: Codec, source: Shape) -> Preset {
        match (encode.preset, codec) {
            (Preset::Auto, Codec::X264) => self.presets.choose(tools, encode, source),
            (preset, _) => preset,
        }
    }

    fn slot(&self, tools: &Tools, codec: Codec, device: Option<&Path>) -> Slot {
        let key = Key { identity: tools.identity.clone(), codec, device: device.map(Path::to_owned) };
        let mut known = lock(&self.known);
        if known.len() >= MAX_KNOWN {
            // Of an ffmpeg that has been replaced, or devices that nobody has.
            known.clear();
        }
        known.entry(key).or_default().clone()
    }
}

/// Encodes six pictures with the very options that a stream would be encoded with.
fn attempt(tools: &Tools, codec: Codec, device: Option<&Path>, time: Duration) -> Availability {
    let mut encode = Encode::new(codec.encoder()).bitrate(500_000);
    if let Some(device) = device {
        encode = encode.device(device);
    }
    let source = Shape { size: SIZE, fps: 30.0 };
    let job = Job::encode(Format::Mov, &encode, codec, Decoder::Software, Preset::Auto, source);
    let args = trial(&job, SOURCE);
    let question = Question { program: &tools.ffmpeg, args: &args, time, ear: Ear::Errors(MAX_WORDS) };
    let why = match ask(&question) {
        Answer::Ended(ended) => match why::not(&ended, codec) {
            None => return Availability::Available,
            Some(why) => why,
        },
        Answer::Missing => format!("{} is gone", tools.ffmpeg.display()),
        Answer::Refused(error) => format!("{} cannot be started: {error}", tools.ffmpeg.display()),
        Answer::Failed(why) => format!("ffmpeg was killed, for {why}"),
    };
    Availability::Unavailable { why }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
