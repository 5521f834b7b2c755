//! What a receiver must have got of a playlist.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use streambro_core::{AsRun, Item, ItemEnd, Playlist, Repeat, Source, StreamManager, StreamSpec, Times};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::flv::{Kind, Tag};

use crate::publish::desk::to;
use crate::publish::film::{Film, read};

/// A recording's items, one after the other.
#[derive(Debug)]
pub(super) struct Show {
    /// Which film each run of pictures is of, its first picture, how many there are, and when the first is shown.
    pub(super) runs: Vec<Run>,
    /// Audio frames of films.
    pub(super) sounds: usize,
    /// Silent frames.
    pub(super) silent: usize,
    /// Pictures that stand still: keyframes that were sent again.
    pub(super) still: usize,
    /// The worst distance of an audio frame from where its item's pictures put it.
    pub(super) worst_offset_ms: f64,
}

/// Pictures of one film that follow each other as they do there.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) film: usize,
    pub(super) first: usize,
    pub(super) len: usize,
    /// What is added to a film's time to get that of the recording.
    pub(super) shift: f64,
}

impl Show {
    /// Takes a recording apart. Every picture and every sound must be one of the films', or stand still, or be silent; decode
    /// times must grow.
    pub(super) fn of(recording: &Path, films: &[Film]) -> Self {
        let file = read(recording);
        assert!(!file.truncated, "the recording ends within a tag");
        for kind in [Kind::Video, Kind::Audio] {
            let times: Vec<u32> = file.samples(kind).map(|tag| tag.timestamp).collect();
            let back = times.windows(2).position(|pair| pair[1] <= pair[0]);
            assert!(back.is_none(), "{kind:?} goes back: {:?}", back.map(|at| &times[at..at + 2]));
        }
        let mut runs: Vec<Run> = vec![];
        let mut known: HashMap<&str, (usize, usize)> = HashMap::new();
        for (film, it) in films.iter().enumerate() {
            for (at, picture) in it.video.iter().enumerate() {
                known.entry(&picture.md5).or_insert((film, at));
            }
        }
        let mut still = 0;
        let mut tags = file.samples(Kind::Video).peekable();
        while let Some(tag) = tags.next() {
            let at = f64::from(tag.timestamp) + f64::from(tag.cts());
            if let Some(run) = runs.last_mut()
                && let Some(next) = films[run.film].video.get(run.first + run.len)
                && ends_with(tag, next.size) == next.md5
            {
                let off = at - next.pts_ms() - run.shift;
                assert!(off.abs() < 2.5, "picture {} of {} is {off} ms off", run.first + run.len, run.film);
                run.len += 1;
                continue;
            }
            let found = known.get(tag.md5().as_str()).copied().or_else(|| {
                // With the parameter sets of a new item before it.
                let firsts = films.iter().enumerate();
                firsts.into_iter().find_map(|(film, it)| {
                    let keys = it.video.iter().enumerate().filter(|(_, picture)| picture.key);
                    let mut keys = keys.filter(|(_, picture)| ends_with(tag, picture.size) == picture.md5);
                    keys.next().map(|(first, _)| (film, first))
                })
            });
            let (film, first) = found.unwrap_or_else(|| panic!("a picture at {} of no film", tag.timestamp));
            let last = runs.last();
            let shown = |run: &Run| film == run.film && (run.first..run.first + run.len).contains(&first);
            let follows = |next: &&Tag| {
                films[film]
                    .video
                    .get(first + 1)
                    .is_some_and(|picture| ends_with(next, picture.size) == picture.md5)
            };
            // A keyframe of the item that was shown last, without what follows it there, is one that stands still.
            if last.is_some_and(shown) && tag.is_key() && !tags.peek().is_some_and(follows) {
                still += 1;
                continue;
            }
            assert!(
                tag.is_key(),
                "picture {first} of {film} at {} does not follow {last:?} of {}",
                tag.timestamp,
                last.map_or(0, |run| films[run.film].video.len())
            );
            runs.push(Run { film, first, len: 1, shift: at - films[film].video[first].pts_ms() });
        }
        let mut show = Self { runs, sounds: 0, silent: 0, still, worst_offset_ms: 0.0 };
        show.hear(&file, films);
        show
    }

    fn hear(&mut self, file: &streambro_tests::flv::File, films: &[Film]) {
        let mut known: HashMap<&str, Vec<(usize, f64)>> = HashMap::new();
        for (film, it) in films.iter().enumerate() {
            for frame in &it.audio {
                known.entry(&frame.md5).or_default().push((film, frame.pts_ms()));
            }
        }
        for tag in file.samples(Kind::Audio) {
            let Some(frames) = known.get(tag.md5().as_str()) else {
                assert!(tag.payload().len() < 16, "a sound at {} of no film", tag.timestamp);
                self.silent += 1;
                continue;
            };
            // The item around it, and where that puts the frame.
            let at = f64::from(tag.timestamp);
            let offset = |(film, pts): &(usize, f64)| {
                let runs = self.runs.iter().filter(|run| run.film == *film);
                runs.map(|run| (at - pts - run.shift).abs()).fold(f64::INFINITY, f64::min)
            };
            let off = frames.iter().map(offset).fold(f64::INFINITY, f64::min);
            self.worst_offset_ms = self.worst_offset_ms.max(off);
            self.sounds += 1;
        }
    }

    /// The films in the order in which they were on the air.
    pub(super) fn order(&self) -> Vec<usize> {
        self.runs.iter().map(|run| run.film).collect()
    }
}

/// The MD5 of the last bytes of a payload.
fn ends_with(tag: &Tag, size: usize) -> String {
    let payload = tag.payload();
    let from = payload.len().saturating_sub(size);
    format!("{:x}", md5::compute(&payload[from..]))
}

/// A manager whose media goes by so many times faster.
pub(super) async fn warped(warp: u32) -> StreamManager {
    let mut times = Times::default();
    times.warp = warp;
    StreamManager::builder().times(times).build().await.expect("the settings are good")
}

pub(super) fn spec(id: &str, list: Playlist, repeat: Repeat, url: &str) -> StreamSpec {
    StreamSpec::new(id, Source::playlist(list).repeat(repeat)).destination(to(url, id))
}

/// Clips that look alike and differ in everything that may differ: B-frames, length, sound, parameter sets.
pub(super) async fn mixed(count: usize, seconds: f64) -> Vec<Film> {
    let mut films = vec![];
    for n in 0..count {
        let length = seconds + 0.1 * n as f64;
        let picture = format!("testsrc2=s=320x180:r=30:d={length},hue=h={}", n * 17);
        let clip = Clip::new().bframes(n as u32 % 4).gop(24 + n as u32 % 3 * 6);
        let clip = clip.picture(&picture).seconds(length).audio_seconds(length + [0.0, 0.3, -0.3][n % 3]);
        let clip = if n % 5 == 4 { clip.video_only() } else { clip };
        let clip = match n % 3 {
            0 => clip,
            1 => clip.video_options(&["-refs", "2"]),
            _ => clip.container("flv"),
        };
        films.push(Film::of(clip.make().await).await);
    }
    films
}

pub(super) fn list(films: &[Film]) -> Playlist {
    Playlist::new(films.iter().map(|film| Item::file(&film.path)))
}

/// The files of what was on the air.
pub(super) fn files(runs: &[AsRun]) -> Vec<PathBuf> {
    let aired = runs.iter().filter(|run| !matches!(run.end, Some(ItemEnd::Failed { .. })));
    aired.map(|run| run.file.clone()).collect()
}
