//! What many streams do when their server vanishes.

use std::time::{Duration, Instant};

use serde::Serialize;
use streambro_core::{EventKind, LegPhase, Phase, StreamManager};
use tokio::task::JoinHandle;

use super::{
    Failure,
    fleet::Fleet,
    process::{Moment, settle},
    server::Server,
    sink::Order,
    stats::busiest_second,
};

/// How long all streams may take to be live again.
const PATIENCE: Duration = Duration::from_secs(120);
/// Events that may wait to be read: the reader has nothing else to do.
const EVENTS: usize = 65_536;

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Outage {
    /// How long the server was away.
    pub seconds: u64,
    /// From the server's return until every stream was live; `None` when they were not in time.
    pub back_seconds: Option<f64>,
    /// Streams that were live at the end.
    pub live: usize,
    /// Attempts to connect from the beginning of the outage, as the sender tells them.
    pub attempts: usize,
    /// The most of them in any one second.
    pub attempts_in_a_second: usize,
    /// Attempts that the sender may have made unseen: events that were lost.
    pub unseen: u64,
    /// The sender before the outage.
    pub before: Moment,
    /// The sender once all were live again and had settled.
    pub after: Moment,
}

impl Outage {
    /// Takes the server away for so many seconds, and waits until all streams are back.
    ///
    /// # Errors
    /// When the sink dies.
    pub async fn run(seconds: u64, fleet: &Fleet, server: &mut Server) -> Result<Self, Failure> {
        let before = Moment::now();
        let watch = Attempts::watch(&fleet.manager);
        server.order(Order::Leave).await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        server.order(Order::Return).await?;
        let clock = Instant::now();
        let back = tokio::time::timeout(PATIENCE, all_live(fleet)).await;
        let back_seconds = back.is_ok().then(|| clock.elapsed().as_secs_f64());
        let after = settle().await;
        let live = fleet.streams.iter().filter(|stream| stream.status().phase == Phase::Live).count();
        let (times, unseen) = watch.stop().await?;
        Ok(Self {
            seconds,
            back_seconds,
            live,
            attempts: times.len(),
            attempts_in_a_second: busiest_second(&times),
            unseen,
            before,
            after,
        })
    }
}

/// All at one moment: those that came back first may have gone again.
async fn all_live(fleet: &Fleet) {
    let is_live = |stream: &streambro_core::Stream| stream.status().phase == Phase::Live;
    while !fleet.streams.iter().all(is_live) {
        for stream in &fleet.streams {
            // A stream that has ended is never live again; the timeout around this says so.
            if stream.wait_for(Phase::Live).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Counts attempts from the manager's events.
struct Attempts {
    task: JoinHandle<(Vec<u64>, u64)>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Attempts {
    fn watch(manager: &StreamManager) -> Self {
        let mut events = manager.subscribe(EVENTS);
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let (mut times, mut unseen) = (vec![], 0);
            loop {
                let event = tokio::select! {
                    biased;
                    event = events.next() => event,
                    _ = &mut stopped => None,
                };
                let Some(event) = event else { return (times, unseen) };
                match event.kind {
                    EventKind::Leg { phase: LegPhase::Connecting, .. } => times.push(event.unix_ms),
                    EventKind::Missed { count, .. } => unseen += count,
                    _ => {}
                }
            }
        });
        Self { task, stop }
    }

    async fn stop(self) -> Result<(Vec<u64>, u64), Failure> {
        // It may have ended with the manager.
        let _ = self.stop.send(());
        Ok(self.task.await?)
    }
}
