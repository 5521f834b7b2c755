//! Questions before a start: what would happen, and how much more fits.

use super::{
    open::{Learnt, work},
    place::cost,
    user::Caller,
    verbs::StreamManager,
};
use crate::{
    error::{Error, ErrorKind, Result},
    ffmpeg::EncoderReport,
    monitor::{Host, Root},
    plan::{
        self, Analysis, Capacity, Cost, Explanation, Finding, Machine, Plan, Question, Share, Verdict,
        analyze, differences, verdict,
    },
    source::Prepared,
    spec::{Destination, Encoder, OnMismatch, Platform, Source, StreamSpec, Video},
    status::Severity,
};

impl StreamManager {
    /// Says what [`start`](Self::start) would do with a spec now, and why: a dry run that takes no place and starts
    /// nothing.
    ///
    /// Of a playlist it looks at the first two items.
    ///
    /// It opens the source and measures all of it, which takes a fraction of a second for ten hours of film. For
    /// [`Encoder::Auto`] it tries the encoders, as [`encoders`](Self::encoders) does. Whether there is a place is asked at
    /// one moment: somebody else may take it before `start` is called. Cancel safe.
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
        let learnt = self.0.sources.learn(&spec.source, &spec.video).await?;
        let (road, mut findings) = plan::survey(spec, &learnt.known(), learnt.tools.is_ok());
        let misfits = self.misfits(spec, &learnt).await?;
        let fits = misfits.iter().all(|finding| finding.severity != Severity::Error);
        findings.extend(misfits);
        let Some(plan) = road.plan().filter(|_| fits) else {
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
        let cost = match learnt.examined.opened.clone().filter(|_| plan == Plan::Copy) {
            Some(opened) => cost(spec, &Prepared::Film(opened)),
            None => {
                let tls = spec.destinations.iter().map(|to| to.url.is_tls());
                let mut work = work(&spec.video, &road, &learnt);
                if work.encoder == Some(Encoder::Auto) {
                    work.encoder = self.auto(&spec.video).await?;
                }
                Cost::of(&work, tls)
            }
        };
        let demand = plan::demand(spec, &cost);
        self.weigh();
        let outlook = self.0.ledger.explain(&demand, spec.priority);
        Ok(Explanation {
            id,
            plan: Some(plan),
            findings,
            cost: Some(cost),
            limits: outlook.limits,
            verdict: if taken { Verdict::IdTaken } else { verdict(&outlook.prospect) },
            demand: Some(demand),
        })
    }

    /// What is in the way of joining the second item of a playlist to the first. Nothing where all are made alike.
    async fn misfits(&self, spec: &StreamSpec, first: &Learnt) -> Result<Vec<Finding>> {
        let made_alike = spec.video != Video::Copy || spec.source.on_mismatch() == OnMismatch::Render;
        let list = spec.source.list().filter(|_| !made_alike && spec.source.sound.is_none());
        let Some(second) = list.as_ref().and_then(|list| list.items.get(1)) else { return Ok(vec![]) };
        let second = self.0.sources.learn(&Source::file(&second.file), &spec.video).await?;
        Ok(differences(&first.known(), &second.known()))
    }

    /// The encoder that `Auto` stands for now, if one works.
    async fn auto(&self, video: &Video) -> Result<Option<Encoder>> {
        let Video::Encode(encode) = video else { return Ok(None) };
        let working = self.0.sources.workshop.working(encode).await?;
        let free = self.first_free(working.iter().copied(), None);
        Ok(working.get(free.map_or(0, |(at, _)| at)).copied())
    }

    /// Says how a source would be sent to a destination, what its platform would say to it, and how to encode it so that
    /// it is mended. Takes no place and starts nothing. Cancel safe.
    ///
    /// The platform is recognised by the destination's host; [`analyze_for`](Self::analyze_for) takes one by hand.
    ///
    /// # Errors
    /// `NotAllowed`, `SourceUnreadable`, `SourceInvalid`, `TimedOut`, `Host`, `Closed`; `SourceUnsupported` for a playlist and
    /// for what is none of the formats. A file that is understood but cannot be sent is an answer.
    pub async fn analyze(&self, source: &Source, destination: &Destination) -> Result<Analysis> {
        self.analyze_with(source, Platform::of(destination).as_ref()).await
    }

    /// The same for a platform, whatever the destination is.
    ///
    /// # Errors
    /// As [`analyze`](Self::analyze).
    pub async fn analyze_for(&self, source: &Source, platform: &Platform) -> Result<Analysis> {
        self.analyze_with(source, Some(platform)).await
    }

    async fn analyze_with(&self, source: &Source, platform: Option<&Platform>) -> Result<Analysis> {
        let wish = &Video::Copy;
        let learnt = self.0.sources.learn(source, wish).await?;
        let known = &learnt.known();
        let ffmpeg = learnt.tools.is_ok();
        Ok(analyze(&Question { wish, repeat: source.repeat, known, platform, ffmpeg }))
    }

    /// Tries every encoder, and says which of them work here and why the others do not, in the order in which
    /// [`Encoder::Auto`](crate::Encoder::Auto) takes them. What is known is not tried again. Cancel safe.
    ///
    /// # Errors
    /// `EncoderUnavailable` when there is no ffmpeg; `Host` when no thread can be started.
    pub async fn encoders(&self) -> Result<Vec<EncoderReport>> {
        self.0.sources.workshop.reports().await
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
