//! Destinations that come and go while a stream is on the air.

use std::sync::Arc;

use super::{user::Caller, verbs::StreamManager};
use crate::{
    error::{Error, ErrorKind, Result},
    limits::Demand,
    plan::{self, Cost},
    spec::{Destination, MAX_DESTINATIONS, StreamSpec},
    supervisor::{OutletRefusal, Run},
};

impl StreamManager {
    /// Adds a destination to a stream that runs, and returns its number. The others do not notice; it joins them at the next
    /// keyframe. Does not wait for media.
    ///
    /// # Errors
    /// `InvalidSpec` for settings that make no sense, a destination that the stream has already, and more than 32;
    /// `NotAllowed` when the policy does not allow it; `LimitReached` when there is no place for what it takes; `NotFound`
    /// when there is no such stream; `Ended` when it is over.
    pub fn add_destination(&self, id: &str, destination: Destination) -> Result<usize> {
        self.add_destination_for(Caller::Host, id, destination)
    }

    pub(super) fn add_destination_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        destination: Destination,
    ) -> Result<usize> {
        let run = self.going(caller, id)?;
        destination.check()?;
        self.check_destination(&destination)?;
        self.check_new_destination(caller, &run, &destination)?;
        self.weigh();
        let destination = Arc::new(destination);
        let permit = run.permit();
        if permit.is_none() && run.is_settled() {
            let detail = "the stream is being replaced; add it to the new one";
            return Err(Error::new(ErrorKind::Ended, id, detail));
        }
        let held = permit.as_ref().map(|permit| (permit, permit.demand()));
        let share = held.as_ref().map(|(_, demand)| share(&run.wanted(), demand, &destination));
        if let (Some((permit, demand)), Some(share)) = (&held, &share) {
            let changed = permit.change(&demand.clone().with(share), run.spec.priority);
            changed.map_err(|refusal| {
                Error::new(ErrorKind::LimitReached, destination.label(), refusal.to_string())
            })?;
        }
        let leg = run.add_outlet(&destination).map_err(|refusal| {
            if let Some((permit, demand)) = &held {
                // As it was: that is never refused.
                let _ = permit.change(demand, run.spec.priority);
            }
            refused(refusal, &destination.label())
        })?;
        // The plans come before it, never after.
        drop(permit);
        self.0.timetable.follow(&run);
        Ok(leg)
    }

    /// Takes a destination away from a stream that runs: it says goodbye, and the others do not notice. Its number may be
    /// given to another one then.
    ///
    /// # Errors
    /// `NotFound` when there is no such stream or destination; `InvalidSpec` for the last one: stop the stream instead;
    /// `Ended` when it is over.
    pub fn remove_destination(&self, id: &str, leg: usize) -> Result<()> {
        self.remove_destination_for(Caller::Host, id, leg)
    }

    pub(super) fn remove_destination_for(&self, caller: Caller<'_>, id: &str, leg: usize) -> Result<()> {
        let run = self.going(caller, id)?;
        let permit = run.permit();
        let before = run.wanted();
        let demand = permit.as_ref().map(|permit| permit.demand());
        let destination =
            run.remove_outlet(leg).map_err(|refusal| refused(refusal, &format!("destination {leg}")))?;
        if let (Some(permit), Some(demand)) = (permit.as_ref(), demand) {
            let share = share(&before, &demand, &destination);
            // Less is never refused.
            let _ = permit.change(&demand.without(&share), run.spec.priority);
        }
        drop(permit);
        self.0.timetable.follow(&run);
        Ok(())
    }

    /// Lets a destination of a stream rest, or puts it on the air again: with fresh retries, if it was given up. It keeps its
    /// place while it rests; the others do not notice. Idempotent.
    ///
    /// # Errors
    /// `NotFound` when there is no such stream or destination; `Ended` when the stream is over.
    pub fn enable_destination(&self, id: &str, leg: usize, on: bool) -> Result<()> {
        self.enable_destination_for(Caller::Host, id, leg, on)
    }

    pub(super) fn enable_destination_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        leg: usize,
        on: bool,
    ) -> Result<()> {
        let run = self.going(caller, id)?;
        run.enable_outlet(leg, on).map_err(|refusal| refused(refusal, &format!("destination {leg}")))
    }

    /// Makes the connection of a destination anew at the next keyframe, after the pause of its
    /// [`Rotation`](crate::Rotation), if it has one. Does nothing to one that is not on the air.
    ///
    /// # Errors
    /// `NotFound` when there is no such stream or destination; `Ended` when the stream is over.
    pub fn rotate_destination(&self, id: &str, leg: usize) -> Result<()> {
        self.rotate_destination_for(Caller::Host, id, leg)
    }

    pub(super) fn rotate_destination_for(&self, caller: Caller<'_>, id: &str, leg: usize) -> Result<()> {
        let run = self.going(caller, id)?;
        run.rotate_outlet(leg).map_err(|refusal| refused(refusal, &format!("destination {leg}")))
    }

    fn going(&self, caller: Caller<'_>, id: &str) -> Result<Arc<Run>> {
        let run = self.find(caller, id)?;
        if run.ended_at().is_some() || run.is_stopping() {
            return Err(Error::new(ErrorKind::Ended, id, "the stream is over; start it again"));
        }
        Ok(run)
    }
}

/// What one destination takes of a stream that asks for so much: all of them get the same.
fn share(spec: &StreamSpec, demand: &Demand, destination: &Arc<Destination>) -> Demand {
    let each = demand.bits_per_second / (spec.destinations.len() as u64).max(1);
    let mut cost = Cost::native(each, [destination.url.is_tls()]);
    // The file is open already.
    cost.descriptors -= 1;
    let alone = spec.going_to(vec![Arc::clone(destination)]);
    plan::demand(&alone, &cost)
}

fn refused(refusal: OutletRefusal, subject: &str) -> Error {
    match refusal {
        OutletRefusal::Missing => {
            Error::new(ErrorKind::NotFound, subject, "the stream has no such destination")
        }
        OutletRefusal::Taken => {
            Error::new(ErrorKind::InvalidSpec, subject, "the stream has a destination with this URL and key")
        }
        OutletRefusal::TooMany => {
            let detail = format!(
                "at most {MAX_DESTINATIONS} destinations per stream, those that say goodbye included"
            );
            Error::new(ErrorKind::InvalidSpec, subject, detail)
        }
        OutletRefusal::Last => Error::new(
            ErrorKind::InvalidSpec,
            subject,
            "it is the last one: stop the stream instead, or disable it",
        ),
    }
}
