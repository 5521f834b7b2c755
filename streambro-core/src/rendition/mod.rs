//! What has been encoded once and is copied ever after.
//!
//! A rendition is what a file became under certain settings: an FLV file with an index of its keyframes, in one
//! directory that streams, managers, processes and later runs share. There is no book beside it. What a file is stands
//! in its own record, when it was used last is its modification time, and whether anyone plays or writes it is a lock
//! on it that dies with its holder. So nothing can disagree after a crash.
//!
//! Every call here blocks for as long as the disk does. None may be made on a thread of the async runtime.

mod dir;
mod draft;
mod failure;
mod fault;
mod hash;
mod key;
mod memo;
mod record;
mod store;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod quota_tests;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::failure::FailureKind;
pub use self::store::RenditionUsage;
pub(crate) use self::{
    draft::Draft,
    failure::Failure,
    hash::ContentHash,
    key::Key,
    store::{Rendition, Store},
};
