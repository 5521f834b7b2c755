//! What networks, servers, names and disks do to a stream, and what becomes of it.

mod apart;
mod cut;
mod dial;
mod disk;
mod file;
mod hostile;
mod rig;
mod slow;
mod stall;
