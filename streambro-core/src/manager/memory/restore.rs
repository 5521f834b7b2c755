//! Getting back what was kept.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Keys,
    record::{At, KeptKey, META, Meta, decode, decode_list, decode_place, decode_spec, id_in, invalid},
    save::{Form, Kept, KeptStream},
};
use crate::{
    error::Result,
    journal::RunRecord,
    manager::open::Comeback,
    schedule::{Entry, Stored},
    secret::Secret,
    spec::StreamId,
    state::Store,
};

/// What another manager has left.
#[derive(Debug, Default)]
pub(in crate::manager) struct Restored {
    /// Who used the store last; `None` for a new one.
    pub(in crate::manager) meta: Option<Meta>,
    pub(in crate::manager) kept: Kept,
    pub(in crate::manager) history: Vec<RunRecord>,
    pub(in crate::manager) streams: Vec<(StreamId, Entry, Option<Comeback>)>,
}

/// The records of one stream.
#[derive(Default)]
struct Records {
    spec: Option<Vec<u8>>,
    keys: BTreeMap<usize, Vec<u8>>,
    plan: Option<Vec<u8>>,
    list: Option<Vec<u8>>,
    place: Option<Vec<u8>>,
}

impl Restored {
    /// Reads everything that a store holds.
    ///
    /// # Errors
    /// `StateInvalid` when anything of it is not to be used; those of the store.
    pub(in crate::manager) async fn load(store: &dyn Store, keys: &Keys) -> Result<Self> {
        let mut restored = Self::default();
        let (mut streams, mut runs) = (BTreeMap::<StreamId, Records>::new(), BTreeMap::new());
        for (name, value) in store.load().await? {
            match name.split_once('/') {
                None if name == META => restored.meta = Some(decode(&name, &value)?),
                Some(("spec", id)) => streams.entry(id_in(&name, id)?).or_default().spec = Some(value),
                Some(("plan", id)) => streams.entry(id_in(&name, id)?).or_default().plan = Some(value),
                Some(("list", id)) => streams.entry(id_in(&name, id)?).or_default().list = Some(value),
                Some(("place", id)) => streams.entry(id_in(&name, id)?).or_default().place = Some(value),
                Some(("key", rest)) => {
                    let parts = rest.split_once('/').and_then(|(at, id)| Some((at.parse().ok()?, id)));
                    let (at, id) = parts.ok_or_else(|| invalid(&name, "its name is none of ours"))?;
                    streams.entry(id_in(&name, id)?).or_default().keys.insert(at, value);
                }
                Some(("run", at)) => {
                    let at = u64::from_str_radix(at, 16);
                    // Beyond that nobody has ever counted, and the next ones must have numbers as well.
                    let at = at.ok().filter(|at| *at < 1 << 53);
                    let at = at.ok_or_else(|| invalid(&name, "its name is none of ours"))?;
                    runs.insert(at, decode::<RunRecord>(&name, &value)?);
                }
                _ => return Err(invalid(&name, "its name is none of ours")),
            }
        }
        restored.kept.runs = runs.keys().copied().collect();
        restored.history = runs.into_values().collect();
        for (id, records) in streams {
            restored.take(id, records, keys).await?;
        }
        Ok(restored)
    }

    async fn take(&mut self, id: StreamId, records: Records, keys: &Keys) -> Result<()> {
        let name = format!("spec/{id}");
        let missing = || invalid(&name, "it is not there, but others of its stream are");
        let written = records.spec.as_ref().ok_or_else(missing)?;
        let plan_name = format!("plan/{id}");
        let plan = records.plan.as_ref().ok_or_else(|| invalid(&plan_name, "it is not there"))?;
        let stored: Stored = decode(&plan_name, plan)?;
        let (mut opened, mut forms) = (BTreeMap::new(), BTreeMap::new());
        for (at, value) in &records.keys {
            let kept = KeptKey::decode(&format!("key/{at}/{id}"), value)?;
            forms.insert(*at, Form::of(&kept));
            opened.extend(open_key(kept, keys).await.map(|key| (*at, key)));
        }
        let spec = Arc::new(decode_spec(&name, written, &opened)?);
        if spec.id != id.as_str() {
            return Err(invalid(&name, "it is of another stream"));
        }
        let mut entry = Entry::restored(Arc::clone(&spec), &stored);
        let keyless = (0..spec.destinations.len()).any(|at| !opened.contains_key(&at));
        if keyless {
            entry = entry.without_keys();
        }
        let list = records.list.as_ref().map(|list| decode_list(&format!("list/{id}"), list)).transpose()?;
        let place = records.place.as_ref();
        let place = place.map(|place| decode_place(&format!("place/{id}"), place)).transpose()?;
        let on_since = entry.now().map(|airing| airing.start);
        let comeback = place.clone().and_then(|record| {
            // Of another airing it is of no use.
            let since = on_since.filter(|since| since.as_millisecond() == record.since)?;
            let place = At::within(record.at, list.clone())?;
            Some(Comeback { place, unix_ms: record.unix_ms, resting: record.resting, since })
        });
        let kept = KeptStream {
            spec: Some(spec),
            keys: forms,
            plan: plan.clone(),
            list,
            place,
            ..KeptStream::default()
        };
        self.kept.streams.insert(id.clone(), kept);
        self.streams.push((id, entry, comeback));
        Ok(())
    }
}

/// The key itself, if it can be had.
async fn open_key(kept: KeptKey, keys: &Keys) -> Option<Secret> {
    match (kept, keys) {
        (KeptKey::Clear(key), _) => Some(key),
        (KeptKey::Sealed(sealed), Keys::Sealed(provider)) => match provider.unseal(&sealed).await {
            Ok(key) => Some(key),
            Err(error) => {
                // What it says may be anything; the key is not in it, for it has none.
                tracing::warn!(%error, "a key could not be unsealed");
                None
            }
        },
        (KeptKey::Sealed(_), _) => None,
    }
}
