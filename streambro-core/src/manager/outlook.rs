//! Questions before a start: what would happen, and how much more fits.

use super::{place::cost, user::Caller, verbs::StreamManager};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{format::Format, probe::Container},
    monitor::{Host, Root},
    plan::{self, Capacity, Explanation, Known, Machine, Share, Verdict, verdict},
    source::Prepared,
    spec::StreamSpec,
};

impl StreamManager {
    /// Says what [`start`](Self::start) would do with a spec now, and why: a dry run that takes no place and starts
    /// nothing.
    ///
    /// It opens the source and measures all of it, which takes a fraction of a second for ten hours of film. Whether there
    /// is a place is asked at one moment: somebody else may take it before `start` is called. Cancel safe.
    ///
    /// # Errors
    /// What is wrong with the settings or the file, as `start` has it: `InvalidSpec`, `NotAllowed`, `SourceUnreadable`,
    /// `SourceInvalid`, `TimedOut`, `Host`, `Closed`; `SourceUnsupported` only when it is neither MP4 nor FLV. A file that
    /// is understood but cannot be sent, an id that is taken and a limit that is in the way are answers, not errors.
    pub async fn explain(&self, spec: &StreamSpec) -> Result<Explanation> {
        self.explain_for(Caller::Host, spec).await
    }

    pub(super) async fn explain_for(&self, caller: Caller<'_>, spec: &StreamSpec) -> Result<Explanation> {
        let id = self.check(spec)?;
        let taken = self.is_taken(caller, &id)?;
        let patience = self.0.services.times.survey;
        let (probe, opened) = self.0.shelf.inspect(&spec.source.file, patience).await?;
        let flv = probe.info.as_ref().is_some_and(|info| info.container == Container::Flv);
        let format = if flv { Format::Flv } else { Format::Mov };
        let known = Known { format, probe: Some(&probe), foreign: None };
        let (road, findings) = plan::survey(spec, &known, false);
        let Some(opened) = opened.filter(|_| road.plan().is_some()) else {
            return Ok(Explanation {
                id,
                plan: None,
                findings,
                cost: None,
                limits: vec![],
                verdict: Verdict::Unsupported,
                demand: None,
            });
        };
        let cost = cost(spec, &Prepared::Film(opened));
        let demand = plan::demand(spec, &cost);
        self.weigh();
        let outlook = self.0.ledger.explain(&demand, spec.priority);
        Ok(Explanation {
            id,
            plan: road.plan(),
            findings,
            cost: Some(cost),
            limits: outlook.limits,
            verdict: if taken { Verdict::IdTaken } else { verdict(&outlook.prospect) },
            demand: Some(demand),
        })
    }

    /// Counts how many more streams fit: of one kind, or of a mix that comes in rounds.
    ///
    /// What counts is the machine's free memory beyond the [reserve](crate::Builder::memory_reserve), its idle CPU, the
    /// process's file descriptors and the manager's own limits. What each stream takes is an estimate, and others use the
    /// machine as well: take the answer for a plan, not for a promise. The bandwidth of the port counts if
    /// [`max_bandwidth`](crate::Builder::max_bandwidth) says what it is.
    ///
    /// Reads a few small files of the system; does not wait.
    ///
    /// # Errors
    /// `InvalidSpec` for a mix without a stream; `Host` when the system does not tell about itself.
    pub fn capacity(&self, mix: &[Share]) -> Result<Capacity> {
        if mix.iter().all(Share::is_nothing) {
            let detail = "name at least one kind of stream with a weight of 1 or more";
            return Err(Error::new(ErrorKind::InvalidSpec, "mix", detail));
        }
        self.weigh();
        let uses = self.0.ledger.uses(mix.iter().map(Share::demand));
        Ok(plan::capacity(&machine(&Host::quick(&Root::default()))?, self.0.reserve, mix, &uses))
    }
}

/// What counts of a host for how much fits on it.
///
/// The load is that of the last minute; it counts what waits for a disk as well. It is the whole machine's: where this
/// process may use a part of it only, it is taken to be spread evenly.
fn machine(host: &Host) -> Result<Machine> {
    if host.memory_bytes == 0 {
        return Err(Error::new(
            ErrorKind::Host,
            "machine",
            "the system does not tell how much memory there is",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cores and a load; saturates"
    )]
    let micro = |cores: f64| (cores * 1e6) as u64;
    Ok(Machine {
        memory_available: host.memory_available_bytes,
        microcores: micro(host.cpus),
        microcores_used: micro(host.load[0] * (host.cpus / host.cpus_online.max(host.cpus)).min(1.0)),
        bandwidth_free: None,
        descriptors: host.descriptors,
        descriptors_used: host.descriptors_used,
    })
}
