//! An RTMP publisher without a socket or a clock.
//!
//! A [`Publisher`](session::Publisher) is fed the bytes that a server sends and says what to send back. Media never
//! passes through it: [`head`](session::Publisher::head) returns the bytes that go around a payload, and the caller
//! reads the payload from its file straight into the gaps.
//!
//! Section numbers are those of "Adobe's Real Time Messaging Protocol", version 1.0, of December 2012.

pub mod chunk;
mod handshake;
pub mod message;
pub mod refusal;
pub mod session;
mod status;
pub mod target;
