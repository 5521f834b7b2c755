//! What a run writes down: its log, its record, and the same for whoever traces.

use std::{
    num::NonZeroU32,
    sync::{MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};

use tokio::time::Instant;
use tracing::Span;

use super::{Run, Shown, task::Supervisor};
use crate::{
    clock,
    journal::{Entry, Log, LogLevel, LogLine, RunEnd, RunRecord, What},
    status::{LegPhase, Phase, Reason},
    supervisor::fsm::Effect,
};

impl Run {
    /// What its log says, oldest first.
    pub(crate) fn logs(&self) -> Vec<LogLine> {
        self.log().read()
    }

    /// Takes over the log of the run before it, if that was the same user's; that one has none any more.
    pub(crate) fn inherit(&self, before: &Self) {
        let log = std::mem::replace(&mut *before.log(), Log::new(0));
        if self.spec.user == before.spec.user {
            *self.log() = log;
        }
    }

    /// Gives its log back, whoever still holds the run.
    pub(crate) fn free_log(&self) {
        self.log().free();
    }

    /// Writes a line into its log, and tells whoever traces.
    pub(super) fn note(&self, span: &Span, entry: Entry) {
        trace(span, &entry);
        self.log().add(entry);
    }

    /// Enters its end into the books. Before anyone hears of it: who waited for the end finds it there.
    pub(super) fn record(&self, shown: &Shown) {
        // A state machine that ends without a reason has a bug.
        let reason = shown.reason.unwrap_or(Reason::Internal);
        self.books.hand_over(RunEnd { id: self.id.clone(), run: self.number, reason });
        self.books.enter(RunRecord {
            id: self.id.clone(),
            user: self.spec.user.clone(),
            started_unix_ms: self.started_unix_ms,
            ended_unix_ms: clock::unix_ms(),
            reason,
            detail: shown.detail.clone(),
            bytes: self.bytes(),
            laps: self.playhead.figures().0,
            reconnects: shown.legs.iter().map(|leg| leg.reconnects).sum(),
            media_ms: self.playhead.media_ms(Instant::now()),
        });
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        // Whole at every instant, whatever panicked.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whoever traces. Host code runs in here: never call it with a lock held.
pub(super) fn trace(span: &Span, entry: &Entry) {
    match entry.level() {
        LogLevel::Info => tracing::info!(parent: span, "{entry}"),
        LogLevel::Warn => tracing::warn!(parent: span, "{entry}"),
        LogLevel::Error => tracing::error!(parent: span, "{entry}"),
    }
}

impl Supervisor {
    /// Writes down what changes.
    pub(super) fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            match *effect {
                Effect::Dial(leg) => {
                    let n = self.fsm.legs()[leg].attempts;
                    self.spans[leg] = tracing::info_span!(parent: &self.run.span, "attempt", leg, n);
                }
                Effect::Leg(leg) => {
                    let state = &self.fsm.legs()[leg];
                    let ms = match state.phase {
                        LegPhase::Lagging => Some(self.outlets[leg].counters.late_ms.load(Relaxed)),
                        _ => effects.iter().find_map(|effect| match effect {
                            Effect::Wait(waiting, delay) if *waiting == leg => Some(delay.as_millis() as u64),
                            _ => None,
                        }),
                    };
                    // While it connects again the reason is still that of the line before.
                    let news = matches!(state.phase, LegPhase::Waiting | LegPhase::Ended);
                    let (reason, detail) =
                        if news { (state.reason, state.detail.as_str()) } else { (None, "") };
                    let ms = ms.and_then(|ms| NonZeroU32::new(u32::try_from(ms).unwrap_or(u32::MAX)));
                    // A spec has no more of them than fit.
                    let number = u8::try_from(leg).unwrap_or(u8::MAX);
                    let what = What::Leg { leg: number, phase: state.phase, reason, ms };
                    self.run.note(&self.spans[leg], Entry::new(what, detail));
                }
                Effect::Phase(_) => {
                    let phase = self.fsm.phase();
                    // Where its legs make the phase, their lines have the words.
                    let detail = if phase == Phase::Ended { self.fsm.detail() } else { "" };
                    self.run.note(&self.run.span, Entry::new(What::Phase(phase, self.fsm.reason()), detail));
                }
                Effect::Wait(..)
                | Effect::Encode
                | Effect::WaitPass(_)
                | Effect::FellBack
                | Effect::SkipLap
                | Effect::CloseTape
                | Effect::HangUp
                | Effect::Renew
                | Effect::Dismiss(_)
                | Effect::Finish => {}
            }
        }
    }
}
