//! Files as ffmpeg writes them.

use streambro_tests::ffmpeg::{Clip, Track};

use super::compare::{the_same, the_same_packets};

/// Short, small, and with all that a usual file has.
fn clip() -> Clip {
    Clip::new().size(160, 90).seconds(3.0)
}

#[tokio::test]
async fn the_demo_clip_is_the_same() {
    the_same("demo", &streambro_tests::demo_clip()).await;
}

#[tokio::test]
async fn any_depth_of_b_frames_is_the_same() {
    for depth in 0..=3 {
        let plain = clip().bframes(depth).video_options(&["-x264-params", "b-adapt=0:b-pyramid=none"]);
        let compared = the_same(&format!("{depth} B-frames"), &plain.make().await).await;
        let reordered = compared.theirs.iter().any(|p| p.track == Track::Video && p.pts != p.dts);
        assert_eq!(reordered, depth > 0, "{depth} B-frames");
    }
    let pyramid = clip().bframes(3).video_options(&["-x264-params", "b-adapt=0:b-pyramid=normal:ref=4"]);
    the_same("pyramid", &pyramid.make().await).await;
}

#[tokio::test]
async fn the_movie_header_may_be_at_either_end() {
    the_same("at the end", &clip().make().await).await;
    the_same("at the front", &clip().options(&["-movflags", "+faststart"]).make().await).await;
}

#[tokio::test]
async fn fragments_of_every_kind_are_the_same() {
    for flags in [
        "frag_keyframe",
        "frag_keyframe+empty_moov",
        "frag_keyframe+empty_moov+default_base_moof",
        "frag_keyframe+empty_moov+omit_tfhd_offset",
        "frag_keyframe+empty_moov+separate_moof",
        "frag_keyframe+delay_moov",
        "dash",
    ] {
        the_same(flags, &clip().options(&["-movflags", flags]).make().await).await;
    }
    let short = ["-movflags", "empty_moov+default_base_moof", "-frag_duration", "300000"];
    the_same("fragments of 300 ms", &clip().options(&short).make().await).await;
}

/// ffmpeg 5.1 cuts its sound here into samples that begin at the same time and samples that last twice as long. Ours
/// begin a millisecond apart, and that is counted; no silence is put between them.
#[tokio::test]
async fn a_fragment_for_every_picture_is_the_same() {
    let flags = ["-movflags", "frag_every_frame+empty_moov"];
    let compared = the_same_packets("every frame", &clip().options(&flags).make().await).await;
    let (least, most) = compared.spread();
    assert!(most - least <= 2.0, "times are {least} to {most} ms apart");
    let sound: Vec<f64> =
        super::compare::of(Track::Audio, &compared.theirs).iter().map(|p| p.dts_ms()).collect();
    let stands = sound.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    let report = compared.ours.report;
    println!("{stands} times of ffmpeg's stand still; {report:?}");
    // Two frames of silence: the file's first frame lasts 67 ms, but sounds for 21.
    assert!(report.raised <= stands && report.silent <= 2 && report.trimmed == 0, "{report:?}");
}

/// Here ffmpeg 5.1 presents every picture later than the file says, by the largest negative offset: it makes up for
/// offsets below 0 by moving decode times only where an edit list tells it to. Ours are those of the file.
#[tokio::test]
async fn fragments_with_negative_composition_offsets_are_the_same_but_for_ffmpegs_delay() {
    for flags in ["frag_keyframe+empty_moov+negative_cts_offsets", "cmaf+frag_keyframe"] {
        let path = clip().options(&["-movflags", flags]).make().await;
        let compared = the_same_packets(flags, &path).await;
        let (picture, sound) = (compared.video[0], compared.audio[0]);
        assert!(compared.video.iter().all(|apart| (apart - picture).abs() <= 1.0), "{:?}", compared.video);
        assert!(compared.audio.iter().all(|apart| (apart - sound).abs() <= 1.0), "{:?}", compared.audio);
        // One picture of a clip with two B-frames.
        assert!((sound - picture - 1_000.0 / 30.0).abs() <= 2.0, "{flags}: {picture} {sound}");
    }
}

#[tokio::test]
async fn an_edit_list_that_hides_audio_priming_is_honoured() {
    let path = clip().make().await;
    let primed = streambro_tests::ffmpeg::packets(&path).await;
    let first = primed.iter().find(|packet| packet.track == Track::Audio).expect("there is sound");
    assert!(first.pts_ms() < -21.0, "the clip has no priming: {first:?}");
    let compared = the_same("priming", &path).await;
    // Kept as pre-roll, before the first picture is shown.
    let sound = compared.ours.track(Track::Audio)[0].pts_ms();
    let picture = compared.ours.track(Track::Video)[0].pts_ms();
    assert!((20.0..=23.0).contains(&(picture - sound)), "{sound} {picture}");
    the_same("no edit list", &clip().options(&["-use_editlist", "0"]).make().await).await;
}

#[tokio::test]
async fn negative_composition_offsets_are_the_same() {
    for depth in [1, 3] {
        let path = clip().bframes(depth).options(&["-movflags", "negative_cts_offsets"]).make().await;
        the_same(&format!("ctts version 1, {depth} B-frames"), &path).await;
    }
}

#[tokio::test]
async fn every_rate_and_layout_of_sound_is_the_same() {
    for rate in [44_100, 48_000, 32_000, 22_050] {
        for layout in ["mono", "stereo", "5.1"] {
            let path = clip().audio(rate, layout).make().await;
            the_same(&format!("{rate} Hz {layout}"), &path).await;
        }
    }
}

#[tokio::test]
async fn every_frame_rate_is_the_same() {
    for rate in ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"] {
        the_same(&format!("{rate} fps"), &clip().fps(rate).gop(24).make().await).await;
    }
}

#[tokio::test]
async fn a_variable_frame_rate_is_the_same() {
    // Every third picture of the first second, every one of the second, then a picture that stands for 600 ms.
    let select = "select='if(lt(t,1),not(mod(n,3)),lt(t,2)+gte(t,2.6))'";
    let path = clip().video_options(&["-vf", select, "-vsync", "vfr"]).make().await;
    let compared = the_same("variable", &path).await;
    let times: Vec<f64> =
        compared.theirs.iter().filter(|p| p.track == Track::Video).map(|p| p.dts_ms()).collect();
    let steps = || times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(steps().fold(0.0, f64::max) > 3.0 * steps().fold(f64::MAX, f64::min), "{times:?}");
}

#[tokio::test]
async fn a_picture_without_sound_gets_silence_and_nothing_else_changes() {
    for depth in [0, 2] {
        let path = clip().bframes(depth).video_only().make().await;
        let compared = the_same("video only", &path).await;
        let report = compared.ours.report;
        // 3 s of frames of 1,024 samples at 48 kHz.
        assert!(report.silent == report.audio && (138..=141).contains(&report.silent), "{report:?}");
    }
}

#[tokio::test]
async fn sound_without_a_picture_is_the_same() {
    for (rate, container) in [(48_000, "mp4"), (44_100, "mp4"), (48_000, "m4a"), (44_100, "flv")] {
        let path = clip().audio_only().audio(rate, "stereo").container(container).make().await;
        let compared = the_same(&format!("audio only, {rate} Hz, {container}"), &path).await;
        assert_eq!(compared.ours.report.silent, 0);
        assert!(compared.ours.track(Track::Video).is_empty());
    }
}

#[tokio::test]
async fn sound_that_ends_early_is_the_same_up_to_there() {
    let compared = the_same("short sound", &clip().audio_seconds(1.5).make().await).await;
    // The hole of 1.5 s has room for 70 frames.
    let report = compared.ours.report;
    assert!((69..=71).contains(&report.silent), "{report:?}");
}

#[tokio::test]
async fn sound_that_begins_late_keeps_its_place() {
    let late = clip().make().await;
    let dir = streambro_tests::scratch();
    let path = dir.path().join("late.mp4");
    let [from, to] = [&late, &path].map(|path| path.to_str().expect("the path is UTF-8"));
    let args = ["-i", from, "-itsoffset", "0.7", "-i", from, "-map", "0:v", "-map", "1:a", "-c", "copy"];
    streambro_tests::ffmpeg::run(&[&args[..], &["-t", "3", to]].concat()).await;
    let compared = the_same("late sound", &path).await;
    let report = compared.ours.report;
    assert!((30..=33).contains(&report.silent), "{report:?}");
}

#[tokio::test]
async fn flash_files_are_the_same() {
    for (name, flash) in [
        ("both", clip()),
        ("no B-frames", clip().bframes(0)),
        ("44.1 kHz mono", clip().audio(44_100, "mono")),
        ("29.97 fps", clip().fps("30000/1001")),
        ("video only", clip().video_only()),
    ] {
        the_same(&format!("FLV, {name}"), &flash.container("flv").make().await).await;
    }
}

#[tokio::test]
async fn quicktime_files_are_the_same() {
    for (name, movie) in
        [("both", clip()), ("44.1 kHz", clip().audio(44_100, "stereo")), ("5.1", clip().audio(48_000, "5.1"))]
    {
        the_same(&format!("QuickTime, {name}"), &movie.container("mov").make().await).await;
    }
}

/// ffmpeg gives the first picture that begins within the edit the time 0; here the edit may begin within a picture.
#[tokio::test]
async fn a_file_that_was_cut_without_encoding_has_the_same_packets() {
    let whole = clip().seconds(4.0).make().await;
    let dir = streambro_tests::scratch();
    for cut in ["1.5", "2.1"] {
        let path = dir.path().join(format!("{cut}.mp4"));
        let [from, to] = [&whole, &path].map(|path| path.to_str().expect("the path is UTF-8"));
        streambro_tests::ffmpeg::run(&["-ss", cut, "-i", from, "-c", "copy", to]).await;
        let compared = the_same_packets(cut, &path).await;
        let (least, most) = compared.spread();
        println!("cut at {cut} s: ours - ffmpeg's = {least} to {most} ms");
        assert!(most - least <= 1_000.0 / 30.0 + 2.0, "cut at {cut} s: {least} to {most} ms");
    }
}
