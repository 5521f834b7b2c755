//! Movie fragments, in every way that their offsets are written.

use streambro_core::media::cursor::open;
use streambro_core::media::packet::{Sample, Track};
use streambro_core::media::probe::{Container, probe};

use crate::build::*;
use crate::walk::{samples, walk};

#[derive(Clone, Copy, PartialEq)]
enum Base {
    Moof,
    Explicit,
    Implied,
}

fn init() -> Vec<u8> {
    let tables = || {
        vec![
            table(b"stts", 0, &[]),
            table(b"stsc", 0, &[]),
            full(b"stsz", 0, 0, &[&words(&[0, 0])]),
            table(b"stco", 0, &[]),
        ]
    };
    let traks: Vec<u8> =
        [Trak::video(tables()), Trak::audio(tables())].iter().flat_map(Trak::bytes).collect();
    let trex = |id: u32, duration: u32| full(b"trex", 0, 0, &[&words(&[id, 1, duration, 0, 0])]);
    let mvex = atom(b"mvex", &[&trex(1, 40), &trex(2, 1024)]);
    [ftyp(), atom(b"moov", &[&mvhd(), &traks, &mvex])].concat()
}

/// A fragment of 10 pictures and 20 AAC frames that lies at `at`. Audio comes first in its data.
fn fragment(at: usize, time: u32, base: Base) -> Vec<u8> {
    let build = |size: u32| {
        let flags = match base {
            Base::Moof => 0x2_0000,
            Base::Explicit => 1,
            Base::Implied => 0,
        };
        let explicit = if base == Base::Explicit { words(&[0, u32::try_from(at).unwrap()]) } else { vec![] };
        let implied = base == Base::Implied;
        let tfhd = |id: u32| full(b"tfhd", 0, flags, &[&words(&[id]), &explicit]);
        let tfdt = |time: u32| full(b"tfdt", 0, 0, &[&words(&[time])]);
        let sizes: Vec<u32> = (0..20).map(|i| 10 + i % 3).collect();
        let audio_bytes: u32 = sizes.iter().sum();
        let trun = full(b"trun", 0, 0x201, &[&words(&[20, size + 8]), &words(&sizes)]);
        let audio = atom(b"traf", &[&tfhd(2), &tfdt(time * 48), &trun]);
        // The second run follows the first without saying where.
        let entries = |n: usize| words(&[[50, 40]; 10][..n].concat());
        let place = if implied { vec![] } else { words(&[size + 8 + audio_bytes]) };
        let first_flags = words(&[0x0200_0000]);
        let first =
            full(b"trun", 1, 0xa04 | u32::from(!implied), &[&words(&[4]), &place, &first_flags, &entries(4)]);
        let flags = words(&[0x0101_0000]);
        let rest: Vec<u8> =
            (0..6).flat_map(|_| [words(&[50]), flags.clone(), words(&[40])].concat()).collect();
        let rest = full(b"trun", 1, 0xe00, &[&words(&[6]), &rest]);
        let default_flags = words(&[0x0101_0000]);
        let tfhd = full(b"tfhd", 0, flags_of(base) | 0x20, &[&words(&[1]), &explicit, &default_flags]);
        let video = atom(b"traf", &[&tfhd, &tfdt(time), &first, &rest]);
        let mfhd = full(b"mfhd", 0, 0, &[&words(&[1])]);
        atom(b"moof", &[&mfhd, &audio, &video])
    };
    let moof = build(u32::try_from(build(0).len()).unwrap());
    let audio: usize = (0..20).map(|i| 10 + i % 3).sum();
    let data = [vec![0xaa; audio], (0..10).flat_map(|_| idr(50)).collect()].concat();
    [moof, atom(b"mdat", &[&data])].concat()
}

fn flags_of(base: Base) -> u32 {
    match base {
        Base::Moof => 0x2_0000,
        Base::Explicit => 1,
        Base::Implied => 0,
    }
}

fn with_base(base: Base, start: u32) -> Vec<u8> {
    let mut file = init();
    for i in 0..30 {
        file.extend(fragment(file.len(), start + i * 400, base));
        if i % 4 == 0 {
            file.extend(atom(b"free", &[&[0; 100]]));
        }
    }
    file
}

pub(crate) fn fragmented() -> Vec<u8> {
    with_base(Base::Moof, 0)
}

fn of(samples: &[Sample], track: Track) -> Vec<Sample> {
    samples.iter().filter(|sample| sample.track == track).copied().collect()
}

#[test]
fn every_way_to_say_where_data_lies_is_the_same() {
    for base in [Base::Moof, Base::Explicit, Base::Implied] {
        let file = with_base(base, 0);
        let all = samples(&file);
        let video = of(&all, Track::Video);
        assert_eq!((video.len(), all.len()), (300, 900));
        for (i, sample) in video.iter().enumerate() {
            assert_eq!((sample.dts, sample.pts), (40 * i as i64, 40 * i as i64 + 40));
            assert_eq!(sample.key, i % 10 == 0);
            assert_eq!(&file[usize::try_from(sample.offset).unwrap()..][..5], &idr(50)[..5]);
        }
        let audio = of(&all, Track::Audio);
        assert!(audio.iter().all(|sample| file[usize::try_from(sample.offset).unwrap()] == 0xaa));
        let index = open(&file[..], file.len() as u64).unwrap();
        let info = index.video.unwrap();
        assert_eq!(
            (info.samples, info.duration, info.min_composition, info.first_pts),
            (300, 12_000, 40, 40)
        );
    }
}

#[test]
fn a_recording_of_a_live_stream_begins_near_zero() {
    let all = samples(&with_base(Base::Moof, 1_000_000));
    let plain = samples(&with_base(Base::Moof, 0));
    assert_eq!(of(&all, Track::Audio)[0].dts, 0);
    assert_eq!(of(&all, Track::Video)[0].pts - of(&all, Track::Audio)[0].dts, 40);
    assert_eq!(all.len(), plain.len());
}

#[test]
fn a_hole_between_fragments_is_part_of_the_file() {
    let mut file = init();
    for time in [0, 400, 300_000] {
        file.extend(fragment(file.len(), time, Base::Moof));
    }
    let index = open(&file[..], file.len() as u64).unwrap();
    let (video, audio) = (index.video.unwrap(), index.audio.unwrap());
    assert_eq!((video.duration, video.samples), (300_400, 30));
    assert_eq!((audio.duration, audio.samples), (300_000 * 48 + 20 * 1024, 60));
}

#[test]
fn a_cut_fragment_ends_the_walk_with_its_name() {
    let file = fragmented();
    for cut in [file.len() - 10, file.len() - 900, file.len() - 1_000] {
        let (all, end) = walk(&file[..cut], cut as u64);
        assert!(all.len() > 800, "{}", all.len());
        assert!(matches!(end, Some(streambro_core::media::error::MediaError::Truncated { .. })), "{end:?}");
    }
    assert_eq!(probe(&file[..], file.len() as u64).unwrap().container, Container::FragmentedMp4);
}

#[test]
fn tables_may_be_followed_by_fragments() {
    let trex = full(b"trex", 0, 0, &[&words(&[1, 1, 40, 0, 0])]);
    let trak = Trak::video(four_pictures()).bytes();
    let moov = atom(b"moov", &[&mvhd(), &trak, &atom(b"mvex", &[&trex])]);
    let mut file = [ftyp(), atom(b"mdat", &[&picture_data()]), moov].concat();
    let moof = |size: u32| {
        let tfhd = full(b"tfhd", 0, 0x2_0000, &[&words(&[1])]);
        let trun = full(b"trun", 0, 0x201, &[&words(&[2, size + 8, 30, 31])]);
        atom(b"moof", &[&atom(b"traf", &[&tfhd, &trun])])
    };
    file.extend(moof(u32::try_from(moof(0).len()).unwrap()));
    file.extend(atom(b"mdat", &[&[0; 61]]));
    let all = samples(&file);
    assert_eq!(all.iter().map(|sample| sample.dts).collect::<Vec<_>>(), [0, 40, 80, 120, 160, 200]);
    assert_eq!(open(&file[..], file.len() as u64).unwrap().video.unwrap().samples, 6);
}
