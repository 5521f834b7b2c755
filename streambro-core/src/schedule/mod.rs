//! Who should be on the air, and when: decisions as data. Pure: clocks come in as values.

mod agenda;
#[cfg(test)]
mod agenda_tests;
mod calendar;
#[cfg(test)]
mod calendar_tests;
#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod clock_tests;
mod entry;
#[cfg(test)]
mod entry_tests;
mod now;
#[cfg(test)]
mod tests;

pub(crate) use agenda::{Agenda, Order};
pub(crate) use calendar::{crowding, overlap};
pub(crate) use entry::{Entry, Stored};
pub(crate) use now::Now;
