//! A playlist while it plays: what is in it, what comes next, and how that changes. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    dice::Dice,
    error::{Error, ErrorKind, Result},
    spec::{Edit, Item, ItemId, Order, Playlist, Repeat, check_count},
};

/// A playlist while it plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rundown {
    /// In the order in which they were written.
    slots: Vec<Slot>,
    /// One more with each edit.
    version: u64,
    next_id: u64,
    /// What plays, or played last.
    current: Option<ItemId>,
    queue: Queue,
    /// What comes next out of turn.
    cued: Option<ItemId>,
    /// Laps that have not begun yet; `None` is for ever.
    laps_left: Option<u32>,
    laps_done: u64,
    /// Whether a lap has begun.
    begun: bool,
}

/// An item and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) id: ItemId,
    pub(crate) item: Arc<Item>,
}

/// What is left of a lap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Queue {
    /// Everything from this place of the list on.
    Sequential(usize),
    /// These, the last one first; `fresh` while none of them has begun.
    Shuffle { left: Vec<ItemId>, dice: Dice, fresh: bool },
}

impl Rundown {
    /// Stands before the first item.
    pub(crate) fn new(list: &Playlist, repeat: Repeat) -> Self {
        let slots =
            list.items.iter().zip(0..).map(|(item, id)| Slot { id: ItemId(id), item: Arc::clone(item) });
        let slots: Vec<_> = slots.collect();
        let queue = match list.order {
            Order::Sequential => Queue::Sequential(0),
            Order::Shuffle { seed } => Queue::Shuffle { left: vec![], dice: Dice::new(seed), fresh: false },
        };
        let mut rundown = Self {
            next_id: slots.len() as u64,
            slots,
            version: 0,
            current: None,
            queue,
            cued: None,
            laps_left: repeat.laps().map(|laps| laps.saturating_sub(1)),
            laps_done: 0,
            begun: false,
        };
        rundown.draw();
        rundown.set_fresh(false);
        rundown
    }

    /// The same when it has begun again so often already.
    pub(crate) fn after(self, laps_done: u64) -> Self {
        Self { laps_done, ..self }
    }

    /// The same with something to play: from its beginning on if nothing is left of it.
    pub(crate) fn rewound(&self) -> Self {
        let mut rundown = self.clone();
        if rundown.upcoming().is_none() {
            match &mut rundown.queue {
                Queue::Sequential(at) => *at = 0,
                Queue::Shuffle { left, .. } => left.clear(),
            }
            rundown.draw();
        }
        rundown
    }

    /// Whether its numbers can be counted on: it may come from a file.
    pub(crate) fn is_sound(&self, most: u64) -> bool {
        let is_within = match self.queue {
            Queue::Sequential(at) => at <= self.slots.len(),
            Queue::Shuffle { .. } => true,
        };
        is_within && [self.version, self.next_id, self.laps_done].iter().all(|number| *number <= most)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How often the list has begun again.
    pub(crate) fn laps_done(&self) -> u64 {
        self.laps_done
    }

    /// What comes next if nothing changes; `None` when nothing does.
    pub(crate) fn upcoming(&self) -> Option<&Slot> {
        if let Some(cued) = self.cued {
            return self.slot(cued);
        }
        match &self.queue {
            Queue::Sequential(at) => {
                self.slots.get(*at).or_else(|| self.slots.first().filter(|_| self.has_lap()))
            }
            Queue::Shuffle { left, .. } => self.slot(*left.last()?),
        }
    }

    /// Lets what comes next begin.
    pub(crate) fn advance(&mut self) -> Option<Slot> {
        let slot = self.upcoming()?.clone();
        let cued = self.cued.take().is_some();
        let begun = self.begin_lap(cued);
        match &mut self.queue {
            Queue::Sequential(at) => *at = place(&self.slots, slot.id).map_or(*at, |at| at + 1),
            Queue::Shuffle { left, .. } => left.retain(|id| *id != slot.id),
        }
        self.laps_done += u64::from(begun);
        self.begun = true;
        self.current = Some(slot.id);
        self.draw_if_empty();
        Some(slot)
    }

    /// Whether something comes out of turn.
    pub(crate) fn is_cued(&self) -> bool {
        self.cued.is_some()
    }

    /// Passes over what comes next: it cannot be played.
    pub(crate) fn pass_over(&mut self) {
        let current = self.current;
        self.advance();
        self.current = current;
    }

    /// Changes it, all or nothing. `expected` is the version that the caller has seen; `None` takes whatever it is.
    ///
    /// # Errors
    /// `Conflict` when it is another version by now, `NotFound` for a number that is not in the list, `InvalidSpec` for an
    /// item that makes no sense or too many of them.
    pub(crate) fn edit(&mut self, expected: Option<u64>, edits: &[Edit]) -> Result<u64> {
        if let Some(expected) = expected.filter(|expected| *expected != self.version) {
            let detail = format!("the list is at version {}, not {expected}", self.version);
            return Err(Error::new(ErrorKind::Conflict, "playlist", detail));
        }
        let mut changed = self.clone();
        for edit in edits {
            changed.apply(edit)?;
        }
        check_count(changed.slots.len())?;
        changed.version += 1;
        *self = changed;
        Ok(self.version)
    }

    fn apply(&mut self, edit: &Edit) -> Result<()> {
        edit.added().iter().try_for_each(Item::check)?;
        match edit {
            Edit::Append(item) => self.insert(self.slots.len(), item),
            Edit::Insert { before, item } => self.insert(self.find(*before)?, item),
            Edit::Remove(id) => {
                let at = self.find(*id)?;
                self.slots.remove(at);
                self.cued.take_if(|cued| *cued == *id);
                match &mut self.queue {
                    Queue::Sequential(next) => *next -= usize::from(at < *next),
                    Queue::Shuffle { left, .. } => left.retain(|left| left != id),
                }
                self.draw_if_empty();
            }
            Edit::Move { id, before } => {
                let from = self.find(*id)?;
                let to = before.map_or(Ok(self.slots.len()), |before| self.find(before))?;
                let slot = self.slots.remove(from);
                let to = to - usize::from(from < to);
                self.slots.insert(to, slot);
                if let Queue::Sequential(next) = &mut self.queue {
                    if self.current == Some(*id) {
                        // What follows it in its new place follows it on the air.
                        *next = to + 1;
                    } else {
                        *next -= usize::from(from < *next);
                        *next += usize::from(to < *next);
                    }
                }
            }
            Edit::Replace { id, item } => {
                let at = self.find(*id)?;
                self.slots[at].item = Arc::new(item.clone());
            }
            Edit::ReplaceAll(items) => {
                self.slots.clear();
                self.cued = None;
                match &mut self.queue {
                    Queue::Sequential(next) => *next = 0,
                    Queue::Shuffle { left, .. } => left.clear(),
                }
                for item in items {
                    self.insert(self.slots.len(), item);
                }
            }
            Edit::Cue(id) | Edit::Jump(id) => {
                self.find(*id)?;
                self.cued = Some(*id);
            }
            Edit::Skip => {}
        }
        Ok(())
    }

    fn insert(&mut self, at: usize, item: &Item) {
        let id = ItemId(self.next_id);
        self.next_id += 1;
        self.slots.insert(at, Slot { id, item: Arc::new(item.clone()) });
        match &mut self.queue {
            Queue::Sequential(next) => *next += usize::from(at < *next),
            Queue::Shuffle { left, dice, .. } => {
                let place = dice.below(left.len() + 1);
                left.insert(place, id);
            }
        }
    }

    fn find(&self, id: ItemId) -> Result<usize> {
        place(&self.slots, id)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("item {id}"), "the list has no such item"))
    }

    fn slot(&self, id: ItemId) -> Option<&Slot> {
        self.slots.get(place(&self.slots, id)?)
    }

    fn has_lap(&self) -> bool {
        self.laps_left != Some(0)
    }

    /// Whether what begins now is the first of another lap, which is counted.
    fn begin_lap(&mut self, cued: bool) -> bool {
        match &mut self.queue {
            Queue::Sequential(at) => {
                let begins = *at >= self.slots.len() && !cued && self.begun;
                if begins {
                    self.laps_left = self.laps_left.map(|left| left.saturating_sub(1));
                }
                begins
            }
            Queue::Shuffle { fresh, .. } => std::mem::take(fresh),
        }
    }

    fn draw_if_empty(&mut self) {
        if matches!(&self.queue, Queue::Shuffle { left, .. } if left.is_empty()) && self.has_lap() {
            self.laps_left = self.laps_left.map(|left| left.saturating_sub(1));
            self.draw();
        }
    }

    /// Draws the order of a lap.
    fn draw(&mut self) {
        let Queue::Shuffle { left, dice, fresh } = &mut self.queue else { return };
        left.extend(self.slots.iter().map(|slot| slot.id));
        dice.shuffle(left);
        if let [first, .., last] = &mut left[..]
            && Some(*last) == self.current
        {
            // None twice in a row.
            std::mem::swap(first, last);
        }
        *fresh = true;
    }

    fn set_fresh(&mut self, is: bool) {
        if let Queue::Shuffle { fresh, .. } = &mut self.queue {
            *fresh = is;
        }
    }
}

fn place(slots: &[Slot], id: ItemId) -> Option<usize> {
    slots.iter().position(|slot| slot.id == id)
}

#[cfg(test)]
mod tests;
