//! Streams that ffmpeg makes, on real servers.

mod desk;
mod faults;
mod kept;
mod live;
