//! End-to-end tests against real servers.

#[cfg(test)]
mod c_abi;
#[cfg(test)]
mod encode;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod host;
mod inputs;
mod matrix;
#[cfg(test)]
mod monitor;
#[cfg(test)]
mod playlist;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod state;
