//! Asks ffprobe what is in a file that the native readers do not read, or that is to be encoded.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::shelf::Gated;
use crate::{
    error::{Error, ErrorKind, Result},
    ffmpeg::{Exit, Launch, LaunchError, Process, SandboxPlan},
    media::foreign::{self, Foreign, MAX_JSON},
};

/// Asks. Cancel safe: dropped, it ends ffprobe.
///
/// # Errors
/// `EncoderUnavailable` when there is no ffprobe, `Host` when it cannot be started, `SourceInvalid` when it understands
/// nothing of the file, `TimedOut` after `patience`.
pub(crate) async fn measure(
    ffprobe: &Path,
    gated: &Gated,
    sandbox: SandboxPlan,
    name: &str,
    patience: Duration,
) -> Result<Foreign> {
    let mut launch = Launch::new(ffprobe, foreign::arguments(gated.format));
    launch.input = Some(Arc::clone(&gated.file));
    launch.sandbox = sandbox;
    let late = |_| {
        let detail = format!("ffprobe did not understand the file within {} s", patience.as_secs());
        Error::new(ErrorKind::TimedOut, name, detail)
    };
    timeout(patience, ask(launch, gated, name)).await.map_err(late)?
}

async fn ask(launch: Launch, gated: &Gated, name: &str) -> Result<Foreign> {
    let mut process = Process::spawn(launch).await.map_err(|error| {
        let kind = match &error {
            LaunchError::Program { .. } => ErrorKind::EncoderUnavailable,
            LaunchError::Host { .. } | LaunchError::Sandbox(_) => ErrorKind::Host,
        };
        Error::new(kind, "ffprobe", error.to_string())
    })?;
    let invalid = |detail: String| Error::new(ErrorKind::SourceInvalid, name, detail);
    let (mut json, mut buf) = (vec![], vec![0; 16 * 1_024]);
    loop {
        match process.read(&mut buf).await {
            Ok(0) => break,
            Ok(n) if json.len() + n <= MAX_JSON => json.extend_from_slice(&buf[..n]),
            Ok(_) => return Err(invalid("ffprobe has too much to say of it".to_owned())),
            Err(error) => return Err(Error::new(ErrorKind::Host, "ffprobe", error.to_string())),
        }
    }
    let exit = process.wait().await;
    foreign::parse(gated.format, &json).map_err(|error| {
        let words = process.words().last();
        let said = words.last().map_or_else(|| error.to_string(), |line| format!("{error}; ffprobe: {line}"));
        match exit {
            Exit::Code(_) => invalid(said),
            Exit::Signal(_) | Exit::Unknown => invalid(format!("ffprobe died ({exit:?}); {said}")),
        }
    })
}
