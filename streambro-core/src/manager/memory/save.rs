//! Keeping what is new.

use std::{collections::HashMap, sync::Arc};

use super::{
    ById, Keys, Memory,
    record::{At, KeptKey, META, Meta, PlaceRecord, encode, lists_alone},
};
use crate::{
    error::Result,
    event::EventKind,
    manager::{timetable::Wish, verbs::StreamManager},
    spec::{StreamId, StreamSpec},
    state::Change,
    supervisor::Run,
};

/// What the store holds by now.
#[derive(Debug, Default)]
pub(in crate::manager) struct Kept {
    pub(super) streams: ById<KeptStream>,
    /// Runs of the history that are kept: the number of the first, and of the one after the last.
    pub(super) runs: std::ops::Range<u64>,
    /// Runs of the history that have been looked at.
    pub(super) seen_runs: u64,
    /// Why the last time nothing could be kept.
    failing: bool,
}

/// What the store holds of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptStream {
    pub(super) spec: Option<Arc<StreamSpec>>,
    /// So many of its destinations have a key there.
    pub(super) keys: usize,
    pub(super) plan: Vec<u8>,
    pub(super) list: Vec<u8>,
    pub(super) place: Option<PlaceRecord>,
}

/// Changes, and what the store holds once they are made.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    streams: Vec<(StreamId, Option<KeptStream>)>,
}

impl Batch {
    fn put(&mut self, key: String, value: Vec<u8>) {
        self.changes.push(Change::Put { key, value });
    }

    fn remove(&mut self, key: String) {
        self.changes.push(Change::Remove { key });
    }
}

impl StreamManager {
    /// Keeps what is new and where streams are. Returns whether there will be more before anybody says so.
    pub(in crate::manager) async fn save(&self, memory: &Memory) -> bool {
        let mut kept = memory.kept.lock().await;
        self.tell_news();
        let (ids, number) = {
            let mut news = memory.news();
            (std::mem::take(&mut news.ids), news.number)
        };
        let mut batch = Batch::default();
        for (id, wish) in self.0.timetable.stored(&ids) {
            self.note_stream(memory, &mut batch, &kept, id, wish).await;
        }
        let running = self.note_places(&mut batch, &kept);
        let runs = self.note_runs(&mut batch, &kept);
        let Batch { changes, streams } = batch;
        let outcome = if changes.is_empty() { Ok(()) } else { memory.store.commit(changes).await };
        let trouble = outcome.as_ref().err().map(ToString::to_string);
        match &trouble {
            None => {
                for (id, stream) in streams {
                    match stream {
                        Some(stream) => kept.streams.insert(id, stream),
                        None => kept.streams.remove(&id),
                    };
                }
                (kept.runs, kept.seen_runs) = runs;
            }
            Some(_) => memory.news().ids.extend(ids),
        }
        if kept.failing != trouble.is_some() {
            kept.failing = trouble.is_some();
            let saved = trouble.is_none();
            let detail = trouble.unwrap_or_default();
            tracing::warn!(saved, detail, "state");
            self.0.services.bus.announce(EventKind::State { saved, detail });
        }
        memory.done.send_replace(number);
        running || kept.failing
    }

    /// What is wanted of a stream.
    async fn note_stream(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        kept: &Kept,
        id: StreamId,
        wish: Option<Wish>,
    ) {
        let mut known = kept.streams.get(&id).cloned().unwrap_or_default();
        let Some(Wish { spec, stored, is_on, waits_for_keys }) = wish else {
            if known.spec.is_some() {
                batch.remove(format!("spec/{id}"));
                batch.remove(format!("plan/{id}"));
                (0..known.keys).for_each(|at| batch.remove(format!("key/{at}/{id}")));
                forget_place(batch, &mut known, &id);
            }
            return batch.streams.push((id, None));
        };
        if known.spec.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &spec)) {
            batch.put(format!("spec/{id}"), encode(&*spec));
            if !waits_for_keys {
                let keys = self.seal(memory, &id, &spec).await;
                for (at, key) in keys.iter().enumerate() {
                    batch.put(format!("key/{at}/{id}"), key.encode());
                }
                (keys.len()..known.keys).for_each(|at| batch.remove(format!("key/{at}/{id}")));
                known.keys = keys.len();
            }
            known.spec = Some(spec);
        }
        let plan = encode(&stored);
        if known.plan != plan {
            batch.put(format!("plan/{id}"), plan.clone());
            known.plan = plan;
        }
        if !is_on {
            forget_place(batch, &mut known, &id);
        }
        batch.streams.push((id, Some(known)));
    }

    /// The keys of all its destinations, or none.
    async fn seal(&self, memory: &Memory, id: &StreamId, spec: &StreamSpec) -> Vec<KeptKey> {
        let mut keys = vec![];
        for destination in &spec.destinations {
            match &memory.keys {
                Keys::Never => {}
                Keys::Clear => keys.push(KeptKey::Clear(destination.key.clone())),
                Keys::Sealed(provider) => match provider.seal(&destination.key).await {
                    Ok(sealed) => keys.push(KeptKey::Sealed(sealed)),
                    Err(error) => {
                        let detail = format!("its key could not be sealed and is not kept: {error}");
                        let detail = destination.key.redact(&detail);
                        let kind = EventKind::State { saved: false, detail };
                        self.0.services.bus.emit(id, spec.user.as_deref(), kind);
                        return vec![];
                    }
                },
            }
        }
        keys
    }

    /// Where streams are. Returns whether any runs.
    fn note_places(&self, batch: &mut Batch, kept: &Kept) -> bool {
        let on = self.0.timetable.running();
        let unix_ms = self.0.timetable.unix_ms();
        let runs: Vec<_> = {
            let registry = self.registry();
            let found = |(id, number, spec): (StreamId, u64, Arc<StreamSpec>)| {
                let run = registry.find(&id).filter(|run| run.number == number)?;
                Some((Arc::clone(run), spec))
            };
            on.into_iter().filter_map(found).collect()
        };
        let planned: HashMap<_, _> =
            batch.streams.iter().enumerate().map(|(at, (id, _))| (id.clone(), at)).collect();
        for (run, spec) in &runs {
            let before = match planned.get(&run.id) {
                Some(at) => batch.streams[*at].1.clone(),
                None => kept.streams.get(&run.id).cloned(),
            };
            // Of one that has only just begun nothing else is kept yet.
            let Some(mut stream) = before else { continue };
            let now = run.place();
            let mut place = PlaceRecord {
                unix_ms: stream.place.as_ref().map_or(0, |place| place.unix_ms),
                at: At::of(&now),
                resting: resting(run, spec),
            };
            let list = lists_alone(&now).map(|lists| encode(&lists)).unwrap_or_default();
            if stream.place.as_ref() == Some(&place) && stream.list == list {
                continue;
            }
            place.unix_ms = unix_ms;
            batch.put(format!("place/{}", run.id), encode(&place));
            if stream.list != list {
                batch.put(format!("list/{}", run.id), list.clone());
            }
            (stream.place, stream.list) = (Some(place), list);
            match planned.get(&run.id) {
                Some(at) => batch.streams[*at].1 = Some(stream),
                None => batch.streams.push((run.id.clone(), Some(stream))),
            }
        }
        !runs.is_empty()
    }

    /// What has ended. Returns which runs are kept then, and how many have been looked at.
    fn note_runs(&self, batch: &mut Batch, kept: &Kept) -> (std::ops::Range<u64>, u64) {
        let books = &self.0.services.books;
        let (seen, new) = books.since(kept.seen_runs);
        let mut runs = kept.runs.clone();
        for run in new {
            batch.put(format!("run/{:016x}", runs.end), encode(&run));
            runs.end += 1;
        }
        let most = books.keep.runs as u64;
        while runs.end - runs.start > most {
            batch.remove(format!("run/{:016x}", runs.start));
            runs.start += 1;
        }
        (runs, seen)
    }
}

/// The destinations of a spec that its run does not have on the air.
fn resting(run: &Run, spec: &StreamSpec) -> Vec<usize> {
    let on = run.enabled();
    let rests = |to: &usize| !on.iter().any(|on| on.same_place(&spec.destinations[*to]));
    (0..spec.destinations.len()).filter(rests).collect()
}

fn forget_place(batch: &mut Batch, known: &mut KeptStream, id: &StreamId) {
    if known.place.take().is_some() {
        batch.remove(format!("place/{id}"));
    }
    if !std::mem::take(&mut known.list).is_empty() {
        batch.remove(format!("list/{id}"));
    }
}

impl Memory {
    /// Keeps who uses the store now; before any child is started.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::manager) async fn begin(&self, meta: &Meta) -> Result<()> {
        self.store.commit(vec![Change::Put { key: META.to_owned(), value: encode(meta) }]).await
    }
}
