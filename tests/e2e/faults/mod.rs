//! What networks, servers, names and disks do to a stream, and what becomes of it.

pub(crate) mod apart;
mod beside;
mod cut;
mod descriptors;
mod dial;
mod disk;
mod file;
mod hostile;
mod outage;
mod rig;
mod slow;
mod stall;
mod step;
mod trickle;
