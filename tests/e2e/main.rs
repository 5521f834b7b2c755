//! End-to-end tests against real servers.

mod inputs;
mod matrix;
#[cfg(test)]
mod publish;
mod faults;
