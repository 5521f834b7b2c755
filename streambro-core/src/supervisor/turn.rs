//! A stream's way from its permit to its supervisor.

use std::sync::Arc;

use super::run::{LastWord, Run, Services, supervise};
use crate::{
    limits::Permit,
    source::Prepared,
    status::{Phase, Reason},
};

/// Runs a stream that has a permit: waits for its turn if that is not a place yet, then supervises it to its end.
///
/// Dropping the future ends the run and gives the permit back, even before it was polled for the first time.
pub(crate) fn run(
    run: Arc<Run>,
    source: Prepared,
    services: Arc<Services>,
) -> impl Future<Output = ()> + Send {
    let last_word = LastWord::of(&run, &services.bus);
    async move {
        let _last_word = last_word;
        let turn = run.permit().as_ref().filter(|permit| !permit.is_granted()).map(Permit::turn);
        if let Some(turn) = turn {
            tokio::select! {
                biased;
                reason = run.stop_wanted() => {
                    run.end(reason, "it was still waiting for a place", &services.bus);
                    return;
                }
                () = turn => {}
            }
        }
        // Nothing runs without a place: a `replace` may have taken it along.
        if !run.permit().as_ref().is_some_and(Permit::is_granted) {
            run.end(Reason::Stopped, "another run has taken its place", &services.bus);
            return;
        }
        if *run.phase().borrow() == Phase::Queued {
            run.pass_to(Phase::Preparing, None, "", &services.bus);
        }
        supervise(run, source, services).await;
    }
}

impl Run {
    /// Shows that it waits, if its permit is not a place yet.
    pub(crate) fn show_waiting(&self, services: &Services) {
        let position = self.permit().as_ref().and_then(Permit::position);
        if let Some((_, limit)) = position {
            let detail = limit.map_or_else(|| "it waits for its turn".to_owned(), |limit| limit.to_string());
            self.pass_to(Phase::Queued, Some(Reason::LimitReached), &detail, &services.bus);
        }
    }
}
