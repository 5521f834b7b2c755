//! What a receiver must have got of a film, judged by ffprobe's view of the source and the tests' own FLV reader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use streambro_tests::ffmpeg::{self, Packet, Track};
use streambro_tests::flv::{self, File, Kind, Tag};

/// Times are floored to milliseconds, each once, and a difference has two of them.
const ROUNDING_MS: f64 = 2.0;

/// A source file as ffprobe sees it.
pub(crate) struct Film {
    pub(crate) path: PathBuf,
    pub(crate) video: Vec<Packet>,
    pub(crate) audio: Vec<Packet>,
}

/// What [`Film::check`] found.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Video frames.
    pub(crate) video: usize,
    /// Audio frames of the source.
    pub(crate) audio: usize,
    /// Audio frames that are not of the source; all alike.
    pub(crate) silent: usize,
    /// Audio frames of the source that the rules leave out, over all laps.
    pub(crate) left_out: usize,
    /// The worst distance of an audio frame from where its lap's first picture puts it.
    pub(crate) worst_offset_ms: f64,
}

/// A run of the film's pictures, as one recording has it.
#[derive(Debug)]
pub(crate) struct Run {
    /// The first picture, counted from the start of the first lap.
    pub(crate) first: usize,
    /// How many follow each other without a gap.
    pub(crate) len: usize,
}

impl Film {
    pub(crate) async fn of(path: PathBuf) -> Self {
        let (mut video, mut audio) = (Vec::new(), Vec::new());
        for packet in ffmpeg::packets(&path).await {
            match packet.track {
                Track::Video => video.push(packet),
                Track::Audio => audio.push(packet),
                Track::Other => {}
            }
        }
        Self { path, video, audio }
    }

    /// Pictures from keyframe to keyframe. All groups of the test clips are equal but the last.
    pub(crate) fn gop(&self) -> usize {
        let keys: Vec<_> = self.video.iter().enumerate().filter(|(_, p)| p.key).map(|(at, _)| at).collect();
        keys.get(1).copied().unwrap_or(self.video.len())
    }

    /// Whether the n-th picture, counted from the start of the first lap, is a keyframe.
    pub(crate) fn is_key(&self, picture: usize) -> bool {
        self.video[picture % self.video.len()].key
    }

    /// Length in milliseconds: of the video if there is any.
    fn length_ms(&self) -> f64 {
        let track = if self.video.is_empty() { &self.audio } else { &self.video };
        let mut times: Vec<f64> = track.iter().map(Packet::pts_ms).filter(|t| *t >= -0.5).collect();
        times.sort_by(f64::total_cmp);
        let step = times[1] - times[0];
        times[times.len() - 1] + step - times[0]
    }

    /// The audio frames that lap number `lap` of `laps` plays: all of them but the priming (kept as pre-roll in the first
    /// lap) and what reaches over the end of the picture (kept where nothing follows).
    fn audio_of(&self, lap: usize, laps: usize) -> Vec<&Packet> {
        let frame = self.audio.get(1).map_or(0.0, |second| second.dts_ms() - self.audio[0].dts_ms());
        let end = self.length_ms();
        let start = self.video.iter().map(Packet::pts_ms).reduce(f64::min).unwrap_or(0.0);
        let middle = |p: &Packet| p.pts_ms() + frame / 2.0 - start;
        self.audio
            .iter()
            .filter(|p| (lap == 0 || middle(p) > 0.0) && (lap + 1 == laps || middle(p) < end))
            .collect()
    }

    /// Checks that a recording has `laps` whole laps of the film: every payload, in order, nothing else but one kind
    /// of silent frame, times that only grow and tracks that stay together.
    ///
    /// # Panics
    /// At the first thing that is not so.
    pub(crate) fn check(&self, recording: &Path, laps: usize) -> Verdict {
        let file = read(recording);
        assert!(!file.truncated, "the recording ends within a tag");
        well_formed(&file);
        let video: Vec<&Tag> = file.samples(Kind::Video).collect();
        assert_eq!(video.len(), self.video.len() * laps, "pictures");
        // When each lap's picture 0 of the source is shown.
        let mut shifts = Vec::new();
        for (at, (got, want)) in video.iter().zip(self.video.iter().cycle()).enumerate() {
            assert_eq!((got.md5(), got.is_key()), (want.md5.clone(), want.key), "picture {at}");
            let shift = f64::from(got.timestamp) + f64::from(got.cts()) - want.pts_ms();
            if at % self.video.len() == 0 {
                shifts.push(shift);
            }
            let off = (shift - shifts[shifts.len() - 1]).abs();
            assert!(off < ROUNDING_MS, "picture {at} is shown {off} ms off");
        }
        let lap_ms = self.length_ms();
        for (lap, pair) in shifts.windows(2).enumerate() {
            let off = (pair[1] - pair[0] - lap_ms).abs();
            assert!(off < ROUNDING_MS, "lap {} begins {off} ms off", lap + 1);
        }
        let mut verdict =
            Verdict { video: video.len(), audio: 0, silent: 0, left_out: 0, worst_offset_ms: 0.0 };
        let mut want = Vec::new();
        for lap in 0..laps {
            let frames = self.audio_of(lap, laps);
            verdict.left_out += self.audio.len() - frames.len();
            want.extend(frames.into_iter().map(|frame| (lap, frame)));
        }
        let mut want = want.into_iter().peekable();
        let mut silence: Option<&[u8]> = None;
        for (at, got) in file.samples(Kind::Audio).enumerate() {
            let md5 = got.md5();
            if let Some((lap, frame)) = want.next_if(|(_, frame)| frame.md5 == md5) {
                verdict.audio += 1;
                let anchor = match shifts.get(lap) {
                    Some(shift) => *shift,
                    // No picture: laps follow the sound itself.
                    None => {
                        if shifts.is_empty() {
                            shifts.push(f64::from(got.timestamp) - frame.pts_ms());
                        }
                        shifts[0] + self.length_ms() * lap as f64
                    }
                };
                let off = (f64::from(got.timestamp) - frame.pts_ms() - anchor).abs();
                verdict.worst_offset_ms = verdict.worst_offset_ms.max(off);
                continue;
            }
            let silence = *silence.get_or_insert_with(|| got.payload());
            let next = want.peek().map(|(lap, frame)| (*lap, frame.pts_ms(), frame.size));
            assert_eq!(got.payload(), silence, "audio frame {at} is neither due ({next:?}) nor silence");
            verdict.silent += 1;
        }
        assert_eq!(want.count(), 0, "audio frames of the source that did not arrive: {verdict:?}");
        assert!(verdict.worst_offset_ms < 22.0, "{verdict:?}");
        verdict
    }

    /// Finds the pictures of a recording in the film, which is played lap after lap, at or after picture `from`.
    ///
    /// # Panics
    /// When they are not one run of the film, or their times do not grow.
    pub(crate) fn locate(&self, recording: &Path, from: usize) -> Run {
        let file = read(recording);
        well_formed(&file);
        let got: Vec<String> = file.samples(Kind::Video).map(Tag::md5).collect();
        assert!(!got.is_empty(), "{} has no picture", recording.display());
        // Pictures may repeat; the run that starts nearest and goes on to the end is the one.
        let at = |n: usize| &self.video[n % self.video.len()].md5;
        let first = (from..from + self.video.len())
            .find(|first| got.iter().enumerate().all(|(n, md5)| md5 == at(first + n)));
        let first = first.unwrap_or_else(|| {
            let known: BTreeMap<_, _> = self.video.iter().enumerate().map(|(n, p)| (&p.md5, n)).collect();
            let order: Vec<_> = got.iter().map(|md5| known.get(md5)).collect();
            panic!("the recording is not one run of the film: {order:?}")
        });
        assert!(file.samples(Kind::Video).next().is_some_and(Tag::is_key), "it begins without a keyframe");
        Run { first, len: got.len() }
    }
}

pub(crate) fn read(recording: &Path) -> File {
    flv::read(recording).unwrap_or_else(|e| panic!("{}: {e}", recording.display()))
}

/// Checks that decode times grow strictly on each track, and that each has one configuration, told before all else.
fn well_formed(file: &File) {
    for kind in [Kind::Video, Kind::Audio] {
        let times: Vec<u32> = file.samples(kind).map(|tag| tag.timestamp).collect();
        if let Some(at) = times.windows(2).position(|pair| pair[1] <= pair[0]) {
            panic!("{kind:?} time {at} is {} and the next {}", times[at], times[at + 1]);
        }
        let tags: Vec<_> = file.tags.iter().filter(|tag| tag.kind == kind).collect();
        // nginx writes its own copy of an audio header before the one that it got.
        let headers = tags.iter().take_while(|tag| tag.is_header()).count();
        assert!(tags.is_empty() || headers > 0, "{kind:?} begins without a header");
        assert!(tags[..headers].iter().all(|tag| tag.body == tags[0].body), "{kind:?} changes");
        assert!(!tags[headers..].iter().any(|tag| tag.is_header()), "a {kind:?} header in mid-stream");
    }
}
