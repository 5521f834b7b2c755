//! Where a run goes, and how that changes while it does.

use std::{
    mem,
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};

use super::Run;
use crate::{
    session::LegCounters,
    spec::{Destination, MAX_DESTINATIONS, StreamSpec},
    supervisor::fsm::Outlook,
};

/// What is wanted of a run while it goes on.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Its connections are to be made anew.
    renew: bool,
    /// Its destinations, by their numbers.
    outlets: Vec<Outlet>,
    /// What those were handed whose numbers were given again.
    past_bytes: u64,
}

/// A destination, and what is wanted of it.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    pub(super) destination: Arc<Destination>,
    pub(super) counters: Arc<LegCounters>,
    pub(super) state: OutletState,
    /// Which of those that had this number.
    serial: u32,
    /// How often it was wanted on the air.
    asked: u32,
    /// Its state machine has let go of it.
    at_rest: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutletState {
    Enabled,
    Disabled,
    /// Its number goes to the next one that is added, once it has said goodbye.
    Removed,
}

/// Why a destination cannot be what it is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutletRefusal {
    /// None has this number.
    Missing,
    /// Another one goes to the same place.
    Taken,
    /// There are as many as there may be.
    TooMany,
    /// It is the last one.
    Last,
}

impl Outlet {
    fn new(leg: usize, serial: u32, destination: &Arc<Destination>) -> Self {
        let counters = Arc::new(LegCounters { leg, ..LegCounters::default() });
        Self {
            destination: Arc::clone(destination),
            counters,
            state: OutletState::Enabled,
            serial,
            asked: 0,
            at_rest: false,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.state != OutletState::Removed
    }
}

impl Orders {
    pub(super) fn new(spec: &StreamSpec) -> Self {
        let outlets = spec.destinations.iter().enumerate();
        let outlets = outlets.map(|(leg, destination)| Outlet::new(leg, 0, destination)).collect();
        Self { renew: false, outlets, past_bytes: 0 }
    }

    /// Every number that there is or was.
    pub(super) fn outlets(&self) -> &[Outlet] {
        &self.outlets
    }

    /// Bytes handed to all sockets, also of those that are gone.
    pub(super) fn bytes(&self) -> u64 {
        self.past_bytes + self.outlets.iter().map(|outlet| outlet.counters.bytes.load(Relaxed)).sum::<u64>()
    }

    /// What the state machine needs to know of them.
    pub(super) fn outlooks(&self) -> Vec<Outlook> {
        let outlook = |outlet: &Outlet| Outlook {
            serial: outlet.serial,
            on: outlet.state == OutletState::Enabled,
            gone: !outlet.is_there(),
            asked: outlet.asked,
            pause: outlet.destination.rotation_pause(),
        };
        self.outlets.iter().map(outlook).collect()
    }

    /// Whether connections are to be made anew; asked once.
    pub(super) fn take_renew(&mut self) -> bool {
        mem::take(&mut self.renew)
    }

    /// Takes note of which ones nothing is under way for.
    pub(super) fn settle(&mut self, at_rest: impl Iterator<Item = bool>) {
        for (outlet, at_rest) in self.outlets.iter_mut().zip(at_rest) {
            outlet.at_rest = at_rest;
        }
    }

    fn find(&mut self, leg: usize) -> Result<&mut Outlet, OutletRefusal> {
        self.outlets.get_mut(leg).filter(|outlet| outlet.is_there()).ok_or(OutletRefusal::Missing)
    }
}

impl Run {
    /// Wants its connections made anew, from the same place in the media.
    pub(crate) fn renew(&self) {
        self.orders().renew = true;
        self.ordered.notify_one();
    }

    /// Adds a destination. Returns its number.
    ///
    /// The place for it was taken already.
    pub(crate) fn add_outlet(&self, destination: &Arc<Destination>) -> Result<usize, OutletRefusal> {
        let mut orders = self.orders();
        if orders.outlets.iter().any(|outlet| outlet.is_there() && outlet.destination.same_place(destination))
        {
            return Err(OutletRefusal::Taken);
        }
        let mut free =
            orders.outlets.iter().enumerate().filter(|(_, outlet)| outlet.at_rest && !outlet.is_there());
        let found = free.next().map(|(leg, outlet)| (leg, outlet.serial));
        let leg = match found {
            Some((leg, serial)) => {
                orders.past_bytes += orders.outlets[leg].counters.bytes.load(Relaxed);
                orders.outlets[leg] = Outlet::new(leg, serial.wrapping_add(1), destination);
                leg
            }
            None if orders.outlets.len() >= MAX_DESTINATIONS => return Err(OutletRefusal::TooMany),
            None => {
                let leg = orders.outlets.len();
                orders.outlets.push(Outlet::new(leg, 0, destination));
                leg
            }
        };
        drop(orders);
        self.ordered.notify_one();
        Ok(leg)
    }

    /// Lets a destination go. What it took is given back by who asked.
    pub(crate) fn remove_outlet(&self, leg: usize) -> Result<Arc<Destination>, OutletRefusal> {
        let mut orders = self.orders();
        let there = orders.outlets.iter().filter(|outlet| outlet.is_there()).count();
        let outlet = orders.find(leg)?;
        if there == 1 {
            return Err(OutletRefusal::Last);
        }
        outlet.state = OutletState::Removed;
        let destination = Arc::clone(&outlet.destination);
        drop(orders);
        self.ordered.notify_one();
        Ok(destination)
    }

    /// Lets a destination rest, or go on the air again.
    pub(crate) fn enable_outlet(&self, leg: usize, on: bool) -> Result<(), OutletRefusal> {
        let mut orders = self.orders();
        let outlet = orders.find(leg)?;
        outlet.state = if on { OutletState::Enabled } else { OutletState::Disabled };
        outlet.asked = outlet.asked.wrapping_add(u32::from(on));
        drop(orders);
        self.ordered.notify_one();
        Ok(())
    }

    /// Wants a destination's connection made anew at the next keyframe.
    pub(crate) fn rotate_outlet(&self, leg: usize) -> Result<(), OutletRefusal> {
        self.orders().find(leg)?.counters.rotate.store(true, Relaxed);
        Ok(())
    }

    /// The destinations that are wanted on the air.
    pub(crate) fn enabled(&self) -> Vec<Arc<Destination>> {
        let orders = self.orders();
        let enabled = orders.outlets.iter().filter(|outlet| outlet.state == OutletState::Enabled);
        enabled.map(|outlet| Arc::clone(&outlet.destination)).collect()
    }

    /// Lets some of its destinations rest from the start.
    pub(crate) fn rest(&self, legs: &[usize]) {
        let mut orders = self.orders();
        for leg in legs {
            if let Some(outlet) = orders.outlets.get_mut(*leg) {
                outlet.state = OutletState::Disabled;
            }
        }
    }

    /// What is wanted of it by now: its spec with the destinations that it has.
    pub(crate) fn wanted(&self) -> StreamSpec {
        let orders = self.orders();
        let there = orders.outlets.iter().filter(|outlet| outlet.is_there());
        self.spec.going_to(there.map(|outlet| Arc::clone(&outlet.destination)).collect())
    }

    pub(super) fn orders(&self) -> MutexGuard<'_, Orders> {
        // Whole at every instant, whatever panicked.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
