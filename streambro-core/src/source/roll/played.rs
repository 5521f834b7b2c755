//! What is on the air: one item after the other, the same for all legs.

use std::sync::{Arc, Mutex, OnceLock};

use super::lock;
use crate::source::film::Show;

/// An item on the air.
#[derive(Debug)]
pub(in crate::source) struct Played {
    /// What plays.
    pub(in crate::source) show: Show,
    /// It was on the air before there was a list.
    original: bool,
    cut: Mutex<Cut>,
    pub(super) next: OnceLock<Arc<Self>>,
}

/// Where an item ends before its time: at the first keyframe that no leg has passed when that was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    passed: Option<i64>,
    wanted: bool,
    at: Option<i64>,
}

impl Played {
    pub(super) fn new(show: Show) -> Arc<Self> {
        Arc::new(Self { show, original: false, cut: Mutex::default(), next: OnceLock::new() })
    }

    /// What was on the air before there was a list.
    pub(super) fn original(show: Show) -> Arc<Self> {
        Arc::new(Self { show, original: true, cut: Mutex::default(), next: OnceLock::new() })
    }

    /// Whether it was on the air before there was a list.
    pub(in crate::source) fn is_original(&self) -> bool {
        self.original
    }

    /// Wants it to end at the next keyframe.
    pub(super) fn cut(&self) {
        lock(&self.cut).wanted = true;
    }

    /// Whether somebody wants it to end at the next keyframe.
    pub(super) fn is_cut(&self) -> bool {
        lock(&self.cut).wanted
    }

    /// Whether it has ended like that.
    pub(super) fn was_cut(&self) -> bool {
        lock(&self.cut).at.is_some()
    }

    /// Whether the item ends before a keyframe, which is not its first: all legs get the same answer.
    pub(in crate::source) fn ends_before(&self, dts: i64) -> bool {
        let mut cut = lock(&self.cut);
        if cut.wanted && cut.at.is_none() && cut.passed.is_none_or(|passed| passed < dts) {
            cut.at = Some(dts);
        }
        let ends = cut.at.is_some_and(|at| at <= dts);
        if !ends {
            cut.passed = cut.passed.max(Some(dts));
        }
        ends
    }

    /// Whether it is to end, now that nothing comes: whatever comes later is no part of it.
    pub(in crate::source) fn ends_here(&self) -> bool {
        let mut cut = lock(&self.cut);
        if cut.wanted {
            let behind = cut.passed.map_or(i64::MIN, |passed| passed.saturating_add(1));
            cut.at.get_or_insert(behind);
        }
        cut.at.is_some()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        // One by one: a long chain would be a deep recursion.
        let mut next = self.next.take();
        while let Some(mut played) = next.and_then(Arc::into_inner) {
            next = played.next.take();
        }
    }
}
