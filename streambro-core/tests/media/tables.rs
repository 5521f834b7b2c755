//! What each table says, one file per kind.

use streambro_core::media::cursor::open;
use streambro_core::media::error::MediaError;
use streambro_core::media::packet::{Sample, Track};
use streambro_core::media::probe::{Container, probe};

use crate::build::*;
use crate::walk::{samples, walk};

fn one(tables: Vec<Vec<u8>>) -> Vec<Sample> {
    samples(&file(&picture_data(), &[Trak::video(tables)]))
}

fn times(samples: &[Sample]) -> Vec<(i64, i64)> {
    samples.iter().map(|sample| (sample.dts, sample.pts)).collect()
}

#[test]
fn a_plain_file() {
    let all = one(four_pictures());
    assert_eq!(times(&all), [(0, 0), (40, 40), (80, 80), (120, 120)]);
    assert_eq!(all.iter().map(|s| s.key).collect::<Vec<_>>(), [true, false, false, false]);
    let data = u64::from(DATA);
    let places: Vec<_> = all.iter().map(|sample| (sample.offset, sample.len)).collect();
    assert_eq!(places, [(data, 100), (data + 100, 20), (data + 120, 30), (data + 150, 40)]);
}

#[test]
fn negative_compositions() {
    let mut tables = four_pictures();
    tables.push(table(b"ctts", 1, &[&[1, 0], &[1, 40], &[2, (-40i32).cast_unsigned()]]));
    let file = file(&picture_data(), &[Trak::video(tables)]);
    assert_eq!(times(&samples(&file)), [(0, 0), (40, 80), (80, 40), (120, 80)]);
    let index = open(&file[..], file.len() as u64).unwrap();
    let video = index.video.unwrap();
    assert_eq!((video.min_composition, video.duration, video.samples), (-40, 160, 4));
    assert_eq!((video.configs[0].width, video.configs[0].height), (320, 180));
}

#[test]
fn compact_sizes_and_64_bit_offsets() {
    for (bits, packed) in [(8u32, vec![100, 20, 30, 40]), (16, vec![0, 100, 0, 20, 0, 30, 0, 40])] {
        let stz2 = full(b"stz2", 0, 0, &[&words(&[bits, 4]), &packed]);
        assert_eq!(one(with(with(four_pictures(), b"stsz", vec![]), b"stz2", stz2)), one(four_pictures()));
    }
    let stz2 = full(b"stz2", 0, 0, &[&words(&[4, 3]), &[0xf8, 0x90]]);
    let small = [idr(15), vec![0; 20]].concat();
    let tables = with(with(four_pictures(), b"stsz", vec![]), b"stz2", stz2);
    let sizes: Vec<u32> = samples(&file(&small, &[Trak::video(tables)])).iter().map(|s| s.len).collect();
    assert_eq!(sizes, [15, 8, 9]);
    let co64 = table(b"co64", 0, &[&[0, DATA]]);
    assert_eq!(one(with(with(four_pictures(), b"stco", vec![]), b"co64", co64)), one(four_pictures()));
    let stsz = full(b"stsz", 0, 0, &[&words(&[50, 4])]);
    assert_eq!(one(with(four_pictures(), b"stsz", stsz)).iter().map(|s| s.len).sum::<u32>(), 200);
}

#[test]
fn several_descriptions() {
    let tables = with(four_pictures(), b"stsc", table(b"stsc", 0, &[&[1, 2, 2], &[2, 2, 1]]));
    let tables = with(tables, b"stco", table(b"stco", 0, &[&[DATA], &[DATA + 120]]));
    let mut trak = Trak::video(tables);
    let configs = |trak: Trak| {
        samples(&file(&picture_data(), &[trak])).iter().map(|sample| sample.config).collect::<Vec<_>>()
    };
    let mut equal = trak.clone();
    equal.entries.push(avc1());
    assert_eq!(configs(equal), [0; 4]);
    // The same but for the last byte of its picture parameter set.
    let mut other = avc1();
    *other.last_mut().unwrap() ^= 1;
    trak.entries.push(other);
    assert_eq!(configs(trak), [1, 1, 0, 0]);
    let bad = with(four_pictures(), b"stsc", table(b"stsc", 0, &[&[1, 4, 7]]));
    let file = file(&picture_data(), &[Trak::video(bad)]);
    assert!(matches!(open(&file[..], file.len() as u64), Err(MediaError::Malformed { .. })));
}

#[test]
fn the_header_may_come_first_and_sizes_may_be_long_or_open() {
    let plain = file(&picture_data(), &[Trak::video(four_pictures())]);
    // moov first: the place of the media depends on its size, which does not depend on the place.
    let header = moov(&[Trak::video(four_pictures())]).len();
    let data = u32::try_from(ftyp().len() + header + 16).unwrap();
    let tables = with(four_pictures(), b"stco", table(b"stco", 0, &[&[data]]));
    let media = picture_data();
    let long = u64::try_from(media.len() + 16).unwrap().to_be_bytes();
    let long = [&[0, 0, 0, 1], &b"mdat"[..], &long, &media].concat();
    let open = [&[0, 0, 0, 0], &b"mdat"[..], &[0; 8], &media].concat();
    for mdat in [long, open] {
        let first = [ftyp(), moov(&[Trak::video(tables.clone())]), mdat].concat();
        assert_eq!(times(&samples(&first)), times(&samples(&plain)));
    }
}

#[test]
fn a_file_that_was_cut_plays_up_to_there() {
    let data = ftyp().len() + moov(&[Trak::video(four_pictures())]).len() + 8;
    let tables = with(four_pictures(), b"stco", table(b"stco", 0, &[&[u32::try_from(data).unwrap()]]));
    let file = [ftyp(), moov(&[Trak::video(tables)]), atom(b"mdat", &[&picture_data()])].concat();
    let cut = &file[..data + 125];
    let (samples, end) = walk(cut, cut.len() as u64);
    assert_eq!(samples.len(), 2);
    assert!(matches!(end, Some(MediaError::Truncated { needed }) if needed == data as u64 + 150), "{end:?}");
    assert!(probe(cut, cut.len() as u64).unwrap().truncated);
}

#[test]
fn time_advances_whatever_the_table_says() {
    let all = one(with(four_pictures(), b"stts", table(b"stts", 0, &[&[2, 0], &[2, u32::MAX]])));
    assert_eq!(times(&all), [(0, 0), (1, 1), (2, 2), (3, 3)]);
    // Too short a table: the last duration goes on.
    let all = one(with(four_pictures(), b"stts", table(b"stts", 0, &[&[1, 40]])));
    assert_eq!(times(&all), [(0, 0), (40, 40), (80, 80), (120, 120)]);
}

#[test]
fn more_sizes_than_chunks_end_with_the_chunks() {
    let file = file(
        &picture_data(),
        &[Trak::video(with(four_pictures(), b"stsc", table(b"stsc", 0, &[&[1, 3, 1]])))],
    );
    assert_eq!(samples(&file).len(), 3);
    assert_eq!(open(&file[..], file.len() as u64).unwrap().video.unwrap().samples, 3);
}

fn edited(edits: &[(u32, i32)], tables: Vec<Vec<u8>>) -> Vec<(i64, i64)> {
    let mut trak = Trak::video(tables);
    trak.elst = Some(elst(edits));
    let file = file(&picture_data(), &[trak]);
    let all = samples(&file);
    let info = open(&file[..], file.len() as u64).unwrap().video.unwrap();
    assert_eq!((info.samples, info.first_dts, info.first_pts), (all.len() as u64, all[0].dts, all[0].pts));
    times(&all)
}

#[test]
fn edits_move_and_cut() {
    let all_sync = with(four_pictures(), b"stss", vec![]);
    assert_eq!(edited(&[(0, 0)], four_pictures()), [(0, 0), (40, 40), (80, 80), (120, 120)]);
    assert_eq!(edited(&[(500, -1), (160, 0)], four_pictures())[0], (500, 500));
    assert_eq!(edited(&[(160, 40)], four_pictures()), [(-40, -40), (0, 0), (40, 40), (80, 80)]);
    let idrs = |n: usize| (0..n).map(|_| idr(40)).collect::<Vec<_>>().concat();
    let mut trak = Trak::video(with(all_sync, b"stsz", full(b"stsz", 0, 0, &[&words(&[40, 4])])));
    trak.elst = Some(elst(&[(80, 50)]));
    // From the sync sample before 50 to the last that is shown before 130.
    assert_eq!(times(&samples(&file(&idrs(4), &[trak]))), [(-10, -10), (30, 30), (70, 70)]);
    // Reordered: the last in decode order that is shown before the end, and what it needs.
    let mut tables = four_pictures();
    tables.push(table(b"ctts", 0, &[&[1, 40], &[1, 120], &[2, 0]]));
    assert_eq!(edited(&[(80, 40)], tables), [(-40, 0), (0, 120), (40, 40)]);
}

#[test]
fn a_coarse_movie_timescale_cuts_nothing_real() {
    let mut trak = Trak::video(with(four_pictures(), b"stts", table(b"stts", 0, &[&[4, 30]])));
    trak.timescale = 90_000;
    // 120 ticks are 1.33 ms; the movie counts whole ones.
    trak.elst = Some(elst(&[(1, 0)]));
    assert_eq!(samples(&file(&picture_data(), &[trak])).len(), 4);
}

#[test]
fn disabled_tracks_and_other_kinds_are_passed_over() {
    let audio = vec![
        table(b"stts", 0, &[&[2, 1024]]),
        table(b"stsc", 0, &[&[1, 2, 1]]),
        full(b"stsz", 0, 0, &[&words(&[10, 2])]),
        table(b"stco", 0, &[&[DATA]]),
    ];
    let mut text = Trak::video(four_pictures());
    text.handler = *b"text";
    let mut disabled = Trak::video(with(four_pictures(), b"stts", table(b"stts", 0, &[&[4, 99]])));
    disabled.flags = 2;
    let traks = [text, disabled, Trak::video(four_pictures()), Trak::audio(audio)];
    let all = samples(&file(&picture_data(), &traks));
    assert_eq!(all.iter().filter(|sample| sample.track == Track::Audio).count(), 2);
    assert_eq!(times(&all).last(), Some(&(120, 120)));
}

#[test]
fn quicktime_sound_descriptions() {
    let tables = vec![
        table(b"stts", 0, &[&[2, 1024]]),
        table(b"stsc", 0, &[&[1, 2, 1]]),
        full(b"stsz", 0, 0, &[&words(&[10, 2])]),
        table(b"stco", 0, &[&[DATA]]),
    ];
    let wave = atom(
        b"wave",
        &[&atom(b"frma", &[b"mp4a"]), &esds(0x40, ASC_48000_STEREO), &[0, 0, 0, 8, 0, 0, 0, 0]],
    );
    for (version, extra) in [(1, 16), (2, 36)] {
        let mut trak = Trak::audio(tables.clone());
        trak.entries = vec![mp4a_with(b"mp4a", version, &vec![0; extra], &wave)];
        let file = file(&[0; 20], &[trak]);
        assert_eq!(open(&file[..], file.len() as u64).unwrap().audio.unwrap().configs[0].sample_rate, 48_000);
    }
    let mut trak = Trak::audio(tables);
    trak.stsd_version = 1;
    trak.entries = vec![mp4a_with(b"mp4a", 1, &[], &esds(0x67, ASC_48000_STEREO))];
    assert_eq!(samples(&file(&[0; 20], &[trak])).len(), 2);
}

/// An FLV file: two configurations, `n` pictures of 40 ms, two AAC frames to each.
pub(crate) fn flv(n: u32) -> Vec<u8> {
    let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    let start = u32::MAX - 500;
    let mut tag = |kind: u8, time: u32, body: &[u8]| {
        let [t3, t0, t1, t2] = time.to_be_bytes();
        let size = u32::try_from(body.len()).unwrap();
        file.push(kind);
        file.extend(&size.to_be_bytes()[1..]);
        file.extend([t0, t1, t2, t3, 0, 0, 0]);
        file.extend(body);
        file.extend((size + 11).to_be_bytes());
    };
    tag(18, start, b"\x02\0\x0aonMetaData\x05");
    let header = [&[0x17, 0, 0, 0, 0], &avcc()[..]].concat();
    let other = [&avcc()[..], &[0]].concat();
    let other = [&[0x17, 0, 0, 0, 0], &other[..]].concat();
    tag(9, start, &header);
    tag(8, start, &[&[0xaf, 0], ASC_48000_STEREO].concat());
    for i in 0..n {
        let time = start.wrapping_add(i * 40);
        if i % 10 == 0 {
            tag(9, time, if i == 20 { &other } else { &header });
        }
        let first = if i % 10 == 0 { 0x17 } else { 0x27 };
        tag(9, time, &[&[first, 1, 0, 0, 80], &idr(50)[..]].concat());
        tag(8, time, &[0xaf, 1, 1, 2, 3]);
        tag(8, time.wrapping_add(20), &[0xaf, 1, 1, 2, 3, 4]);
    }
    file
}

#[test]
fn flash_video() {
    let file = flv(40);
    let all = samples(&file);
    assert_eq!(all.len(), 120);
    let video: Vec<&Sample> = all.iter().filter(|sample| sample.track == Track::Video).collect();
    // Timestamps wrap at 2^32; item time begins with what is presented first.
    assert!(
        video
            .iter()
            .enumerate()
            .all(|(i, sample)| sample.dts == 40 * i as i64 && sample.pts == sample.dts + 80)
    );
    assert!(video.iter().all(|sample| sample.duration == 40 && sample.len == 50));
    let configs: Vec<u16> = video.iter().map(|sample| sample.config).collect();
    assert!((0..40).all(|i| configs[i] == u16::from((20..30).contains(&i))));
    assert!(video.iter().all(|sample| file[usize::try_from(sample.offset).unwrap() + 4] == 0x65));
    let info = probe(&file[..], file.len() as u64).unwrap();
    assert_eq!(info.container, Container::Flv);
    let video = info.video.unwrap();
    assert_eq!((video.samples, video.configs, video.keyframe_interval_ms), (40, 2, 400));
    assert!((video.frame_rate - 25.0).abs() < 0.001);
    assert_eq!(video.max_keyframe_interval_ms, 400);
}

#[test]
fn flash_video_that_was_cut_or_begun_in_the_middle() {
    let file = flv(40);
    let cut = &file[..file.len() - 6];
    let (samples, end) = walk(cut, cut.len() as u64);
    assert_eq!(samples.len(), 119);
    assert!(matches!(end, Some(MediaError::Truncated { .. })), "{end:?}");
    // Without the last size, nothing is missing.
    let cut = &file[..file.len() - 4];
    assert_eq!(walk(cut, cut.len() as u64).0.len(), 120);
    let mut middle = file.clone();
    let key = middle.windows(6).position(|bytes| bytes == [0x17, 1, 0, 0, 80, 0]).unwrap();
    middle[key] = 0x27;
    let all = crate::walk::samples(&middle);
    assert_eq!(all.iter().filter(|sample| sample.track == Track::Video).count(), 30);
}
