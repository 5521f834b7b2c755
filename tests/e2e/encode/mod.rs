//! Streams that ffmpeg makes, on real servers.

mod ahead;
mod desk;
mod disk;
mod fallback;
mod faults;
mod film;
mod host;
mod kept;
mod live;
mod peers;
mod still;
mod sync;
