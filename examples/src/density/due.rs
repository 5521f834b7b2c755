//! What a sink must have received: the timeline written out without its media.

use std::{
    io::{self, Write},
    path::Path,
};

use streambro_core::{Error, Repeat, remux};

/// The due times of all frames of a looped file, in milliseconds, for each track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Of video frames.
    pub video: Vec<u32>,
    /// Of audio frames.
    pub audio: Vec<u32>,
}

impl Due {
    /// Works out the first `laps` laps of `file`, as far as both tracks have come to `until_ms`.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn of(file: &Path, laps: u32, until_ms: u32) -> Result<Self, Error> {
        let mut tags = Tags { until_ms, ..Tags::default() };
        match remux(file, &mut tags, Repeat::Times(laps)) {
            Err(_) if tags.is_full() => {}
            done => drop(done?),
        }
        Ok(tags.due)
    }

    /// How many frames are due up to and with `ms`.
    #[must_use]
    pub fn until(times: &[u32], ms: u32) -> u64 {
        times.partition_point(|time| *time <= ms) as u64
    }
}

/// Reads the tags of an FLV file as they are written, and keeps only their times.
#[derive(Debug)]
struct Tags {
    due: Due,
    /// The tag's header and the first two bytes of its body, or the file's header.
    head: Vec<u8>,
    wanted: usize,
    /// Bytes to pass over before the next header.
    skip: usize,
    first: bool,
    until_ms: u32,
}

const FILE_HEADER: usize = 13;
const TAG_HEADER: usize = 11;
/// Enough of the body to tell a sequence header.
const BODY: usize = 2;

impl Default for Tags {
    fn default() -> Self {
        Self {
            due: Due::default(),
            head: vec![],
            wanted: FILE_HEADER,
            skip: 0,
            first: true,
            until_ms: u32::MAX,
        }
    }
}

impl Write for Tags {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.is_full() {
            return Err(io::Error::other("enough"));
        }
        let mut rest = buf;
        while !rest.is_empty() {
            let passed = self.skip.min(rest.len());
            self.skip -= passed;
            rest = &rest[passed..];
            let taken = (self.wanted - self.head.len()).min(rest.len());
            if self.skip == 0 {
                self.head.extend_from_slice(&rest[..taken]);
                rest = &rest[taken..];
                if self.head.len() == self.wanted {
                    self.header();
                }
            }
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tags {
    /// Both tracks have come to the end of what is wanted.
    fn is_full(&self) -> bool {
        let past = |times: &[u32]| times.last().is_some_and(|time| *time > self.until_ms);
        past(&self.due.video) && past(&self.due.audio)
    }

    fn header(&mut self) {
        if !std::mem::take(&mut self.first) {
            let head = &self.head;
            let len = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
            let time = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
            let is_frame = head[TAG_HEADER + 1] == 1;
            match head[0] {
                9 if is_frame => self.due.video.push(time),
                8 if is_frame => self.due.audio.push(time),
                _ => {}
            }
            // The rest of the body, and the size that follows each tag.
            self.skip = len - BODY + 4;
        }
        self.head.clear();
        self.wanted = TAG_HEADER + BODY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");

    #[test]
    fn two_laps_of_the_clip_are_twice_its_frames() {
        let due = Due::of(Path::new(CLIP), 2, u32::MAX).unwrap();
        // 240 pictures a lap; 375 audio frames, and the priming once.
        assert_eq!((due.video.len(), due.audio.len()), (480, 751));
        assert_eq!(due.video[240], 8_000);
        assert_eq!(Due::until(&due.video, 7_999), 240);
        assert_eq!(Due::until(&due.video, 8_000), 241);
    }

    #[test]
    fn a_long_film_is_read_as_far_as_is_wanted() {
        let (all, some) =
            (Due::of(Path::new(CLIP), 9, u32::MAX).unwrap(), Due::of(Path::new(CLIP), 9, 3_000).unwrap());
        assert!(some.video.len() < all.video.len() / 2, "{}", some.video.len());
        assert_eq!(Due::until(&some.video, 3_000), Due::until(&all.video, 3_000));
        assert_eq!(Due::until(&some.audio, 3_000), Due::until(&all.audio, 3_000));
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_times() {
        let mut whole = vec![];
        remux(Path::new(CLIP), &mut whole, Repeat::Once).unwrap();
        let mut tags = Tags::default();
        for piece in whole.chunks(7) {
            tags.write_all(piece).unwrap();
        }
        assert_eq!(tags.due, Due::of(Path::new(CLIP), 1, u32::MAX).unwrap());
    }
}
