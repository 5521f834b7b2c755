//! What cannot be on the air at the same time: two streams at one place, or more than there is place for.

use std::{iter, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{user::Caller, verbs::StreamManager},
    Plans,
    places::shared,
};
use crate::{
    error::{Error, ErrorKind, Result},
    schedule::{Entry, Now, crowding, overlap},
    spec::{Airing, Destination, StreamId, StreamSpec},
    supervisor::Run,
};

/// So far ahead plans are compared with each other: whatever repeats has come by then, with every change of the clocks.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 400);

/// So far ahead places are counted, which takes longer.
const CROWD_HORIZON: SignedDuration = SignedDuration::from_hours(24 * 32);

impl StreamManager {
    /// Looks whether a stream can be on the air as its entry says.
    ///
    /// # Errors
    /// `Overlap` when another one sends to a place of its own meanwhile, unless neither has a schedule: then the server
    /// decides. `LimitReached` when there will be no place for a stream with a schedule.
    pub(super) fn check_clash(
        &self,
        plans: &Plans,
        caller: Caller<'_>,
        id: &StreamId,
        entry: &Entry,
        now: Now,
    ) -> Result<()> {
        if !entry.is_scheduled() && plans.agenda.is_empty() {
            return Ok(());
        }
        let running = self.running();
        let others: Vec<_> = running.iter().filter(|run| run.id != *id && !run.is_stopping()).collect();
        let clash =
            planned_clash(plans, id, entry, now).or_else(|| running_clash(plans, &others, entry, now));
        if let Some(clash) = clash {
            return Err(clash.describe(caller, id, entry));
        }
        if entry.is_scheduled() { self.check_crowd(plans, &others, id, entry, now) } else { Ok(()) }
    }

    fn check_crowd(
        &self,
        plans: &Plans,
        others: &[&Arc<Run>],
        id: &StreamId,
        entry: &Entry,
        now: Now,
    ) -> Result<()> {
        let (all, each) = self.0.ledger.most_streams();
        let until = now.wall.saturating_add(CROWD_HORIZON).unwrap_or(Timestamp::MAX);
        let user = entry.spec.user.as_ref();
        let of_user = |spec: &StreamSpec| user.is_some() && spec.user.as_ref() == user;
        let limits = [(all, None), (each.filter(|_| user.is_some()), user)];
        for (most, of) in limits.into_iter().filter_map(|(most, of)| Some((most?, of))) {
            let counts = |spec: &StreamSpec| of.is_none() || of_user(spec);
            let planned = plans.agenda.entries().filter(|(other, entry)| *other != id && counts(&entry.spec));
            let unplanned =
                others.iter().filter(|run| counts(&run.spec) && plans.agenda.get(&run.id).is_none());
            let (planned, unplanned): (Vec<_>, Vec<_>) = (planned.collect(), unplanned.collect());
            if ((planned.len() + unplanned.len()) as u64) < most {
                continue;
            }
            let plan = |entry: &Entry| -> Vec<_> {
                entry.plan(now.wall).take_while(|airing| airing.start < until).collect()
            };
            let open = unplanned.iter().map(|_| vec![Airing::new(now.wall, None, false)]);
            let own = plan(entry);
            let last = own.last().and_then(|airing| airing.end).unwrap_or(Timestamp::MAX);
            let until = until.min(last);
            let plan = |entry: &Entry| -> Vec<_> {
                entry.plan(now.wall).take_while(|airing| airing.start < until).collect()
            };
            let rest = planned.iter().map(|(_, entry)| plan(entry)).chain(open).map(Vec::into_iter);
            if let Some(at) = crowding(own.into_iter(), rest, most, until) {
                let whose = of.map_or_else(String::new, |user| format!(" of {user:?}"));
                let detail = format!(
                    "at {} it would be one of more than {most} streams{whose} on the air; choose another time, or raise the limit",
                    civil(&entry.spec, at)
                );
                return Err(Error::new(ErrorKind::LimitReached, id.as_str(), detail));
            }
        }
        Ok(())
    }
}

/// Two streams at one place.
struct Clash {
    other: StreamId,
    spec: Arc<StreamSpec>,
    place: String,
    own: Airing,
    others: Airing,
}

impl Clash {
    fn describe(&self, caller: Caller<'_>, id: &StreamId, entry: &Entry) -> Error {
        let seen = caller.may_see(&self.spec);
        let other = match seen {
            true => format!("`{}`", self.other),
            false => "a stream of another user".to_owned(),
        };
        let time = |airing: &Airing| {
            let start = civil(&entry.spec, airing.start);
            match airing.end {
                Some(end) => format!("from {start} to {}", civil(&entry.spec, end)),
                None => format!("from {start} on"),
            }
        };
        let detail = format!(
            "`{id}` and {other} would both send to {}: the one {}, the other {}; choose another time or another key",
            self.place,
            time(&self.own),
            // When another user's is on the air is none of this one's business.
            if seen { time(&self.others) } else { "meanwhile".to_owned() },
        );
        Error::new(ErrorKind::Overlap, id.as_str(), detail)
    }
}

/// Looks at what others are wanted for.
fn planned_clash(plans: &Plans, id: &StreamId, entry: &Entry, now: Now) -> Option<Clash> {
    let until = now.wall.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
    let known = |other: StreamId| plans.agenda.get(&other).map(|entry| (other, entry));
    let others = plans.places.sharing(&entry.spec).into_iter().filter(|other| other != id).filter_map(known);
    others.filter(|(_, other)| entry.is_scheduled() || other.is_scheduled()).find_map(|(other, theirs)| {
        let place = shared(&entry.spec, &theirs.spec)?;
        let (own, others) = overlap(entry.plan(now.wall), theirs.plan(now.wall), until)?;
        Some(Clash { other, spec: Arc::clone(&theirs.spec), place: place.label(), own, others })
    })
}

/// Looks at what is on the air: somebody may have started it by hand, or given it more destinations.
fn running_clash(plans: &Plans, others: &[&Arc<Run>], entry: &Entry, now: Now) -> Option<Clash> {
    others.iter().find_map(|run| {
        let theirs = plans.agenda.get(&run.id);
        if !entry.is_scheduled() && !theirs.is_some_and(Entry::is_scheduled) {
            return None;
        }
        let spec = run.wanted();
        let place: &Destination = shared(&entry.spec, &spec)?;
        let on = theirs.and_then(Entry::now).unwrap_or_else(|| Airing::new(now.wall, None, false));
        let until = on.end.unwrap_or(Timestamp::MAX);
        let (own, others) = overlap(entry.plan(now.wall), iter::once(on), until)?;
        Some(Clash { other: run.id.clone(), place: place.label(), spec: Arc::new(spec), own, others })
    })
}

/// An instant as the clock on the wall of a schedule shows it.
fn civil(spec: &StreamSpec, at: Timestamp) -> String {
    let zone = spec.schedule.as_ref().map(|schedule| schedule.zone().clone());
    zone.map_or_else(|| at.to_string(), |zone| at.to_zoned_datetime(zone).strftime("%F %T %Z").to_string())
}
