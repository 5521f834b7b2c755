//! Where in its film each recording begins and ends, and whether anybody was twice at the server.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use streambro_tests::{
    ffmpeg::Clip,
    flv::{Kind, Tag},
    nginx::Nginx,
};
use tokio::process::Command;

use crate::publish::film::{Film, read};

/// Of all films.
const LENGTH: f64 = 60.0;
/// Between two pictures, in milliseconds.
const STEP: f64 = 1_000.0 / 30.0;

/// Of an FLV file, with the size of nothing behind it, in bytes.
const HEADER: u64 = 13;

/// What is played.
pub(super) struct Films {
    /// Their pictures are known by their bytes.
    copied: [Film; 2],
    /// Which picture, in which film, a keyframe is.
    keys: HashMap<String, (usize, usize)>,
    /// Its pictures grow brighter all the time: what is encoded is known by that.
    shades: PathBuf,
    brightness: Vec<u8>,
}

/// A moment of a film, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    film: usize,
    ms: f64,
}

impl Films {
    pub(super) async fn make() -> Self {
        let film = Clip::new().seconds(LENGTH).size(160, 90).gop(30);
        // Another picture and nothing else: where they meet, no keyframe has to say how it is to be decoded.
        let other = film.clone().picture(&format!("testsrc=s=160x90:r=30:d={LENGTH},format=yuv420p"));
        let copied = [film.make().await, other.make().await];
        let copied = [Film::of(copied[0].clone()).await, Film::of(copied[1].clone()).await];
        let mut keys = HashMap::new();
        for (film, packets) in copied.iter().map(|film| &film.video).enumerate() {
            for (at, packet) in packets.iter().enumerate().filter(|(_, packet)| packet.key) {
                let before = keys.insert(packet.md5.clone(), (film, at));
                assert_eq!(before, None, "two keyframes are alike");
            }
        }
        let graph = format!("nullsrc=s=160x90:r=30:d={LENGTH},geq=lum='20+3.5*T':cb=128:cr=128");
        let shades = Clip::new().seconds(LENGTH).size(160, 90).picture(&graph).make().await;
        let brightness = brightness(&shades).await;
        Self { copied, keys, shades, brightness }
    }

    pub(super) fn paths(&self) -> [&Path; 3] {
        [&self.copied[0].path, &self.copied[1].path, &self.shades]
    }

    /// Where a recording begins and ends; `None` for one without a picture.
    async fn span(&self, key: &str, recording: &Path) -> Option<(Spot, Spot)> {
        if fs::metadata(recording).is_ok_and(|meta| meta.len() < HEADER) {
            // The publisher was killed before the server had written anything.
            return None;
        }
        if ["made", "kept"].contains(&key) {
            let levels = brightness(recording).await;
            return Some((self.shade(*levels.first()?), self.shade(*levels.last()?)));
        }
        let file = read(recording);
        let pictures: Vec<&Tag> = file.samples(Kind::Video).collect();
        let spot = |at: usize, after: usize| {
            let found = self.keys.get(&pictures[at].md5());
            let (film, picture) = found.unwrap_or_else(|| panic!("{key}: picture {at} is not of its film"));
            Spot { film: *film, ms: (picture + after) as f64 * STEP }
        };
        assert!(pictures.first()?.is_key(), "{key} begins without a keyframe");
        let last = pictures.iter().rposition(|picture| picture.is_key())?;
        Some((spot(0, 0), spot(last, pictures.len() - last)))
    }

    /// The middle of all moments that are so bright.
    fn shade(&self, level: u8) -> Spot {
        let near = (0..=2).find_map(|off| {
            let alike = |at: &u8| at.abs_diff(level) <= off;
            let first = self.brightness.iter().position(alike)?;
            Some((first + self.brightness.iter().rposition(alike)?) as f64 / 2.0)
        });
        Spot { film: 0, ms: near.unwrap_or_else(|| panic!("nothing is as bright as {level}")) * STEP }
    }
}

/// How bright each picture is. The last ones may be cut off.
async fn brightness(file: &Path) -> Vec<u8> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(["-an", "-vf", "extractplanes=y,scale=1:1:flags=area", "-fps_mode", "passthrough"])
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output();
    out.await.expect("ffmpeg can be started").stdout
}

/// How much later the one is than the other, in milliseconds, when films follow each other for ever.
fn later(to: Spot, from: Spot) -> f64 {
    let length = LENGTH * 1_000.0;
    if to.film == from.film {
        (to.ms - from.ms + 1.5 * length).rem_euclid(length) - 0.5 * length
    } else {
        let (on, back) = (length - from.ms + to.ms, -(from.ms + length - to.ms));
        if on < -back { on } else { back }
    }
}

/// What came of each key.
#[derive(Default)]
pub(super) struct Trail {
    /// Where the last recording that is over ended.
    ends: BTreeMap<String, Spot>,
    /// So many recordings are over and have been looked at to their end.
    seen: BTreeMap<String, usize>,
    /// So many have been looked at, at least at their beginning.
    begun: BTreeMap<String, usize>,
}

impl Trail {
    /// Follows keys to the recordings that grow now. Returns how much later each begins than the one before it ended, in
    /// milliseconds.
    pub(super) async fn follow(
        &mut self,
        nginx: &Nginx,
        films: &Films,
        keys: &[&'static str],
    ) -> Vec<(&'static str, f64)> {
        let mut steps = vec![];
        for key in keys {
            let recordings = nginx.recordings(key);
            let seen = self.seen.entry((*key).to_owned()).or_default();
            let begun = self.begun.entry((*key).to_owned()).or_default();
            for (at, recording) in recordings.iter().enumerate().skip(*seen) {
                let is_over = at + 1 < recordings.len();
                if let Some((begin, end)) = films.span(key, recording).await {
                    if at >= *begun {
                        steps.extend(self.ends.get(*key).map(|before| (*key, later(begin, *before))));
                        *begun = at + 1;
                    }
                    if is_over {
                        self.ends.insert((*key).to_owned(), end);
                    }
                }
                if is_over {
                    *seen = at + 1;
                    // Thousands of them would fill the disk.
                    fs::write(recording, []).expect("it can be emptied");
                }
            }
        }
        steps
    }
}

/// Reads a server's log: whether a key was given to a second publisher while another had it. Returns how many publishers
/// each key has had, and how many were turned away.
pub(super) fn publishers(log: &str) -> (BTreeMap<String, usize>, usize) {
    let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut counts, mut refused) = (BTreeMap::new(), 0);
    // Whoever asks for a key is turned away with the next line, or has it.
    let mut asks: Option<(&str, &str)> = None;
    for line in log.lines() {
        // `2026/01/01 00:00:00 [info] 1#1: *5 publish: name='film' args='' type=live silent=0, client: ..`
        let Some((connection, words)) = line.split_once(": *").and_then(|(_, rest)| rest.split_once(' '))
        else {
            continue;
        };
        let is_refused = words.contains("already publishing");
        refused += usize::from(is_refused);
        if let Some((key, connection)) = asks.take().filter(|(_, asks)| !is_refused || *asks != connection) {
            let before = holders.insert(key, connection);
            assert!(before.is_none_or(|before| before == connection), "two have {key}: {line}");
            *counts.entry(key.to_owned()).or_default() += 1;
        }
        if let Some((key, _)) = words.strip_prefix("publish: name='").and_then(|rest| rest.split_once('\'')) {
            asks = Some((key, connection));
        } else if words.starts_with("disconnect") || words.starts_with("deleteStream") {
            holders.retain(|_, holder| *holder != connection);
        }
    }
    (counts, refused)
}

#[test]
fn the_log_of_a_server_tells_who_was_twice_there() {
    let line = |words: &str| format!("2026/01/01 00:00:00 [info] 1#1: {words}, client: 127.0.0.1\n");
    let mut log = line("*1 publish: name='a' args=''") + &line("*2 publish: name='b' args=''");
    log += &(line("*3 publish: name='a' args=''") + &line("*3 live: already publishing"));
    log += &(line("*1 disconnect") + &line("*4 publish: name='a' args=''") + &line("*4 createStream"));
    let counts = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
    assert_eq!(publishers(&log), (counts, 1));
    log += &(line("*5 publish: name='b' args=''") + &line("*5 createStream"));
    assert!(std::panic::catch_unwind(|| publishers(&log)).is_err());
}
