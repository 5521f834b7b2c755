//! How a manager is set up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::verbs::StreamManager;
use crate::{
    error::{Error, ErrorKind, Result},
    event::Bus,
    journal::{Books, Keep},
    limits::{Ledger, Limits},
    publish::{Dialer, Gate, Resolver, SystemResolver},
    source::Disks,
    spec::{DestinationPolicy, Times},
    supervisor::Services,
    survey::{Root, Shelf},
};

/// Settings of a [`StreamManager`].
#[derive(Debug)]
#[must_use = "nothing happens before `build`"]
pub struct Builder {
    limits: Limits,
    media_root: Option<PathBuf>,
    policy: DestinationPolicy,
    resolver: Arc<dyn Resolver>,
    times: Times,
    keep: Keep,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            media_root: None,
            policy: DestinationPolicy::Any,
            resolver: Arc::new(SystemResolver::default()),
            times: Times::default(),
            keep: Keep::default(),
        }
    }
}

impl Builder {
    /// Limits the streams that run at once. Default: 20.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.limits.streams = Some(streams);
        self
    }

    /// Limits the streams that each user runs at once. Default: 5.
    pub fn max_streams_per_user(mut self, streams: usize) -> Self {
        self.limits.streams_per_user = Some(streams);
        self
    }

    /// Lifts both limits.
    pub fn unlimited(mut self) -> Self {
        self.limits = Limits { streams: None, streams_per_user: None };
        self
    }

    /// Opens no file outside this directory, whatever a path, a link or a race says. Relative paths begin here.
    ///
    /// With Linux 5.6 or later links inside it may point to other places inside it; elsewhere no link is followed.
    pub fn media_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.media_root = Some(root.into());
        self
    }

    /// Chooses where streams may go. Default: anywhere.
    pub fn destinations(mut self, policy: DestinationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Brings a resolver of your own. Default: the operating system's.
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Keeps so many lines of each stream's log, and at most 16 KB for each hundred. Default: 100; 0 keeps none.
    pub fn log_lines(mut self, lines: usize) -> Self {
        self.keep.lines = lines;
        self
    }

    /// Lets a stream that has ended, and its log, be looked at for so long; then both are freed, without anyone calling
    /// anything. Default: 60 s; 0 forgets at once; a year at most.
    pub fn keep_ended(mut self, time: Duration) -> Self {
        self.keep.ended = time.min(Duration::from_secs(365 * 24 * 60 * 60));
        self
    }

    /// Keeps the records of so many runs. Default: 1,000; 0 keeps none.
    pub fn history(mut self, runs: usize) -> Self {
        self.keep.runs = runs;
        self
    }

    /// Changes the time table, to make tests short.
    #[cfg(feature = "test-hooks")]
    pub fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Creates the manager on the current tokio runtime, which needs its time and I/O drivers.
    ///
    /// # Errors
    /// `InvalidSpec` when the media root is not a directory.
    pub async fn build(self) -> Result<StreamManager> {
        let root = match self.media_root {
            None => None,
            Some(root) => {
                let name = root.display().to_string();
                let refuse =
                    |error| Error::new(ErrorKind::InvalidSpec, "media_root", format!("{name}: {error}"));
                Some(Root::new(root).map_err(refuse)?)
            }
        };
        let services = Services {
            dialer: Arc::new(Dialer::new(self.resolver, self.policy.clone(), self.times)),
            gate: Gate::default(),
            disks: Disks::default(),
            bus: Bus::default(),
            books: Arc::new(Books::new(self.keep)),
            times: self.times,
            epoch: Instant::now(),
        };
        Ok(StreamManager::new(Shelf::new(root), Ledger::new(self.limits), self.policy, services))
    }
}
