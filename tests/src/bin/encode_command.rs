//! Says what streambro tells ffmpeg for x264 at 720p30 with everything else left as it is. For `tests/bench/encode`.
//!
//! usage: `encode-command FILE`; prints the arguments, ffmpeg's own name first, as an array of JSON.

use std::process::ExitCode;

use streambro_core::{Encoder, Preset, Video, command};

fn main() -> ExitCode {
    let Some(film) = std::env::args().nth(1) else { return ExitCode::from(2) };
    let encode = Video::encode(Encoder::X264)
        .size(1_280, 720)
        .fps(30)
        .bitrate(3_000_000)
        // What `Auto` begins with: the benchmark is not about which preset a machine holds.
        .preset(Preset::Veryfast);
    match command(&encode, film) {
        Ok(argv) => {
            println!("{}", serde_json::json!(argv));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
