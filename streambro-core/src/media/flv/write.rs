//! FLV files (FLV 10.1, E.2 and E.3).

use std::io::{self, Write};

/// Tag types.
const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const SCRIPT: u8 = 18;

/// Writes tags one after the other.
#[derive(Debug)]
pub struct Writer<W>(W);

impl<W: Write> Writer<W> {
    /// Begins a file that has audio, and video if `video`.
    ///
    /// # Errors
    /// Those of `out`, here and below.
    pub fn new(mut out: W, video: bool) -> io::Result<Self> {
        let tracks = 4 | u8::from(video);
        out.write_all(&[b'F', b'L', b'V', 1, tracks, 0, 0, 0, 9, 0, 0, 0, 0])?;
        Ok(Self(out))
    }

    /// Writes a video tag; `body` is in parts.
    pub fn video(&mut self, timestamp: u32, body: &[&[u8]]) -> io::Result<()> {
        self.tag(VIDEO, timestamp, body)
    }

    /// Writes an audio tag.
    pub fn audio(&mut self, timestamp: u32, body: &[&[u8]]) -> io::Result<()> {
        self.tag(AUDIO, timestamp, body)
    }

    /// Writes a script tag.
    pub fn script(&mut self, timestamp: u32, body: &[u8]) -> io::Result<()> {
        self.tag(SCRIPT, timestamp, &[body])
    }

    /// Ends the file and returns what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.0.flush()?;
        Ok(self.0)
    }

    fn tag(&mut self, kind: u8, timestamp: u32, body: &[&[u8]]) -> io::Result<()> {
        let len: usize = body.iter().map(|part| part.len()).sum();
        let len = u32::try_from(len).ok().filter(|len| *len < 1 << 24);
        let Some(len) = len else {
            return Err(io::Error::other("a frame of 16 MiB does not fit into a tag"));
        };
        let [high, time @ ..] = timestamp.to_be_bytes();
        self.0.write_all(&[kind])?;
        self.0.write_all(&len.to_be_bytes()[1..])?;
        self.0.write_all(&time)?;
        self.0.write_all(&[high, 0, 0, 0])?;
        for part in body {
            self.0.write_all(part)?;
        }
        self.0.write_all(&(len + 11).to_be_bytes())
    }
}
