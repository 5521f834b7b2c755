//! Who sends where.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use jiff::Timestamp;

use super::Timetable;
use crate::spec::{Destination, StreamId, StreamSpec};

impl Timetable {
    /// When the airing began during which this run is on the air.
    pub(in crate::manager) fn on_since(&self, id: &StreamId, run: u64) -> Option<Timestamp> {
        let plans = self.plans();
        let entry = plans.agenda.get(id).filter(|entry| entry.run() == Some(run))?;
        Some(entry.now()?.start)
    }
}

/// Streams by the places that they send to. What is in it may be over: whoever asks looks that up.
#[derive(Default)]
pub(super) struct Places {
    by_place: HashMap<u64, Vec<StreamId>>,
    count: usize,
    hasher: RandomState,
}

impl Places {
    /// Adds where a stream sends to.
    pub(super) fn add(&mut self, id: &StreamId, spec: &StreamSpec) {
        for way in ways(spec) {
            let there = self.by_place.entry(self.hasher.hash_one(place(way))).or_default();
            if !there.contains(id) {
                there.push(id.clone());
                self.count += 1;
            }
        }
    }

    /// The streams that send to a place of this one, itself perhaps among them.
    pub(super) fn sharing(&self, spec: &StreamSpec) -> Vec<StreamId> {
        let there = ways(spec).filter_map(|way| self.by_place.get(&self.hasher.hash_one(place(way))));
        let mut ids: Vec<_> = there.flatten().cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Throws out what is over, once it is most of what there is among so many that are wanted.
    pub(super) fn sweep(&mut self, wanted: usize, is_there: impl Fn(&StreamId) -> bool) {
        if self.count <= 8 * wanted + 64 {
            return;
        }
        self.by_place.retain(|_, there| {
            there.retain(&is_there);
            !there.is_empty()
        });
        self.count = self.by_place.values().map(Vec::len).sum();
    }
}

/// The first destination of the one that is a place of the other as well.
pub(super) fn shared<'a>(one: &'a StreamSpec, other: &StreamSpec) -> Option<&'a Destination> {
    ways(one).find(|way| ways(other).any(|theirs| place(way) == place(theirs)))
}

/// All that a stream may connect to, backups included.
fn ways(spec: &StreamSpec) -> impl Iterator<Item = &Destination> {
    spec.destinations.iter().flat_map(|to| [Some(&**to), to.backup.as_deref()]).flatten()
}

/// What two publishers cannot have at once: a key of an application at a host, with TLS or without it.
fn place(to: &Destination) -> (&str, u16, &str, &str) {
    let url = &to.url;
    let default = if url.is_tls() { 443 } else { 1935 };
    let port = if url.port() == default { 0 } else { url.port() };
    (url.host(), port, url.app().split('?').next().unwrap_or_default(), to.key.expose())
}
