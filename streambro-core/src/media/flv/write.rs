//! The bytes of an FLV file that are not media (E.2 to E.4).

/// What a tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio = 8,
    /// Pictures.
    Video = 9,
    /// Metadata.
    Script = 18,
}

/// The longest body that a tag can announce: 24 bits.
pub const MAX_BODY: usize = 0xff_ffff;

/// Bytes before and behind a tag's body.
pub const HEADER: usize = 11;
/// See [`HEADER`].
pub const TRAILER: usize = 4;

/// What a file begins with; it has audio, and video if `video`.
pub fn file_header(video: bool) -> [u8; 13] {
    [b'F', b'L', b'V', 1, 4 | u8::from(video), 0, 0, 0, 9, 0, 0, 0, 0]
}

/// What stands before a body of `len` bytes, at most [`MAX_BODY`].
pub fn tag_header(kind: Kind, timestamp: u32, len: usize) -> [u8; HEADER] {
    let [_, a, b, c] = (len as u32).to_be_bytes();
    let [high, x, y, z] = timestamp.to_be_bytes();
    [kind as u8, a, b, c, x, y, z, high, 0, 0, 0]
}

/// What stands behind a body of `len` bytes.
pub fn tag_trailer(len: usize) -> [u8; TRAILER] {
    ((len + HEADER) as u32).to_be_bytes()
}
