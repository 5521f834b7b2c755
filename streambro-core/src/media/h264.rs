//! What must be known of H.264 to carry it without decoding it.

use super::bits::Bits;

/// NAL unit type of a sequence parameter set (ISO/IEC 14496-10, table 7-1).
const SPS: u8 = 7;
/// NAL unit type of a coded slice of an IDR picture (ISO/IEC 14496-10, table 7-1).
const IDR: u8 = 5;

/// An AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvcC<'a> {
    /// AVCProfileIndication.
    pub profile: u8,
    /// AVCLevelIndication, ten times the level's number.
    pub level: u8,
    /// Bytes of each NAL unit's length field: 1, 2 or 4.
    pub nal_length_size: u8,
    /// The first sequence parameter set, its NAL header included. Empty when there is none.
    pub sps: &'a [u8],
    /// Whether there is at least one picture parameter set.
    pub has_pps: bool,
    parameter_sets: &'a [u8],
}

impl<'a> AvcC<'a> {
    /// Parses a record. `None` when it breaks the format.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let &[1, profile, _, level, lengths, sets, ref rest @ ..] = bytes else { return None };
        let nal_length_size = match lengths & 3 {
            0 => 1,
            1 => 2,
            3 => 4,
            _ => return None,
        };
        let parameter_sets = rest;
        let mut sps: &[u8] = &[];
        let mut rest = rest;
        for _ in 0..sets & 0x1f {
            let (set, after) = parameter_set(rest)?;
            if sps.is_empty() {
                sps = set;
            }
            rest = after;
        }
        let pps_count = rest.first().copied().unwrap_or(0);
        rest = rest.get(1..).unwrap_or_default();
        for _ in 0..pps_count {
            rest = parameter_set(rest)?.1;
        }
        let parameter_sets = &parameter_sets[..parameter_sets.len() - rest.len()];
        Some(Self { profile, level, nal_length_size, sps, has_pps: pps_count > 0, parameter_sets })
    }

    /// Yields every parameter set, sequence sets first, each with its NAL header.
    pub fn parameter_sets(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let sps_count = self.count_sps();
        let mut rest = self.parameter_sets;
        let mut index = 0;
        std::iter::from_fn(move || {
            // The number of picture sets stands between the two lists.
            if index == sps_count {
                rest = rest.get(1..)?;
            }
            index += 1;
            let (set, after) = parameter_set(rest)?;
            rest = after;
            Some(set)
        })
    }

    fn count_sps(&self) -> usize {
        let mut rest = self.parameter_sets;
        let mut count = 0;
        while let Some((set, after)) = parameter_set(rest)
            && set.first().is_some_and(|header| header & 0x1f == SPS)
        {
            rest = after;
            count += 1;
        }
        count
    }
}

fn parameter_set(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let len = usize::from(u16::from_be_bytes(*len));
    (len > 0).then(|| rest.split_at_checked(len))?
}

/// What a sequence parameter set says of the pictures (ISO/IEC 14496-10, 7.3.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// profile_idc.
    pub profile: u8,
    /// level_idc, ten times the level's number.
    pub level: u8,
    /// Picture after cropping, in pixels.
    pub width: u32,
    /// Picture after cropping, in pixels.
    pub height: u32,
    /// chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample.
    pub bit_depth: u8,
    /// Whether pictures may be coded as fields.
    pub interlaced: bool,
}

impl Sps {
    /// Parses a sequence parameter set, its NAL header included. `None` when it breaks the format.
    pub fn parse(nal: &[u8]) -> Option<Self> {
        let (header, body) = nal.split_first()?;
        if header & 0x1f != SPS {
            return None;
        }
        let bits = &mut Bits::of_nal(body);
        let profile = u8::try_from(bits.take(8)?).ok()?;
        bits.skip(8)?;
        let level = u8::try_from(bits.take(8)?).ok()?;
        bits.ue()?;
        let (chroma_format, bit_depth, separate_planes) = chroma(profile, bits)?;
        bits.ue()?;
        skip_order_count(bits)?;
        bits.ue()?;
        bits.skip(1)?;
        let columns = bits.ue()?.checked_add(1)?;
        let rows = bits.ue()?.checked_add(1)?;
        let frames_only = bits.bit()?;
        if !frames_only {
            bits.skip(1)?;
        }
        bits.skip(1)?;
        let crop = if bits.bit()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };

        // ISO/IEC 14496-10, equations 7-19 to 7-22.
        let fields = if frames_only { 1 } else { 2 };
        let (unit_x, unit_y) = match chroma_format {
            _ if separate_planes => (1, fields),
            1 => (2, 2 * fields),
            2 => (2, fields),
            _ => (1, fields),
        };
        let width = cropped(columns.checked_mul(16)?, crop[0], crop[1], unit_x)?;
        let height = cropped(rows.checked_mul(16)?.checked_mul(fields)?, crop[2], crop[3], unit_y)?;
        Some(Self { profile, level, width, height, chroma_format, bit_depth, interlaced: !frames_only })
    }
}

fn cropped(size: u32, before: u32, after: u32, unit: u32) -> Option<u32> {
    // Level 6.2 ends at 16,880 pixels; what claims more is not a picture.
    const MAX: u32 = 1 << 16;
    let crop = before.checked_add(after)?.checked_mul(unit)?;
    size.checked_sub(crop).filter(|&size| (1..=MAX).contains(&size))
}

fn chroma(profile: u8, bits: &mut Bits<'_>) -> Option<(u8, u8, bool)> {
    if !matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        return Some((1, 8, false));
    }
    let format = u8::try_from(bits.ue()?).ok().filter(|&format| format <= 3)?;
    let separate_planes = format == 3 && bits.bit()?;
    let bit_depth = u8::try_from(bits.ue()?).ok().filter(|&extra| extra <= 6)? + 8;
    bits.ue()?;
    bits.skip(1)?;
    if bits.bit()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some((format, bit_depth, separate_planes))
}

/// ISO/IEC 14496-10, 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn skip_order_count(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue().filter(|&count| count <= 255)? {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Yields the type of each NAL unit in length-prefixed `sample`; ends where the bytes end.
///
/// `nal_length_size` is 1, 2 or 4. The bytes may be only the beginning of a sample.
pub fn nal_types(sample: &[u8], nal_length_size: u8) -> impl Iterator<Item = u8> + '_ {
    let mut rest = sample;
    std::iter::from_fn(move || {
        loop {
            let (prefix, body) = rest.split_at_checked(usize::from(nal_length_size.max(1)))?;
            let len = prefix.iter().fold(0, |len: usize, &byte| len << 8 | usize::from(byte));
            rest = body.get(len..).unwrap_or_default();
            if len > 0 {
                return Some(body.first()? & 0x1f);
            }
        }
    })
}

/// Tells whether the first coded slice in `sample` belongs to an IDR picture.
///
/// `None` when `sample`, which may be only the beginning of one, ends before a slice.
pub fn begins_with_idr(sample: &[u8], nal_length_size: u8) -> Option<bool> {
    nal_types(sample, nal_length_size).find(|kind| is_slice(*kind)).map(|kind| kind == IDR)
}

/// Tells whether a NAL unit of type `kind` holds picture data (ISO/IEC 14496-10, table 7-1).
pub const fn is_slice(kind: u8) -> bool {
    matches!(kind, 1..=5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// High profile, 1920x1080 (1088 coded), as x264 writes it.
    const SPS_1080: &[u8] = &[
        0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00,
        0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc6, 0x58,
    ];

    #[test]
    fn the_crop_is_taken_off() {
        let sps = Sps::parse(SPS_1080).unwrap();
        assert_eq!((sps.width, sps.height), (1920, 1080));
        assert_eq!((sps.profile, sps.level, sps.bit_depth, sps.chroma_format), (100, 40, 8, 1));
    }

    #[test]
    fn no_prefix_of_a_parameter_set_panics() {
        for end in 0..SPS_1080.len() {
            let _ = Sps::parse(&SPS_1080[..end]);
        }
    }

    #[test]
    fn a_record_yields_its_sets() {
        let mut record = vec![1, 100, 0, 40, 0xff, 0xe1, 0, u8::try_from(SPS_1080.len()).unwrap()];
        record.extend(SPS_1080);
        record.extend([2, 0, 2, 0x68, 1, 0, 3, 0x68, 2, 3]);
        let avcc = AvcC::parse(&record).unwrap();
        assert_eq!(avcc.nal_length_size, 4);
        assert_eq!(avcc.sps, SPS_1080);
        let sets: Vec<&[u8]> = avcc.parameter_sets().collect();
        assert_eq!(sets, [SPS_1080, &[0x68, 1], &[0x68, 2, 3]]);
        for end in 0..record.len() {
            let _ = AvcC::parse(&record[..end]).map(|avcc| avcc.parameter_sets().count());
        }
    }

    #[test]
    fn the_first_slice_decides() {
        assert_eq!(begins_with_idr(&[0, 2, 6, 0, 0, 2, 0x65, 1], 2), Some(true));
        assert_eq!(begins_with_idr(&[0, 2, 6, 0, 0, 9, 0x41, 1], 2), Some(false));
        assert_eq!(begins_with_idr(&[0, 2, 6, 0, 0, 9], 2), None);
        assert_eq!(begins_with_idr(&[0xff, 0xff, 0xff, 0xff, 6], 4), None);
    }
}
