//! Keeps a thousand 24/7 live streams of video files on the air over RTMP(S).

#[cfg(windows)]
compile_error!("streambro runs on Linux and macOS; on Windows use WSL 2.");

pub mod media;
pub mod rtmp;
pub mod secret;
