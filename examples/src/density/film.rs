//! A long film: the bundled clip played many times by one file's tables.

use std::{fs, io, path::Path};

/// Writes `from`, a plain MP4, to `to` as a film that plays it `laps` times.
///
/// The tables are as long as those of any film of that length. The media stands in the file once, and the tables of each
/// lap point at it: ten hours are 46 MB, and what a reader might
/// hold for them is in the tables.
///
/// # Errors
/// Those of the files; `InvalidData` for a file that is not plain enough.
pub fn lengthen(from: &Path, to: &Path, laps: u32) -> io::Result<()> {
    let source = fs::read(from)?;
    let top = boxes(&source)?;
    let find = |name: &[u8; 4]| top.iter().find(|found| found.name == *name).ok_or_else(unfit);
    let (ftyp, moov, mdat) = (find(b"ftyp")?, find(b"moov")?, find(b"mdat")?);
    // The tables have the same length wherever they point.
    let len = Film { laps, shift: 0 }.container(b"moov", moov.body)?.len();
    let old = mdat.body.as_ptr() as usize - source.as_ptr() as usize;
    let new = 8 + ftyp.body.len() + len + 8;
    let film = Film { laps, shift: new as i64 - old as i64 };
    let mut out = boxed(b"ftyp", ftyp.body);
    out.extend(film.container(b"moov", moov.body)?);
    out.extend(boxed(b"mdat", mdat.body));
    fs::write(to, out)
}

struct Film {
    laps: u32,
    /// How far the media moves in the file.
    shift: i64,
}

impl Film {
    fn container(&self, name: &[u8; 4], body: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = vec![];
        for child in boxes(body)? {
            out.extend(match &child.name {
                b"trak" => self.track(child.body)?,
                // ISO/IEC 14496-12, 8.2.2: the duration of version 0.
                b"mvhd" => boxed(&child.name, &self.longer(child.body, 16, 0)?),
                _ => boxed(&child.name, child.body),
            });
        }
        Ok(boxed(name, &out))
    }

    fn track(&self, body: &[u8]) -> io::Result<Vec<u8>> {
        let stbl = descend(body, &[b"mdia", b"minf", b"stbl"])?;
        let is_sound = child(descend(body, &[b"mdia"])?, b"hdlr")?.get(8..12) == Some(b"soun".as_slice());
        let tables = Tables::read(stbl)?;
        // Priming plays once: a lap after the first has no frame that the edit list leaves out.
        let priming = match is_sound {
            true => word(child(descend(body, &[b"edts"])?, b"elst")?, 12)?,
            false => 0,
        };
        let skip = priming / tables.duration;
        self.rebuild(b"trak", body, &tables, skip)
    }

    fn rebuild(&self, name: &[u8; 4], body: &[u8], tables: &Tables, skip: u32) -> io::Result<Vec<u8>> {
        let mut out = vec![];
        for child in boxes(body)? {
            out.extend(match &child.name {
                b"mdia" | b"minf" | b"edts" => self.rebuild(&child.name, child.body, tables, skip)?,
                b"stbl" => tables.lengthened(child.body, self, skip)?,
                // 8.3.2, 8.4.2 and 8.6.6, version 0.
                b"tkhd" => boxed(&child.name, &self.longer(child.body, 20, 0)?),
                b"mdhd" => boxed(&child.name, &self.longer(child.body, 16, skip * tables.duration)?),
                b"elst" if word(child.body, 4)? == 1 => boxed(&child.name, &self.longer(child.body, 8, 0)?),
                b"elst" => return Err(unfit()),
                _ => boxed(&child.name, child.body),
            });
        }
        Ok(boxed(name, &out))
    }

    /// The body of a full box of version 0 with the duration at `at` for all laps, of which each but the first is
    /// shorter by `skipped`.
    fn longer(&self, body: &[u8], at: usize, skipped: u32) -> io::Result<Vec<u8>> {
        let duration = word(body, at)?.checked_sub(skipped).ok_or_else(unfit)?;
        let duration = duration.checked_mul(self.laps).and_then(|all| all.checked_add(skipped));
        let mut out = body.to_vec();
        if body[0] != 0 {
            return Err(unfit());
        }
        out[at..at + 4].copy_from_slice(&duration.ok_or_else(unfit)?.to_be_bytes());
        Ok(out)
    }
}

/// The sample tables of one lap.
struct Tables {
    /// Of each sample, in ticks.
    duration: u32,
    sizes: Vec<u32>,
    /// Offset and number of samples.
    chunks: Vec<(u32, u32)>,
    keys: Option<Vec<u32>>,
    /// Number of samples and composition offset.
    offsets: Option<Vec<(u32, u32)>>,
}

impl Tables {
    fn read(stbl: &[u8]) -> io::Result<Self> {
        let [(_, duration)] = pairs(child(stbl, b"stts")?)?[..] else { return Err(unfit()) };
        let stsz = child(stbl, b"stsz")?;
        if word(stsz, 4)? != 0 {
            return Err(unfit());
        }
        let runs = words(child(stbl, b"stsc")?, 4, 3)?;
        let mut chunks = vec![];
        let mut run = 0;
        for (at, offset) in words(child(stbl, b"stco")?, 4, 1)?.into_iter().enumerate() {
            while runs.get((run + 1) * 3).is_some_and(|first| *first as usize <= at + 1) {
                run += 1;
            }
            chunks.push((offset, *runs.get(run * 3 + 1).ok_or_else(unfit)?));
        }
        Ok(Self {
            duration: Some(duration).filter(|duration| *duration > 0).ok_or_else(unfit)?,
            sizes: words(stsz, 8, 1)?,
            chunks,
            keys: child(stbl, b"stss").ok().map(|stss| words(stss, 4, 1)).transpose()?,
            offsets: child(stbl, b"ctts").ok().map(pairs).transpose()?,
        })
    }

    fn lengthened(&self, stbl: &[u8], film: &Film, skip: u32) -> io::Result<Vec<u8>> {
        if skip > 0 && (self.keys.is_some() || self.offsets.is_some()) {
            return Err(unfit());
        }
        let one = self.sizes.len() as u32;
        let later = &self.sizes[skip as usize..];
        let samples = one + (film.laps - 1) * later.len() as u32;

        let mut stsz = vec![0_u32];
        stsz.push(samples);
        let (mut stsc, mut co64) = (vec![], vec![]);
        let mut last = 0;
        for lap in 0..film.laps {
            stsz.extend(if lap == 0 { &self.sizes } else { later });
            let mut skipped = if lap == 0 { 0 } else { skip };
            let mut sample = 0;
            for (offset, count) in &self.chunks {
                let out = skipped.min(*count);
                let passed: u32 = self.sizes[sample..sample + out as usize].iter().sum();
                sample += *count as usize;
                skipped -= out;
                if out == *count {
                    continue;
                }
                co64.push((i64::from(*offset) + i64::from(passed) + film.shift) as u64);
                if last != count - out {
                    last = count - out;
                    stsc.extend([co64.len() as u32, last, 1]);
                }
            }
        }
        let mut out = vec![];
        for child in boxes(stbl)? {
            match &child.name {
                b"stsd" => out.extend(boxed(b"stsd", child.body)),
                b"stts" => out.extend(table(b"stts", 2, &[samples, self.duration])),
                b"stsz" => out.extend(boxed(b"stsz", &[&[0; 4], &big(&stsz)[..]].concat())),
                b"stsc" => out.extend(table(b"stsc", 3, &stsc)),
                b"stco" => {
                    let places: Vec<u8> = co64.iter().flat_map(|place| place.to_be_bytes()).collect();
                    let count = (co64.len() as u32).to_be_bytes();
                    out.extend(boxed(b"co64", &[&[0; 4], &count[..], &places].concat()));
                }
                b"stss" => {
                    let keys = self.keys.iter().flatten();
                    let lap = |lap| keys.clone().map(move |key| key + lap * one);
                    out.extend(table(b"stss", 1, &(0..film.laps).flat_map(lap).collect::<Vec<_>>()));
                }
                b"ctts" => {
                    let lap: Vec<u32> =
                        self.offsets.iter().flatten().flat_map(|(count, offset)| [*count, *offset]).collect();
                    out.extend(table(b"ctts", 2, &lap.repeat(film.laps as usize)));
                }
                // Sample groups: nobody needs them here.
                _ => {}
            }
        }
        Ok(boxed(b"stbl", &out))
    }
}

struct Found<'a> {
    name: [u8; 4],
    body: &'a [u8],
}

fn boxes(mut bytes: &[u8]) -> io::Result<Vec<Found<'_>>> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let len = word(bytes, 0)? as usize;
        let (name, body) = (bytes.get(4..8), bytes.get(8..len));
        let (Some(name), Some(body)) = (name, body) else { return Err(unfit()) };
        found.push(Found { name: name.try_into().map_err(io::Error::other)?, body });
        bytes = &bytes[len..];
    }
    Ok(found)
}

fn child<'a>(body: &'a [u8], name: &[u8; 4]) -> io::Result<&'a [u8]> {
    boxes(body)?.into_iter().find(|found| found.name == *name).map(|found| found.body).ok_or_else(unfit)
}

fn descend<'a>(body: &'a [u8], path: &[&[u8; 4]]) -> io::Result<&'a [u8]> {
    path.iter().try_fold(body, |body, name| child(body, name))
}

/// The words of a table of entries of `width` words, whose count stands at `at`.
fn words(body: &[u8], at: usize, width: usize) -> io::Result<Vec<u32>> {
    let count = word(body, at)? as usize * width;
    (0..count).map(|entry| word(body, at + 4 + entry * 4)).collect()
}

fn pairs(body: &[u8]) -> io::Result<Vec<(u32, u32)>> {
    Ok(words(body, 4, 2)?.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn word(bytes: &[u8], at: usize) -> io::Result<u32> {
    let bytes = bytes.get(at..at + 4).ok_or_else(unfit)?;
    Ok(u32::from_be_bytes(bytes.try_into().map_err(io::Error::other)?))
}

/// A full box with a count and entries of `width` words.
fn table(name: &[u8; 4], width: usize, entries: &[u32]) -> Vec<u8> {
    let count = (entries.len() / width) as u32;
    boxed(name, &[&[0; 4], &count.to_be_bytes()[..], &big(entries)].concat())
}

fn big(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = (body.len() + 8) as u32;
    [&len.to_be_bytes()[..], name, body].concat()
}

fn unfit() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the benchmark cannot lengthen this file; give a plain MP4")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{due::Due, fleet::Scratch};

    #[test]
    fn a_film_of_three_laps_is_the_clip_three_times() {
        let clip = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4"));
        let scratch = Scratch::new().unwrap();
        let film = scratch.file("film");
        lengthen(clip, &film, 3).unwrap();
        let info = streambro_core::probe(&film).unwrap().info.unwrap();
        assert_eq!(info.duration_ms, 24_000);
        assert_eq!(Due::of(&film, 1, u32::MAX).unwrap(), Due::of(clip, 3, u32::MAX).unwrap());
    }

    #[test]
    fn what_is_no_film_is_refused() {
        let scratch = Scratch::new().unwrap();
        let (text, film) = (scratch.file("text"), scratch.file("film"));
        fs::write(&text, "no film at all").unwrap();
        assert_eq!(lengthen(&text, &film, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
