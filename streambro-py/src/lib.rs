//! The native module of the Python package: frozen classes whose rich data is JSON. What people see is the typed Python
//! around it.
//!
//! No thread of streambro ever attaches to the interpreter. What takes time is a `Pending`: a thread waits for it with the
//! interpreter left to others, an event loop by its descriptor.

#![deny(unsafe_code)]

mod call;
mod error;
mod logs;
mod made;
mod manager;
mod media;
mod pending;
mod preparation;
mod stream;
mod subscription;

/// The native module.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::{
        logs::Logs,
        manager::Manager,
        media::{command, doctor, host, meaning, platform, preview, probe, remedy, remux, version},
        pending::Pending,
        preparation::Preparation,
        stream::Stream,
        subscription::Subscription,
    };
}
