//! What outlives a manager: records by name, in a directory or wherever the host wants them. What they mean is the
//! manager's business.

mod keys;
mod store;

#[cfg(feature = "state")]
mod directory;
#[cfg(feature = "state")]
mod file;

#[cfg(feature = "state")]
pub(crate) use directory::RedbStore;
pub use keys::KeyProvider;
pub use store::{Change, Store};

#[cfg(test)]
#[cfg(feature = "state")]
mod crash_tests;
#[cfg(test)]
#[cfg(feature = "state")]
mod damage_tests;
#[cfg(test)]
#[cfg(feature = "state")]
mod disk_tests;
#[cfg(test)]
#[cfg(feature = "state")]
mod tests;
