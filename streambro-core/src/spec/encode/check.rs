//! Whether an encoding means something.

use std::path::{Component, Path};

use super::{Encode, Encoder, Memory, raw};
use crate::error::{Error, ErrorKind, Result};

/// Below this a number is surely of kilobits.
const MIN_BITRATE: u64 = 50_000;
/// Above this a number is surely a mistake: 4K live takes a quarter of it.
const MAX_BITRATE: u64 = 200_000_000;
/// A bigger buffer is beyond 20 s of the biggest bitrate.
const MAX_BUFFER: u64 = 20 * MAX_BITRATE;
/// The smallest and the biggest side: hardware encoders refuse less and H.264 level 6 has no more.
const SIDES: std::ops::RangeInclusive<u32> = 64..=8_192;
const KEYFRAMES_MS: std::ops::RangeInclusive<u64> = 250..=20_000;
const AUDIO_BITRATES: std::ops::RangeInclusive<u64> = 16_000..=512_000;
const SAMPLE_RATES: [u32; 5] = [22_050, 24_000, 32_000, 44_100, 48_000];

impl Encode {
    /// Checks what can be checked without looking at the world.
    ///
    /// # Errors
    /// `InvalidSpec`, whose subject is the setting.
    pub fn check(&self) -> Result<()> {
        self.check_rates()?;
        self.check_picture()?;
        self.check_sound()?;
        if let Memory::Custom { queue, threads } = self.memory
            && (!(8..=65_536).contains(&queue) || threads > 64)
        {
            return Err(invalid(
                "memory",
                "a queue has 8 to 65,536 packets and there are at most 64 threads",
            ));
        }
        if let Some(device) = &self.device {
            check_device(self.encoder, device)?;
        }
        raw::check(&self.raw).map_err(|detail| invalid("raw", detail))
    }

    fn check_rates(&self) -> Result<()> {
        for (field, rate) in [("bitrate", self.bitrate), ("max_bitrate", self.max_bitrate)] {
            match rate {
                Some(rate) if rate < MIN_BITRATE => {
                    let detail = format!(
                        "{rate} bits a second is no picture; it is counted in bits, so 2,500 kb/s is 2,500,000"
                    );
                    return Err(invalid(field, detail));
                }
                Some(rate) if rate > MAX_BITRATE => {
                    return Err(invalid(
                        field,
                        format!("{rate} is above the 200,000,000 bits a second allowed"),
                    ));
                }
                _ => {}
            }
        }
        if let (Some(max), Some(bitrate)) = (self.max_bitrate, self.bitrate)
            && max < bitrate
        {
            return Err(invalid("max_bitrate", format!("{max} is below the bitrate of {bitrate}")));
        }
        match (self.buffer, self.bitrate) {
            (Some(buffer), _) if !(MIN_BITRATE / 10..=MAX_BUFFER).contains(&buffer) => {
                Err(invalid("buffer", format!("{buffer} bits; twice the bitrate is usual")))
            }
            (Some(buffer), Some(bitrate)) if buffer < bitrate / 10 => {
                let detail =
                    format!("{buffer} bits are less than a tenth of a second; twice the bitrate is usual");
                Err(invalid("buffer", detail))
            }
            _ => Ok(()),
        }
    }

    fn check_picture(&self) -> Result<()> {
        if let Some(size) = self.size {
            for side in [size.width, size.height] {
                if !SIDES.contains(&side) {
                    return Err(invalid("size", format!("a side has 64 to 8,192 pixels, not {side}")));
                }
                if side % 2 == 1 {
                    let detail = format!("sides are even in 4:2:0 pictures: {} instead of {side}", side - 1);
                    return Err(invalid("size", detail));
                }
            }
        }
        if let Some(fps) = self.fps
            && !(1.0..=240.0).contains(&fps.as_f64())
        {
            return Err(invalid("fps", format!("a frame rate is 1 to 240 pictures a second, not {fps}")));
        }
        match self.keyframe_interval_ms {
            Some(ms) if !KEYFRAMES_MS.contains(&ms) => {
                Err(invalid("keyframe_interval", format!("keyframes are 250 ms to 20 s apart, not {ms} ms")))
            }
            _ => Ok(()),
        }
    }

    fn check_sound(&self) -> Result<()> {
        if let Some(rate) = self.audio_bitrate
            && !AUDIO_BITRATES.contains(&rate)
        {
            let detail = format!("sound takes 16,000 to 512,000 bits a second, not {rate}");
            return Err(invalid("audio_bitrate", detail));
        }
        if let Some(rate) = self.sample_rate
            && !SAMPLE_RATES.contains(&rate)
        {
            let detail =
                format!("{rate} is none of 22,050, 24,000, 32,000, 44,100 and 48,000 samples a second");
            return Err(invalid("sample_rate", detail));
        }
        match self.channels {
            None | Some(1 | 2) => Ok(()),
            Some(other) => Err(invalid("channels", format!("1 is mono and 2 is stereo; {other} is neither"))),
        }
    }
}

/// ffmpeg reads more out of a device's text than a name: `,` and `@` begin options and other devices.
fn check_device(encoder: Encoder, device: &Path) -> Result<()> {
    let number = || device.to_str().is_some_and(|text| text.len() <= 3 && text.parse::<u8>().is_ok());
    let node = || {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
        device.starts_with("/dev")
            && device.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
            && device.to_str().is_some_and(|text| text.chars().all(plain))
    };
    match encoder {
        Encoder::Nvenc if number() => Ok(()),
        Encoder::Nvenc => Err(invalid("device", "for NVENC it is the number of the card, as in `0`")),
        Encoder::Qsv | Encoder::Vaapi | Encoder::Auto if node() => Ok(()),
        Encoder::Qsv | Encoder::Vaapi | Encoder::Auto => {
            Err(invalid("device", "it is the path of a render node, as in `/dev/dri/renderD128`"))
        }
        Encoder::X264 | Encoder::VideoToolbox => {
            Err(invalid("device", "libx264 and VideoToolbox have no device to choose"))
        }
    }
}

fn invalid(field: &str, detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidSpec, field, detail)
}
