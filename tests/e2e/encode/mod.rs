//! Streams that ffmpeg makes, on real servers.

mod desk;
mod live;
