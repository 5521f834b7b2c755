//! Who should be on the air, and when: decisions as data. Pure: clocks come in as values.

mod agenda;
#[cfg(test)]
mod agenda_tests;
mod calendar;
#[cfg(test)]
mod calendar_tests;
mod entry;
mod now;

pub(crate) use agenda::{Agenda, Order};
pub(crate) use calendar::{crowding, overlap};
pub(crate) use entry::{Entry, Stored};
pub(crate) use now::Now;
