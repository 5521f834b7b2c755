//! The same file again and again, without a seam.

use std::collections::HashMap;
use std::path::Path;

use streambro_core::{RemuxReport, Repeat};
use streambro_tests::ffmpeg::{self, Clip, Packet, Track};

use super::compare::{Remuxed, decodes, of, remuxed};

/// From one picture on, how far a lap may be off. The rule says 22 ms, less than a frame of sound; what we promise is
/// that sound is put on its picture anew at each joint, so that only rounding to milliseconds is left.
const OFF: f64 = 2.0;

/// What is known of the source, by ffprobe.
struct Item {
    packets: Vec<Packet>,
    /// How long the picture (without one: the sound) lasts, in milliseconds.
    length: f64,
}

impl Item {
    async fn of(path: &Path, length: f64) -> Self {
        let packets = ffmpeg::packets(path).await;
        for track in [Track::Video, Track::Audio] {
            let of = of(track, &packets);
            let different = of.iter().map(|packet| &packet.md5).collect::<std::collections::HashSet<_>>();
            assert_eq!(different.len(), of.len(), "a clip whose payloads repeat proves nothing");
        }
        Self { packets, length }
    }

    fn first_picture(&self) -> f64 {
        of(Track::Video, &self.packets).first().map_or(0.0, |packet| packet.pts_ms())
    }
}

fn clip() -> Clip {
    Clip::new().size(160, 90).seconds(1.0).gop(15)
}

async fn looped(name: &str, clip: &Clip, length: f64, laps: u32) -> RemuxReport {
    let path = clip.make().await;
    let item = Item::of(&path, length).await;
    let out = remuxed(&path, Repeat::Times(laps)).await;
    check(name, &item, &out, laps);
    decodes(&out.path).await;
    out.report
}

/// Everything that holds for any number of laps.
fn check(name: &str, item: &Item, out: &Remuxed, laps: u32) {
    let report = out.report;
    println!("{name}, {laps} laps: {report:?}");
    for track in [Track::Video, Track::Audio] {
        let times: Vec<f64> = out.track(track).iter().map(|packet| packet.dts_ms()).collect();
        let back = times.windows(2).find(|pair| pair[0] >= pair[1]);
        assert_eq!(back, None, "{name}: {track:?} stands or goes back");
    }
    let pictures = every_picture(name, item, out, laps);
    let sound = Sound::of(item, out);
    assert_eq!(report.audio, out.track(Track::Audio).len() as u64, "{name}: {report:?}");
    assert_eq!(report.silent, sound.inserted, "{name}: {report:?}");
    let expected = of(Track::Audio, &item.packets).len() as u64 * u64::from(laps);
    assert_eq!(sound.kept.len() as u64 + report.trimmed, expected, "{name}: {report:?}");
    assert_eq!(report.raised, 0, "{name}: {report:?}");

    let worst = offsets(item, &sound, &pictures);
    println!("{name}, {laps} laps: sound is at most {worst:.2} ms off its picture");
    assert!(worst <= OFF, "{name}: {worst} ms");
    for (lap, begin) in (0u32..).zip(&pictures) {
        let off = begin - pictures[0] - f64::from(lap) * item.length;
        assert!(off.abs() <= 1.0, "{name}: lap {lap} begins {off} ms off");
    }
    // Sound may begin before the first picture is decoded: priming is kept as pre-roll.
    let preroll = out.track(Track::Video).first().map_or(0.0, |packet| packet.dts_ms());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let off = report.duration_ms as f64 - preroll - f64::from(laps) * item.length;
    assert!(off.abs() <= 1.0, "{name}: the whole is {off} ms off: {report:?}");
    no_hole(name, out);
}

/// Every picture of every lap, in order. Returns when the first of each lap is shown.
fn every_picture(name: &str, item: &Item, out: &Remuxed, laps: u32) -> Vec<f64> {
    let source = of(Track::Video, &item.packets);
    let written = out.track(Track::Video);
    assert_eq!(written.len(), source.len() * laps as usize, "{name}");
    assert_eq!(out.report.video, written.len() as u64, "{name}");
    for (at, (our, their)) in written.iter().zip(source.iter().cycle()).enumerate() {
        assert_eq!(
            (our.size, &our.md5, our.key),
            (their.size, &their.md5, their.key),
            "{name}: picture {at}"
        );
    }
    if source.is_empty() {
        vec![]
    } else {
        written.iter().step_by(source.len()).map(|p| p.pts_ms()).collect()
    }
}

/// The audio that was written: what is the source's, and how much is not.
struct Sound {
    /// Lap, number in the source, presentation time in milliseconds.
    kept: Vec<(u32, usize, f64)>,
    inserted: u64,
}

impl Sound {
    fn of(item: &Item, out: &Remuxed) -> Self {
        let source = of(Track::Audio, &item.packets);
        let numbers: HashMap<&str, usize> =
            source.iter().enumerate().map(|(number, packet)| (packet.md5.as_str(), number)).collect();
        let mut sound = Self { kept: vec![], inserted: 0 };
        let (mut lap, mut next) = (0, 0);
        let mut silence: Option<&str> = None;
        for packet in out.track(Track::Audio) {
            let Some(&number) = numbers.get(packet.md5.as_str()) else {
                sound.inserted += 1;
                assert_eq!(*silence.get_or_insert(&packet.md5), packet.md5, "silence of several kinds");
                continue;
            };
            if number < next {
                // A new lap. Only priming may be missing at its begin: frames that end before the first picture.
                lap += 1;
                assert!(number <= 1, "lap {lap} begins with frame {number}");
            } else {
                assert_eq!(number, next, "lap {lap} leaves out frames in the middle");
            }
            sound.kept.push((lap, number, packet.pts_ms()));
            next = number + 1;
        }
        sound
    }
}

/// The largest difference between where sound is, seen from the first picture of its lap, and where the source has it.
fn offsets(item: &Item, sound: &Sound, pictures: &[f64]) -> f64 {
    let source = of(Track::Audio, &item.packets);
    let worst = sound.kept.iter().filter_map(|&(lap, number, pts)| {
        let wanted = source[number].pts_ms() - item.first_picture();
        Some((pts - pictures.get(lap as usize)? - wanted).abs())
    });
    worst.fold(0.0, f64::max)
}

/// From the first sound to the end no place is without sound for as long as two frames.
fn no_hole(name: &str, out: &Remuxed) {
    let times: Vec<f64> = out.track(Track::Audio).iter().map(|packet| packet.dts_ms()).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    println!("{name}: the longest step of sound is {longest} ms");
    // A frame of 1,024 samples at 44.1 kHz lasts 23.2 ms.
    assert!(longest < 2.0 * 23.3, "{name}: a hole of {longest} ms");
}

#[tokio::test]
async fn three_ten_and_a_hundred_laps_have_no_seam() {
    for laps in [3, 10, 100] {
        let report = looped("2 B-frames, 48 kHz", &clip(), 1_000.0, laps).await;
        assert_eq!(report.silent, 0, "{report:?}");
    }
}

#[tokio::test]
async fn laps_without_b_frames_have_no_seam() {
    looped("no B-frames", &clip().bframes(0), 1_000.0, 10).await;
}

#[tokio::test]
async fn laps_of_44_100_hz_have_no_seam() {
    looped("44.1 kHz", &clip().audio(44_100, "stereo"), 1_000.0, 10).await;
}

#[tokio::test]
async fn a_hundred_laps_of_a_length_that_no_millisecond_divides_have_no_seam() {
    // 29 pictures of 1,001/30,000 s: 967.633 ms.
    let odd = clip().fps("30000/1001").audio(44_100, "mono").seconds(0.96);
    looped("29.97 fps, 44.1 kHz", &odd, 29.0 * 1_001.0 / 30.0, 100).await;
}

#[tokio::test]
async fn sound_that_ends_before_the_picture_is_filled_up_at_every_joint() {
    let report = looped("short sound", &clip().audio_seconds(0.6), 1_000.0, 10).await;
    // 400 ms have room for 18 frames, and the last lap's end for the 66 ms that its pictures are shown later.
    assert!((175..=190).contains(&report.silent), "{report:?}");
}

#[tokio::test]
async fn sound_that_ends_after_the_picture_is_cut_at_every_joint() {
    let report = looped("long sound", &clip().audio_seconds(1.5), 1_000.0, 10).await;
    // 23 frames over the end and one of priming; the last lap has nothing behind it.
    assert!((9 * 23..=9 * 26).contains(&report.trimmed), "{report:?}");
    assert_eq!(report.silent, 0, "{report:?}");
}

#[tokio::test]
async fn a_picture_without_sound_has_unbroken_silence() {
    let report = looped("video only", &clip().video_only(), 1_000.0, 10).await;
    assert!(report.silent == report.audio && (467..=470).contains(&report.silent), "{report:?}");
}

#[tokio::test]
async fn sound_without_a_picture_has_no_seam() {
    let path = clip().audio_only().make().await;
    let item = Item::of(&path, 1_000.0).await;
    let out = remuxed(&path, Repeat::Times(10)).await;
    println!("audio only: {:?}", out.report);
    let sound = Sound::of(&item, &out);
    assert_eq!(sound.kept.len() as u64 + out.report.trimmed, item.packets.len() as u64 * 10);
    assert_eq!((out.report.silent, out.report.raised), (0, 0));
    let first_of =
        |lap| sound.kept.iter().find(|(of, number, _)| (*of, *number) == (lap, 1)).map(|kept| kept.2);
    let begin = first_of(0).expect("the first lap has a second frame");
    for lap in 1..10 {
        let off = first_of(lap).expect("every lap has a second frame") - begin - f64::from(lap) * 1_000.0;
        assert!(off.abs() <= 1.0, "lap {lap} begins {off} ms off");
    }
    no_hole("audio only", &out);
    decodes(&out.path).await;
}

#[tokio::test]
async fn other_containers_have_no_seam() {
    let fragmented = clip().options(&["-movflags", "frag_keyframe+empty_moov+default_base_moof"]);
    looped("fragmented", &fragmented, 1_000.0, 5).await;
    looped("FLV", &clip().container("flv"), 1_000.0, 5).await;
    looped("negative offsets", &clip().options(&["-movflags", "negative_cts_offsets"]), 1_000.0, 5).await;
    let deep = clip().bframes(3).video_options(&["-x264-params", "b-adapt=0:b-pyramid=normal:ref=4"]);
    looped("pyramid", &deep, 1_000.0, 5).await;
}
