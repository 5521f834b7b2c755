//! How many bits a picture usually takes.

use super::Size;

/// Pictures of at most so many pixels, with the bits a second at up to 30 and at up to 60 pictures a second.
///
/// Within the bands that YouTube publishes for H.264 live encoders (support.google.com/youtube/answer/2853702) and
/// that the platforms share: 2,500 to 4,000 kb/s for 720p30, 4,000 to 6,000 kb/s for 1080p30; 6,000 kb/s is the most
/// that Twitch takes.
const TABLE: &[(u64, u64, u64)] = &[
    (426 * 240, 500_000, 750_000),
    (640 * 360, 1_000_000, 1_500_000),
    (854 * 480, 1_500_000, 2_250_000),
    (1_280 * 720, 3_000_000, 4_500_000),
    (1_920 * 1_080, 5_000_000, 6_000_000),
    (2_560 * 1_440, 9_000_000, 13_500_000),
    (u64::MAX, 20_000_000, 30_000_000),
];

/// A rate a little above 30 is still one of 30: containers round.
const SLOW: f64 = 32.0;

/// The bits a second that are usual for a picture of this size and frame rate.
pub(super) fn usual(size: Size, fps: f64) -> u64 {
    let pixels = u64::from(size.width) * u64::from(size.height);
    let row = TABLE.iter().find(|row| pixels <= row.0);
    row.map_or(TABLE[TABLE.len() - 1].2, |row| if fps > SLOW { row.2 } else { row.1 })
}
