//! What `remux` writes, held against what `ffmpeg -c copy -f flv` writes of the same file, as ffprobe reads both.

mod compare;
mod laps;
mod once;
mod rewritten;
