//! Who should be on the air, and when: decisions as data. Pure: clocks come in as values.

mod agenda;
mod calendar;
mod entry;
#[cfg(test)]
mod tests;

pub(crate) use agenda::{Agenda, Order};
pub(crate) use calendar::{crowding, overlap};
pub(crate) use entry::{Entry, Stored};
