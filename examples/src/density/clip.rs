//! The clip of the benchmark: the bundled one, made heavier by filler.

use std::{fs, io, path::Path, sync::Arc};

use streambro_core::media::{
    cursor::{self, Cursor},
    packet::{Sample, Track},
};

/// A filler NAL unit's header (ISO/IEC 14496-10, 7.4.1: type 12, nal_ref_idc 0). Decoders skip it.
const FILLER: u8 = 12;
/// The shortest filler: length, header, trailing bits.
const SHORTEST: usize = 4 + 1 + 1;

/// Writes `from`, an MP4 with 4-byte NAL unit lengths, to `to` with filler in every picture up to `bitrate` bits a second.
///
/// Only sizes and offsets change: the header keeps its length, timing and keyframes.
///
/// # Errors
/// Those of the files; `InvalidData` for a file that the benchmark cannot pad.
pub fn pad(from: &Path, to: &Path, bitrate: u64) -> io::Result<()> {
    let source = fs::read(from)?;
    let index = cursor::open(&source[..], source.len() as u64).map_err(io::Error::other)?;
    let index = Arc::new(index);
    let video = index.video.as_ref().ok_or_else(unfit)?;
    let seconds = video.duration as f64 / f64::from(video.timescale.get());
    let wanted = (bitrate as f64 / 8.0 * seconds) as usize;
    let mut samples = walk(&index, &source)?;
    let now: usize = samples.iter().map(|sample| sample.len as usize).sum();
    let each = (wanted.saturating_sub(now) / video.samples.max(1) as usize).max(SHORTEST);

    // In the file's order, so that chunks stay runs of samples.
    samples.sort_by_key(|sample| sample.offset);
    let first = samples.first().ok_or_else(unfit)?.offset as usize;
    let header = locate(&source, b"mdat", first)?;
    let mut out = source[..first].to_vec();
    let mut moved = std::collections::HashMap::new();
    for sample in &samples {
        moved.insert(sample.offset, out.len() as u64);
        let at = sample.offset as usize;
        out.extend_from_slice(&source[at..at + sample.len as usize]);
        if sample.track == Track::Video {
            out.extend_from_slice(&((each - 4) as u32).to_be_bytes());
            out.push(FILLER);
            out.resize(out.len() + each - SHORTEST, 0xff);
            out.push(0x80);
        }
    }
    let mdat = (out.len() - header) as u32;
    out[header..header + 4].copy_from_slice(&mdat.to_be_bytes());
    let tables = Tables { video: &samples, each, moved: &moved };
    tables.rewrite(&mut out[..header])?;
    fs::write(to, out)
}

fn walk(index: &Arc<streambro_core::media::index::Index>, source: &[u8]) -> io::Result<Vec<Sample>> {
    let mut cursor = Cursor::new(Arc::clone(index));
    let mut samples = vec![];
    while let Some(sample) = cursor.peek(source).map_err(io::Error::other)? {
        samples.push(sample);
        cursor.advance();
    }
    Ok(samples)
}

struct Tables<'a> {
    video: &'a [Sample],
    each: usize,
    moved: &'a std::collections::HashMap<u64, u64>,
}

impl Tables<'_> {
    /// Corrects every chunk offset, and the sample sizes of the track whose sizes are the pictures'.
    fn rewrite(&self, header: &mut [u8]) -> io::Result<()> {
        let pictures: Vec<u32> = self
            .video
            .iter()
            .filter(|sample| sample.track == Track::Video)
            .map(|sample| sample.len)
            .collect();
        for at in find(header, b"stco") {
            for entry in entries(header, at + 8)? {
                let old = u64::from(word(header, entry)?);
                let new = self.moved.get(&old).copied().ok_or_else(unfit)? as u32;
                header[entry..entry + 4].copy_from_slice(&new.to_be_bytes());
            }
        }
        for at in find(header, b"stsz") {
            let sizes = entries(header, at + 12)?;
            if sizes.len() == pictures.len() && word(header, sizes[0])? == pictures[0] {
                for entry in sizes {
                    let size = word(header, entry)? + self.each as u32;
                    header[entry..entry + 4].copy_from_slice(&size.to_be_bytes());
                }
            }
        }
        Ok(())
    }
}

/// The places of a table's 4-byte entries; their count stands at `at`.
fn entries(header: &[u8], at: usize) -> io::Result<Vec<usize>> {
    let count = word(header, at)? as usize;
    Ok((0..count).map(|entry| at + 4 + entry * 4).collect())
}

fn find(bytes: &[u8], name: &[u8; 4]) -> Vec<usize> {
    bytes.windows(4).enumerate().filter(|(_, window)| window == name).map(|(at, _)| at).collect()
}

fn locate(bytes: &[u8], name: &[u8; 4], before: usize) -> io::Result<usize> {
    let at = find(&bytes[..before], name).pop().ok_or_else(unfit)?;
    at.checked_sub(4).ok_or_else(unfit)
}

fn word(bytes: &[u8], at: usize) -> io::Result<u32> {
    let bytes = bytes.get(at..at + 4).ok_or_else(unfit)?;
    Ok(u32::from_be_bytes(bytes.try_into().map_err(io::Error::other)?))
}

fn unfit() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the benchmark cannot pad this file; give a plain MP4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_padded_clip_has_the_rate_that_was_asked_for_and_the_same_times() {
        let clip = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4"));
        let padded = std::env::temp_dir().join(format!("streambro-pad-{}.mp4", std::process::id()));
        pad(clip, &padded, 4_000_000).unwrap();
        let (before, after) = (streambro_core::probe(clip).unwrap(), streambro_core::probe(&padded).unwrap());
        let due = [clip, &padded].map(|file| crate::density::due::Due::of(file, 1, u32::MAX).unwrap());
        fs::remove_file(&padded).unwrap();
        let (before, after) = (before.info.unwrap(), after.info.unwrap());
        let rate = after.video.unwrap().bitrate + after.audio.unwrap().bitrate;
        assert!((3_990_000..4_010_000).contains(&rate), "{rate}");
        assert_eq!(before.duration_ms, after.duration_ms);
        assert_eq!(due[0], due[1]);
    }
}
