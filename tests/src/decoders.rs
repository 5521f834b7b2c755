//! H.264 decoders that have nothing to do with ffmpeg's, to see whether they agree.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::{cache, ffmpeg};

/// Writes the picture of a recording as a bare H.264 stream.
///
/// # Panics
/// When ffmpeg refuses.
pub async fn bare(recording: &Path, into: &Path) -> PathBuf {
    let out = into.join("bare.h264");
    let (from, to) =
        (recording.to_str().expect("the path is UTF-8"), out.to_str().expect("the path is UTF-8"));
    ffmpeg::run(&["-i", from, "-an", "-c:v", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", to]).await;
    out
}

/// Counts the pictures of `width` x `height` that Cisco's openh264 decodes. `None` where GStreamer has no openh264.
///
/// # Panics
/// When it has anything to say.
pub async fn openh264(bare: &Path, width: u64, height: u64) -> Option<u64> {
    let look = Command::new("gst-inspect-1.0")
        .arg("openh264dec")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    look.await.ok().filter(std::process::ExitStatus::success)?;
    let out = bare.with_extension("yuv");
    let (from, to) = (format!("location={}", bare.display()), format!("location={}", out.display()));
    let line = ["-q", "filesrc", &from, "!", "h264parse", "!", "openh264dec", "!", "filesink", &to];
    let done = Command::new("gst-launch-1.0").args(line).output().await.expect("it is there");
    let words = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && words.is_empty(), "openh264: {words}");
    let bytes = std::fs::metadata(&out).expect("it has written something").len();
    Some(bytes / (width * height * 3 / 2))
}

/// Counts the pictures that Android's decoder, compiled to JavaScript, decodes; baseline profile only. `None` where it is
/// not there: `tests/run --full` brings it.
///
/// # Panics
/// When it has anything to say.
pub async fn broadway(bare: &Path) -> Option<u64> {
    let peer = cache("broadway");
    if !peer.join("node_modules/broadway-player").is_dir() {
        return None;
    }
    let done = Command::new("node").arg(peer.join("decode.js")).arg(bare).output().await.ok()?;
    let words = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && words.is_empty(),
        "broadway: {}",
        words.chars().take(400).collect::<String>()
    );
    Some(String::from_utf8_lossy(&done.stdout).trim().parse().expect("it says a number"))
}
