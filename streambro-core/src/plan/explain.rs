//! What would become of a stream, in words and figures.

use serde::Serialize;

use super::{capacity::Share, cost::Cost};
use crate::{
    limits::{Demand, Limit, LimitUse, Prospect},
    spec::StreamId,
    status::Severity,
    survey::Probe,
};

/// Beyond this YouTube and Twitch complain, and viewers wait for a picture: both ask for a keyframe at least every 4 s.
const LONG_KEYFRAME_INTERVAL_MS: u64 = 4_000;

/// The most that YouTube recommends for 1080p at 60 fps; Twitch and Facebook take less.
const HIGH_BITRATE: u64 = 9_000_000;

/// What [`explain`](crate::StreamManager::explain) says of a spec.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Which stream.
    pub id: StreamId,
    /// How it would be sent; `None` when it cannot be.
    pub plan: Option<Plan>,
    /// What is worth knowing of the file: first what is in the way, then what may disappoint.
    pub findings: Vec<Finding>,
    /// What it would take; `None` without a plan.
    pub cost: Option<Cost>,
    /// Every limit it touches, as it is now.
    pub limits: Vec<LimitUse>,
    /// What `start` would do now.
    pub verdict: Verdict,
    /// What it would ask of the ledger.
    #[serde(skip)]
    pub(crate) demand: Option<Demand>,
}

impl Explanation {
    /// Whether it would be on its way at once.
    pub fn would_start(&self) -> bool {
        self.verdict == Verdict::Start
    }

    /// Makes it a kind of stream for [`capacity`](crate::StreamManager::capacity): with its user, its hosts and its cost.
    /// `None` without a plan.
    pub fn share(&self) -> Option<Share> {
        Some(Share::of(self.cost?, self.demand.clone()?))
    }
}

/// How a stream is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Plan {
    /// As it is in the file, from inside this process.
    Copy,
}

/// What `start` would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum Verdict {
    /// Put it on its way.
    Start,
    /// Let it wait.
    #[non_exhaustive]
    Queue {
        /// Its place in the queue, from 1.
        position: usize,
        /// The first limit in its way; `None` when nothing but its turn is.
        limit: Option<Limit>,
        /// The user or the host whose limit that is.
        of: Option<String>,
        /// By how much the limit would be passed, in its unit.
        over: u64,
    },
    /// Refuse it with `LimitReached`.
    #[non_exhaustive]
    Refuse {
        /// The first limit in its way.
        limit: Limit,
        /// The user or the host whose limit that is.
        of: Option<String>,
        /// By how much the limit would be passed, in its unit.
        over: u64,
        /// The same in words, and what to do about it.
        detail: String,
    },
    /// Refuse it, because the source cannot be sent: see the findings.
    Unsupported,
    /// The id has a stream: `start` returns that one if it is the same, and `AlreadyExists` if it is not.
    IdTaken,
}

/// Something worth knowing of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The same in words, with figures and what to do about it.
    pub detail: String,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The native engine cannot copy it.
    NotNative,
    /// The file ends before its own tables say: it plays up to there and ends the stream.
    Truncated,
    /// There is no sound: a silent track is added, because platforms demand one.
    SilentAudio,
    /// Keyframes are far apart.
    LongKeyframeInterval,
    /// More bits than most platforms take.
    HighBitrate,
    /// A colour format that platforms do not decode.
    UnusualPicture,
    /// Fields instead of whole pictures.
    Interlaced,
    /// The frame rate varies.
    VariableFrameRate,
}

/// What is worth knowing of a file, the worst first.
pub(crate) fn findings(probe: &Probe) -> Vec<Finding> {
    let mut found = vec![];
    let mut note = |kind, severity, detail: String| found.push(Finding { kind, severity, detail });
    for obstacle in &probe.obstacles {
        note(FindingKind::NotNative, Severity::Error, obstacle.to_string());
    }
    let Some(info) = &probe.info else { return found };
    if info.truncated {
        let detail = "the file ends before its tables say; copy it again, or repair it".to_owned();
        note(FindingKind::Truncated, Severity::Warning, detail);
    }
    if let Some(video) = &info.video {
        if video.max_keyframe_interval_ms > LONG_KEYFRAME_INTERVAL_MS {
            let seconds = tenths(video.max_keyframe_interval_ms, 1_000);
            let detail = format!(
                "keyframes are up to {seconds} s apart; platforms ask for one every 2 to 4 s: encode with a keyframe \
                 interval of 2 s"
            );
            note(FindingKind::LongKeyframeInterval, Severity::Warning, detail);
        }
        if video.bit_depth > 8 || video.chroma_format != 1 {
            let detail =
                "the picture is not 8-bit 4:2:0, which platforms expect: encode with pix_fmt yuv420p";
            note(FindingKind::UnusualPicture, Severity::Warning, detail.to_owned());
        }
        if video.interlaced {
            let detail = "the picture may be interlaced; platforms expect whole pictures: deinterlace it";
            note(FindingKind::Interlaced, Severity::Warning, detail.to_owned());
        }
    }
    let video_bits = info.video.as_ref().map_or(0, |video| video.bitrate);
    let bits = video_bits.saturating_add(info.audio.as_ref().map_or(0, |audio| audio.bitrate));
    if bits > HIGH_BITRATE {
        let detail = format!(
            "{} Mb/s is more than most platforms take: YouTube recommends at most 9 Mb/s for 1080p, Twitch takes 6",
            tenths(bits, 1_000_000)
        );
        note(FindingKind::HighBitrate, Severity::Warning, detail);
    }
    if info.audio.is_none() {
        let detail = "there is no sound: a silent track is added, which platforms demand".to_owned();
        note(FindingKind::SilentAudio, Severity::Note, detail);
    }
    if info.video.as_ref().is_some_and(|video| video.variable_frame_rate) {
        let detail = "the frame rate varies; some players stutter: encode with a constant one".to_owned();
        note(FindingKind::VariableFrameRate, Severity::Note, detail);
    }
    found
}

/// What a ledger's outlook means for the stream.
pub(crate) fn verdict(outlook: &Prospect) -> Verdict {
    match outlook {
        Prospect::Granted => Verdict::Start,
        Prospect::Waits { position, limit } => Verdict::Queue {
            position: *position,
            limit: limit.as_ref().map(|line| line.limit),
            of: limit.as_ref().and_then(|line| line.of.clone()),
            over: limit.as_ref().map_or(0, |line| line.over),
        },
        Prospect::Refused(refusal) => Verdict::Refuse {
            limit: refusal.limit.limit,
            of: refusal.limit.of.clone(),
            over: refusal.limit.over,
            detail: refusal.to_string(),
        },
    }
}

/// With one decimal, rounded down.
fn tenths(amount: u64, unit: u64) -> String {
    format!("{}.{}", amount / unit, amount % unit * 10 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::probe;

    fn clip() -> Probe {
        probe(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4")).unwrap()
    }

    fn kinds(probe: &Probe) -> Vec<FindingKind> {
        findings(probe).iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn a_good_file_has_no_findings() {
        assert_eq!(findings(&clip()), []);
    }

    #[test]
    fn what_platforms_dislike_is_named_with_figures() {
        let mut probe = clip();
        let info = probe.info.as_mut().unwrap();
        info.audio = None;
        let video = info.video.as_mut().unwrap();
        (video.max_keyframe_interval_ms, video.bitrate, video.bit_depth) = (8_400, 12_340_000, 10);
        let found = findings(&probe);
        assert_eq!(
            kinds(&probe),
            [
                FindingKind::LongKeyframeInterval,
                FindingKind::UnusualPicture,
                FindingKind::HighBitrate,
                FindingKind::SilentAudio,
            ]
        );
        assert!(found[0].detail.contains("8.4 s") && found[2].detail.contains("12.3 Mb/s"), "{found:#?}");
    }

    #[test]
    fn obstacles_come_first() {
        let mut probe = clip();
        probe.obstacles = vec![crate::Unsupported::EditList];
        probe.info.as_mut().unwrap().truncated = true;
        assert_eq!(kinds(&probe), [FindingKind::NotNative, FindingKind::Truncated]);
    }
}
