//! The demo: a clip in several parts, two servers, and somebody who edits if nobody else does.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Value, json};
use streambro_core::{Destination, Event, EventKind, Item, LegPhase, Playlist, Reason, Source};

use super::Failure;
use crate::receiver::{Receiver, ReceiverReport};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");

/// In and out points of the list's items, in seconds: the clip has a keyframe every two.
const PARTS: [(u64, u64); 4] = [(0, 8), (4, 8), (2, 6), (6, 8)];

/// What is typed if nobody types: when, as a part of the whole, and what.
const SCRIPT: [(f64, &str); 6] =
    [(0.165, "skip"), (0.3, "off 1"), (0.4, "add"), (0.45, "cue 4"), (0.55, "on 1"), (0.7, "jump 0")];

/// Two servers, and what they should get.
#[derive(Debug)]
pub struct Demo {
    receivers: [Receiver; 2],
    /// How often each destination should have published: once, and again when that was asked for.
    due: [u64; 2],
    /// Whether its next connection was asked for.
    asked: [bool; 2],
    length: Duration,
    /// Lines of the script that were typed.
    typed: usize,
    /// Somebody else types.
    left_alone: bool,
}

impl Demo {
    /// Starts the servers.
    ///
    /// # Errors
    /// When a port is refused.
    pub async fn new(length: Duration) -> Result<Self, Failure> {
        let receivers = [Receiver::start().await?, Receiver::start().await?];
        Ok(Self { receivers, due: [0; 2], asked: [true; 2], length, typed: 0, left_alone: false })
    }

    /// The clip in parts, under its own sound in one piece: each goes on at its own pace.
    #[must_use]
    pub fn source(&self) -> Source {
        let at = Duration::from_secs;
        let parts = PARTS.map(|(from, to)| Item::file(CLIP).starting_at(at(from)).ending_at(at(to)));
        Source::playlist(Playlist::new(parts)).sound(Playlist::new([CLIP]))
    }

    /// The servers as destinations.
    ///
    /// # Errors
    /// When a URL of theirs is none.
    pub fn destinations(&self) -> Result<Vec<Destination>, Failure> {
        let to = |receiver: &Receiver| Ok(Destination::new(&receiver.url(), "demo")?);
        self.receivers.iter().map(to).collect()
    }

    /// Somebody types: from now on the list is theirs.
    pub fn leave_alone(&mut self) {
        self.left_alone = true;
    }

    /// What should be typed by `at`, counted from the begin, if there is something.
    pub fn types(&mut self, at: Duration) -> Option<String> {
        let (when, line) = SCRIPT.get(self.typed).filter(|_| !self.left_alone)?;
        if at < self.length.mul_f64(*when) {
            return None;
        }
        self.typed += 1;
        Some(if *line == "add" { format!("add {CLIP}") } else { (*line).to_owned() })
    }

    /// Takes note of connections that end because somebody wants it: only after those may there be another.
    pub fn note(&mut self, event: &Event) {
        let EventKind::Leg { leg, phase, reason, .. } = &event.kind else { return };
        let (Some(asked), Some(due)) = (self.asked.get_mut(*leg), self.due.get_mut(*leg)) else { return };
        *asked |= matches!(reason, Some(Reason::Disabled | Reason::Rotated));
        if *phase == LegPhase::Publishing {
            *due += u64::from(std::mem::take(asked));
        }
    }

    /// Tells what the servers got, and whether that is what they should have got.
    pub fn report(&self, summary: &mut Value) -> bool {
        let reports = self.receivers.each_ref().map(Receiver::report);
        for (leg, report) in reports.iter().enumerate() {
            println!("{}", told(leg, report));
        }
        summary["received"] = json!(reports);
        summary["due"] = json!(self.due);
        // One that was asked for may be there without our having heard of it.
        let most = |leg: usize| self.due[leg] + u64::from(self.asked[leg]);
        reports.iter().enumerate().all(|(leg, report)| is_well(report, self.due[leg]..=most(leg)))
    }
}

/// Whether there was one unbroken connection, and another one only when that was asked for.
fn is_well(report: &ReceiverReport, due: RangeInclusive<u64>) -> bool {
    let [stream] = &report.streams[..] else { return false };
    let grows = [&stream.video, &stream.audio].iter().all(|track| track.messages > 1 && track.backwards == 0);
    grows && report.protocol_errors == 0 && due.contains(&stream.publishes)
}

fn told(leg: usize, report: &ReceiverReport) -> String {
    let Some(stream) = report.streams.first() else { return format!("server {leg}: nothing") };
    let (video, audio) = (&stream.video, &stream.audio);
    format!(
        "server {leg}: connections {}, pictures {}, sounds {}, longest step {} ms, {} went back",
        stream.publishes,
        video.messages,
        audio.messages,
        video.longest_step_ms.max(audio.longest_step_ms),
        video.backwards + audio.backwards,
    )
}
