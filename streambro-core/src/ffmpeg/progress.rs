//! What ffmpeg says of its own progress (`-progress`, ffmpeg(1)): blocks of `key=value` lines.

/// The latest block that was whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// How many blocks have come.
    pub(crate) blocks: u64,
    /// Frames encoded.
    pub(crate) frames: u64,
    /// Frames encoded a second.
    pub(crate) fps: f64,
    /// Bits a second written so far on average.
    pub(crate) bits_per_second: f64,
    /// Bytes written.
    pub(crate) bytes: u64,
    /// The media time reached, in µs.
    pub(crate) out_time_us: i64,
    /// Frames repeated to keep the rate.
    pub(crate) duplicated: u64,
    /// Frames left out to keep the rate.
    pub(crate) dropped: u64,
    /// Media time over real time.
    pub(crate) speed: f64,
    /// Whether it says that this was the last one.
    pub(crate) ended: bool,
}

/// Longer lines are none of ffmpeg's.
const LINE: usize = 256;

/// Reads blocks from bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    too_long: bool,
    block: Progress,
    latest: Progress,
}

impl Parser {
    /// Takes what came, and returns the latest block if it brought one to its end.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<Progress> {
        let before = self.latest.blocks;
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.append(&rest[..end]);
            self.close();
            rest = &rest[end + 1..];
        }
        self.append(rest);
        (self.latest.blocks > before).then_some(self.latest)
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
        self.too_long |= room < bytes.len();
    }

    fn close(&mut self) {
        if !std::mem::take(&mut self.too_long)
            && let Some((key, value)) =
                std::str::from_utf8(&self.line).ok().and_then(|line| line.split_once('='))
        {
            self.block.set(key.trim(), value.trim(), &mut self.latest);
        }
        self.line.clear();
    }
}

impl Progress {
    /// What does not parse, `N/A` among it, keeps its last value.
    fn set(&mut self, key: &str, value: &str, latest: &mut Self) {
        match key {
            "frame" => take(&mut self.frames, value),
            "fps" => take_real(&mut self.fps, value),
            "bitrate" => {
                if let Some(kilobits) = value.strip_suffix("kbits/s") {
                    let mut rate = self.bits_per_second / 1_000.0;
                    take_real(&mut rate, kilobits.trim());
                    self.bits_per_second = rate * 1_000.0;
                }
            }
            "total_size" => take(&mut self.bytes, value),
            // `out_time_ms` is the same number, in µs in spite of its name (ffmpeg ticket 7345).
            "out_time_us" | "out_time_ms" => take(&mut self.out_time_us, value),
            "dup_frames" => take(&mut self.duplicated, value),
            "drop_frames" => take(&mut self.dropped, value),
            "speed" => take_real(&mut self.speed, value.trim_end_matches('x').trim()),
            "progress" => {
                self.ended = value == "end";
                self.blocks += 1;
                *latest = *self;
            }
            _ => {}
        }
    }
}

fn take<T: std::str::FromStr>(into: &mut T, value: &str) {
    if let Ok(value) = value.parse() {
        *into = value;
    }
}

fn take_real(into: &mut f64, value: &str) {
    let mut real = f64::NAN;
    take(&mut real, value);
    if real.is_finite() && real >= 0.0 {
        *into = real;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As ffmpeg 5.1 writes it.
    const BLOCK: &str = "frame=120\nfps=59.94\nstream_0_0_q=28.0\nbitrate=1180.5kbits/s\ntotal_size=589824\n\
        out_time_us=3996735\nout_time_ms=3996735\nout_time=00:00:03.996735\ndup_frames=1\ndrop_frames=2\n\
        speed=1.99x\nprogress=continue\n";

    #[test]
    fn a_block_is_read_however_it_was_cut() {
        for size in [1, 7, 64, 4_096] {
            let mut parser = Parser::default();
            let blocks: Vec<_> = BLOCK.as_bytes().chunks(size).filter_map(|part| parser.push(part)).collect();
            let [block] = blocks[..] else { panic!("{blocks:?}") };
            assert_eq!((block.frames, block.bytes, block.out_time_us), (120, 589_824, 3_996_735));
            assert_eq!((block.duplicated, block.dropped, block.ended, block.blocks), (1, 2, false, 1));
            assert!((block.fps - 59.94).abs() < 1e-9 && (block.speed - 1.99).abs() < 1e-9);
            assert!((block.bits_per_second - 1_180_500.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_last_block_says_so_and_what_is_not_known_yet_is_zero() {
        let mut parser = Parser::default();
        let text =
            "frame=0\nfps=0.00\nbitrate=N/A\ntotal_size=N/A\nout_time_us=-23220\nspeed=N/A\nprogress=end\n";
        let block = parser.push(text.as_bytes()).unwrap();
        assert_eq!(block, Progress { blocks: 1, out_time_us: -23_220, ended: true, ..Progress::default() });
    }

    #[test]
    fn of_several_blocks_the_latest_is_kept() {
        let mut parser = Parser::default();
        let block = parser.push(BLOCK.repeat(3).as_bytes()).unwrap();
        assert_eq!(block.blocks, 3);
        assert_eq!(parser.push(b"frame=121\n"), None);
    }

    #[test]
    fn hostile_values_leave_the_last_good_ones() {
        let mut parser = Parser::default();
        parser.push(BLOCK.as_bytes());
        let long = format!("frame={}\n", "9".repeat(100_000));
        let text = format!(
            "frame=-1\nframe=1e99\n{long}fps=inf\nspeed=nan\nspeed=-5x\nbitrate=-1kbits/s\n=\n==\n\u{0}\nprogress=\n"
        );
        let block = parser.push(text.as_bytes()).unwrap();
        assert_eq!((block.frames, block.fps, block.speed), (120, 59.94, 1.99));
        assert!((block.bits_per_second - 1_180_500.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
            let mut parser = Parser::default();
            parser.push(&bytes);
            prop_assert!(parser.line.len() <= LINE);
        }
    }
}
