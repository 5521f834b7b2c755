//! Peers, clips and fault injection for the end-to-end tests.
//!
//! Nothing here uses the library under test: what it writes is read by ffprobe, by nginx, by node-media-server
//! and by the small independent readers below. A rig that cannot do its work panics with the reason; a test that
//! needs it could not have gone on.

pub mod c;
pub mod certs;
pub mod decoders;
pub mod dice;
pub mod ffmpeg;
pub mod flv;
pub mod hostile;
pub mod mem;
pub mod net;
pub mod nginx;
pub mod nms;
pub mod pace;
pub mod process;
pub mod proxy;
pub mod rewrite;
#[cfg(target_os = "linux")]
pub mod slow_fs;
pub mod tls_front;
pub mod wrapper;

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live one folder down").to_path_buf()
}

/// The clip that the demo plays: 8 s, H.264 with B-frames, AAC 48 kHz stereo.
#[must_use]
pub fn demo_clip() -> PathBuf {
    repo().join("examples/media/clip.mp4")
}

/// A folder beneath cargo's target directory that outlives one run.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn cache(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo().join("target"), PathBuf::from);
    let dir = repo().join(target).join("rig").join(name);
    std::fs::create_dir_all(&dir).expect("the target directory can be written");
    dir
}

/// A fresh folder for one test, removed when it is dropped.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("streambro-test-").tempdir().expect("a temporary folder can be made")
}
