//! What became of the items of a playlist.

use std::collections::VecDeque;

use crate::{
    clock,
    source::rundown::Slot,
    status::{AsRun, ItemEnd},
};

/// What became of so many items is remembered.
const MOST_RECORDS: usize = 256;

/// What became of the latest items, and what of it is still to be told.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// What plays, or played last.
    now: Option<Record>,
    past: VecDeque<Record>,
    made: u64,
    /// Oldest first.
    told: VecDeque<AsRun>,
}

#[derive(Clone, Debug)]
struct Record {
    number: u64,
    slot: Slot,
    began_unix_ms: u64,
    began_ms: u64,
    end: Option<(u64, ItemEnd)>,
}

impl Records {
    /// The item that plays and when it began, unless it has ended.
    pub(super) fn playing(&self) -> Option<(&Slot, u64)> {
        self.now.as_ref().filter(|now| now.end.is_none()).map(|now| (&now.slot, now.began_ms))
    }

    /// The item that plays and how much of it has played at `at_ms`; of one with which the stream ended, until then.
    pub(super) fn unfinished(&self, at_ms: u64) -> Option<(&Slot, u64)> {
        let now = self.now.as_ref()?;
        match &now.end {
            None => Some((&now.slot, at_ms.saturating_sub(now.began_ms))),
            Some((played_ms, ItemEnd::Stopped)) => Some((&now.slot, *played_ms)),
            Some(_) => None,
        }
    }

    /// The item that plays, or played last.
    pub(super) fn latest(&self) -> Option<AsRun> {
        self.now.as_ref().map(Record::shown)
    }

    /// All that is remembered, oldest first.
    pub(super) fn all(&self) -> Vec<AsRun> {
        let mut records: Vec<_> = self.past.iter().chain(&self.now).map(Record::shown).collect();
        records.sort_by_key(|record| record.number);
        records
    }

    /// Takes what is to be told: items that have begun, and again when they have ended.
    pub(super) fn take_told(&mut self) -> VecDeque<AsRun> {
        std::mem::take(&mut self.told)
    }

    /// Another item is on the air.
    pub(super) fn begin(&mut self, slot: Slot, at_ms: u64) {
        let record = self.record(slot, at_ms);
        push(&mut self.told, record.shown());
        if let Some(before) = self.now.replace(record) {
            push(&mut self.past, before);
        }
    }

    /// What plays ends.
    pub(super) fn end(&mut self, at_ms: u64, end: ItemEnd) {
        let Some(now) = &mut self.now else { return };
        now.end = Some((at_ms.saturating_sub(now.began_ms), end));
        push(&mut self.told, now.shown());
    }

    /// An item should have been on the air.
    pub(super) fn miss(&mut self, slot: Slot, at_ms: u64, end: ItemEnd) {
        let record = Record { end: Some((0, end)), ..self.record(slot, at_ms) };
        push(&mut self.told, record.shown());
        push(&mut self.past, record);
    }

    fn record(&mut self, slot: Slot, began_ms: u64) -> Record {
        self.made += 1;
        Record { number: self.made - 1, slot, began_unix_ms: clock::unix_ms(), began_ms, end: None }
    }
}

impl Record {
    fn shown(&self) -> AsRun {
        AsRun {
            number: self.number,
            item: self.slot.id,
            file: self.slot.item.file.clone(),
            began_unix_ms: self.began_unix_ms,
            began_ms: self.began_ms,
            played_ms: self.end.as_ref().map(|(played, _)| *played),
            end: self.end.as_ref().map(|(_, end)| end.clone()),
        }
    }
}

/// Adds the latest, and forgets the oldest beyond what is remembered.
fn push<T>(row: &mut VecDeque<T>, latest: T) {
    row.push_back(latest);
    if row.len() > MOST_RECORDS {
        row.pop_front();
    }
}
