//! A handle on one stream.

use std::{fmt, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    journal::LogLine,
    spec::StreamId,
    status::{Phase, Reason, StreamStatus},
    supervisor::Run,
};

/// A handle on one run of a stream. Cheap to clone; dropping it changes nothing.
#[derive(Clone)]
pub struct Stream(pub(super) Arc<Run>);

impl Stream {
    /// Returns the stream's name.
    pub fn id(&self) -> &StreamId {
        &self.0.id
    }

    /// Returns what is known of it now. Never blocks on media.
    pub fn status(&self) -> StreamStatus {
        self.0.status()
    }

    /// Returns the latest lines of its log, oldest first. There are none once it is forgotten, as
    /// [`Builder::keep_ended`](super::Builder::keep_ended) says, or its next run has taken them over.
    pub fn logs(&self) -> Vec<LogLine> {
        self.0.logs()
    }

    /// Wants it to end. Idempotent; does not wait: see [`ended`](Self::ended).
    pub fn stop(&self) {
        self.0.stop(Reason::Stopped);
    }

    /// Waits until the stream is in `phase`.
    ///
    /// Waits for as long as it takes: with a wrong key for ever, and for `Live` until every destination is on the air.
    /// Put a timeout around it, and look at [`status`](Self::status) for the reason. Cancel safe.
    ///
    /// # Errors
    /// `Ended` when the stream ends without having come there.
    pub async fn wait_for(&self, phase: Phase) -> Result<()> {
        let mut phases = self.0.phase();
        let reached = phases.wait_for(|now| *now == phase || *now == Phase::Ended).await;
        let reached = reached.map_or(Phase::Ended, |now| *now);
        if reached == phase {
            return Ok(());
        }
        let status = self.status();
        let why = [status.reason.map_or("", Reason::name), &status.detail].map(str::to_owned);
        let why = why.into_iter().filter(|words| !words.is_empty()).map(|words| format!(": {words}"));
        let says = format!("the stream ended before it was {}{}", phase.name(), why.collect::<String>());
        Err(Error::new(ErrorKind::Ended, self.id().as_str(), says))
    }

    /// Waits until the stream has ended and returns its last status.
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> StreamStatus {
        // The sender lives in the run, which this handle holds.
        let _ = self.0.phase().wait_for(|phase| *phase == Phase::Ended).await;
        self.status()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(self.id()).finish()
    }
}
