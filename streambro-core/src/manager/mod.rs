//! The public verbs: start, stop, replace, and looking.

mod builder;
mod host;
mod outlook;
mod place;
mod registry;
mod stream;
mod verbs;

pub use builder::Builder;
pub use stream::Stream;
pub use verbs::StreamManager;

#[cfg(test)]
mod tests;
