//! What must be known of AAC to carry it, and the silence that fills its holes.

use super::bits::Bits;

/// Sampling rates by samplingFrequencyIndex (ISO/IEC 14496-3, table 1.18).
pub(crate) const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Audio object type of spectral band replication (ISO/IEC 14496-3, table 1.17).
const SBR: u8 = 5;
/// Audio object type of parametric stereo (ISO/IEC 14496-3, table 1.17).
const PS: u8 = 29;

/// An AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Audio object type: 2 is AAC-LC, 5 HE-AAC, 29 HE-AAC v2.
    pub object_type: u8,
    /// Samples per second of the core coder.
    pub sample_rate: u32,
    /// Samples per second of what is heard: twice the core's with SBR.
    pub output_rate: u32,
    /// channelConfiguration; 0 means that the channels are described in place.
    pub channel_config: u8,
    /// Coded channels. 0 when they are described in a way that is not understood.
    pub channels: u8,
    /// Samples of the core coder in a frame: 1,024 or 960.
    pub frame_samples: u16,
}

impl AudioSpecificConfig {
    /// Parses a configuration. `None` when it breaks the format.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bits = &mut Bits::new(bytes);
        let mut object_type = object_type(bits)?;
        let sample_rate = rate(bits)?;
        let channel_config = u8::try_from(bits.take(4)?).ok()?;
        let mut output_rate = sample_rate;
        let mut core_type = object_type;
        if object_type == SBR || object_type == PS {
            output_rate = rate(bits)?;
            core_type = self::object_type(bits)?;
        }
        let mut frame_samples = 1024;
        let mut channels = channels(channel_config);
        // GASpecificConfig (ISO/IEC 14496-3, 4.4.1) belongs to these alone.
        if matches!(core_type, 1..=4 | 6 | 7 | 17 | 19..=23) {
            if bits.bit()? {
                frame_samples = 960;
            }
            if bits.bit()? {
                bits.skip(14)?;
            }
            bits.skip(1)?;
            if channel_config == 0 {
                channels = program_channels(bits).unwrap_or(0);
            }
        }
        if object_type == core_type && object_type <= 4 && channel_config != 0 {
            // The backward compatible signal of SBR and PS: 1.6.5.
            if let Some((extended, rate)) = extension(bits) {
                object_type = extended;
                output_rate = rate;
            }
        }
        Some(Self { object_type, sample_rate, output_rate, channel_config, channels, frame_samples })
    }
}

/// Builds the AudioSpecificConfig of AAC-LC.
///
/// `None` when no channelConfiguration stands for `channels` or `rate` needs more than 24 bits.
pub fn low_complexity(rate: u32, channels: u8) -> Option<Box<[u8]>> {
    let config = match channels {
        1..=6 => channels,
        8 => 7,
        _ => return None,
    };
    if rate == 0 || rate >= 1 << 24 {
        return None;
    }
    let mut bits = BitWriter::new().put(2, 5);
    bits = match SAMPLE_RATES.iter().position(|&known| known == rate) {
        Some(index) => bits.put(u32::try_from(index).ok()?, 4),
        None => bits.put(15, 4).put(rate, 24),
    };
    Some(bits.put(u32::from(config), 4).put(0, 3).bytes().into())
}

/// Returns one AAC-LC frame of silence for a channelConfiguration of 1 to 7.
///
/// It is a raw_data_block without ADTS header whose spectra are empty (max_sfb 0). It suits every sample rate and both
/// frame lengths.
pub fn silent_frame(channel_config: u8) -> Option<&'static [u8]> {
    static FRAMES: [BitWriter; 7] =
        [silence(1), silence(2), silence(3), silence(4), silence(5), silence(6), silence(7)];
    FRAMES.get(usize::from(channel_config.checked_sub(1)?)).map(BitWriter::bytes)
}

/// Syntactic elements by channelConfiguration (ISO/IEC 14496-3, table 1.19 and 4.5.1).
const fn silence(channel_config: u8) -> BitWriter {
    const SINGLE: u32 = 0;
    const LFE: u32 = 3;
    let frame = BitWriter::new();
    let frame = match channel_config {
        1 => frame.single(SINGLE, 0),
        2 => frame.pair(0),
        3 => frame.single(SINGLE, 0).pair(0),
        4 => frame.single(SINGLE, 0).pair(0).single(SINGLE, 1),
        5 => frame.single(SINGLE, 0).pair(0).pair(1),
        6 => frame.single(SINGLE, 0).pair(0).pair(1).single(LFE, 0),
        _ => frame.single(SINGLE, 0).pair(0).pair(1).pair(2).single(LFE, 0),
    };
    // ID_END.
    frame.put(7, 3)
}

/// Writes bits, most significant first, at compile time too.
#[derive(Clone, Copy)]
struct BitWriter {
    bytes: [u8; 32],
    bits: usize,
}

impl BitWriter {
    const fn new() -> Self {
        Self { bytes: [0; 32], bits: 0 }
    }

    const fn put(mut self, value: u32, count: u32) -> Self {
        let mut left = count;
        while left > 0 {
            left -= 1;
            if value >> left & 1 == 1 {
                self.bytes[self.bits / 8] |= 0x80 >> (self.bits % 8);
            }
            self.bits += 1;
        }
        self
    }

    /// single_channel_element or lfe_channel_element: id, tag, global_gain, ics_info, no tools.
    const fn single(self, id: u32, tag: u32) -> Self {
        self.put(id, 3).put(tag, 4).put(0, 8).ics_info().put(0, 3)
    }

    /// channel_pair_element with a common window: id 1, tag, ics_info, ms_mask_present, then each channel's gain.
    const fn pair(self, tag: u32) -> Self {
        self.put(1, 3).put(tag, 4).put(1, 1).ics_info().put(0, 2).put(0, 8).put(0, 3).put(0, 8).put(0, 3)
    }

    /// ics_info of a long window: reserved, window_sequence 2, window_shape, max_sfb 6, predictor_data_present.
    const fn ics_info(self) -> Self {
        self.put(0, 1).put(0, 2).put(0, 1).put(0, 6).put(0, 1)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.bits.div_ceil(8)]
    }
}

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    let value = match bits.take(5)? {
        31 => 32 + bits.take(6)?,
        value => value,
    };
    u8::try_from(value).ok()
}

fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    let rate = match bits.take(4)? {
        15 => bits.take(24)?,
        index => *SAMPLE_RATES.get(usize::try_from(index).ok()?)?,
    };
    (rate > 0).then_some(rate)
}

/// Channels by channelConfiguration (ISO/IEC 14496-3, table 1.19).
const fn channels(config: u8) -> u8 {
    match config {
        1..=6 => config,
        7 | 12 | 14 => 8,
        11 => 7,
        13 => 24,
        _ => 0,
    }
}

/// Counts the channels of a program_config_element (ISO/IEC 14496-3, table 4.2).
fn program_channels(bits: &mut Bits<'_>) -> Option<u8> {
    bits.skip(4 + 2 + 4)?;
    let mut elements = 0;
    let [front, side, back] = [bits.take(4)?, bits.take(4)?, bits.take(4)?];
    let lfe = bits.take(2)?;
    bits.skip(3 + 4)?;
    for width in [4, 4, 3] {
        if bits.bit()? {
            bits.skip(width)?;
        }
    }
    for _ in 0..front + side + back {
        elements += if bits.bit()? { 2 } else { 1 };
        bits.skip(4)?;
    }
    u8::try_from(elements + lfe).ok()
}

fn extension(bits: &mut Bits<'_>) -> Option<(u8, u32)> {
    if bits.left() < 16 || bits.take(11)? != 0x2b7 || object_type(bits)? != SBR || !bits.bit()? {
        return None;
    }
    let rate = rate(bits)?;
    let parametric_stereo = bits.left() >= 12 && bits.take(11)? == 0x548 && bits.bit()?;
    Some((if parametric_stereo { PS } else { SBR }, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_configuration_parses_back() {
        for (rate, channels) in [(44_100, 1), (48_000, 2), (48_000, 6), (7_350, 8), (12_345, 2)] {
            let parsed = AudioSpecificConfig::parse(&low_complexity(rate, channels).unwrap()).unwrap();
            assert_eq!((parsed.object_type, parsed.sample_rate, parsed.channels), (2, rate, channels));
            assert_eq!((parsed.output_rate, parsed.frame_samples), (rate, 1024));
        }
        assert_eq!(&*low_complexity(44_100, 2).unwrap(), [0x12, 0x10]);
        assert_eq!(low_complexity(48_000, 7), None);
    }

    #[test]
    fn high_efficiency_keeps_the_rate_of_the_core() {
        // Explicit: type 5, core 24 kHz stereo, output 48 kHz, core type 2.
        let bits = BitWriter::new().put(5, 5).put(6, 4).put(2, 4).put(3, 4).put(2, 5).put(0, 3);
        let parsed = AudioSpecificConfig::parse(bits.bytes()).unwrap();
        assert_eq!((parsed.object_type, parsed.sample_rate, parsed.output_rate), (5, 24_000, 48_000));
        // Backward compatible: AAC-LC with the sync extension behind it.
        let bits =
            BitWriter::new().put(2, 5).put(6, 4).put(1, 4).put(0, 3).put(0x2b7, 11).put(5, 5).put(1, 1);
        let parsed = AudioSpecificConfig::parse(bits.put(3, 4).put(0x548, 11).put(1, 1).bytes()).unwrap();
        assert_eq!((parsed.object_type, parsed.sample_rate, parsed.output_rate), (29, 24_000, 48_000));
    }

    #[test]
    fn short_frames_and_described_channels_are_understood() {
        let bits = BitWriter::new().put(2, 5).put(3, 4).put(2, 4).put(0b100, 3);
        assert_eq!(AudioSpecificConfig::parse(bits.bytes()).unwrap().frame_samples, 960);
        let bits = BitWriter::new().put(2, 5).put(3, 4).put(0, 4).put(0, 3);
        let bits = bits.put(0, 10).put(2, 4).put(0, 4).put(1, 4).put(1, 2).put(0, 7).put(0, 3);
        let bits = bits.put(0, 5).put(0b10000, 5).put(0b10001, 5);
        assert_eq!(AudioSpecificConfig::parse(bits.bytes()).unwrap().channels, 6);
    }

    #[test]
    fn silence_has_the_shortest_form() {
        let lengths: Vec<usize> = (1..=7).filter_map(silent_frame).map(<[u8]>::len).collect();
        // (29 bits a single element, 43 a pair, 3 for the end) / 8, rounded up.
        assert_eq!(lengths, [4, 6, 10, 13, 15, 19, 24]);
        assert_eq!(silent_frame(0), None);
        assert_eq!(silent_frame(8), None);
    }
}
