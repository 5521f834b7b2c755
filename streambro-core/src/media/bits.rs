//! Reading single bits, most significant first.

/// A reader of bits. Reading past the end answers `None`.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
    /// Whether the third byte of `00 00 03` is skipped (ISO/IEC 14496-10, 7.4.1: emulation prevention).
    escaped: bool,
}

impl<'a> Bits<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, escaped: false }
    }

    /// Reads a NAL unit as it lies in a stream, with its emulation prevention bytes.
    pub(crate) const fn of_nal(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, escaped: true }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        if self.escaped && self.at.is_multiple_of(8) && self.on_escape() {
            self.at += 8;
        }
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    fn on_escape(&self) -> bool {
        let at = self.at / 8;
        at >= 2 && self.bytes.get(at - 2..=at) == Some(&[0, 0, 3])
    }

    /// Reads up to 32 bits.
    pub(crate) fn take(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// How many bits are left, escapes included.
    pub(crate) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Reads an unsigned Exp-Golomb code (ISO/IEC 14496-10, 9.1): at most 2^32 - 2.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        (1u32 << zeros).checked_sub(1)?.checked_add(rest)
    }

    /// Reads a signed Exp-Golomb code (ISO/IEC 14496-10, 9.1.1).
    pub(crate) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_back() {
        // 1, 010, 011, 00100, 00101
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| bits.ue()).collect::<Vec<_>>(), [0, 1, 2, 3, 4].map(Some));
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| bits.se()).collect::<Vec<_>>(), [0, 1, -1, 2, -2].map(Some));
    }

    #[test]
    fn a_code_of_nothing_but_zeros_ends() {
        assert_eq!(Bits::new(&[0; 64]).ue(), None);
        assert_eq!(Bits::new(&[]).ue(), None);
    }

    #[test]
    fn emulation_prevention_is_skipped_in_nal_units_only() {
        assert_eq!(Bits::of_nal(&[0, 0, 3, 1]).take(24), Some(1));
        assert_eq!(Bits::new(&[0, 0, 3, 1]).take(24), Some(3));
    }
}
