//! The one task that measures a manager's streams now and then.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::verbs::{Inner, StreamManager};
use crate::{
    clock,
    event::{Bus, EventKind},
    monitor::{
        Alarm, AlertAction, Alerts, Change, ProcessSample, Root,
        meter::{self, Moved, Spent},
    },
    status::{Phase, Reason, Resource, Usage},
    supervisor::Run,
};

/// Between two looks. Long enough to cost nothing, short enough to see a leak before it hurts.
const EVERY: Duration = Duration::from_secs(30);

/// The process's memory rings above this part of what it may hold, while there is still time to act.
const PROCESS_RINGS_AT: f64 = 0.9;

/// What is measured, how often, and what is too much.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Zero measures nothing.
    pub(super) every: Duration,
    pub(super) alerts: Alerts,
    pub(super) max_process_memory: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: EVERY, alerts: Alerts::default(), max_process_memory: None }
    }
}

/// A manager's measurements.
///
/// Reads one small file of /proc and a clock at each sample, whatever the number of streams (under 0.1 ms, measured), so
/// it does that on the runtime's thread. What may take longer (PSS, control groups) is not read here.
#[derive(Debug)]
pub(super) struct Monitor {
    settings: Settings,
    /// What the process held before there was any stream.
    before: ProcessSample,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    sample: ProcessSample,
    at: Instant,
    usage: Option<Usage>,
    alarm: Alarm,
}

impl Monitor {
    pub(super) fn new(settings: Settings) -> Self {
        let before = ProcessSample::own(&Root::default()).unwrap_or_default();
        let last = Last { sample: before, at: Instant::now(), usage: None, alarm: Alarm::default() };
        Self { settings, before, last: Mutex::new(last) }
    }

    /// The task that measures, to be spawned when the first stream begins; `None` when nothing shall be measured.
    pub(super) fn task(&self, manager: &Arc<Inner>) -> Option<impl Future<Output = ()> + Send + use<>> {
        if !self.is_on() {
            return None;
        }
        let mut last = self.last();
        if let Some(sample) = ProcessSample::own(&Root::default()) {
            (last.sample, last.at) = (sample, Instant::now());
        }
        Some(measure(Arc::downgrade(manager), self.settings.every))
    }

    /// Whether anything shall be measured.
    pub(super) fn is_on(&self) -> bool {
        !self.settings.every.is_zero()
    }

    /// What the whole process used, if a sample was taken.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.last().usage
    }

    /// Measures every run and acts on what is too much.
    fn sample(&self, runs: &[Arc<Run>], bus: &Bus) {
        // Nothing can be said without it; the next sample covers this interval too.
        let Some(sample) = ProcessSample::own(&Root::default()) else { return };
        let now = Instant::now();
        let mut last = self.last();
        let spent = Spent {
            over: now.saturating_duration_since(last.at),
            cpu: Duration::from_millis(sample.cpu_ms.saturating_sub(last.sample.cpu_ms)),
            memory_bytes: sample.anonymous_bytes.saturating_sub(self.before.anonymous_bytes),
            unix_ms: clock::unix_ms(),
        };
        let moved: Vec<Moved> = runs.iter().map(|run| run.gauge.advance(run.bytes(), now)).collect();
        let usages = meter::shares(&spent, &moved);
        let bits = usages.iter().fold(0, |sum: u64, usage| sum.saturating_add(usage.bits_per_second));
        let cpu = meter::percent(spent.cpu, spent.over);
        (last.sample, last.at) = (sample, now);
        last.usage = Some(Usage::new(cpu, sample.resident_bytes, bits, spent.unix_ms));
        let rings = self.settings.max_process_memory.and_then(|most| {
            let (value, threshold) = (sample.resident_bytes as f64, most as f64 * PROCESS_RINGS_AT);
            let began = last.alarm.observe(value, threshold, self.settings.alerts.hold)?;
            Some(Change { what: Resource::ProcessMemory, value, threshold, began })
        });
        drop(last);
        if let Some(change) = rings {
            tracing::warn!(bytes = change.value, began = change.began, "memory of the process");
            bus.announce(alert(change));
        }
        for ((run, usage), moved) in runs.iter().zip(usages).zip(moved) {
            let usage = with_child(run, usage, moved);
            run.gauge.show(usage);
            // While a stream connects anew nothing is known of its share: an alert neither begins nor ends.
            if moved.bytes > 0 {
                self.judge(run, &usage, bus);
            }
        }
    }

    fn judge(&self, run: &Arc<Run>, usage: &Usage, bus: &Bus) {
        let mut began = false;
        for change in run.gauge.judge(usage, &self.settings.alerts) {
            tracing::warn!(stream = %run.id, what = ?change.what, value = change.value, began = change.began, "usage");
            bus.emit(&run.id, run.spec.user.as_deref(), alert(change));
            began |= change.began;
        }
        match self.settings.alerts.action {
            AlertAction::Restart if began => run.renew(),
            AlertAction::Stop if began => {
                run.stop(Reason::OverLimit);
            }
            _ => {}
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        // Plain figures: whole at every instant.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what the stream's ffmpeg has used, where there is one: that is measured, and most of it.
fn with_child(run: &Run, usage: Usage, moved: Moved) -> Usage {
    let Some(child) = run.child() else { return usage };
    let Some(sample) = ProcessSample::whole(&Root::default(), child.pid) else { return usage };
    let used = Duration::from_millis(run.gauge.advance_child((child.pid, child.started), sample.cpu_ms));
    Usage {
        cpu_percent: usage.cpu_percent + meter::percent(used, moved.over),
        memory_bytes: usage.memory_bytes.saturating_add(sample.memory_bytes()),
        estimated: false,
        ..usage
    }
}

fn alert(change: Change) -> EventKind {
    let Change { what, value, threshold, began } = change;
    EventKind::Alert { what, value, threshold, began }
}

/// Measures until there is no stream or no manager left. Holds neither meanwhile.
async fn measure(manager: Weak<Inner>, every: Duration) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Some(inner) = manager.upgrade() else { return };
        let Some(mut watched) = StreamManager(inner).watch_one() else { return };
        tokio::select! {
            _ = ticks.tick() => {
                let Some(inner) = manager.upgrade() else { return };
                StreamManager(inner).measure();
            }
            // That one is gone: look for another, or leave with the last.
            () = ended(&mut watched) => {}
        }
    }
}

async fn ended(phase: &mut watch::Receiver<Phase>) {
    let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
}

impl StreamManager {
    fn measure(&self) {
        self.weigh();
        self.0.monitor.sample(&self.running(), &self.0.services.bus);
        #[cfg(feature = "metrics")]
        self.publish_metrics();
    }

    /// One stream whose end is worth waiting for.
    fn watch_one(&self) -> Option<watch::Receiver<Phase>> {
        let watched = self.watch_one_or_leave();
        #[cfg(feature = "metrics")]
        if watched.is_none() {
            // So that no recorder shows for ever what streams once used.
            self.publish_metrics();
        }
        watched
    }

    /// Returns what the whole process used over the monitor's last interval; `None` before the first sample.
    ///
    /// Memory is what is resident. What each stream used is in its status.
    pub fn usage(&self) -> Option<Usage> {
        self.0.monitor.usage()
    }
}
