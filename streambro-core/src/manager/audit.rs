//! What the registry believes against what is there.

use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::verbs::StreamManager;
use crate::{
    spec::StreamId,
    status::{LegPhase, Phase},
};

/// Between two looks at something that does not add up: it may just be on its way.
const AGAIN: Duration = Duration::from_millis(50);
/// For how long a mismatch may be on its way while nobody says goodbye.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is there, counted apart from the registry, and where the two differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Audit {
    /// Streams that have not ended.
    pub streams: usize,
    /// Places that are taken.
    pub places: usize,
    /// Tasks of streams that are alive.
    pub tasks: usize,
    /// Connections to servers that are open.
    pub connections: usize,
    /// Threads that read from disks. One without work goes after 5 s.
    pub disk_threads: usize,
    /// Where belief and fact differ. Empty is healthy.
    pub findings: Vec<AuditFinding>,
}

/// One difference between what a manager believes and what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AuditFinding {
    /// What does not add up.
    pub what: Mismatch,
    /// Which stream, where it is one.
    pub stream: Option<StreamId>,
    /// The same in words.
    pub detail: String,
}

/// What does not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mismatch {
    /// Places are taken that no stream holds: they are lost to every later start.
    Places,
    /// A stream without a task, or a task without a stream.
    Tasks,
    /// Connections that no destination knows of, or the other way round.
    Connections,
    /// A thread waits for a disk although nothing plays: a mount that does not answer.
    DiskThreads,
    /// Streams run, but nobody measures them.
    Monitor,
}

impl StreamManager {
    /// Compares what the registry believes with what is there: places, tasks, connections, disk threads and the monitor.
    ///
    /// Returns at once when all is well. What differs is looked at again for half a second, or until goodbyes under way
    /// must be over, because starts and stops are seen halfway; only what stays is a finding. Cheap (a few
    /// microseconds a stream); changes nothing. Cancel safe.
    pub async fn audit(&self) -> Audit {
        let (mut audit, leaving) = self.look();
        let patience = if leaving { self.0.services.times.goodbye * 2 + PATIENCE } else { PATIENCE };
        let mut waited = Duration::ZERO;
        while !audit.findings.is_empty() && waited < patience {
            sleep(AGAIN).await;
            waited += AGAIN;
            let before = audit.findings;
            audit = self.look().0;
            // What comes and goes is work under way.
            let stays = |finding: &AuditFinding| {
                before.iter().any(|old| (old.what, &old.stream) == (finding.what, &finding.stream))
            };
            audit.findings.retain(stays);
        }
        audit
    }

    /// One look, and whether streams that are no longer in the registry still say goodbye.
    fn look(&self) -> (Audit, bool) {
        let inner = &self.0;
        let registry = self.registry();
        let mut audit = Audit::default();
        let (mut held, mut known, mut on_air, mut connecting) = (0, 0, 0, 0);
        let mut findings = vec![];
        let mut find = |what, stream: Option<&StreamId>, detail: String| {
            findings.push(AuditFinding { what, stream: stream.cloned(), detail });
        };
        for entry in registry.streams.values() {
            let status = entry.run.status();
            let (ended, id) = (status.phase == Phase::Ended, Some(&status.id));
            let alive = entry.task.as_ref().map(|task| !task.is_finished());
            held += usize::from(entry.run.holds_place());
            known += usize::from(alive == Some(true));
            audit.streams += usize::from(!ended);
            match alive {
                Some(false) if !ended => {
                    find(Mismatch::Tasks, id, format!("it is {:?}, but its task is gone", status.phase));
                }
                Some(true) if ended => {
                    find(Mismatch::Tasks, id, "it has ended, but its task is alive".to_owned());
                }
                _ => {}
            }
            for leg in &status.legs {
                match leg.phase {
                    LegPhase::Publishing | LegPhase::Live | LegPhase::Lagging => on_air += 1,
                    LegPhase::Connecting => connecting += 1,
                    LegPhase::Waiting | LegPhase::Disabled | LegPhase::Ended => {}
                }
            }
        }
        let measured = registry.monitor.as_ref().is_some_and(|task| !task.is_finished());
        // Still under the lock: nothing is launched or replaced between the two sides of a comparison.
        audit.places = inner.ledger.places();
        audit.tasks = inner.services.tasks.len();
        audit.connections = inner.services.dialer.connections();
        let (threads, busy) = inner.services.disks.threads();
        drop(registry);
        audit.disk_threads = threads;

        let leaving = audit.tasks.saturating_sub(known);
        if leaving > 0 {
            find(Mismatch::Tasks, None, format!("{leaving} tasks are alive that belong to no stream"));
        }
        if audit.places.saturating_sub(held) > leaving {
            let (taken, lost) = (audit.places, audit.places - held);
            find(
                Mismatch::Places,
                None,
                format!("{taken} places are taken, but {lost} of them by no stream"),
            );
        }
        if audit.connections < on_air || audit.connections > on_air + connecting {
            let (open, most) = (audit.connections, on_air + connecting);
            let detail = format!("{open} connections are open, but destinations know of {on_air} to {most}");
            find(Mismatch::Connections, None, detail);
        }
        if known == 0 && busy > 0 {
            let detail =
                format!("{busy} threads wait for a disk, but nothing plays; is a mount out of reach?");
            find(Mismatch::DiskThreads, None, detail);
        }
        if known > 0 && !measured && inner.monitor.is_on() {
            find(Mismatch::Monitor, None, "streams run, but the monitor's task is gone".to_owned());
        }
        (Audit { findings, ..audit }, leaving > 0)
    }

    /// Takes a place and never gives it back, so that a test can see it found.
    ///
    /// # Errors
    /// `LimitReached` when there is none left.
    #[cfg(feature = "test-hooks")]
    #[doc(hidden)]
    pub fn leak_place(&self) -> crate::Result<()> {
        let refused = |refusal: crate::limits::Refusal| {
            crate::Error::new(crate::ErrorKind::LimitReached, "test", refusal.to_string())
        };
        self.0.ledger.admit(crate::limits::Demand::default(), 0).map(std::mem::forget).map_err(refused)
    }
}
