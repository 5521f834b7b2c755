//! What `encode` and `live` can be told about encoding.

use std::{env, path::PathBuf};

use streambro_core::{Encode, Encoder, Fps, Video};

/// The options, for the line that says how a program is used.
pub const USAGE: &str =
    "[--encoder auto|x264|nvenc|qsv|videotoolbox|vaapi] [--size WxH] [--fps N] [--bitrate BITS] [--dir DIR]";

/// How much room the renditions get, in bytes.
pub const QUOTA: u64 = 20_000_000_000;

/// What was said of it.
#[derive(Debug, Default)]
pub struct Wish {
    encoder: Option<Encoder>,
    size: Option<(u32, u32)>,
    fps: Option<Fps>,
    bitrate: Option<u64>,
    dir: Option<PathBuf>,
}

impl Wish {
    /// Takes an option and, from `rest`, its value. `false` for an option that is not about encoding.
    ///
    /// # Errors
    /// For a value that is missing or means nothing, in words for people.
    pub fn take(&mut self, option: &str, rest: &mut impl Iterator<Item = String>) -> Result<bool, String> {
        if !["--encoder", "--size", "--fps", "--bitrate", "--dir"].contains(&option) {
            return Ok(false);
        }
        let text = rest.next().ok_or_else(|| format!("{option} needs a value"))?;
        let no = |what: &str| format!("{option}: {text} is {what}");
        match option {
            "--encoder" => self.encoder = Some(text.parse().map_err(|_| no("no encoder known here"))?),
            "--size" => self.size = Some(size(&text).ok_or_else(|| no("no size like 1280x720"))?),
            "--fps" => self.fps = Some(text.parse().map_err(|why| format!("{option}: {why}"))?),
            "--bitrate" => {
                let what = "no number of bits a second like 3000000, 3000k or 3M";
                self.bitrate = Some(bitrate(&text).ok_or_else(|| no(what))?);
            }
            _ => self.dir = Some(text.into()),
        }
        Ok(true)
    }

    /// Whether anything was said.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.encoder.is_some() || self.size.is_some() || self.fps.is_some() || self.bitrate.is_some()
    }

    /// The encoder that was asked for.
    #[must_use]
    pub fn encoder(&self) -> Encoder {
        self.encoder.unwrap_or_default()
    }

    /// The encoding that was asked for; what was not said is the library's choice.
    #[must_use]
    pub fn encode(&self) -> Encode {
        let mut encode = Video::encode(self.encoder());
        if let Some((width, height)) = self.size {
            encode = encode.size(width, height);
        }
        if let Some(fps) = self.fps {
            encode = encode.fps(fps);
        }
        if let Some(bitrate) = self.bitrate {
            encode = encode.bitrate(bitrate);
        }
        encode
    }

    /// The options that ask for the same again, of which there is one at least: without any a film is copied as it is.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = format!("--encoder {}", self.encoder().name());
        if let Some((width, height)) = self.size {
            words += &format!(" --size {width}x{height}");
        }
        if let Some(fps) = self.fps {
            words += &format!(" --fps {fps}");
        }
        if let Some(bitrate) = self.bitrate {
            words += &format!(" --bitrate {bitrate}");
        }
        if let Some(dir) = &self.dir {
            words += &format!(" --dir {}", dir.display());
        }
        words
    }

    /// Where renditions are kept: as said, or where this user's programs keep what they can make again.
    #[must_use]
    pub fn renditions(&self) -> PathBuf {
        let under = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        self.dir.clone().unwrap_or_else(|| {
            let cache = under("XDG_CACHE_HOME").or_else(|| Some(under("HOME")?.join(".cache")));
            cache.unwrap_or_else(env::temp_dir).join("streambro")
        })
    }
}

fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

fn bitrate(text: &str) -> Option<u64> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(words: &str) -> Result<Wish, String> {
        let (mut wish, mut words) = (Wish::default(), words.split(' ').map(str::to_owned));
        while let Some(option) = words.next() {
            assert!(wish.take(&option, &mut words)?, "{option}");
        }
        Ok(wish)
    }

    #[test]
    fn what_is_said_is_what_is_asked_for() {
        let said = wish("--encoder videotoolbox --size 1280x720 --fps 30000/1001 --bitrate 2500k --dir /d");
        let said = said.unwrap();
        let asked = Video::encode(Encoder::VideoToolbox).size(1_280, 720).fps(Fps::new(30_000, 1_001));
        assert_eq!(said.encode(), asked.bitrate(2_500_000));
        assert_eq!((said.is_some(), said.renditions()), (true, PathBuf::from("/d")));
        let nothing = Wish::default();
        assert_eq!((nothing.encode(), nothing.is_some()), (Video::encode(Encoder::Auto), false));
    }

    #[test]
    fn what_means_nothing_is_refused_by_name() {
        for (words, expected) in [
            ("--encoder h265", "no encoder"),
            ("--size 720p", "no size"),
            ("--fps fast", "a frame rate is"),
            ("--bitrate 3Q", "no number of bits"),
            ("--bitrate 99999999999999999M", "no number of bits"),
            ("--dir", "needs a value"),
        ] {
            let why = wish(words).unwrap_err();
            assert!(why.contains(expected), "{words}: {why}");
        }
        assert_eq!(Wish::default().take("--json", &mut std::iter::empty()), Ok(false));
    }
}
