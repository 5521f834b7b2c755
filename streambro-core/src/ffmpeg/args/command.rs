//! What ffmpeg is told, for people.

use std::path::Path;

use super::{Codec, Decoder, Format, INPUT_FD, Job, Shape, argv};
use crate::{
    error::Result,
    spec::{Encode, Size},
};

/// What a source is taken for that nobody has looked at.
const USUAL: Shape = Shape { size: Size { width: 1_280, height: 720 }, fps: 30.0 };

/// Returns the command that encodes `input` as `encode` says, for people to read and try.
///
/// It is what streambro runs, but for the input and the times: streambro opens the film itself and hands it over without
/// a name, pinned to the format that its first bytes say, and has every time moved on by a minute. The output is FLV on
/// standard output, so there is no key to hide.
/// [`Encoder::Auto`] is taken for libx264, [`Decode::Auto`] for the processor, [`Preset::Auto`] for what it begins with,
/// and without a bitrate and a size the source for one of 1280x720. A name that is no text has its odd bytes replaced.
///
/// ```
/// use streambro_core::{Encoder, Video, command};
///
/// let encode = Video::encode(Encoder::Nvenc).size(1280, 720);
/// let argv = command(&encode, "film.mkv")?;
/// assert_eq!(argv[0], "ffmpeg");
/// assert!(argv.join(" ").contains("-i file:film.mkv"));
/// assert!(argv.join(" ").ends_with("-f flv pipe:1"));
/// # Ok::<(), streambro_core::Error>(())
/// ```
///
/// # Errors
/// `InvalidSpec` for settings that mean nothing.
///
/// [`Encoder::Auto`]: crate::Encoder::Auto
/// [`Decode::Auto`]: crate::Decode::Auto
/// [`Preset::Auto`]: crate::Preset::Auto
pub fn command(encode: &Encode, input: impl AsRef<Path>) -> Result<Vec<String>> {
    encode.check()?;
    let codec = Codec::of(encode.encoder).unwrap_or(Codec::X264);
    let decoder = match encode.decode {
        crate::spec::Decode::Device => Decoder::Device,
        _ => Decoder::Software,
    };
    let job = Job::encode(Format::Mov, encode, codec, decoder, encode.preset, USUAL);
    let mut args = vec!["ffmpeg".to_owned()];
    let film = format!("file:/dev/fd/{INPUT_FD}");
    let mut all = argv(&job).into_iter();
    let mut before_input = true;
    while let Some(arg) = all.next() {
        match arg.as_str() {
            text if text == film => {
                before_input = false;
                args.push(format!("file:{}", input.as_ref().display()));
            }
            // The format is not known here, and a player need not wait for a minute.
            "-f" | "-format_whitelist" if before_input => drop(all.next()),
            "-output_ts_offset" => drop(all.next()),
            _ => args.push(arg),
        }
    }
    Ok(args)
}
