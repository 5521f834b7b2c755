//! The verbs that speak of time.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde::Serialize;

use super::{
    super::{
        user::Caller,
        verbs::{StreamManager, taken},
    },
    Plans,
};
use crate::{
    error::{Error, ErrorKind, Result},
    schedule::{Entry, Now},
    spec::{Airing, Destination, Schedule, StreamId, StreamSpec},
    status::Reason,
    supervisor::Run,
};

/// A time at which a stream will be on the air.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Upcoming {
    /// The stream.
    pub id: StreamId,
    /// Whose it is.
    pub user: Option<String>,
    /// From when to when.
    pub airing: Airing,
}

impl StreamManager {
    /// Plans a stream: it is put on the air and taken off as its [schedule](StreamSpec::schedule) says. Returns what is on
    /// or comes first; `None` when nothing is left of the schedule, and nothing was planned.
    ///
    /// Each time the stream begins as the spec says; a start that fails is tried again as long as its time lasts, and told as
    /// [`StartFailed`](crate::EventKind::StartFailed). A stream that ends by itself, or is stopped, is back at its next
    /// window. Nothing begins or ends while the clock shows a time before 2020. Opens no source. Idempotent; cancel safe.
    ///
    /// # Errors
    /// `InvalidSpec`, also for a spec without a schedule; `NotAllowed`; `AlreadyExists` when another stream has the id, or
    /// this one another spec (naming the field); `Overlap` when another stream sends to the same place meanwhile (naming
    /// both; within 400 days); `LimitReached` when there will be no place for it (within 32 days; only where nobody
    /// [queues](crate::Admission::Queue)); `Closed`.
    pub async fn schedule(&self, spec: StreamSpec) -> Result<Option<Airing>> {
        self.schedule_for(Caller::Host, spec).await
    }

    pub(in crate::manager) async fn schedule_for(
        &self,
        caller: Caller<'_>,
        spec: StreamSpec,
    ) -> Result<Option<Airing>> {
        let id = self.check(&spec)?;
        if spec.schedule.is_none() {
            let detail = "it has no schedule; give its spec one, or `start` it";
            return Err(Error::new(ErrorKind::InvalidSpec, id.as_str(), detail));
        }
        let first = {
            let mut plans = self.0.timetable.plans();
            self.is_open()?;
            let now = self.0.timetable.now();
            let entry = match known(&plans, caller, &id, &spec)? {
                Some(entry) if entry.waits_for_keys() => entry.clone().with_spec(Arc::new(spec)),
                Some(entry) => return Ok(entry.now().or_else(|| entry.next())),
                None => {
                    self.check_free(caller, &id)?;
                    Entry::new(Arc::new(spec), now)
                }
            };
            let Some(first) = entry.now().or_else(|| entry.next()) else { return Ok(None) };
            self.check_clash(&plans, caller, &id, &entry, now)?;
            plans.put(id, entry, now);
            first
        };
        self.attend();
        self.remembered().await;
        Ok(Some(first))
    }

    /// Gives a planned stream another schedule. What is on the air and is wanted by that one as well goes on, and ends as it
    /// says; what is not wanted any more ends. Returns what is on or comes first; `None` when nothing is left. Cancel safe.
    ///
    /// # Errors
    /// `InvalidSpec`; `NotFound` when no stream of this id is planned; `Overlap` and `LimitReached` as
    /// [`schedule`](Self::schedule): the old schedule stays then.
    pub async fn reschedule(&self, id: &str, schedule: Schedule) -> Result<Option<Airing>> {
        self.reschedule_for(Caller::Host, id, schedule).await
    }

    pub(in crate::manager) async fn reschedule_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        schedule: Schedule,
    ) -> Result<Option<Airing>> {
        schedule.check()?;
        let mut left = None;
        self.change(caller, id, |entry, now| {
            let spec = StreamSpec::clone(&entry.spec).schedule(schedule);
            entry.reschedule(Arc::new(spec), now);
            left = entry.now().or_else(|| entry.next());
            Ok(())
        })?;
        self.remembered().await;
        Ok(left)
    }

    /// Lets what is on, or comes next, end later. Returns it. The windows after it stay as they are. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when no stream of this id is planned; `InvalidSpec` when it has no end; `Overlap` and `LimitReached` as
    /// [`schedule`](Self::schedule): it ends as before then.
    pub async fn extend(&self, id: &str, by: Duration) -> Result<Airing> {
        self.extend_for(Caller::Host, id, by).await
    }

    pub(in crate::manager) async fn extend_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        by: Duration,
    ) -> Result<Airing> {
        let endless = || Error::new(ErrorKind::InvalidSpec, id, "it has no end that could be later");
        let mut extended = None;
        self.change(caller, id, |entry, now| {
            let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
            entry.extend(by, now).ok_or_else(endless)?;
            extended = entry.now().or_else(|| entry.next());
            Ok(())
        })?;
        self.remembered().await;
        extended.ok_or_else(endless)
    }

    /// Drops the end of what is on, or comes next: from then on the stream is on the air until it is stopped. Returns
    /// whether there was one. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when no stream of this id is planned; `Overlap` and `LimitReached` as [`schedule`](Self::schedule): it
    /// ends as before then.
    pub async fn clear_end(&self, id: &str) -> Result<bool> {
        self.clear_end_for(Caller::Host, id).await
    }

    pub(in crate::manager) async fn clear_end_for(&self, caller: Caller<'_>, id: &str) -> Result<bool> {
        let mut had = false;
        self.change(caller, id, |entry, _| {
            had = entry.clear_end();
            Ok(())
        })?;
        self.remembered().await;
        Ok(had)
    }

    /// Takes a stream out of the plan. If it is on the air, it ends. Does not wait for that. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when no stream of this id is planned.
    pub async fn cancel(&self, id: &str) -> Result<()> {
        self.cancel_for(Caller::Host, id).await
    }

    pub(in crate::manager) async fn cancel_for(&self, caller: Caller<'_>, id: &str) -> Result<()> {
        {
            let mut plans = self.0.timetable.plans();
            let id = planned(&plans, caller, id)?;
            plans.agenda.remove(&id);
        }
        // Also one that was started by hand before its time.
        if let Ok(run) = self.find(caller, id) {
            run.stop(Reason::Stopped);
        }
        self.attend();
        self.remembered().await;
        Ok(())
    }

    /// Returns the next `count` times at which planned streams begin, the soonest first; what is on is in the status. For a longer look at one of them, with
    /// its zone and the changes of the clocks, see [`Schedule::preview`].
    pub fn upcoming(&self, count: usize) -> Vec<Upcoming> {
        self.upcoming_for(Caller::Host, count)
    }

    pub(in crate::manager) fn upcoming_for(&self, caller: Caller<'_>, count: usize) -> Vec<Upcoming> {
        let plans = self.0.timetable.plans();
        let now = self.0.timetable.now();
        let seen = plans.agenda.entries().filter(|(_, entry)| caller.may_see(&entry.spec));
        let mut next: Vec<_> =
            seen.filter_map(|(id, entry)| Some((entry.next()?.start, id, entry))).collect();
        next.sort_unstable_by_key(|(start, id, _)| (*start, *id));
        // Who is not among the first with its first is not with a later one either.
        next.truncate(count);
        let all = next.into_iter().flat_map(|(_, id, entry)| {
            let coming = entry.plan(now.wall).filter(|airing| airing.start > now.wall).take(count);
            coming.map(|airing| Upcoming { id: id.clone(), user: entry.spec.user.clone(), airing })
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by(|a, b| (a.airing.start, &a.id).cmp(&(b.airing.start, &b.id)));
        all.truncate(count);
        all
    }

    /// Changes an entry if it can be on the air as it is then.
    fn change(
        &self,
        caller: Caller<'_>,
        id: &str,
        change: impl FnOnce(&mut Entry, Now) -> Result<()>,
    ) -> Result<()> {
        {
            let mut plans = self.0.timetable.plans();
            self.is_open()?;
            let now = self.0.timetable.now();
            let id = planned(&plans, caller, id)?;
            let mut entry = plans.agenda.get(&id).cloned().ok_or_else(|| unplanned(id.as_str()))?;
            change(&mut entry, now)?;
            self.check_clash(&plans, caller, &id, &entry, now)?;
            plans.put(id, entry, now);
        }
        self.attend();
        Ok(())
    }

    /// Looks whether a stream may be started by hand.
    ///
    /// # Errors
    /// `AlreadyExists` when something else is planned under its id, `InvalidSpec` when its schedule does not have it on now,
    /// and what [`check_clash`](Self::check_clash) says.
    pub(in crate::manager) fn check_time(
        &self,
        caller: Caller<'_>,
        id: &StreamId,
        spec: &StreamSpec,
    ) -> Result<()> {
        let plans = self.0.timetable.plans();
        let now = self.0.timetable.now();
        let entry = match known(&plans, caller, id, spec)? {
            Some(entry) => entry.clone(),
            None if spec.schedule.is_none() && plans.agenda.is_empty() => return Ok(()),
            None => {
                if spec.schedule.is_some() {
                    self.check_free(caller, id)?;
                }
                Entry::new(Arc::new(spec.clone()), now)
            }
        };
        self.check_clash(&plans, caller, id, &wanted(entry, id, now)?, now)
    }

    /// The same for a spec that takes the place of a stream that runs.
    pub(in crate::manager) fn check_new_time(
        &self,
        caller: Caller<'_>,
        id: &StreamId,
        spec: &StreamSpec,
    ) -> Result<()> {
        let plans = self.0.timetable.plans();
        let now = self.0.timetable.now();
        let entry = wanted(Entry::new(Arc::new(spec.clone()), now), id, now)?;
        self.check_clash(&plans, caller, id, &entry, now)
    }

    /// Looks whether a stream that runs may go to another destination as well.
    pub(in crate::manager) fn check_new_destination(
        &self,
        caller: Caller<'_>,
        run: &Run,
        destination: &Destination,
    ) -> Result<()> {
        let plans = self.0.timetable.plans();
        if plans.agenda.is_empty() {
            return Ok(());
        }
        let now = self.0.timetable.now();
        let spec = Arc::new(run.spec.going_to(vec![Arc::new(destination.clone())]));
        let entry = match plans.agenda.get(&run.id) {
            Some(entry) => entry.clone().with_spec(spec),
            None => Entry::new(spec, now),
        };
        self.check_clash(&plans, caller, &run.id, &entry, now)
    }

    /// Enters a stream that was started by hand, if it is to be kept in mind. Ends it if something else was planned
    /// meanwhile.
    ///
    /// # Errors
    /// As [`check_time`](Self::check_time).
    pub(in crate::manager) fn enroll(
        &self,
        caller: Caller<'_>,
        run: &Arc<Run>,
        spec: &StreamSpec,
    ) -> Result<()> {
        if self.is_kept(spec) {
            // Before it is known: its end shall be heard.
            self.attend();
        }
        let entered = self.enter(caller, run, spec);
        if entered.is_err() {
            run.stop(Reason::Stopped);
        }
        self.0.timetable.changed.notify_one();
        entered
    }

    fn enter(&self, caller: Caller<'_>, run: &Arc<Run>, spec: &StreamSpec) -> Result<()> {
        let mut plans = self.0.timetable.plans();
        let now = self.0.timetable.now();
        let entry = match known(&plans, caller, &run.id, spec)? {
            Some(entry) if entry.waits_for_keys() => entry.clone().with_spec(Arc::new(spec.clone())),
            Some(entry) => entry.clone(),
            // Cancelled before anybody knew it, it leaves no plan either.
            None if run.is_stopping() || !self.is_kept(spec) => return Ok(()),
            None => Entry::new(Arc::new(spec.clone()), now),
        };
        let entry = wanted(entry, &run.id, now)?;
        self.check_clash(&plans, caller, &run.id, &entry, now)?;
        plans.adopt(run, entry, now);
        Ok(())
    }

    /// Enters a run that takes the place of another, whose end shall not count; or the same with another schedule.
    pub(in crate::manager) fn take_over(&self, run: &Arc<Run>, spec: StreamSpec) {
        {
            let mut plans = self.0.timetable.plans();
            let now = self.0.timetable.now();
            if self.is_kept(&spec) {
                let mut entry = Entry::new(Arc::new(spec), now);
                entry.want(now);
                plans.adopt(run, entry, now);
            } else {
                plans.agenda.remove(&run.id);
            }
        }
        self.attend();
    }

    /// Whether a stream is kept in mind at all.
    fn is_kept(&self, spec: &StreamSpec) -> bool {
        spec.schedule.is_some() || self.0.memory.is_some()
    }

    /// # Errors
    /// `AlreadyExists`.
    fn check_free(&self, caller: Caller<'_>, id: &StreamId) -> Result<()> {
        let registry = self.registry();
        let detail = match registry.find(id) {
            Some(run) if !caller.may_see(&run.spec) => return Err(taken(id)),
            Some(run) if run.ended_at().is_none() => {
                "a stream with this id runs with another `schedule`; use `replace` to change it, or stop it first"
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::AlreadyExists, id.as_str(), detail))
    }
}

impl Plans {
    /// Puts an entry into the agenda, in the place of what it was.
    pub(super) fn put(&mut self, id: StreamId, entry: Entry, now: Now) {
        self.places.add(&id, &entry.spec);
        self.agenda.put(id, entry, now);
        let agenda = &self.agenda;
        self.places.sweep(agenda.len(), |id| agenda.get(id).is_some());
    }

    /// Lets an entry be what this run is for.
    pub(super) fn adopt(&mut self, run: &Run, mut entry: Entry, now: Now) {
        entry.started(run.number);
        self.put(run.id.clone(), entry, now);
        self.forget(&run.id);
        self.settle(run, now);
    }

    /// Drops what was of use as long as a stream was wanted and did not run.
    pub(super) fn forget(&mut self, id: &StreamId) {
        self.comebacks.remove(id);
        self.failures.remove(id);
    }

    /// Enters the end of a run that has ended before anyone knew it.
    pub(super) fn settle(&mut self, run: &Run, now: Now) {
        // It is wanted as much as before: the host will be back.
        if run.ended_at().is_some() && run.why_stopping() != Some(Reason::ShutDown) {
            self.agenda.ended(&run.id, run.number, now);
        }
    }
}

/// What is planned under an id, if it is just this.
///
/// # Errors
/// `AlreadyExists` when it is not.
fn known<'a>(
    plans: &'a Plans,
    caller: Caller<'_>,
    id: &StreamId,
    spec: &StreamSpec,
) -> Result<Option<&'a Entry>> {
    let Some(entry) = plans.agenda.get(id) else { return Ok(None) };
    let refuse = |detail: String| Err(Error::new(ErrorKind::AlreadyExists, id.as_str(), detail));
    if !caller.may_see(&entry.spec) {
        return Err(taken(id));
    }
    let when = (entry.spec.schedule != spec.schedule).then_some("schedule");
    let keys_aside = entry.waits_for_keys().then(|| spec.with_keys_of(&entry.spec));
    match entry.spec.difference(keys_aside.as_ref().unwrap_or(spec)).or(when) {
        None => Ok(Some(entry)),
        Some("schedule") if entry.is_scheduled() && spec.schedule.is_some() => refuse(
            "a stream with this id is wanted with another `schedule`; use `reschedule` to change it"
                .to_owned(),
        ),
        Some(field) => refuse(format!(
            "a stream with this id is wanted with another `{field}`; `replace` it, or {} it first",
            if entry.is_scheduled() { "`cancel`" } else { "`stop`" }
        )),
    }
}

/// What a stream is wanted for when it is put on the air by hand.
///
/// # Errors
/// `InvalidSpec` when its time is not now.
fn wanted(mut entry: Entry, id: &StreamId, now: Now) -> Result<Entry> {
    entry.want(now);
    if entry.now().is_some() {
        return Ok(entry);
    }
    let detail = match entry.next() {
        Some(next) => format!(
            "its schedule does not have it on the air before {}; `schedule` waits for that",
            next.start
        ),
        None => "nothing is left of its schedule".to_owned(),
    };
    Err(Error::new(ErrorKind::InvalidSpec, id.as_str(), detail))
}

/// # Errors
/// `NotFound`.
fn planned(plans: &Plans, caller: Caller<'_>, id: &str) -> Result<StreamId> {
    let known = StreamId::parse(id).map_err(|_| unplanned(id))?;
    match plans.agenda.get(&known) {
        Some(entry) if caller.may_see(&entry.spec) && entry.is_scheduled() => Ok(known),
        _ => Err(unplanned(id)),
    }
}

fn unplanned(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, id, "no stream of this id is planned")
}
