//! How slow a preset this machine can afford.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{
    super::{
        args::{Codec, Decoder, Format, Job, Shape, trial},
        ask::{Answer, Ear, Question, ask},
        tools::{Identity, Tools},
    },
    lock,
};
use crate::spec::{Encode, Fps, Memory, Preset, Size, Tune};

/// From the slowest.
const CANDIDATES: [Preset; 3] = [Preset::Veryfast, Preset::Superfast, Preset::Ultrafast];
/// How much faster than real time an encoder must be, so that a hard scene does not hold up the stream.
const MARGIN: f64 = 1.5;
/// How much is encoded to find out.
const TRIAL: Duration = Duration::from_secs(2);
const MAX_WORDS: usize = 4_096;
/// How long a choice stands: it depends on what else the machine does.
const PATIENCE: Duration = Duration::from_secs(600);
/// Kinds of pictures that are remembered.
const MAX_KNOWN: usize = 256;

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Presets(Mutex<HashMap<Key, (Instant, Preset)>>);

/// What decides how long a picture takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    identity: Identity,
    from: Size,
    to: Size,
    /// In thousandths.
    source_fps: u64,
    fps: Option<Fps>,
    memory: Memory,
    tune: Option<Tune>,
}

impl Presets {
    /// The preset for `encode` with libx264.
    pub(super) fn choose(&self, tools: &Tools, encode: &Encode, source: Shape) -> Preset {
        let source = Shape {
            size: Size {
                width: source.size.width.clamp(16, 8_192),
                height: source.size.height.clamp(16, 8_192),
            },
            fps: if (1.0..=240.0).contains(&source.fps) { source.fps } else { 30.0 },
        };
        let key = Key {
            identity: tools.identity.clone(),
            from: source.size,
            to: encode.size.unwrap_or(source.size),
            source_fps: (source.fps * 1_000.0).round() as u64,
            fps: encode.fps,
            memory: encode.memory,
            tune: encode.tune,
        };
        // Held while it is measured: trials beside each other would all be slow.
        let mut known = lock(&self.0);
        if let Some((at, preset)) = known.get(&key)
            && at.elapsed() < PATIENCE
        {
            return *preset;
        }
        let preset = decide(|preset| speed(tools, encode, preset, source));
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(key, (Instant::now(), preset));
        preset
    }
}

/// The first candidate whose speed, as a multiple of real time, is enough; else the fastest, which is not tried.
fn decide(mut speed: impl FnMut(Preset) -> f64) -> Preset {
    let enough = |preset: &&Preset| **preset == Preset::Ultrafast || speed(**preset) >= MARGIN;
    CANDIDATES.iter().find(enough).copied().unwrap_or(Preset::Ultrafast)
}

/// How fast a preset is here, start included; 0 when it is too slow or fails.
fn speed(tools: &Tools, encode: &Encode, preset: Preset, source: Shape) -> f64 {
    let job = Job::encode(Format::Mov, encode, Codec::X264, Decoder::Software, preset, source);
    let Shape { size: Size { width, height }, fps } = source;
    let picture = format!("testsrc2=size={width}x{height}:rate={fps:.3}:duration={}", TRIAL.as_secs());
    let args = trial(&job, &picture);
    // What takes longer is too slow, however much.
    let time = TRIAL.div_f64(MARGIN);
    match ask(&Question { program: &tools.ffmpeg, args: &args, time, ear: Ear::Errors(MAX_WORDS) }) {
        Answer::Ended(ended) if ended.ok != Some(false) => TRIAL.as_secs_f64() / ended.took.as_secs_f64(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ffmpeg::{ask::tests::script, tools::Toolbox},
        spec::Encoder,
    };

    #[test]
    fn the_slowest_that_holds_one_and_a_half_times_real_time_is_taken() {
        let decided = |veryfast: f64, superfast: f64| {
            decide(|preset| match preset {
                Preset::Veryfast => veryfast,
                Preset::Superfast => superfast,
                other => panic!("{other:?} was tried"),
            })
        };
        assert_eq!(decided(1.5, 0.0), Preset::Veryfast);
        assert_eq!(decided(1.49, 1.5), Preset::Superfast);
        assert_eq!(decided(1.49, 1.49), Preset::Ultrafast);
        assert_eq!(decided(0.0, f64::NAN), Preset::Ultrafast);
    }

    #[test]
    fn a_small_picture_takes_the_slowest_and_one_that_nothing_encodes_in_time_the_fastest() {
        let tools = Toolbox::default().look().unwrap();
        let encode = Encode::new(Encoder::Auto);
        let choose = |width, height, fps| {
            let source = Shape { size: Size { width, height }, fps };
            Presets::default().choose(&tools, &encode, source)
        };
        // Seven hundred million pixels a second.
        assert_eq!(choose(3_840, 2_160, 90.0), Preset::Ultrafast);
        // A machine that does much else may be too slow at the first try even for this.
        assert!((0..20).any(|_| choose(64, 36, 5.0) == Preset::Veryfast));
    }

    #[test]
    fn it_is_measured_once_for_a_kind_of_picture() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let text = format!("echo \"$@\" >>{}; echo ffmpeg version 6.0", asked.display());
        let tools = Toolbox::new(Some(script(folder.path(), "ffmpeg", &text))).look().unwrap();
        let presets = Presets::default();
        let encode = Encode::new(Encoder::X264);
        let shape = |fps| Shape { size: Size { width: 1_280, height: 720 }, fps };
        for fps in [30.0, 30.0, 60.0, f64::NAN] {
            assert_eq!(presets.choose(&tools, &encode, shape(fps)), Preset::Veryfast);
        }
        let asked = std::fs::read_to_string(&asked).unwrap();
        let trials: Vec<_> = asked.lines().filter(|line| line.contains("testsrc2")).collect();
        assert_eq!(trials.len(), 2, "{asked}");
        assert!(
            trials[1].contains("1280x720:rate=60.000:duration=2") && trials[1].contains("-preset veryfast")
        );
    }
}
