use super::*;
use crate::media::index::{AudioConfig, TrackInfo, VideoConfig};

const SILENCE: Silence = Silence { frame_samples: 1_024, sample_rate: NonZeroU32::new(48_000).unwrap() };

struct Film {
    index: Index,
    samples: Vec<Sample>,
}

struct Shape {
    video: Option<(u32, u32, u64, i64)>, // timescale, frame ticks, frames, reorder depth in frames
    audio: Option<(i64, u64)>,           // priming ticks, frames, at 48 kHz
}

/// A film whose B-frames are shown `depth` frames late, in the file's own decode order.
fn film(shape: &Shape) -> Film {
    let mut samples = vec![];
    let sample = |track, dts, pts, duration| Sample {
        track,
        key: true,
        config: 0,
        dts,
        pts,
        duration,
        offset: 0,
        len: 1,
    };
    let video = shape.video.map(|(timescale, ticks, frames, depth)| {
        let delay = depth * i64::from(ticks);
        for frame in 0..frames as i64 {
            let dts = frame * i64::from(ticks) - delay;
            samples.push(sample(Track::Video, dts, dts + delay, ticks));
        }
        TrackInfo::<VideoConfig> {
            timescale: NonZeroU32::new(timescale).unwrap(),
            configs: vec![],
            first_dts: -delay,
            first_pts: 0,
            min_composition: 0,
            duration: frames * u64::from(ticks),
            samples: frames,
        }
    });
    let audio = shape.audio.map(|(priming, frames)| {
        for frame in 0..frames as i64 {
            let time = frame * 1_024 - priming;
            samples.push(sample(Track::Audio, time, time, 1_024));
        }
        TrackInfo::<AudioConfig> {
            timescale: NonZeroU32::new(48_000).unwrap(),
            configs: vec![],
            first_dts: -priming,
            first_pts: -priming,
            min_composition: 0,
            duration: frames * 1_024,
            samples: frames,
        }
    });
    let index = Index { video, audio, layout: Default::default() };
    let scale = |sample: &Sample| match sample.track {
        Track::Video => index.video.as_ref().unwrap().timescale,
        Track::Audio => index.audio.as_ref().unwrap().timescale,
    };
    samples.sort_by_key(|sample| i128::from(sample.dts) * (1 << 40) / i128::from(scale(sample).get()));
    Film { index, samples }
}

fn play(timeline: &mut Timeline, film: &Film) -> Vec<Packet> {
    let mut out = vec![];
    timeline.begin(&film.index);
    for sample in &film.samples {
        timeline.place(sample, &mut out);
    }
    timeline.end();
    out
}

fn of(track: Track, packets: &[Packet]) -> Vec<Packet> {
    packets.iter().filter(|packet| packet.track == track).copied().collect()
}

fn assert_strictly_increasing(packets: &[Packet]) {
    for track in [Track::Video, Track::Audio] {
        let packets = of(track, packets);
        assert!(packets.windows(2).all(|pair| pair[0].dts < pair[1].dts), "{track:?} goes back");
    }
}

#[test]
fn floors_absolute_time_so_that_frame_rates_do_not_drift() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((30_000, 1_001, 30_000, 0)), audio: None });
    let video = of(Track::Video, &play(&mut timeline, &film));
    for (frame, packet) in video.iter().enumerate() {
        assert_eq!(packet.dts, frame as u64 * 1_001 / 30);
    }
}

#[test]
fn ten_thousand_laps_keep_audio_on_its_picture() {
    let mut timeline = Timeline::new(SILENCE);
    // 2 s of picture, 2.005 s of sound: 94 frames, the first of them priming.
    let film = film(&Shape { video: Some((30_000, 1_000, 60, 2)), audio: Some((1_024, 95)) });
    for lap in 0..10_000_u64 {
        let packets = play(&mut timeline, &film);
        let video = of(Track::Video, &packets);
        let picture = video[0].dts + u64::from(video[0].cts);
        let audio = of(Track::Audio, &packets);
        // The first audible frame lies where the first picture does, to the frame that the joint may cost.
        let sound = audio.iter().find(|packet| packet.dts + 22 > picture).unwrap();
        assert!(sound.dts.abs_diff(picture) < 22, "lap {lap}: {} for {picture}", sound.dts);
        assert_eq!(video[0].dts, lap * 2_000, "lap {lap}");
        assert_eq!(video[0].joint, lap > 0);
    }
    assert_eq!(timeline.corrections().raised, 0);
    assert_eq!(timeline.corrections().silence, 0);
}

/// Films that differ in everything that may differ: frame rate, depth of reordering, lengths, sound.
fn mixed() -> Vec<Film> {
    [
        Shape { video: Some((30_000, 1_001, 61, 0)), audio: Some((1_024, 97)) },
        Shape { video: Some((90_000, 3_600, 49, 3)), audio: Some((2_112, 80)) },
        Shape { video: Some((24_000, 1_001, 50, 1)), audio: None },
        Shape { video: Some((12_800, 512, 77, 2)), audio: Some((0, 160)) },
        Shape { video: Some((1_000, 33, 71, 2)), audio: Some((1_024, 60)) },
    ]
    .iter()
    .map(film)
    .collect()
}

#[test]
fn ten_thousand_joints_of_mixed_films_keep_audio_on_its_picture_and_leave_no_hole() {
    let mut timeline = Timeline::new(SILENCE);
    let films = mixed();
    let (mut last, mut sounded) = ([None, None], None);
    for joint in 0..10_000_usize {
        let film = &films[(joint * 7 + joint / 5) % films.len()];
        let packets = play(&mut timeline, film);
        for packet in &packets {
            let before = last[packet.track as usize].replace(packet.dts);
            assert!(
                before.is_none_or(|before| before < packet.dts),
                "joint {joint}: {packet:?} after {before:?}"
            );
        }
        let video = of(Track::Video, &packets);
        let picture = video[0].dts + u64::from(video[0].cts);
        let sounds = of(Track::Audio, &packets);
        let own = sounds.iter().filter(|packet| packet.content != Content::Silence);
        if let Some(sound) = own.clone().find(|packet| packet.dts + 22 > picture) {
            assert!(sound.dts.abs_diff(picture) < 22, "joint {joint}: {} for {picture}", sound.dts);
        }
        for sound in &sounds {
            let before = sounded.replace(sound.dts);
            assert!(
                before.is_none_or(|before| sound.dts - before < 54),
                "joint {joint}: a hole at {before:?}"
            );
        }
    }
    assert_eq!(timeline.corrections().raised, 0);
}

#[test]
fn after_a_week_of_mixed_films_the_clock_is_where_their_lengths_add_up_to() {
    const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
    let mut timeline = Timeline::new(SILENCE);
    let films = mixed();
    // In picoseconds, for an exact sum of odd frame rates.
    let mut length = 0_u128;
    let mut out = vec![];
    for item in 0.. {
        let film = &films[item % films.len()];
        timeline.begin(&film.index);
        // Joints are where an error could add up; what lies between two of them is tested above.
        timeline.place(&film.samples[0], &mut out);
        timeline.end();
        out.clear();
        let video = film.index.video.as_ref().unwrap();
        length += u128::from(video.duration) * 1_000_000_000_000 / u128::from(video.timescale.get());
        if timeline.item_end_ms() >= WEEK_MS {
            break;
        }
    }
    let exact = u64::try_from(length / 1_000_000_000).unwrap();
    assert!(timeline.item_end_ms().abs_diff(exact) < 100, "{} for {exact}", timeline.item_end_ms());
}

#[test]
fn priming_is_pre_roll_at_the_start_and_left_out_at_joints() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((25, 1, 50, 0)), audio: Some((2_048, 96)) });
    let first = of(Track::Audio, &play(&mut timeline, &film));
    assert_eq!(first.len(), 96);
    assert_eq!(first[0].dts, 0);
    let second = of(Track::Audio, &play(&mut timeline, &film));
    assert_eq!(second.len(), 94);
    assert_eq!(timeline.corrections().trimmed, 2);
}

#[test]
fn priming_under_reordered_pictures_is_kept_too() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((30, 1, 60, 2)), audio: Some((1_024, 95)) });
    let packets = play(&mut timeline, &film);
    assert_eq!(of(Track::Audio, &packets).len(), 95);
    assert_eq!(of(Track::Audio, &packets)[0].dts, 45);
    assert_eq!(timeline.corrections(), Corrections::default());
}

#[test]
fn sound_that_ends_early_is_filled_with_silence() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((25, 1, 75, 0)), audio: Some((0, 47)) });
    let mut packets = play(&mut timeline, &film);
    packets.extend(play(&mut timeline, &film));
    assert_strictly_increasing(&packets);
    let audio = of(Track::Audio, &packets);
    assert!(audio.windows(2).all(|pair| pair[1].dts - pair[0].dts < 44), "a hole of over two frames");
    assert!(timeline.corrections().silence > 80);
}

#[test]
fn a_frame_that_lasts_longer_than_it_sounds_is_a_hole() {
    let mut timeline = Timeline::new(SILENCE);
    let mut film = film(&Shape { video: Some((25, 1, 75, 0)), audio: Some((0, 141)) });
    let audio = |sample: &Sample| sample.track == Track::Audio;
    let mut seen = 0;
    film.samples.retain(|sample| {
        seen += usize::from(audio(sample));
        !audio(sample) || seen <= 50 || seen > 80
    });
    let before = film.samples.iter_mut().filter(|sample| audio(sample)).nth(49).unwrap();
    before.duration = 31 * 1_024;
    let packets = of(Track::Audio, &play(&mut timeline, &film));
    assert_eq!(timeline.corrections(), Corrections { silence: 30, ..Corrections::default() });
    assert!(packets.windows(2).all(|pair| (21..=22).contains(&(pair[1].dts - pair[0].dts))));
}

#[test]
fn silence_is_not_late() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((25, 1, 75, 2)), audio: Some((0, 47)) });
    let mut packets = play(&mut timeline, &film);
    timeline.fill(u64::MAX, &mut packets);
    let mut due = 0;
    for packet in &packets {
        due = due.max(packet.dts);
        assert!(packet.dts + 44 >= due, "{packet:?} comes after {due} ms");
    }
    // 3 s from the first picture on, which is shown at 80 ms.
    let end = of(Track::Audio, &packets).last().unwrap().dts;
    assert!((3_037..=3_080).contains(&end), "{end}");
}

#[test]
fn sound_that_runs_over_is_kept_where_nothing_follows() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((25, 1, 50, 0)), audio: Some((0, 300)) });
    let cut = play(&mut timeline, &film);
    let mut out = vec![];
    timeline.begin(&film.index);
    timeline.last();
    for sample in &film.samples {
        timeline.place(sample, &mut out);
    }
    assert_eq!((of(Track::Audio, &cut).len(), of(Track::Audio, &out).len()), (94, 300));
    assert_eq!(timeline.corrections(), Corrections { trimmed: 206, ..Corrections::default() });
}

#[test]
fn sound_that_runs_over_is_cut_at_the_joint() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((25, 1, 50, 0)), audio: Some((0, 300)) });
    let mut packets = play(&mut timeline, &film);
    packets.extend(play(&mut timeline, &film));
    assert_strictly_increasing(&packets);
    assert_eq!(of(Track::Audio, &packets).len() as u64, 600 - timeline.corrections().trimmed);
    assert_eq!(timeline.corrections().raised, 0);
}

#[test]
fn a_picture_without_sound_gets_a_silent_track() {
    let mut timeline = Timeline::new(SILENCE);
    let film = film(&Shape { video: Some((30, 1, 300, 0)), audio: None });
    let packets = play(&mut timeline, &film);
    assert_strictly_increasing(&packets);
    let audio = of(Track::Audio, &packets);
    assert!(audio.iter().all(|packet| packet.content == Content::Silence));
    assert_eq!(audio.len(), 9_966 * 48 / 1_024);
}

#[test]
fn a_deeper_item_delays_presentation_and_never_decoding() {
    let mut timeline = Timeline::new(SILENCE);
    let plain = film(&Shape { video: Some((25, 1, 50, 0)), audio: Some((0, 94)) });
    let deep = film(&Shape { video: Some((25, 1, 50, 3)), audio: Some((0, 94)) });
    let mut packets = vec![];
    for film in [&plain, &deep, &plain] {
        packets.extend(play(&mut timeline, film));
    }
    assert_strictly_increasing(&packets);
    let video = of(Track::Video, &packets);
    assert!(video.windows(2).all(|pair| pair[1].dts - pair[0].dts == 40));
    assert_eq!((video[0].cts, video[50].cts, video[100].cts), (0, 120, 120));
    assert_eq!(timeline.corrections().raised, 0);
}

#[test]
fn hostile_times_neither_panic_nor_go_back() {
    let mut timeline = Timeline::new(SILENCE);
    let mut film = film(&Shape { video: Some((1, 1, 4, 0)), audio: None });
    for (sample, dts) in film.samples.iter_mut().zip([i64::MIN, i64::MAX, 0, i64::MIN]) {
        (sample.dts, sample.pts) = (dts, dts.wrapping_neg());
    }
    film.index.video.as_mut().unwrap().duration = u64::MAX;
    let mut last = None;
    for _ in 0..3 {
        timeline.begin(&film.index);
        for sample in &film.samples {
            // Nothing is placed that is not due; far times must not be filled with silence.
            if timeline.due_ms(sample) > 1_000_000 {
                continue;
            }
            let mut out = vec![];
            timeline.place(sample, &mut out);
            for packet in of(Track::Video, &out) {
                assert!(last.is_none_or(|last| last < packet.dts));
                last = Some(packet.dts);
            }
        }
        timeline.end();
    }
}
