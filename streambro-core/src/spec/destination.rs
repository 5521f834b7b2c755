//! Where a stream goes.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Lag, Rotation, url::IngestUrl};
use crate::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

/// Stream keys are short; a megabyte of one is an attack.
const MAX_KEY: usize = 4_096;

/// An RTMP(S) ingest and the key that opens it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Destination {
    pub(crate) url: IngestUrl,
    pub(crate) key: Secret,
    pub(crate) trust: Trust,
    /// The same server's other way in.
    pub(crate) backup: Option<Arc<Self>>,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) lag: Option<Lag>,
    /// Where the connection's time stamps begin, in milliseconds. Always 0 but in tests.
    pub(crate) first_timestamp: u32,
}

impl Destination {
    /// Names a server and application, such as `rtmps://a.rtmps.youtube.com/live2`, and the stream key.
    ///
    /// The key goes out byte for byte, with any `?` and `&` in it. Tokens belong into the key: logs and events show no
    /// more than the first segment of the URL's path, but the JSON form has the whole URL. `rtmps` needs the feature
    /// `tls`.
    ///
    /// # Errors
    /// `InvalidSpec`, naming the part that cannot be used. The text never contains the key.
    pub fn new(url: &str, key: impl Into<Secret>) -> Result<Self> {
        let url = IngestUrl::parse(url)
            .map_err(|error| Error::new(ErrorKind::InvalidSpec, "url", error.to_string()))?;
        let key = key.into();
        if key.is_empty() || key.expose().len() > MAX_KEY || key.expose().contains(char::is_control) {
            return Err(Error::new(
                ErrorKind::InvalidSpec,
                "key",
                "a stream key has 1 to 4,096 bytes and no control characters",
            ));
        }
        if url.app().split(['/', '?']).skip(1).any(|part| part == key.expose()) {
            return Err(Error::new(
                ErrorKind::InvalidSpec,
                "url",
                "the URL ends with the stream key: leave it out",
            ));
        }
        if url.is_tls() && !cfg!(feature = "tls") {
            return Err(Error::new(
                ErrorKind::InvalidSpec,
                "url",
                "this build has no RTMPS; enable the feature `tls`",
            ));
        }
        Ok(Self {
            url,
            key,
            trust: Trust::System,
            backup: None,
            rotation: None,
            lag: None,
            first_timestamp: 0,
        })
    }

    /// Chooses which certificates an RTMPS server may show. Default: [`Trust::System`].
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        if let Some(backup) = self.backup.take() {
            self.backup = Some(Arc::new(Self { trust: trust.clone(), ..(*backup).clone() }));
        }
        self.trust = trust;
        self
    }

    /// Names another way in for the same key, such as YouTube's `rtmps://b.rtmps.youtube.com/live2?backup=1`.
    ///
    /// Each attempt after a failure goes the other way. To send to both at once, add two destinations instead.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn backup(mut self, url: &str) -> Result<Self> {
        let backup = Self::new(url, self.key.clone())?;
        if backup.url == self.url {
            let detail = "the backup is the same URL: name another one, or leave it out";
            return Err(Error::new(ErrorKind::InvalidSpec, "backup", detail));
        }
        self.backup = Some(Arc::new(backup.trust(self.trust.clone())));
        Ok(self)
    }

    /// Makes its connection anew before a limit of the platform. Default: only before those of the protocol.
    #[must_use]
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Chooses what happens when it lags. Default: [`Lag::wait`] with 10 s.
    #[must_use]
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = Some(lag);
        self
    }

    /// Which way the next attempt goes, after so many failures.
    pub(crate) fn way(self: &Arc<Self>, failures: u32) -> &Arc<Self> {
        match &self.backup {
            Some(backup) if failures % 2 == 1 => backup,
            _ => self,
        }
    }

    /// How long it stays away when its connection is made anew.
    pub(crate) fn rotation_pause(&self) -> Duration {
        self.rotation.map_or(Duration::ZERO, Rotation::pause_for)
    }

    /// The same with another key.
    pub(crate) fn with_key(&self, key: &Secret) -> Self {
        let backup = self.backup.as_ref().map(|backup| Arc::new(backup.with_key(key)));
        Self { key: key.clone(), backup, ..self.clone() }
    }

    /// # Errors
    /// `InvalidSpec`.
    pub(crate) fn check(&self) -> Result<()> {
        self.rotation.map_or(Ok(()), Rotation::check)?;
        self.lag.map_or(Ok(()), Lag::check)
    }

    /// Starts the connection's time stamps at `ms`, to cross a boundary without waiting for weeks.
    #[cfg(feature = "test-hooks")]
    #[must_use]
    pub fn first_timestamp(mut self, ms: u32) -> Self {
        self.first_timestamp = ms;
        self
    }

    /// Returns what may be shown of it: scheme, host, port and the first segment of the application.
    pub fn label(&self) -> String {
        self.url.to_string()
    }

    pub(crate) fn same_place(&self, other: &Self) -> bool {
        self.url == other.url && self.key == other.key
    }
}

/// Which certificates an RTMPS server may show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trust {
    /// Those that the operating system trusts, for the host name of the URL.
    #[default]
    System,
    /// Those signed by one of these roots, PEM text, for the host name of the URL.
    Roots(String),
    /// Any. Whoever sits between can read the key and the stream; every connection logs a warning.
    DangerAnyCertificate,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Wire {
    /// Server and application, such as `rtmps://a.rtmps.youtube.com/live2`.
    url: String,
    /// The stream key.
    key: Secret,
    /// Which certificates the server may show. Default: those that the system trusts.
    #[serde(default)]
    trust: Trust,
    /// The URL of the same server's other way in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backup: Option<String>,
    /// When its connection is made anew. Default: before the protocol's limits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<Rotation>,
    /// What happens when it lags. Default: it is waited for, 10 s at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lag: Option<Lag>,
}

impl TryFrom<Wire> for Destination {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self> {
        let mut destination = Self::new(&wire.url, wire.key)?.trust(wire.trust);
        if let Some(backup) = &wire.backup {
            destination = destination.backup(backup)?;
        }
        Ok(Self { rotation: wire.rotation, lag: wire.lag, ..destination })
    }
}

impl From<Destination> for Wire {
    fn from(destination: Destination) -> Self {
        Self {
            url: destination.url.tc_url(),
            key: destination.key,
            trust: destination.trust,
            backup: destination.backup.map(|backup| backup.url.tc_url()),
            rotation: destination.rotation,
            lag: destination.lag,
        }
    }
}
