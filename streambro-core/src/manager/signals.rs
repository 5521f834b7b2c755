//! The helper for hosts that have no signal handling of their own. Nothing here runs unless it is called.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::verbs::StreamManager;
use crate::error::{Error, ErrorKind, Result};

/// The signal that asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndSignal {
    /// SIGTERM.
    Terminate,
    /// SIGINT, as from Ctrl-C.
    Interrupt,
}

impl EndSignal {
    /// The exit code that shells expect of a program which this signal ended: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Terminate => 128 + 15,
            Self::Interrupt => 128 + 2,
        }
    }
}

/// Waits for SIGTERM or SIGINT, then [shuts the manager down](StreamManager::shutdown) within `grace` and returns which
/// one came.
///
/// From the first call on the process handles both signals through tokio, for good: their default, which is to end the
/// process, does not come back when the future is dropped or done. A host that handles signals itself calls `shutdown`
/// instead. A second signal during the shutdown ends what is left at once.
///
/// Dropped before a signal has come, it has done nothing else; dropped later, the streams go on ending.
///
/// # Errors
/// `Host` when the system refuses the handlers.
///
/// # Panics
/// Outside a tokio runtime with its I/O driver on.
pub async fn shutdown_on_signals(manager: &StreamManager, grace: Duration) -> Result<EndSignal> {
    let refused = |error: std::io::Error| {
        Error::new(ErrorKind::Host, "signals", format!("they cannot be handled: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let came = tokio::select! {
        _ = terminate.recv() => EndSignal::Terminate,
        _ = interrupt.recv() => EndSignal::Interrupt,
    };
    tracing::info!(signal = ?came, "shutting down");
    tokio::select! {
        () = manager.shutdown(grace) => {}
        _ = terminate.recv() => manager.shutdown(Duration::ZERO).await,
        _ = interrupt.recv() => manager.shutdown(Duration::ZERO).await,
    }
    Ok(came)
}
