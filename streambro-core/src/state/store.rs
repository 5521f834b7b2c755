//! Where records are kept.

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;

/// Keeps what a manager must know after a restart; a host may bring its own database.
///
/// A record is a key, a short ASCII text such as `spec/lofi-1`, and a value of a few kilobytes that only streambro reads.
/// One manager uses a store at a time, and has to be alone with its records: in a database that several share, give each
/// its own table or prefix. The manager makes one call at a time and waits for it.
///
/// What an implementation owes:
/// - A commit is all or nothing, also when the process is killed in the middle, and on the disk when it returns.
/// - Values come back byte for byte. They may hold stream keys in clear text, if the host wants it so: whoever reads the
///   store can then send to them.
/// - A call that is dropped halfway may still take effect, as a whole.
///
/// # Examples
/// In a database this is a table `(key TEXT PRIMARY KEY, value BYTEA)`, and `commit` one transaction of upserts and
/// deletes. Here it is a map, which does for tests:
/// ```
/// use std::{collections::BTreeMap, sync::Mutex};
/// use async_trait::async_trait;
/// use streambro_core::{Change, Error, ErrorKind, Result, Store};
///
/// #[derive(Debug, Default)]
/// struct Map(Mutex<BTreeMap<String, Vec<u8>>>);
///
/// #[async_trait]
/// impl Store for Map {
///     async fn load(&self) -> Result<Vec<(String, Vec<u8>)>> {
///         let map = self.0.lock().map_err(lost)?;
///         Ok(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
///     }
///
///     async fn commit(&self, changes: Vec<Change>) -> Result<()> {
///         // begin
///         let mut map = self.0.lock().map_err(lost)?;
///         for change in changes {
///             match change {
///                 // insert into state values ($1, $2) on conflict (key) do update set value = $2
///                 Change::Put { key, value } => map.insert(key, value),
///                 // delete from state where key = $1
///                 Change::Remove { key } => map.remove(&key),
///             };
///         }
///         // commit
///         Ok(())
///     }
/// }
///
/// fn lost(error: impl ToString) -> Error {
///     Error { kind: ErrorKind::Host, subject: "state".to_owned(), detail: error.to_string() }
/// }
/// ```
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns every record that is kept, in any order. Called when a manager is built.
    ///
    /// # Errors
    /// Whatever says why it cannot be read; the manager is then not built. Never an empty answer instead.
    async fn load(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// Keeps changes, in their order: all of them or none, and durable when it returns.
    ///
    /// # Errors
    /// Whatever says why not, best [`ErrorKind::Host`](crate::ErrorKind::Host) with what to do. Streams go on meanwhile;
    /// the manager comes again with what it wants kept, so a store that has failed must be able to recover.
    async fn commit(&self, changes: Vec<Change>) -> Result<()>;
}

/// One change to what is kept. There are no others: a store that passed one over would lose state.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Keeps a record, in place of what its key held before.
    Put {
        /// Its name, a short ASCII text.
        key: String,
        /// Its bytes.
        value: Vec<u8>,
    },
    /// Keeps a record no longer. One that is not there is no error.
    Remove {
        /// Its name.
        key: String,
    },
}

impl fmt::Debug for Change {
    /// Without the bytes of the value: stream keys may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value } => write!(f, "Put({key}, {} bytes)", value.len()),
            Self::Remove { key } => write!(f, "Remove({key})"),
        }
    }
}
