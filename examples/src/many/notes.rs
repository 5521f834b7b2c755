//! Events in words.

use streambro_core::{Event, EventKind, LegPhase, Phase};

/// What an event says, in one line; `None` for steps on the way, and for what whoever called `start` was told.
#[must_use]
pub fn words(event: &Event) -> Option<String> {
    let stream = event.stream.as_ref().map_or("the process", |id| id.as_str());
    Some(match &event.kind {
        EventKind::Phase { from: Phase::Preparing, to: Phase::Starting | Phase::Ended, .. } => return None,
        EventKind::Phase { from, to, reason, detail, .. } => {
            let why = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            let colon = if detail.is_empty() { "" } else { ": " };
            format!("{stream}: {} -> {}{why}{colon}{detail}", from.name(), to.name())
        }
        EventKind::Leg {
            phase: LegPhase::Waiting,
            reason: Some(reason),
            retry_in_ms: Some(ms),
            detail,
            ..
        } => {
            let seconds = *ms as f64 / 1e3;
            format!("{stream}: again in {seconds:.1} s ({reason}): {detail}")
        }
        EventKind::Alert { what, began, .. } => {
            let much = if *began { "too much" } else { "no longer too much" };
            format!("{stream}: {much} ({what:?})")
        }
        EventKind::Missed { count, .. } => format!("{count} events were missed"),
        _ => return None,
    })
}
