//! What the ring waits with. `tests/ring.rs` puts loom's in its place.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
