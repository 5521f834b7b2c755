//! The way out: from a URL to a socket that speaks, and from packets to bytes on it.

mod dial;
mod gate;
mod link;
mod resolve;
#[cfg(feature = "tls")]
mod tls;
mod wire;

pub(crate) use dial::{DialError, Dialer};
pub(crate) use gate::Gate;
pub(crate) use link::Link;
pub use resolve::Resolver;
pub(crate) use resolve::SystemResolver;
#[cfg(feature = "tls")]
pub(crate) use tls::platform_roots;
pub(crate) use wire::{Outbox, Transfer, TransmitError};
