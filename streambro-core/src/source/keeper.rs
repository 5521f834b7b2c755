//! Keeps what ffmpeg makes of a film, as it passes: the rendition that every later lap is copied from.
//!
//! A thread of its own writes to the disk. The stream never waits for it: a disk that is too slow or full costs the
//! rendition and nothing else.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use super::{disk::Disks, film::Film};
use crate::{
    media::{
        flv::{
            stream::{Unit, UnitKind},
            write::{self, Kind},
        },
        packet::Track,
    },
    rendition::{ContentHash, Draft, Failure, Key, Rendition, Store},
    survey::{Gated, adopt},
};

/// Bytes that may wait for the disk: a minute of most streams.
const MOST_WAITING: usize = 32 << 20;

/// Where the renditions of one film are, and what they are called.
#[derive(Debug)]
pub(crate) struct Keep {
    store: Arc<Store>,
    disks: Disks,
    /// What makes a rendition what it is, for each way to make it.
    settings: Vec<String>,
    hashing: Arc<Hashing>,
    /// The threads that write for it.
    writers: TaskTracker,
}

/// The hash of a film's content, on its way: a film of 10 GB takes its time.
#[derive(Debug)]
struct Hashing {
    hash: OnceLock<ContentHash>,
    done: watch::Sender<bool>,
    stop: AtomicBool,
    read: AtomicU64,
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Tag(tag) | Self::Key(_, tag) => tag.len(),
            Self::End(_) => 0,
        }
    }
}

impl Keep {
    /// Begins to hash a film. Without a thread for it nothing is kept.
    pub(crate) fn new(
        store: &Arc<Store>,
        disks: &Disks,
        gated: &Gated,
        settings: Vec<String>,
    ) -> Option<Self> {
        let hashing = Arc::new(Hashing {
            hash: OnceLock::new(),
            done: watch::Sender::new(false),
            stop: AtomicBool::new(false),
            read: AtomicU64::new(0),
        });
        let (place, library, file) = (Arc::clone(&hashing), Arc::clone(store), Arc::clone(&gated.file));
        thread::Builder::new()
            .name("streambro-hash".to_owned())
            .spawn(move || {
                if let Ok(Some(hash)) = library.hash(&file, &place.stop, &place.read) {
                    // Set once: this is the only writer.
                    let _ = place.hash.set(hash);
                }
                place.done.send_replace(true);
            })
            .ok()?;
        Some(Self {
            store: Arc::clone(store),
            disks: disks.clone(),
            settings,
            hashing,
            writers: TaskTracker::new(),
        })
    }

    /// Follows the ways when those before `first` go behind the others.
    pub(super) fn begin_with(&mut self, first: usize) {
        self.settings.rotate_left(first);
    }

    /// Waits until the film is hashed, or cannot be. Cancel safe.
    pub(crate) async fn hashed(&self) {
        // The sender lives in here.
        let _ = self.hashing.done.subscribe().wait_for(|done| *done).await;
    }

    /// Bytes of the film that have been hashed.
    pub(crate) fn hashed_bytes(&self) -> u64 {
        self.hashing.read.load(Relaxed)
    }

    /// The rendition by one way, if there is one. `None` as well while the film is not hashed yet.
    ///
    /// Cancel safe: the thread that looks finishes by itself.
    pub(crate) async fn find(&self, way: usize) -> Option<Film> {
        let (key, store) = (self.key(way)?, Arc::clone(&self.store));
        let (tell, found) = oneshot::channel();
        let look = move || {
            let rendition = store.find(&key).ok().flatten();
            let opened = rendition.and_then(|rendition| {
                let (path, ms) = (rendition.path().display(), rendition.duration_ms());
                tracing::debug!(%path, ms, "a rendition is there");
                adopt(rendition.file(), rendition.len()).ok()
            });
            let _ = tell.send(opened);
        };
        thread::Builder::new().name("streambro-keeper".to_owned()).spawn(look).ok()?;
        let opened = Arc::new(found.await.ok()??);
        Some(Film { disk: self.disks.of(opened.device), opened })
    }

    /// Begins to keep what one way makes, which may become about `likely` bytes. A `patient` one lets ffmpeg wait for the
    /// disk; else it is given up when the disk is too slow.
    pub(crate) fn begin(&self, way: usize, likely: u64, patient: bool) -> Option<Keeper> {
        Keeper::new(&self.store, &self.writers, &self.key(way)?, likely, patient).ok()
    }

    /// Waits until nobody writes for it any more: what was finished is there, of what was given up there is nothing. As long
    /// as the disk takes, which on a dead mount is for ever. Cancel safe.
    pub(crate) async fn at_rest(&self) {
        self.writers.close();
        self.writers.wait().await;
    }

    fn key(&self, way: usize) -> Option<Key> {
        let settings = self.settings.get(way)?;
        self.hashing.hash.get().map(|hash| Key::new(*hash, settings))
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        self.hashing.stop.store(true, Relaxed);
    }
}

/// A rendition that grows with what goes live.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// `None` once it was given up.
    frames: Option<Sender<Piece>>,
    outcome: Option<oneshot::Receiver<Result<Arc<Rendition>, Failure>>>,
    /// Why it was given up.
    failed: Arc<Mutex<Option<String>>>,
    /// What the thread looks at.
    desk: Arc<Desk>,
    /// Whether they may hold up ffmpeg.
    patient: bool,
    /// The last time stamp of each track.
    last: [Option<u32>; 2],
    /// The same when the current run began, until the run is beyond it: what it repeats is there already.
    known: [Option<u32>; 2],
    begun: bool,
}

/// What a keeper and its thread share.
#[derive(Debug, Default)]
struct Desk {
    /// Bytes that wait for the disk.
    waiting: AtomicUsize,
    /// What waits is for nobody any more.
    given_up: AtomicBool,
}

/// What the thread writes.
#[derive(Debug)]
enum Piece {
    Tag(Vec<u8>),
    /// The same, and a player can begin there.
    Key(u64, Vec<u8>),
    End(u64),
}

impl Keeper {
    /// Begins a rendition, which may become about `likely` bytes.
    ///
    /// # Errors
    /// When no thread can be started.
    fn new(
        store: &Arc<Store>,
        writers: &TaskTracker,
        key: &Key,
        likely: u64,
        patient: bool,
    ) -> std::io::Result<Self> {
        let (frames, inbox) = channel();
        let (tell, outcome) = oneshot::channel();
        let failed = Arc::<Mutex<Option<String>>>::default();
        let desk = Arc::<Desk>::default();
        let (store, key, slot) = (Arc::clone(store), key.clone(), Arc::clone(&failed));
        let (place, at_work) = (Arc::clone(&desk), [writers.token(), store.writers().token()]);
        thread::Builder::new().name("streambro-keeper".to_owned()).spawn(move || {
            // Goes after the draft has.
            let _at_work = at_work;
            let kept = store.create(&key, likely).and_then(|draft| keep(draft, &inbox, &place));
            match kept {
                // Its sender is gone: it was given up.
                Ok(None) => {}
                Ok(Some(rendition)) => drop(tell.send(Ok(rendition))),
                Err(failure) => {
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.detail.clone());
                    let _ = tell.send(Err(failure));
                }
            }
        })?;
        Ok(Self {
            frames: Some(frames),
            outcome: Some(outcome),
            failed,
            desk,
            patient,
            last: [None; 2],
            known: [None; 2],
            begun: false,
        })
    }

    /// Another run goes on where the last one was. What it repeats is there already; a copy is just the same there.
    pub(super) fn go_on(&mut self) {
        self.known = self.last;
    }

    /// Takes what went onto the tape.
    pub(super) fn take(&mut self, unit: &Unit<'_>) {
        let track = unit.track as usize;
        let key = match unit.kind {
            UnitKind::Configuration => false,
            UnitKind::Frame { key, .. } => {
                if self.known[track].is_some_and(|known| unit.timestamp <= known) {
                    return;
                }
                self.known[track] = None;
                self.last[track] = Some(unit.timestamp);
                key && unit.track == Track::Video
            }
        };
        let kind = if unit.track == Track::Video { Kind::Video } else { Kind::Audio };
        let mut tag = vec![];
        if !self.begun {
            self.begun = true;
            tag.extend_from_slice(&write::file_header(true));
        }
        // A configuration has no time of its own; that of the frame before keeps the order.
        let time = match unit.kind {
            UnitKind::Configuration => self.last[track].unwrap_or(unit.timestamp),
            UnitKind::Frame { .. } => unit.timestamp,
        };
        tag.extend_from_slice(&write::tag_header(kind, time, unit.body.len()));
        tag.extend_from_slice(unit.body);
        tag.extend_from_slice(&write::tag_trailer(unit.body.len()));
        self.send(if key { Piece::Key(time.into(), tag) } else { Piece::Tag(tag) });
    }

    fn send(&mut self, piece: Piece) {
        let Some(frames) = &self.frames else { return };
        let waiting = self.desk.waiting.fetch_add(piece.len(), Relaxed);
        if waiting > MOST_WAITING {
            self.give_up("a rendition is not kept: the disk is too slow for it");
        } else if frames.send(piece).is_err() {
            // The thread has said why.
            self.frames = None;
        }
    }

    /// Whether ffmpeg may go on: a patient one lets it wait for the disk.
    pub(super) fn has_room(&self) -> bool {
        !self.patient || self.failure().is_some() || self.desk.waiting.load(Relaxed) < MOST_WAITING / 2
    }

    /// Gives it up: nothing is left on the disk.
    pub(crate) fn give_up(&mut self, why: &str) {
        self.abandon();
        self.outcome = None;
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert_with(|| why.to_owned());
    }

    fn abandon(&mut self) {
        if self.frames.is_some() {
            self.desk.given_up.store(true, Relaxed);
            self.frames = None;
        }
    }

    /// Why it was given up, if it was.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, `ms` long. The answer comes when it is on the disk, or is not.
    pub(crate) fn finish(mut self, ms: u64) -> Option<oneshot::Receiver<Result<Arc<Rendition>, Failure>>> {
        self.send(Piece::End(ms));
        self.frames.take()?;
        self.outcome.take()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // One that was finished has let go of its frames before.
        self.abandon();
    }
}

fn keep(mut draft: Draft, inbox: &Receiver<Piece>, desk: &Desk) -> Result<Option<Arc<Rendition>>, Failure> {
    while let Ok(piece) = inbox.recv() {
        if desk.given_up.load(Relaxed) {
            break;
        }
        desk.waiting.fetch_sub(piece.len(), Relaxed);
        match piece {
            Piece::Tag(tag) => draft.append(&tag)?,
            Piece::Key(ms, tag) => {
                draft.mark_key(ms, draft.len());
                draft.append(&tag)?;
            }
            Piece::End(ms) => return draft.finish(ms).map(Some),
        }
    }
    Ok(None)
}
