use std::{fs::File, path::Path, sync::Arc};

use super::*;
use crate::{
    media::packet::{Content, Packet, Track},
    session::remux,
    source::{Batch, Disks, Feed, Fill, Reel, recorder::Recorder},
    spec::Repeat,
    survey::Shelf,
};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4");
const TICK_MS: u64 = 100;

/// The bundled clip as FLV, as a file and as bytes.
struct Clip {
    file: tempfile::NamedTempFile,
    bytes: Vec<u8>,
}

fn clip() -> Clip {
    let file = tempfile::NamedTempFile::new().unwrap();
    remux(Path::new(CLIP), File::create(file.path()).unwrap(), Repeat::Once).unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    Clip { file, bytes }
}

fn film(path: &Path) -> Film {
    let opened = Shelf::new(None).take(path).unwrap();
    let disk = Disks::default().of(opened.device);
    Film { opened, disk }
}

/// A packet as a receiver sees it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    track: Track,
    key: bool,
    dts: u64,
    cts: u32,
    /// A hash of its bytes.
    content: u64,
}

/// A leg that takes what is due, tick by tick.
struct Leg {
    feed: Feed,
    reader: crate::source::Reader,
    until: u64,
    seen: Vec<Seen>,
    mark: Option<crate::source::FeedMark>,
}

impl Leg {
    fn new(reel: &Reel, repeat: Repeat) -> Self {
        let feed = Feed::new(reel, repeat);
        Self { reader: feed.reader(), feed, until: 0, seen: vec![], mark: None }
    }

    /// Takes what is due up to `until`. Returns what stopped it.
    fn play(&mut self, until: u64) -> Fill {
        let mut batch = Batch::default();
        loop {
            let fill = self.feed.fill(&self.reader, self.until, 256, &mut batch).unwrap();
            for packet in batch.packets.drain(..) {
                self.seen.push(seen(&self.reader, &packet));
            }
            self.mark = batch.key.take().or_else(|| self.mark.take());
            match fill {
                Fill::Filled if self.until >= until => return fill,
                Fill::Filled => self.until += TICK_MS,
                Fill::Full => {}
                Fill::Changed { .. } => self.reader = self.feed.reader(),
                Fill::Dry | Fill::End => return fill,
            }
        }
    }

    fn of(&self, track: Track) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.track == track).collect()
    }
}

fn seen(reader: &crate::source::Reader, packet: &Packet) -> Seen {
    let bytes = match packet.content {
        Content::Silence => vec![],
        Content::Sample { offset, len } => {
            let mut bytes = vec![0; len as usize];
            let piece = crate::source::Piece { offset, at: 0, len: bytes.len() };
            reader.gather(&mut bytes, &[piece]).unwrap();
            bytes
        }
    };
    Seen { track: packet.track, key: packet.key, dts: packet.dts, cts: packet.cts, content: hash(&bytes) }
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The same packets, one by one: a list of thousands says nothing.
fn same(ours: &[Seen], theirs: &[Seen]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

/// Records a whole run.
fn run(tape: &Arc<Tape>, bytes: &[u8], lap: bool) {
    let mut recorder = Recorder::new(Arc::clone(tape));
    for piece in bytes.chunks(10_000) {
        recorder.push(piece, |_| {}).unwrap();
    }
    assert!(recorder.end(lap));
}

/// The tags of an FLV file up to about the middle.
fn first_half(bytes: &[u8]) -> &[u8] {
    let mut at = 13;
    while at < bytes.len() / 2 {
        at += 15 + u32::from_be_bytes([0, bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    }
    &bytes[..at]
}

fn increases(times: &[&Seen]) {
    for pair in times.windows(2) {
        assert!(pair[0].dts < pair[1].dts, "{} then {}", pair[0].dts, pair[1].dts);
    }
}

#[test]
fn a_tape_of_three_runs_plays_just_what_a_file_plays_in_three_laps() {
    let clip = clip();
    let mut expected = Leg::new(&Reel::Film(film(clip.file.path())), Repeat::Times(3));
    assert_eq!(expected.play(u64::MAX), Fill::End);
    let tape = Arc::new(Tape::default());
    for _ in 0..3 {
        run(&tape, &clip.bytes, true);
    }
    tape.close();
    let mut leg = Leg::new(&Reel::Tape(tape), Repeat::Times(3));
    assert_eq!(leg.play(u64::MAX), Fill::End);
    assert_eq!(leg.feed.laps_done(), 2);
    same(&leg.seen, &expected.seen);
}

#[test]
fn after_the_first_pass_the_file_goes_on_without_a_seam() {
    let clip = clip();
    let mut expected = Leg::new(&Reel::Film(film(clip.file.path())), Repeat::Times(4));
    assert_eq!(expected.play(u64::MAX), Fill::End);
    let tape = Arc::new(Tape::default());
    run(&tape, &clip.bytes, true);
    tape.play(film(clip.file.path()));
    let mut leg = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Times(4));
    let mut other = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Times(4));
    leg.play(1_000);
    assert_eq!(leg.play(u64::MAX), Fill::End);
    same(&leg.seen, &expected.seen);
    // One that is behind still finds its bytes; then nothing is held any more.
    assert!(tape.held() > 0);
    assert_eq!(other.play(u64::MAX), Fill::End);
    same(&other.seen, &expected.seen);
    assert_eq!(tape.held(), 0);
    // One that comes now begins where the others are.
    let mut late = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Times(4));
    late.feed.seek(leg.mark.as_ref().unwrap());
    late.reader = late.feed.reader();
    assert_eq!(late.play(u64::MAX), Fill::End);
    same(&late.seen, &expected.seen[expected.seen.len() - late.seen.len()..]);
}

#[test]
fn a_run_that_dies_is_followed_by_the_next_without_a_gap() {
    let clip = clip();
    let tape = Arc::new(Tape::default());
    let half = first_half(&clip.bytes);
    run(&tape, half, false);
    run(&tape, &clip.bytes, true);
    tape.close();
    let mut leg = Leg::new(&Reel::Tape(tape), Repeat::Once);
    assert_eq!(leg.play(u64::MAX), Fill::End);
    let video = leg.of(Track::Video);
    increases(&video);
    increases(&leg.of(Track::Audio));
    // As long as pictures are decoded ahead of being shown, and no picture of the second is shown before one of the first.
    assert!(video.windows(2).all(|pair| pair[1].dts - pair[0].dts <= 150));
    let begin = video.iter().rposition(|seen| seen.content == video[0].content).unwrap();
    let shown = |seen: &&Seen| seen.dts + u64::from(seen.cts);
    let last = video[..begin].iter().map(shown).max().unwrap();
    assert!(video[begin..].iter().map(shown).min().unwrap() > last);
    assert_eq!(video.iter().filter(|seen| seen.content == video[0].content).count(), 2);
}

#[test]
fn while_nothing_comes_the_picture_stands_still_in_silence_and_goes_on_at_a_keyframe() {
    let clip = clip();
    let tape = Arc::new(Tape::default());
    let half = first_half(&clip.bytes);
    run(&tape, half, false);
    let mut leg = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Forever);
    assert_eq!(leg.play(u64::MAX), Fill::Dry);
    let until = leg.until;
    let before = leg.seen.len();
    assert!(!leg.feed.is_holding());
    leg.feed.hold();
    assert_eq!(leg.play(until + 5_000), Fill::Filled);
    assert!(leg.feed.is_holding());
    let picture = leg.seen[..before].iter().rfind(|seen| seen.key && seen.track == Track::Video).unwrap();
    let held: Vec<_> = leg.seen[before..].iter().filter(|seen| seen.track == Track::Video).collect();
    assert!((5..=7).contains(&held.len()), "{}", held.len());
    assert!(held.iter().all(|seen| seen.key && seen.content == picture.content));
    // It is back in the middle of a run: what depends on what is gone is passed over.
    let mut recorder = Recorder::new(Arc::clone(&tape));
    recorder.push(&clip.bytes, |_| {}).unwrap();
    let (at, back) = (leg.until, leg.seen.len());
    assert_eq!(leg.play(u64::MAX), Fill::Dry);
    assert!(!leg.feed.is_holding());
    let first = leg.seen[back..].iter().find(|seen| seen.track == Track::Video).unwrap();
    assert!(first.key && first.dts >= at && first.dts <= at + 2 * TICK_MS, "{} at {at}", first.dts);
    increases(&leg.of(Track::Video));
    increases(&leg.of(Track::Audio));
    let audio = leg.of(Track::Audio);
    assert!(audio.windows(2).all(|pair| pair[1].dts - pair[0].dts <= 50), "sound never stops");
}

#[test]
fn the_writer_waits_for_the_legs_and_no_more_is_held_than_they_need() {
    let clip = clip();
    let tape = Arc::new(Tape::default());
    let ready = |tape: &Tape| is_ready(tape.room());
    let (mut laps, mut most) = (0, 0);
    let mut leg = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Forever);
    for second in 0..150 {
        while ready(&tape) {
            run(&tape, &clip.bytes, true);
            laps += 1;
        }
        assert!(tape.ahead_ms() >= AHEAD_MS);
        leg.play(second * 1_000);
        leg.seen.clear();
        most = most.max(tape.held());
    }
    assert!((18..24).contains(&laps), "{laps} laps of 8 s in 150 s");
    let lap = clip.bytes.len() as u64;
    assert!(most < 4 * lap + (1 << 18), "{most} bytes for laps of {lap}");
}

/// Whether a future is done at its first poll.
fn is_ready(future: impl Future<Output = ()>) -> bool {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    future.as_mut().poll(&mut context).is_ready()
}

#[test]
fn a_leg_that_was_left_behind_goes_on_with_what_there_is() {
    let clip = clip();
    let tape = Arc::new(Tape::default());
    run(&tape, &clip.bytes, true);
    let mut slow = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Forever);
    slow.play(500);
    let mut leg = Leg::new(&Reel::Tape(Arc::clone(&tape)), Repeat::Forever);
    for _ in 0..4 {
        run(&tape, &clip.bytes, true);
        leg.play(leg.until + 8_000);
    }
    let before = slow.seen.len();
    slow.until = leg.until;
    slow.play(leg.until);
    let first = slow.seen[before..].iter().find(|seen| seen.track == Track::Video).unwrap();
    assert!(first.key);
    increases(&slow.of(Track::Video));
    increases(&slow.of(Track::Audio));
}
