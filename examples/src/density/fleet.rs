//! The streams under measurement.

use std::{
    collections::BTreeMap,
    env, fs,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use streambro_core::{
    Destination, Lateness, Phase, Repeat, Source, Stream, StreamManager, StreamSpec, StreamStatus, Trust,
};
use tokio::task::JoinSet;

use super::{
    Failure,
    audit::Audit,
    due::Due,
    options::Options,
    server::Server,
    sink::{Received, unix_us},
};

/// How long all streams may take to be live.
const PATIENCE: Duration = Duration::from_secs(120);

/// Streams of one manager, each with one destination: the sink.
pub struct Fleet {
    /// What runs them.
    pub manager: StreamManager,
    /// In the order of their numbers; the first one plays the slow file where there is one.
    pub streams: Vec<Stream>,
    started_us: BTreeMap<String, u64>,
    slow: usize,
}

impl Fleet {
    /// No streams yet.
    ///
    /// # Errors
    /// When the manager cannot be built.
    pub async fn new(options: &Options) -> Result<Self, Failure> {
        let manager = StreamManager::builder().unlimited().build().await?;
        let slow = usize::from(options.slow_file.is_some());
        Ok(Self { manager, streams: vec![], started_us: BTreeMap::new(), slow })
    }

    /// Starts streams, a batch at a time, and waits until all are live.
    ///
    /// # Errors
    /// When one does not start, or is not live in time.
    pub async fn start(
        &mut self,
        numbers: Range<usize>,
        options: &Options,
        film: &Path,
        scratch: &Scratch,
        server: &Server,
    ) -> Result<(), Failure> {
        let numbers: Vec<usize> = numbers.collect();
        for batch in numbers.chunks(options.batch()) {
            // Before the first start: copying is not what is measured.
            let mut specs = vec![];
            for number in batch {
                specs.push((*number, spec(*number, options, film, scratch, server)?));
            }
            let mut starts = JoinSet::new();
            for (number, spec) in specs {
                self.started_us.insert(key(number), unix_us());
                let manager = self.manager.clone();
                starts.spawn(async move { (number, manager.start(spec).await) });
            }
            let mut started = BTreeMap::new();
            while let Some(done) = starts.join_next().await {
                let (number, stream) = done?;
                started.insert(number, stream?);
            }
            self.streams.extend(started.into_values());
        }
        for stream in self.ordinary() {
            let live = tokio::time::timeout(PATIENCE, stream.wait_for(Phase::Live)).await;
            live.map_err(|_| late(&stream.status()))??;
        }
        Ok(())
    }

    /// All but the one with the slow file.
    #[must_use]
    pub fn ordinary(&self) -> &[Stream] {
        &self.streams[self.slow..]
    }

    /// The one with the slow file.
    #[must_use]
    pub fn slow(&self) -> Option<&Stream> {
        self.streams[..self.slow].first()
    }

    /// Bytes handed to all sockets so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.streams.iter().map(|stream| stream.status().bytes).sum()
    }

    /// The longest media time of any stream.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.streams.iter().map(|stream| stream.status().media_ms).max().unwrap_or(0)
    }

    /// From `start` to the first frame at the sink, in milliseconds, sorted.
    #[must_use]
    pub fn first_bytes(&self, received: &BTreeMap<String, Received>) -> Vec<f64> {
        let each = self.ordinary().iter().filter_map(|stream| {
            let first = received.get(stream.id().as_str())?.first_unix_us;
            let started = self.started_us.get(stream.id().as_str())?;
            (first > 0).then(|| first.saturating_sub(*started) as f64 / 1e3)
        });
        let mut each: Vec<f64> = each.collect();
        each.sort_by(f64::total_cmp);
        each
    }

    /// Compares the books of both sides: of streams with one connection, with what was `due`; without it of streams
    /// that lost their server once.
    #[must_use]
    pub fn audit(&self, received: &BTreeMap<String, Received>, due: Option<&Due>) -> Audit {
        let mut audit = Audit::default();
        let nothing = Received::default();
        for stream in self.ordinary() {
            let status = stream.status();
            let got = received.get(status.id.as_str()).unwrap_or(&nothing);
            match due {
                Some(due) => audit.unbroken(&status, got, due),
                None => audit.reconnected(&status, got),
            }
        }
        audit
    }
}

/// The lateness of many streams together, and the latest packet of any.
#[must_use]
pub fn lateness(streams: &[Stream]) -> (Lateness, u64) {
    let (mut sum, mut max) = (Lateness::default(), 0);
    for leg in streams.iter().map(|stream| stream.status().legs.swap_remove(0)) {
        sum.add(&leg.lateness);
        max = max.max(leg.max_late_ms);
    }
    (sum, max)
}

fn spec(
    number: usize,
    options: &Options,
    film: &Path,
    scratch: &Scratch,
    server: &Server,
) -> Result<StreamSpec, Failure> {
    let key = key(number);
    let file = match &options.slow_file {
        Some(slow) if number == 0 => slow.clone(),
        _ if options.distinct => scratch.copy(film, &key)?,
        _ => film.to_owned(),
    };
    let mut destination = Destination::new(&server.url(), key.as_str())?;
    if let Some(root) = &server.hello.root {
        destination = destination.trust(Trust::Roots(root.clone()));
    }
    Ok(StreamSpec::new(key, Source::file(file).repeat(Repeat::Forever)).destination(destination))
}

fn key(number: usize) -> String {
    format!("s{number}")
}

/// What to say of a stream that is not live in time.
fn late(status: &StreamStatus) -> String {
    format!("{} is {:?} and not live: {}", status.id, status.phase, status.detail)
}

/// A folder of this run's own, removed at its end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn new() -> Result<Self, Failure> {
        let folder = env::temp_dir().join(format!("streambro-density-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.mp4"))
    }

    fn copy(&self, film: &Path, name: &str) -> Result<PathBuf, Failure> {
        let path = self.file(name);
        fs::copy(film, &path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the system's folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scratch_folder_goes_with_its_files() {
        let scratch = Scratch::new().unwrap();
        let film = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4"));
        let copy = scratch.copy(film, "s1").unwrap();
        assert_eq!(fs::metadata(&copy).unwrap().len(), fs::metadata(film).unwrap().len());
        drop(scratch);
        assert!(!copy.exists() && !copy.parent().unwrap().exists());
    }
}
