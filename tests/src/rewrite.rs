//! Writes MP4 files that ffmpeg can read but not write.
//!
//! Takes an ordinary MP4 (one `mdat`, `stco`, `stsz`, as ffmpeg makes it), changes its movie box and lays it out anew.
//! Each change can be combined with the others.

mod repeat;

use std::fmt;
use std::io::Write as _;
use std::path::Path;

/// Where the movie box goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before the media.
    Front,
    /// After the media.
    End,
}

/// Which track a change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Handler `vide`.
    Video,
    /// Handler `soun`.
    Audio,
}

/// An MP4 in memory.
#[derive(Clone)]
pub struct Mp4 {
    head: Vec<u8>,
    moov: Atom,
    media: Vec<Media>,
    at: At,
    padding: Option<usize>,
    compress: bool,
}

/// Bytes outside the movie box, and where they lay.
#[derive(Clone)]
struct Media {
    from: u64,
    bytes: Vec<u8>,
}

impl fmt::Debug for Mp4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mp4").field("at", &self.at).field("compress", &self.compress).finish_non_exhaustive()
    }
}

impl Mp4 {
    /// Reads a file.
    ///
    /// # Panics
    /// When it is not the kind of MP4 described above.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the file can be read");
        let (mut head, mut moov, mut media) = (Vec::new(), None, Vec::new());
        let mut front = false;
        let mut at = 0;
        while at < bytes.len() {
            let (kind, header, len) = header(&bytes[at..]);
            let whole = &bytes[at..at + len];
            match &kind {
                b"ftyp" => head = whole.to_vec(),
                b"moov" => {
                    front = media.is_empty();
                    moov = Some(Atom::parse(kind, &whole[header..]));
                }
                b"mdat" => media.push(Media { from: at as u64, bytes: whole.to_vec() }),
                _ => {}
            }
            at += len;
        }
        let at = if front { At::Front } else { At::End };
        Self {
            head,
            moov: moov.expect("the file has a movie box"),
            media,
            at,
            padding: None,
            compress: false,
        }
    }

    /// Puts the movie box before or after the media.
    #[must_use]
    pub fn moov(mut self, at: At) -> Self {
        self.at = at;
        self
    }

    /// Puts a `free` box of so many bytes before the media and a small one into the movie box and each sample table.
    #[must_use]
    pub fn pad(mut self, bytes: usize) -> Self {
        self.padding = Some(bytes.max(8));
        let free = || Atom::leaf(*b"free", vec![0xA5; 24]);
        self.moov.children.insert(0, free());
        self.each_table(|table| table.children.insert(0, free()));
        self
    }

    /// 64-bit chunk offsets (`co64`) in every track.
    ///
    /// # Panics
    /// When a track has no `stco`.
    #[must_use]
    pub fn co64(mut self) -> Self {
        self.each_table(|table| {
            let stco = table.child_mut(b"stco").expect("the track has 32-bit offsets");
            let wide: Vec<u8> =
                stco.body[8..].chunks_exact(4).flat_map(|c| u64::from(be32(c)).to_be_bytes()).collect();
            stco.kind = *b"co64";
            stco.body.truncate(8);
            stco.body.extend(wide);
        });
        self
    }

    /// Sample sizes of 16, 8 or 4 bits (`stz2`) in one track.
    ///
    /// # Panics
    /// When a sample is too large for so few bits; [`Self::largest_sample`] tells.
    #[must_use]
    pub fn stz2(mut self, track: Track, bits: u8) -> Self {
        let sizes = self.sizes(track);
        let stsz = self.table(track).child_mut(b"stsz").expect("the track has sample sizes");
        let mut body = vec![0, 0, 0, 0, 0, 0, 0, bits];
        body.extend_from_slice(&(sizes.len() as u32).to_be_bytes());
        assert!(sizes.iter().all(|&s| s >> bits == 0), "a sample does not fit {bits} bits");
        match bits {
            16 => body.extend(sizes.iter().flat_map(|&s| (s as u16).to_be_bytes())),
            8 => body.extend(sizes.iter().map(|&s| s as u8)),
            // The first of a pair is the high half.
            4 => body.extend(sizes.chunks(2).map(|p| (p[0] << 4 | p.get(1).copied().unwrap_or(0)) as u8)),
            _ => panic!("stz2 knows 4, 8 and 16 bits, not {bits}"),
        }
        *stsz = Atom::leaf(*b"stz2", body);
        self
    }

    /// The largest sample of a track in bytes.
    ///
    /// # Panics
    /// When the file has no such track.
    #[must_use]
    pub fn largest_sample(&self, track: Track) -> u32 {
        self.sizes(track).into_iter().max().unwrap_or(0)
    }

    /// Gives a track a second sample description and switches between the two from chunk to chunk.
    ///
    /// Without `other` the second is a copy of the first; with it, it is the first of the other file's same track.
    /// The samples stay as they are, so only a copy, not a decoder, is at ease with a foreign description.
    ///
    /// # Panics
    /// When a file has no such track, or fewer than two chunks.
    #[must_use]
    pub fn two_descriptions(mut self, track: Track, other: Option<&Self>) -> Self {
        let second = match other {
            Some(other) => {
                other.clone().table(track).child_mut(b"stsd").expect("the track is described").body[8..]
                    .to_vec()
            }
            None => self.table(track).child_mut(b"stsd").expect("the track is described").body[8..].to_vec(),
        };
        let second = second[..be32(&second) as usize].to_vec();
        let chunks = self.chunks(track);
        assert!(chunks.len() > 1, "one chunk cannot switch");
        let table = self.table(track);
        let stsd = table.child_mut(b"stsd").expect("the track is described");
        let first = be32(&stsd.body[8..]) as usize;
        stsd.body.truncate(8 + first);
        stsd.body[4..8].copy_from_slice(&2u32.to_be_bytes());
        stsd.body.extend(second);
        let mut body = vec![0; 4];
        body.extend_from_slice(&(chunks.len() as u32).to_be_bytes());
        for (i, samples) in (1u32..).zip(chunks) {
            for field in [i, samples, 1 + (i - 1) % 2] {
                body.extend_from_slice(&field.to_be_bytes());
            }
        }
        *table.child_mut(b"stsc").expect("the track has chunks") = Atom::leaf(*b"stsc", body);
        self
    }

    /// The movie box under zlib (`cmov`), as QuickTime once wrote it. It goes to the end of the file.
    #[must_use]
    pub fn compress(mut self) -> Self {
        self.compress = true;
        self.at = At::End;
        self
    }

    /// Adds copies of the first track until there are so many tracks.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn tracks(mut self, count: usize) -> Self {
        let mut traks = self.moov.children.iter().filter(|atom| atom.kind == *b"trak");
        let first = traks.next().expect("the movie has a track").clone();
        let more = count.saturating_sub(1 + traks.count());
        self.moov.children.extend(std::iter::repeat_n(first, more));
        self
    }

    /// Samples in each chunk of a track.
    ///
    /// # Panics
    /// When the file has no such track.
    #[must_use]
    pub fn chunks(&self, track: Track) -> Vec<u32> {
        let mut own = self.clone();
        let table = own.table(track);
        let offsets = table.child_mut(b"stco").map_or(0, |b| be32(&b.body[4..]));
        let offsets = table.child_mut(b"co64").map_or(offsets, |b| be32(&b.body[4..]));
        let runs = table.child_mut(b"stsc").expect("the track has chunks").body[8..].to_vec();
        let runs: Vec<(u32, u32)> = runs.chunks_exact(12).map(|r| (be32(r), be32(&r[4..]))).collect();
        (1..=offsets)
            .map(|n| runs.iter().rev().find(|(first, _)| *first <= n).expect("runs start at 1").1)
            .collect()
    }

    /// Writes the file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.bytes()).expect("the file can be written");
    }

    /// The file's bytes.
    ///
    /// # Panics
    /// When an offset points outside the media.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let padding = self.padding.map_or_else(Vec::new, |len| Atom::leaf(*b"free", vec![0xA5; len]).bytes());
        // The size of the movie box does not depend on the offsets in it, and compressed it comes last.
        let before = match self.at {
            At::Front => self.head.len() + self.moov.bytes().len() + padding.len(),
            At::End => self.head.len() + padding.len(),
        };
        let mut to = before as u64;
        let moves: Vec<(u64, u64, u64)> = self
            .media
            .iter()
            .map(|media| {
                let len = media.bytes.len() as u64;
                to += len;
                (media.from, media.from + len, to - len)
            })
            .collect();
        let mut own = self.clone();
        own.each_table(|table| table.relocate(&moves));
        let moov = if self.compress { compressed(&own.moov) } else { own.moov.bytes() };
        let media = self.media.iter().flat_map(|media| media.bytes.iter().copied());
        let mut out = self.head.clone();
        match self.at {
            At::Front => {
                out.extend(moov);
                out.extend(padding);
                out.extend(media);
            }
            At::End => {
                out.extend(padding);
                out.extend(media);
                out.extend(moov);
            }
        }
        out
    }

    fn sizes(&self, track: Track) -> Vec<u32> {
        let mut own = self.clone();
        let stsz = own.table(track).child_mut(b"stsz").expect("the track has sample sizes").body.clone();
        match be32(&stsz[4..]) {
            0 => stsz[12..].chunks_exact(4).map(be32).collect(),
            all => vec![all; be32(&stsz[8..]) as usize],
        }
    }

    fn table(&mut self, track: Track) -> &mut Atom {
        let handler = match track {
            Track::Video => b"vide",
            Track::Audio => b"soun",
        };
        self.moov
            .children
            .iter_mut()
            .filter(|atom| atom.kind == *b"trak")
            .filter_map(|trak| trak.child_mut(b"mdia"))
            .find(|mdia| mdia.children.iter().any(|a| a.kind == *b"hdlr" && a.body[8..12] == handler[..]))
            .and_then(|mdia| mdia.child_mut(b"minf")?.child_mut(b"stbl"))
            .expect("the file has such a track")
    }

    fn each_table(&mut self, mut change: impl FnMut(&mut Atom)) {
        for trak in self.moov.children.iter_mut().filter(|atom| atom.kind == *b"trak") {
            let stbl =
                trak.child_mut(b"mdia").and_then(|b| b.child_mut(b"minf")).and_then(|b| b.child_mut(b"stbl"));
            change(stbl.expect("a track has a sample table"));
        }
    }
}

/// One box of the movie.
#[derive(Clone)]
struct Atom {
    kind: [u8; 4],
    /// Empty for a box of boxes.
    body: Vec<u8>,
    children: Vec<Self>,
}

impl Atom {
    fn leaf(kind: [u8; 4], body: Vec<u8>) -> Self {
        Self { kind, body, children: Vec::new() }
    }

    fn parse(kind: [u8; 4], body: &[u8]) -> Self {
        if !matches!(&kind, b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl") {
            return Self::leaf(kind, body.to_vec());
        }
        let mut children = Vec::new();
        let mut at = 0;
        while at < body.len() {
            let (kind, header, len) = header(&body[at..]);
            children.push(Self::parse(kind, &body[at + header..at + len]));
            at += len;
        }
        Self { kind, body: Vec::new(), children }
    }

    fn bytes(&self) -> Vec<u8> {
        let inside: Vec<u8> =
            self.children.iter().flat_map(Self::bytes).chain(self.body.iter().copied()).collect();
        let mut out = (8 + inside.len() as u32).to_be_bytes().to_vec();
        out.extend_from_slice(&self.kind);
        out.extend(inside);
        out
    }

    fn child_mut(&mut self, kind: &[u8; 4]) -> Option<&mut Self> {
        self.children.iter_mut().find(|atom| atom.kind == *kind)
    }

    /// Moves chunk offsets along with the media: (old start, old end, new start).
    fn relocate(&mut self, moves: &[(u64, u64, u64)]) {
        let moved = |old: u64| {
            let (from, _, to) =
                moves.iter().find(|(a, b, _)| (*a..*b).contains(&old)).expect("an offset points into mdat");
            old - from + to
        };
        for table in &mut self.children {
            match &table.kind {
                b"stco" => table.body[8..].chunks_exact_mut(4).for_each(|c| {
                    let new = u32::try_from(moved(be32(c).into())).expect("a test file is below 4 GiB");
                    c.copy_from_slice(&new.to_be_bytes());
                }),
                b"co64" => table.body[8..].chunks_exact_mut(8).for_each(|c| {
                    let old = u64::from(be32(c)) << 32 | u64::from(be32(&c[4..]));
                    c.copy_from_slice(&moved(old).to_be_bytes());
                }),
                _ => {}
            }
        }
    }
}

fn compressed(moov: &Atom) -> Vec<u8> {
    let plain = moov.bytes();
    let mut zlib = flate2::write::ZlibEncoder::new(
        (plain.len() as u32).to_be_bytes().to_vec(),
        flate2::Compression::best(),
    );
    zlib.write_all(&plain).expect("memory takes everything");
    let data = zlib.finish().expect("memory takes everything");
    let dcom = Atom::leaf(*b"dcom", b"zlib".to_vec());
    let cmov = Atom { kind: *b"cmov", body: Vec::new(), children: vec![dcom, Atom::leaf(*b"cmvd", data)] };
    Atom { kind: *b"moov", body: Vec::new(), children: vec![cmov] }.bytes()
}

/// Kind, header length and whole length of the box that starts here.
fn header(bytes: &[u8]) -> ([u8; 4], usize, usize) {
    let kind = [bytes[4], bytes[5], bytes[6], bytes[7]];
    match be32(bytes) {
        0 => (kind, 8, bytes.len()),
        1 => (kind, 16, be32(&bytes[12..]) as usize),
        len => (kind, 8, len as usize),
    }
}

fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::{self, Clip, Packet};

    async fn read_back(mp4: &Mp4) -> Vec<Packet> {
        let dir = crate::scratch();
        let path = dir.path().join("variant.mp4");
        mp4.write(&path);
        ffmpeg::packets(&path).await
    }

    fn count(bytes: &[u8], kind: &[u8; 4]) -> usize {
        bytes.windows(4).filter(|w| w == kind).count()
    }

    #[tokio::test]
    async fn every_variant_reads_as_the_same_packets() {
        let clip = Clip::new().seconds(2.0).make().await;
        let want = ffmpeg::packets(&clip).await;
        let plain = Mp4::read(&clip);
        let variants = [
            ("as it was", plain.clone()),
            ("moov first", plain.clone().moov(At::Front)),
            ("padded", plain.clone().moov(At::Front).pad(1000)),
            ("co64", plain.clone().co64()),
            ("stz2", plain.clone().stz2(Track::Video, 16).stz2(Track::Audio, 16)),
            ("cmov", plain.clone().compress()),
            (
                "two descriptions",
                plain.clone().two_descriptions(Track::Video, None).two_descriptions(Track::Audio, None),
            ),
            (
                "all",
                plain.co64().stz2(Track::Video, 16).two_descriptions(Track::Video, None).pad(64).compress(),
            ),
        ];
        for (name, variant) in variants {
            assert_eq!(read_back(&variant).await, want, "{name}");
        }
    }

    #[tokio::test]
    async fn small_sizes_fit_eight_and_four_bits() {
        let clip = Clip::new().seconds(2.0).silent().audio(48_000, "mono").make().await;
        let want = ffmpeg::packets(&clip).await;
        let plain = Mp4::read(&clip);
        let largest = plain.largest_sample(Track::Audio);
        assert!(largest < 16, "{largest}");
        for bits in [8, 4] {
            let narrow = plain.clone().stz2(Track::Audio, bits);
            assert_eq!((count(&narrow.bytes(), b"stz2"), count(&narrow.bytes(), b"stsz")), (1, 1));
            assert_eq!(read_back(&narrow).await, want, "{bits} bits");
        }
    }

    #[tokio::test]
    async fn a_foreign_description_is_the_other_files_own() {
        let (one, two) = (
            Clip::new().seconds(2.0),
            Clip::new().seconds(2.0).bframes(0).video_options(&["-profile:v", "baseline"]),
        );
        let (one, two) = (one.make().await, two.make().await);
        let mixed = Mp4::read(&one).two_descriptions(Track::Video, Some(&Mp4::read(&two)));
        assert_eq!(count(&mixed.bytes(), b"avcC"), 2);
        let want: Vec<String> = ffmpeg::packets(&one).await.into_iter().map(|p| p.md5).collect();
        assert_eq!(read_back(&mixed).await.into_iter().map(|p| p.md5).collect::<Vec<_>>(), want);
    }
}
