//! Where a stream goes.

use serde::{Deserialize, Serialize};

use super::url::IngestUrl;
use crate::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

/// Stream keys are short; a megabyte of one is an attack.
const MAX_KEY: usize = 4_096;

/// An RTMP(S) ingest and the key that opens it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Destination {
    pub(crate) url: IngestUrl,
    pub(crate) key: Secret,
    pub(crate) trust: Trust,
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
        Ok(Self { url, key, trust: Trust::System, first_timestamp: 0 })
    }

    /// Chooses which certificates an RTMPS server may show. Default: [`Trust::System`].
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
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
#[serde(deny_unknown_fields)]
struct Wire {
    url: String,
    key: Secret,
    #[serde(default)]
    trust: Trust,
}

impl TryFrom<Wire> for Destination {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self> {
        Ok(Self::new(&wire.url, wire.key)?.trust(wire.trust))
    }
}

impl From<Destination> for Wire {
    fn from(destination: Destination) -> Self {
        Self { url: destination.url.tc_url(), key: destination.key, trust: destination.trust }
    }
}
