//! Getting back what was kept.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Keys,
    record::{At, KeptKey, META, Meta, PlaceRecord, decode, decode_spec, id_in, invalid},
    save::{Kept, KeptStream},
};
use crate::{
    error::Result,
    journal::RunRecord,
    manager::open::Comeback,
    schedule::{Entry, Stored},
    secret::Secret,
    source::Place,
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
                    let at = at.map_err(|_| invalid(&name, "its name is none of ours"))?;
                    runs.insert(at, decode::<RunRecord>(&name, &value)?);
                }
                _ => return Err(invalid(&name, "its name is none of ours")),
            }
        }
        let first = runs.keys().next().copied().unwrap_or(0);
        restored.kept.runs = first..runs.keys().next_back().map_or(first, |last| last + 1);
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
        let mut opened = vec![];
        for (at, value) in &records.keys {
            opened.push(open_key(KeptKey::decode(&format!("key/{at}/{id}"), value)?, keys).await);
        }
        let spec = Arc::new(decode_spec(&name, written, &opened)?);
        if spec.id != id.as_str() {
            return Err(invalid(&name, "it is of another stream"));
        }
        let mut entry = Entry::restored(Arc::clone(&spec), &stored);
        let keyless = opened.len() < spec.destinations.len() || opened.iter().any(Option::is_none);
        if keyless {
            entry = entry.without_keys();
        }
        let list =
            records.list.as_ref().map(|list| decode::<Place>(&format!("list/{id}"), list)).transpose()?;
        let place = records.place.as_ref();
        let place = place.map(|place| decode::<PlaceRecord>(&format!("place/{id}"), place)).transpose()?;
        let comeback = place.clone().and_then(|PlaceRecord { unix_ms, at, resting }| {
            let since = entry.now()?.start;
            Some(Comeback { place: At::within(at, list)?, unix_ms, resting, since })
        });
        let kept = KeptStream {
            spec: Some(spec),
            keys: records.keys.len(),
            plan: plan.clone(),
            list: records.list.unwrap_or_default(),
            place,
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
