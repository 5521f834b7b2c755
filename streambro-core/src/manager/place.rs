//! What a start must pass: sound settings, and a place.

use super::verbs::StreamManager;
use crate::{
    error::{Error, ErrorKind, Result},
    limits::{Demand, Permit, Prospect, Refusal},
    monitor::{ProcessSample, Root},
    plan::{self, Cost, Facts},
    source::{Prepared, Rolls},
    spec::{Destination, Encoder, StreamId, StreamSpec},
    supervisor::Run,
};

impl StreamManager {
    pub(super) fn check(&self, spec: &StreamSpec) -> Result<StreamId> {
        let id = spec.check()?;
        for destination in &spec.destinations {
            self.check_destination(destination)?;
        }
        Ok(id)
    }

    pub(super) fn check_destination(&self, destination: &Destination) -> Result<()> {
        if let Err(why) = self.0.services.dialer.check(destination) {
            return Err(Error::new(ErrorKind::InvalidSpec, "trust", why));
        }
        for way in [Some(destination), destination.backup.as_deref()].into_iter().flatten() {
            // Names are checked when they are resolved; an address can be refused right here.
            let host = way.url.host();
            if let Ok(address) = host.parse()
                && !self.0.policy.permits(host, address)
            {
                let detail = "the destination policy does not allow this address";
                return Err(Error::new(ErrorKind::NotAllowed, way.label(), detail));
            }
        }
        Ok(())
    }

    /// Refuses at once what is certain to get no place, without opening its source.
    pub(super) fn glance(&self, spec: &StreamSpec) -> Result<()> {
        let least = plan::demand(spec, &Cost::default());
        match self.0.ledger.explain(&least, spec.priority).prospect {
            Prospect::Refused(refusal) => Err(refused(spec, &refusal)),
            _ => Ok(()),
        }
    }

    /// Takes a place or a turn, and settles with it which encoder comes first.
    pub(super) fn admit(&self, spec: &StreamSpec, prepared: &mut Prepared) -> Result<Permit> {
        self.pass_by(prepared, None);
        let demand = demand(spec, prepared);
        self.0.ledger.admit(demand, spec.priority).map_err(|refusal| refused(spec, &refusal))
    }

    /// Takes over the place or the turn of a run that is to be replaced, or gets a new one.
    pub(super) fn inherit(&self, old: &Run, spec: &StreamSpec, prepared: &mut Prepared) -> Result<Permit> {
        let mut held = old.permit();
        if let Some(permit) = held.as_ref() {
            self.pass_by(prepared, permit.session());
            let changed = permit.change(&demand(spec, prepared), spec.priority);
            changed.map_err(|refusal| refused(spec, &refusal))?;
        }
        match held.take() {
            Some(permit) => Ok(permit),
            None => self.admit(spec, prepared),
        }
    }

    /// Lets the encoders whose sessions are all taken come after the others: [`Auto`](crate::Encoder::Auto) takes what is
    /// free. Where there is no other, or nothing is free, everything stays as it is, and is refused or waits.
    ///
    /// Asked right before the place is taken, under the registry's lock: of many starts at once each sees what those before
    /// it took. One that then waits, for something else, stays with its encoder.
    fn pass_by(&self, prepared: &mut Prepared, held: Option<Encoder>) {
        let Prepared::Production(made) = prepared else { return };
        let ways = made.encoders();
        if let Some((at, passed)) = self.first_free(ways.iter().map(|(_, encoder)| *encoder), held)
            && at > 0
        {
            made.begin_with(ways[at].0, &passed.join("; "));
        }
    }

    /// The first of these encoders that has a session left, and why it is not one before it. The session that the asker
    /// holds already is free for it.
    pub(super) fn first_free(
        &self,
        encoders: impl IntoIterator<Item = Encoder>,
        held: Option<Encoder>,
    ) -> Option<(usize, Vec<String>)> {
        let mut passed = vec![];
        for (at, encoder) in encoders.into_iter().enumerate() {
            match self.0.ledger.lack_of_sessions(encoder).filter(|_| held != Some(encoder)) {
                Some(line) => passed.push(format!(
                    "{}: {} of {} sessions are taken",
                    encoder.name(),
                    line.used,
                    line.max.unwrap_or_default()
                )),
                None => return Some((at, passed)),
            }
        }
        None
    }

    /// Looks how much memory the process has, where that is limited.
    pub(super) fn weigh(&self) {
        if self.0.ledger.limits_process_memory()
            && let Some(own) = ProcessSample::own(&Root::default())
        {
            self.0.ledger.set_process_memory(own.resident_bytes);
        }
    }
}

/// What a stream of this spec and source asks for.
fn demand(spec: &StreamSpec, prepared: &Prepared) -> Demand {
    plan::demand(spec, &cost(spec, prepared))
}

/// What it takes to send a source as the spec says.
pub(super) fn cost(spec: &StreamSpec, prepared: &Prepared) -> Cost {
    let tls = spec.destinations.iter().map(|to| to.url.is_tls());
    match prepared {
        Prepared::Film(opened) | Prepared::Kept(opened, _) => {
            Cost::native(Facts::of(&opened.index, opened.len).bits_per_second, tls)
        }
        Prepared::Production(made) => Cost::of(&made.work, tls),
        Prepared::Lists(Rolls { work: Some(work), .. }) => Cost::of(work, tls),
        Prepared::Lists(rolls) => Cost::native(rolls.each().map(|roll| roll.bits_per_second()).sum(), tls),
    }
}

fn refused(spec: &StreamSpec, refusal: &Refusal) -> Error {
    let subject = refusal.limit.of.as_deref().unwrap_or(&spec.id);
    Error::new(ErrorKind::LimitReached, subject, refusal.to_string())
}
