//! What outlives a manager: what is wanted of its streams, where they are, and what became of them.

mod record;
mod restore;
mod save;
#[cfg(test)]
mod tests;

#[cfg(feature = "state")]
use std::path::PathBuf;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use self::{record::Meta, restore::Restored, save::Kept};
use super::{
    open::Comeback,
    verbs::{Inner, StreamManager},
    workshop::aside,
};
#[cfg(feature = "state")]
use crate::{error::ErrorKind, state::RedbStore};
use crate::{
    error::Result,
    event::EventKind,
    ffmpeg::{Cookie, end_leftovers},
    journal::RunRecord,
    schedule::Entry,
    spec::StreamId,
    state::{KeyProvider, Store},
    sys,
};

/// Between two looks at where streams are.
const EVERY: Duration = Duration::from_secs(2);

/// Whoever waits for a decision to be kept waits no longer: a store that hangs stops no stream.
const PATIENCE: Duration = Duration::from_secs(5);

/// How keys are kept.
#[derive(Clone, Debug, Default)]
pub(super) enum Keys {
    /// Not at all: the host brings them again.
    #[default]
    Never,
    /// As the host seals them.
    Sealed(Arc<dyn KeyProvider>),
    /// As they are.
    Clear,
}

/// How a manager remembers.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) place: StorePlace,
    pub(super) keys: Keys,
    /// What cannot be used is set aside.
    #[cfg(feature = "state")]
    pub(super) set_aside: bool,
}

/// Where.
#[derive(Debug, Default)]
pub(super) enum StorePlace {
    /// Nowhere.
    #[default]
    Nowhere,
    #[cfg(feature = "state")]
    Dir(PathBuf),
    Host(Arc<dyn Store>),
}

/// A memory, and what is in it.
#[derive(Debug)]
pub(super) struct Recollection {
    pub(super) memory: Arc<Memory>,
    pub(super) streams: Vec<(StreamId, Entry, Option<Comeback>)>,
    pub(super) history: Vec<RunRecord>,
    /// What every child of the manager carries.
    pub(super) cookie: Cookie,
    /// What was set aside, for people.
    pub(super) set_aside: Option<String>,
}

impl Settings {
    /// Opens the store and reads it.
    ///
    /// # Errors
    /// `StateInUse` when another manager uses it, `StateInvalid` when what it holds cannot be used, `NotAllowed` when others
    /// may write there, `Host` and those of a host's own store.
    pub(super) async fn open(self) -> Result<Option<Recollection>> {
        let (store, restored, set_aside) = match self.place {
            StorePlace::Nowhere => return Ok(None),
            StorePlace::Host(store) => {
                let restored = Restored::load(&*store, &self.keys).await?;
                (store, restored, None)
            }
            #[cfg(feature = "state")]
            StorePlace::Dir(dir) => {
                let opened = RedbStore::open(&dir, self.set_aside).await?;
                let mut gone = opened.set_aside;
                let restored = match Restored::load(&opened.store, &self.keys).await {
                    Err(error) if self.set_aside && error.kind == ErrorKind::StateInvalid => {
                        gone = Some((opened.store.renew().await?, error.detail));
                        Restored::default()
                    }
                    restored => restored?,
                };
                let words = |(to, why): (PathBuf, String)| {
                    format!("what was there is in {} now, and everything begins anew: {why}", to.display())
                };
                (Arc::new(opened.store) as Arc<dyn Store>, restored, gone.map(words))
            }
        };
        let Restored { meta, kept, history, streams } = restored;
        let memory = Arc::new(Memory::new(store, self.keys, kept));
        let boot = sys::boot_id();
        let known = meta.as_ref().and_then(|meta| Cookie::parse(&meta.cookie));
        let is_this_boot = meta.as_ref().is_some_and(|meta| meta.boot == boot);
        if let Some(cookie) = known.clone().filter(|_| is_this_boot) {
            let ended = aside(move || end_leftovers(&cookie)).await?;
            if ended > 0 {
                tracing::warn!(ended, "children of a manager that is no more");
            }
        }
        let cookie = known.unwrap_or_else(Cookie::make);
        let now = Meta { boot, cookie: cookie.as_str().to_owned() };
        // A full disk keeps nobody from coming back.
        if meta != Some(now.clone()) {
            memory.begin(&now, meta.is_none()).await?;
        }
        Ok(Some(Recollection { memory, streams, history, cookie, set_aside }))
    }
}

/// A manager's memory.
#[derive(Debug)]
pub(super) struct Memory {
    /// Until the manager has shut down.
    store: Mutex<Option<Arc<dyn Store>>>,
    keys: Keys,
    news: Mutex<News>,
    changed: Arc<Notify>,
    /// Why nothing could be kept when it was opened.
    trouble: OnceLock<String>,
    /// What is kept by now. Held while something is being kept: one commit at a time.
    kept: tokio::sync::Mutex<Kept>,
    /// Up to which news everything has been kept, or could not be.
    done: watch::Sender<u64>,
}

/// What is to be kept.
#[derive(Debug, Default)]
struct News {
    ids: BTreeSet<StreamId>,
    /// One more with each.
    number: u64,
}

impl Memory {
    pub(super) fn new(store: Arc<dyn Store>, keys: Keys, kept: Kept) -> Self {
        Self {
            store: Mutex::new(Some(store)),
            keys,
            news: Mutex::default(),
            changed: Arc::new(Notify::new()),
            trouble: OnceLock::new(),
            kept: tokio::sync::Mutex::new(kept),
            done: watch::Sender::new(0),
        }
    }

    /// Something else is wanted of these.
    pub(super) fn note(&self, ids: impl IntoIterator<Item = StreamId>) {
        let mut news = self.news();
        news.ids.extend(ids);
        news.number += 1;
        drop(news);
        self.changed.notify_one();
    }

    /// Lets another manager have the store, whoever still looks at this one.
    pub(super) async fn close(&self) {
        let Some(store) = self.store().take() else { return };
        // What is dropped there waits for a disk. Without a thread for it it is dropped here.
        let _ = aside(move || drop(store)).await;
    }

    fn store(&self) -> MutexGuard<'_, Option<Arc<dyn Store>>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn news(&self) -> MutexGuard<'_, News> {
        // Whole at every instant, whatever panicked.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything noted so far is kept, or could not be.
    async fn settled(&self) {
        let number = self.news().number;
        let mut done = self.done.subscribe();
        // The sender lives as long as this.
        let _ = timeout(PATIENCE, done.wait_for(|done| *done >= number)).await;
    }
}

impl StreamManager {
    /// The same for a playlist, which changes without the agenda.
    pub(super) async fn remembered_lists(&self) {
        let Some(memory) = &self.0.memory else { return };
        memory.note([]);
        memory.settled().await;
    }

    /// Waits until what was decided is kept, where it is to be kept at all.
    pub(super) async fn remembered(&self) {
        let Some(memory) = &self.0.memory else { return };
        self.tell_news();
        memory.settled().await;
    }

    /// Goes on with what was kept.
    pub(super) fn recall(
        &self,
        streams: Vec<(StreamId, Entry, Option<Comeback>)>,
        set_aside: Option<String>,
    ) {
        if let Some(detail) = set_aside {
            tracing::warn!(detail, "state");
            self.0.services.bus.announce(EventKind::State { saved: true, detail });
        }
        if let Some(detail) = self.0.memory.as_ref().and_then(|memory| memory.trouble.get().cloned()) {
            tracing::warn!(saved = false, detail, "state");
            self.0.services.bus.announce(EventKind::State { saved: false, detail });
        }
        self.remember();
        if !streams.is_empty() {
            self.0.timetable.restore(streams);
            self.attend();
        }
    }

    fn remember(&self) {
        if let Some(memory) = &self.0.memory {
            self.0
                .errands
                .spawn_on(keep(Arc::downgrade(&self.0), Arc::clone(&memory.changed)), self.runtime());
        }
    }
}

/// Keeps what is new, and now and then where streams are, until the manager goes. The memory goes with a manager that nobody has
/// shut down, so that another one can have the store at once.
async fn keep(manager: Weak<Inner>, changed: Arc<Notify>) {
    let Some(closing) = manager.upgrade().map(|inner| inner.closing.clone()) else { return };
    loop {
        let busy = match manager.upgrade() {
            Some(inner) => {
                let manager = StreamManager(inner);
                let Some(memory) = &manager.0.memory else { return };
                manager.save(memory).await
            }
            None => return,
        };
        let later = async {
            if busy {
                sleep(EVERY).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = closing.cancelled() => return,
            () = changed.notified() => {}
            () = later => {}
        }
    }
}

/// Streams by what is kept of them.
type ById<T> = HashMap<StreamId, T>;
