//! Films of any length out of a few seconds: the same samples, described again and again.

use super::{Atom, Mp4, be32};

/// One sample, as its tables describe it. Times are ticks of the track.
#[derive(Clone, Copy)]
struct Sample {
    offset: u64,
    size: u32,
    duration: u32,
    composition: u32,
    key: bool,
}

impl Mp4 {
    /// Describes the file's samples `times` times over. The media stays as it is: every lap points to the same bytes.
    ///
    /// A lap lasts as long as the picture; every sample has a chunk of its own, so that the tables are as long as those
    /// of a real film. Edit lists go. Sound must have a frame that ends with the picture, as that of a clip of 16 s at
    /// 48 kHz does, or a lap's last frame lasts a little longer.
    ///
    /// # Panics
    /// When there is no picture, or the film is longer than 32 bits can say.
    #[must_use]
    pub fn repeat(mut self, times: u32) -> Self {
        let movie_scale = be32(&self.moov.child_mut(b"mvhd").expect("the movie has a header").body[12..]);
        let (mut lap, mut whole_movie) = (None, 0);
        for trak in self.moov.children.iter_mut().filter(|atom| atom.kind == *b"trak") {
            trak.children.retain(|atom| atom.kind != *b"edts");
            let mdia = trak.child_mut(b"mdia").expect("a track has media");
            let scale = be32(&mdia.child_mut(b"mdhd").expect("media has a header").body[12..]);
            let stbl = mdia.child_mut(b"minf").and_then(|minf| minf.child_mut(b"stbl"));
            let stbl = stbl.expect("a track has a sample table");
            let mut samples = read(stbl);
            let whole = |samples: &[Sample]| samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
            // ffmpeg writes the picture first.
            let (ticks, of): (u64, u32) = *lap.get_or_insert_with(|| (whole(&samples), scale));
            let length = ticks * u64::from(scale) / u64::from(of);
            while whole(&samples) > length {
                samples.pop();
            }
            let rest = u32::try_from(length - whole(&samples)).expect("the rest of a lap is short");
            samples.last_mut().expect("a track has samples").duration += rest;
            write(stbl, &samples, times);
            let total = u32::try_from(length * u64::from(times)).expect("the film fits 32 bits");
            set_duration(mdia.child_mut(b"mdhd").expect("media has a header"), 16, total);
            let in_movie = (u64::from(total) * u64::from(movie_scale) / u64::from(scale)) as u32;
            set_duration(trak.child_mut(b"tkhd").expect("a track has a header"), 20, in_movie);
            whole_movie = whole_movie.max(in_movie);
        }
        set_duration(self.moov.child_mut(b"mvhd").expect("the movie has a header"), 16, whole_movie);
        self
    }
}

fn set_duration(header: &mut Atom, at: usize, duration: u32) {
    assert_eq!(header.body[0], 0, "a header of version 0");
    header.body[at..at + 4].copy_from_slice(&duration.to_be_bytes());
}

fn words(table: &mut Atom, kind: &[u8; 4], skip: usize) -> Vec<u32> {
    table.child_mut(kind).map_or_else(Vec::new, |a| a.body[skip..].chunks_exact(4).map(be32).collect())
}

fn runs(words: &[u32]) -> impl Iterator<Item = u32> {
    words.chunks_exact(2).flat_map(|run| std::iter::repeat_n(run[1], run[0] as usize))
}

fn read(stbl: &mut Atom) -> Vec<Sample> {
    let (stts, ctts) = (words(stbl, b"stts", 8), words(stbl, b"ctts", 8));
    let (keys, offsets) = (words(stbl, b"stss", 8), words(stbl, b"stco", 8));
    let chunks = words(stbl, b"stsc", 8);
    let sizes = stbl.child_mut(b"stsz").expect("the track has sample sizes").body.clone();
    let all = be32(&sizes[4..]);
    let mut sizes =
        (0..be32(&sizes[8..]) as usize).map(|i| if all > 0 { all } else { be32(&sizes[12 + 4 * i..]) });
    let (mut durations, mut compositions) = (runs(&stts), runs(&ctts));
    let mut samples = Vec::new();
    for (chunk, offset) in (1u32..).zip(offsets) {
        let run = chunks.chunks_exact(3).rev().find(|run| run[0] <= chunk).expect("runs start at 1");
        let mut offset = u64::from(offset);
        for size in sizes.by_ref().take(run[1] as usize) {
            samples.push(Sample {
                offset,
                size,
                duration: durations.next().expect("every sample has a duration"),
                composition: compositions.next().unwrap_or(0),
                key: keys.is_empty() || keys.contains(&(samples.len() as u32 + 1)),
            });
            offset += u64::from(size);
        }
    }
    samples
}

fn write(stbl: &mut Atom, samples: &[Sample], times: u32) {
    let count = samples.len() as u32 * times;
    let laps = || (0..times).flat_map(|_| samples);
    let table = |head: &[u32], words: Vec<u32>| {
        [&[0], head, &words].concat().into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>()
    };
    let mut stts: Vec<u32> = Vec::new();
    for sample in laps() {
        match stts.last_chunk_mut() {
            Some([count, duration]) if *duration == sample.duration => *count += 1,
            _ => stts.extend([1, sample.duration]),
        }
    }
    let mut tables = vec![
        (*b"stts", table(&[stts.len() as u32 / 2], stts)),
        (*b"stsc", table(&[1], vec![1, 1, 1])),
        (*b"stco", table(&[count], laps().map(|s| u32::try_from(s.offset).expect("a small file")).collect())),
    ];
    if samples.iter().any(|sample| sample.composition != 0) {
        tables.push((*b"ctts", table(&[count], laps().flat_map(|s| [1, s.composition]).collect())));
    }
    if samples.iter().any(|sample| !sample.key) {
        let keys: Vec<u32> = (1u32..).zip(laps()).filter(|(_, s)| s.key).map(|(number, _)| number).collect();
        tables.push((*b"stss", table(&[keys.len() as u32], keys)));
    }
    // Last, for those who want to make it longer still.
    tables.push((*b"stsz", table(&[0, count], laps().map(|s| s.size).collect())));
    stbl.children.retain(|atom| atom.kind == *b"stsd");
    stbl.children.extend(tables.into_iter().map(|(kind, body)| Atom::leaf(kind, body)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::{self, Clip, Track};

    #[tokio::test]
    async fn a_film_of_several_laps_is_the_clip_again_and_again() {
        let clip = Clip::new().size(160, 90).seconds(16.0).make().await;
        let dir = crate::scratch();
        let path = dir.path().join("film.mp4");
        Mp4::read(&clip).repeat(3).write(&path);
        let (clip, film) = (ffmpeg::packets(&clip).await, ffmpeg::packets(&path).await);
        for (track, in_a_lap) in [(Track::Video, 480), (Track::Audio, 750)] {
            let of = |packets: &[ffmpeg::Packet]| -> Vec<(String, bool)> {
                packets.iter().filter(|p| p.track == track).map(|p| (p.md5.clone(), p.key)).collect()
            };
            let mut lap = of(&clip);
            lap.truncate(in_a_lap);
            let three: Vec<_> = lap.iter().cycle().take(3 * in_a_lap).cloned().collect();
            assert_eq!(of(&film), three, "{track:?}");
            let times: Vec<f64> = film.iter().filter(|p| p.track == track).map(|p| p.dts_ms()).collect();
            let last = times.last().unwrap() - times[0];
            assert!((47_900.0..48_000.0).contains(&last), "{track:?}: {last}");
        }
    }
}
