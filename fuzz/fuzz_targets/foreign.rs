//! The input is a file of any kind, and what ffprobe says of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streambro_core::media::foreign::parse;
use streambro_core::media::format::Format;
use streambro_core::media::sniff::sniff;

fuzz_target!(|bytes: &[u8]| {
    let playlist = bytes.trim_ascii_start();
    if let Ok(format) = sniff(bytes, bytes.len() as u64) {
        // Whatever else it may be, ffmpeg is told the one thing that it is.
        assert!(!playlist.starts_with(b"#EXTM3U") && !playlist.starts_with(b"ffconcat"), "{format:?}");
    }
    if let Ok(found) = parse(Format::Matroska, bytes) {
        assert!(found.video.is_some() || found.audio.is_some());
        if let Some(video) = found.video {
            assert!(video.codec.len() <= 64 && video.width <= 65_536 && video.height <= 65_536);
            assert!(video.frame_rate.is_none_or(|rate| rate > 0.0 && rate <= 480.0));
        }
    }
});
