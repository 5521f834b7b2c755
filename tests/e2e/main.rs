//! End-to-end tests against real servers.

#[cfg(test)]
mod faults;
mod inputs;
mod matrix;
#[cfg(test)]
mod publish;
