//! Events in words.

use std::collections::HashMap;

use streambro_core::{
    Airing, Event, EventKind, Phase, StreamId,
    jiff::{Timestamp, tz::TimeZone},
};

/// Tells what happens.
#[derive(Debug)]
pub struct Teller {
    zone: TimeZone,
    /// What was said last of the plan of each stream.
    plans: HashMap<StreamId, String>,
}

impl Teller {
    /// Tells times as the clock on the wall of a zone shows them.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, plans: HashMap::new() }
    }

    /// What an event says to whoever watches a schedule; `None` for steps on the way, and for what was said before.
    pub fn words(&mut self, event: &Event) -> Option<String> {
        let said = match &event.kind {
            EventKind::Schedule { now, next, .. } => self.plan(event.stream.as_ref()?, *now, *next)?,
            EventKind::Phase { to: Phase::Live, from, .. } if !from.is_on_air() => "on the air".to_owned(),
            EventKind::Phase { to: Phase::Ended, reason, .. } => {
                let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                format!("off the air{why}")
            }
            EventKind::StartFailed { detail, retry_in_ms, .. } => {
                let again = retry_in_ms.map_or_else(
                    || "its time is over".to_owned(),
                    |ms| format!("again in {:.0} s", ms as f64 / 1e3),
                );
                format!("could not begin: {detail}; {again}")
            }
            EventKind::Leg { reason: Some(reason), detail, retry_in_ms: Some(ms), .. } => {
                format!("{reason}: {detail}; again in {:.1} s", *ms as f64 / 1e3)
            }
            EventKind::State { saved: true, detail, .. } if detail.is_empty() => {
                "state is kept again".to_owned()
            }
            EventKind::State { detail, .. } => format!("state: {detail}"),
            EventKind::Missed { count, .. } => format!("{count} events were missed"),
            _ => return None,
        };
        let whose = event.stream.as_ref().map_or("station", |id| id.as_str());
        Some(format!("{whose:<12} {said}"))
    }

    fn plan(&mut self, id: &StreamId, now: Option<Airing>, next: Option<Airing>) -> Option<String> {
        let said = match (now, next) {
            (Some(now), _) => format!("its time has come, {}", self.until(now)),
            (None, Some(next)) => format!("next {}, {}", show(next.start, &self.zone), self.until(next)),
            (None, None) => "nothing is left of its schedule".to_owned(),
        };
        (self.plans.insert(id.clone(), said.clone()).as_ref() != Some(&said)).then_some(said)
    }

    fn until(&self, airing: Airing) -> String {
        airing.end.map_or_else(
            || "until it is stopped".to_owned(),
            |end| format!("until {}", show(end, &self.zone)),
        )
    }
}

/// An instant as the clock on the wall shows it.
#[must_use]
pub fn show(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%a %F %H:%M:%S %Z").to_string()
}
