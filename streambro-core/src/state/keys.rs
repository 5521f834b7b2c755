//! Stream keys, sealed by the host.

use std::fmt;

use async_trait::async_trait;

use crate::{error::Result, secret::Secret};

/// Seals stream keys before they are kept, with the host's keyring or key service.
///
/// The sealed form is what a [`Store`](super::Store) gets to see. It is kept for as long as its stream is, so a host that
/// changes its own key must go on understanding what the one before has sealed.
#[async_trait]
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// Seals a key; the same one may look different each time.
    ///
    /// # Errors
    /// Whatever says why not, without the key: then the stream is kept without it, [`State`](crate::EventKind::State) says so,
    /// and it is tried again every 2 s until it is sealed. After a restart before that the stream waits for its key.
    async fn seal(&self, key: &Secret) -> Result<Vec<u8>>;

    /// Returns the key that was sealed.
    ///
    /// # Errors
    /// Whatever says why not: then its stream does not resume, and the record stays.
    async fn unseal(&self, sealed: &[u8]) -> Result<Secret>;
}
