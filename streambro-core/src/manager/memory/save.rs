//! Keeping what is new.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    sync::Arc,
};

use super::{
    ById, Keys, Memory,
    record::{At, KeptKey, META, Meta, PlaceRecord, encode, lists_alone},
};
use crate::{
    error::{ErrorKind, Result},
    event::EventKind,
    manager::{
        timetable::{OnAir, Wish},
        verbs::StreamManager,
    },
    source::Place,
    spec::{StreamId, StreamSpec},
    state::Change,
    status::Phase,
    supervisor::Run,
};

/// What the store holds by now.
#[derive(Debug, Default)]
pub(in crate::manager) struct Kept {
    pub(super) streams: ById<KeptStream>,
    /// The numbers of the runs that are kept, oldest first.
    pub(super) runs: VecDeque<u64>,
    /// Runs of the history that have been looked at.
    pub(super) seen_runs: u64,
    /// Who uses the store now, as long as that is not kept.
    meta: Option<Meta>,
    /// Whether the last time nothing could be kept.
    failing: bool,
}

/// What the store holds of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptStream {
    pub(super) spec: Option<Arc<StreamSpec>>,
    /// The destinations whose keys are there.
    pub(super) keys: BTreeMap<usize, Form>,
    pub(super) plan: Vec<u8>,
    pub(super) list: Option<Place>,
    pub(super) place: Option<PlaceRecord>,
    /// A key is not kept that could not be sealed.
    pub(super) is_unsealed: bool,
    /// More may be there than this: a commit failed, and may have taken effect all the same.
    pub(super) is_in_doubt: bool,
}

/// The form in which a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Sealed,
    Clear,
}

impl Form {
    pub(super) fn of(key: &KeptKey) -> Self {
        match key {
            KeptKey::Sealed(_) => Self::Sealed,
            KeptKey::Clear(_) => Self::Clear,
        }
    }

    /// Whether a key may stay in it.
    fn may_stay(self, keys: &Keys) -> bool {
        self == Self::Sealed || matches!(keys, Keys::Clear)
    }
}

impl KeptStream {
    fn has_spec(&self, spec: &Arc<StreamSpec>) -> bool {
        self.spec.as_ref().is_some_and(|known| Arc::ptr_eq(known, spec))
    }

    /// A commit failed after which it would have been like this: it may be so, or not.
    fn doubt(&mut self, wanted: Option<Self>) {
        let wanted = wanted.unwrap_or_default();
        let is_same = match (&self.spec, &wanted.spec) {
            (Some(spec), Some(wanted)) => Arc::ptr_eq(spec, wanted),
            _ => false,
        };
        if !is_same {
            self.spec = None;
        }
        if self.plan != wanted.plan {
            self.plan.clear();
        }
        self.keys.extend(wanted.keys);
        self.is_in_doubt = true;
    }
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
        // Once it is closed nothing more is kept, nor said to be.
        let Some(store) = memory.store().clone() else { return false };
        self.tell_news();
        let (ids, number) = {
            let mut news = memory.news();
            (mem::take(&mut news.ids), news.number)
        };
        let mut batch = Batch::default();
        if let Some(meta) = &kept.meta {
            batch.put(META.to_owned(), encode(meta));
        }
        for (id, wish) in self.0.timetable.stored(&ids) {
            self.note_stream(memory, &mut batch, &kept, id, wish).await;
        }
        let running = self.note_places(&mut batch, &kept);
        let runs = self.note_runs(&mut batch, &kept);
        let Batch { changes, streams } = batch;
        let outcome = if changes.is_empty() { Ok(()) } else { store.commit(changes).await };
        let trouble = outcome.as_ref().err().map(ToString::to_string);
        let unsealed = |(id, stream): &(StreamId, Option<KeptStream>)| {
            stream.as_ref().is_some_and(|stream| stream.is_unsealed).then(|| id.clone())
        };
        let unsealed: Vec<_> = streams.iter().filter_map(unsealed).collect();
        let is_unsealed = !unsealed.is_empty();
        memory.news().ids.extend(unsealed);
        match &trouble {
            None => {
                kept.meta = None;
                for (id, stream) in streams {
                    match stream {
                        Some(stream) => kept.streams.insert(id, stream),
                        None => kept.streams.remove(&id),
                    };
                }
                kept.runs = runs.0.unwrap_or_else(|| mem::take(&mut kept.runs));
                kept.seen_runs = runs.1;
            }
            Some(_) => {
                streams
                    .into_iter()
                    .for_each(|(id, stream)| kept.streams.entry(id).or_default().doubt(stream));
                memory.news().ids.extend(ids);
            }
        }
        if kept.failing != trouble.is_some() {
            kept.failing = trouble.is_some();
            let saved = trouble.is_none();
            let detail = trouble.unwrap_or_default();
            tracing::warn!(saved, detail, "state");
            self.0.services.bus.announce(EventKind::State { saved, detail });
        }
        memory.done.send_replace(number);
        running || kept.failing || is_unsealed
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
            if known.spec.is_some() || known.is_in_doubt {
                batch.remove(format!("spec/{id}"));
                batch.remove(format!("plan/{id}"));
                known.keys.keys().for_each(|at| batch.remove(format!("key/{at}/{id}")));
                forget_place(batch, &mut known, &id);
            }
            return batch.streams.push((id, None));
        };
        let is_new = !known.has_spec(&spec);
        if is_new {
            batch.put(format!("spec/{id}"), encode(&*spec));
            if known.spec.as_ref().is_some_and(|known| known.source != spec.source) {
                forget_place(batch, &mut known, &id);
            }
        }
        if is_new || known.is_unsealed || known.keys.values().any(|form| !form.may_stay(&memory.keys)) {
            self.note_keys(memory, batch, &mut known, &id, &spec, waits_for_keys).await;
        }
        known.spec = Some(spec);
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

    /// The keys of its destinations. What cannot be sealed right now is left out; what is there of keys that are the same
    /// stays.
    async fn note_keys(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        known: &mut KeptStream,
        id: &StreamId,
        spec: &StreamSpec,
        waits_for_keys: bool,
    ) {
        let before = known.spec.clone();
        let was_unsealed = mem::take(&mut known.is_unsealed);
        let name = |at: usize| format!("key/{at}/{id}");
        let beyond: Vec<_> = known.keys.range(spec.destinations.len()..).map(|(at, _)| *at).collect();
        let mut gone = beyond;
        for (at, destination) in spec.destinations.iter().enumerate() {
            let there = known.keys.get(&at).copied();
            let old = before.as_ref().and_then(|before| before.destinations.get(at));
            let is_same = there.is_some() && old.is_some_and(|old| old.key == destination.key);
            // Of one that waits only what is there in clear text is known at all.
            let is_unknown = waits_for_keys && there != Some(Form::Clear);
            if is_unknown || (is_same && there.is_some_and(|form| form.may_stay(&memory.keys))) {
                continue;
            }
            let key = match &memory.keys {
                Keys::Never => None,
                Keys::Clear => Some(KeptKey::Clear(destination.key.clone())),
                Keys::Sealed(provider) => match provider.seal(&destination.key).await {
                    Ok(sealed) => Some(KeptKey::Sealed(sealed)),
                    Err(error) => {
                        if !was_unsealed && !known.is_unsealed {
                            let detail = format!("its key could not be sealed and is not kept yet: {error}");
                            let detail = destination.key.redact(&detail);
                            let kind = EventKind::State { saved: false, detail };
                            self.0.services.bus.emit(id, spec.user.as_deref(), kind);
                        }
                        known.is_unsealed = true;
                        if is_same {
                            continue;
                        }
                        None
                    }
                },
            };
            match key {
                Some(key) => {
                    known.keys.insert(at, Form::of(&key));
                    batch.put(name(at), key.encode());
                }
                None if there.is_some() => gone.push(at),
                None => {}
            }
        }
        for at in gone {
            known.keys.remove(&at);
            batch.remove(name(at));
        }
        if was_unsealed && !known.is_unsealed {
            let kind = EventKind::State { saved: true, detail: "its keys are kept again".to_owned() };
            self.0.services.bus.emit(id, spec.user.as_deref(), kind);
        }
    }

    /// Where streams are. Returns whether any runs.
    fn note_places(&self, batch: &mut Batch, kept: &Kept) -> bool {
        let on_air = self.0.timetable.on_air();
        let unix_ms = self.0.timetable.unix_ms();
        let runs: Vec<_> = {
            let registry = self.registry();
            let found =
                |on: OnAir| Some((Arc::clone(registry.find(&on.id).filter(|run| run.number == on.run)?), on));
            on_air.into_iter().filter_map(found).collect()
        };
        let planned: HashMap<_, _> =
            batch.streams.iter().enumerate().map(|(at, (id, _))| (id.clone(), at)).collect();
        for (run, on) in &runs {
            let before = match planned.get(&run.id) {
                Some(at) => batch.streams[*at].1.clone(),
                None => kept.streams.get(&run.id).cloned(),
            };
            // Of one that has only just begun nothing else is kept yet.
            let Some(mut stream) = before else { continue };
            // Of one that opens its source, or has another say goodbye, nobody knows yet where it is.
            let is_launched = *run.phase().borrow() != Phase::Preparing
                && (run.spec.source.list().is_none() || run.rolls().is_some());
            if !is_launched {
                continue;
            }
            let now = run.place();
            let mut place = PlaceRecord {
                unix_ms: stream.place.as_ref().map_or(0, |place| place.unix_ms),
                since: on.since.as_millisecond(),
                at: At::of(&now),
                resting: resting(run, &on.spec),
            };
            let list = lists_alone(now);
            if !stream.is_in_doubt && stream.place.as_ref() == Some(&place) && stream.list == list {
                continue;
            }
            place.unix_ms = unix_ms;
            batch.put(format!("place/{}", run.id), encode(&place));
            if stream.is_in_doubt || stream.list != list {
                match &list {
                    Some(list) => batch.put(format!("list/{}", run.id), encode(list)),
                    None => batch.remove(format!("list/{}", run.id)),
                }
            }
            (stream.place, stream.list, stream.is_in_doubt) = (Some(place), list, false);
            match planned.get(&run.id) {
                Some(at) => batch.streams[*at].1 = Some(stream),
                None => batch.streams.push((run.id.clone(), Some(stream))),
            }
        }
        !runs.is_empty()
    }

    /// What has ended. Returns which runs are kept then, if those are others, and how many have been looked at.
    fn note_runs(&self, batch: &mut Batch, kept: &Kept) -> (Option<VecDeque<u64>>, u64) {
        let books = &self.0.services.books;
        let (seen, new) = books.since(kept.seen_runs);
        let most = books.keep.runs;
        if new.is_empty() && kept.runs.len() <= most {
            return (None, seen);
        }
        let mut runs = kept.runs.clone();
        for run in new {
            let at = runs.back().map_or(0, |last| last + 1);
            batch.put(run_name(at), encode(&run));
            runs.push_back(at);
        }
        let surplus = runs.len().saturating_sub(most);
        runs.drain(..surplus).for_each(|at| batch.remove(run_name(at)));
        (Some(runs), seen)
    }
}

fn run_name(at: u64) -> String {
    format!("run/{at:016x}")
}

/// The destinations of a spec that its run does not have on the air.
fn resting(run: &Run, spec: &StreamSpec) -> Vec<usize> {
    let on = run.enabled();
    let rests = |to: &usize| !on.iter().any(|on| on.same_place(&spec.destinations[*to]));
    (0..spec.destinations.len()).filter(rests).collect()
}

fn forget_place(batch: &mut Batch, known: &mut KeptStream, id: &StreamId) {
    let is_in_doubt = mem::take(&mut known.is_in_doubt);
    if known.place.take().is_some() || is_in_doubt {
        batch.remove(format!("place/{id}"));
    }
    if known.list.take().is_some() || is_in_doubt {
        batch.remove(format!("list/{id}"));
    }
}

impl Memory {
    /// Keeps who uses the store now; before any child is started. What cannot be kept is kept with what comes next.
    ///
    /// # Errors
    /// Those of the store, if it is new or has gone.
    pub(in crate::manager) async fn begin(&self, meta: &Meta, is_new: bool) -> Result<()> {
        let Some(store) = self.store().clone() else { return Ok(()) };
        let outcome = store.commit(vec![Change::Put { key: META.to_owned(), value: encode(meta) }]).await;
        match outcome {
            Err(error) if !is_new && error.kind != ErrorKind::StateInvalid => {
                let mut kept = self.kept.lock().await;
                (kept.meta, kept.failing) = (Some(meta.clone()), true);
                self.trouble.get_or_init(|| error.to_string());
                Ok(())
            }
            outcome => outcome,
        }
    }
}
