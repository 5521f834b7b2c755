use proptest::prelude::*;

use super::*;
use crate::{
    Band, Destination, Source, Unsupported,
    media::{
        foreign::{Foreign, parse},
        format::Format,
        probe::{AudioInfo, VideoInfo},
    },
    survey::{Probe, probe},
};

fn clip() -> Probe {
    probe(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4")).unwrap()
}

fn known(probe: &Probe) -> Known<'_> {
    Known { format: Format::Mov, probe: Some(probe), foreign: None }
}

fn said(probe: &Probe, platform: Option<Platform>) -> Analysis {
    analyze(&Question {
        wish: &Video::Copy,
        repeat: Repeat::Once,
        known: &known(probe),
        platform: platform.as_ref(),
        ffmpeg: true,
    })
}

fn kinds(analysis: &Analysis) -> Vec<FindingKind> {
    analysis.findings.iter().map(|finding| finding.kind).collect()
}

/// The clip with another picture.
fn with(change: impl FnOnce(&mut VideoInfo)) -> Probe {
    let mut probe = clip();
    change(probe.info.as_mut().unwrap().video.as_mut().unwrap());
    probe
}

/// The clip with other sound.
fn sounding(change: impl FnOnce(&mut AudioInfo)) -> Probe {
    let mut probe = clip();
    change(probe.info.as_mut().unwrap().audio.as_mut().unwrap());
    probe
}

fn size(video: &mut VideoInfo, width: u32, height: u32, kbps: u64) {
    (video.width, video.height, video.bitrate) = (width, height, kbps * 1_000);
}

fn foreign(json: &serde_json::Value) -> Foreign {
    parse(Format::Matroska, json.to_string().as_bytes()).unwrap()
}

#[test]
fn a_good_file_has_no_findings_and_needs_no_encoding() {
    let analysis = said(&clip(), None);
    assert_eq!(
        (analysis.plan, &analysis.findings[..], analysis.suggestion),
        (Some(Plan::Copy), &[][..], None)
    );
    for platform in [Platform::YouTube, Platform::Twitch, Platform::Kick] {
        assert_eq!(said(&clip(), Some(platform)).findings, []);
    }
}

#[test]
fn what_platforms_dislike_is_named_with_figures_and_a_suggestion() {
    let mut probe = with(|video| {
        (video.max_keyframe_interval_ms, video.bitrate, video.bit_depth) = (8_400, 12_340_000, 10);
    });
    probe.info.as_mut().unwrap().audio = None;
    let analysis = said(&probe, None);
    assert_eq!(
        kinds(&analysis),
        [
            FindingKind::LongKeyframeInterval,
            FindingKind::UnusualPicture,
            FindingKind::HighBitrate,
            FindingKind::SilentAudio,
        ]
    );
    let words: Vec<_> = analysis.findings.iter().map(|finding| finding.detail.as_str()).collect();
    assert!(
        words[0].contains("8.4 s") && words[0].contains("most platforms want one every 2 to 4 s"),
        "{words:#?}"
    );
    assert!(words[2].contains("12,340 kb/s") && words[2].contains("at most 4,000 kb/s"), "{words:#?}");
    assert!(analysis.findings[..3].iter().all(|finding| finding.suggestion.is_some()));
    assert!(analysis.findings[3].suggestion.is_none() && analysis.suggestion.is_some());
}

#[test]
fn the_bitrate_is_held_against_the_band_of_size_and_platform() {
    use FindingKind::{HighBitrate, LowBitrate};
    for (platform, height, kbps, found) in [
        (None, 720, 3_000, None),
        (None, 720, 2_450, None),
        (None, 720, 2_000, Some(LowBitrate)),
        (None, 720, 4_100, None),
        (None, 720, 4_500, Some(HighBitrate)),
        (None, 1_080, 5_000, None),
        (None, 1_080, 3_000, Some(LowBitrate)),
        (None, 1_080, 7_000, Some(HighBitrate)),
        (Some(Platform::YouTube), 1_080, 7_000, None),
        (Some(Platform::YouTube), 1_080, 9_000, Some(HighBitrate)),
        (Some(Platform::Twitch), 1_080, 7_000, Some(HighBitrate)),
        (Some(Platform::Facebook), 720, 1_600, None),
        (Some(Platform::Facebook), 720, 1_000, Some(LowBitrate)),
        // Kick's numbers are not known.
        (Some(Platform::Kick), 1_080, 50_000, None),
    ] {
        let probe = with(|video| size(video, height * 16 / 9, height, kbps));
        let analysis = said(&probe, platform.clone());
        assert_eq!(kinds(&analysis), Vec::from_iter(found), "{platform:?} {height} {kbps}");
        // An upright film is as large as one that lies.
        let upright = with(|video| size(video, height, height * 16 / 9, kbps));
        assert_eq!(kinds(&said(&upright, platform)), Vec::from_iter(found));
    }
}

#[test]
fn each_property_of_a_picture_has_its_finding() {
    use FindingKind::*;
    let custom = |change: fn(&mut PlatformProfile)| {
        let mut profile = PlatformProfile { name: "ours".into(), ..PlatformProfile::default() };
        change(&mut profile);
        Some(Platform::Custom(Box::new(profile)))
    };
    for (probe, platform, kind, severity, words) in [
        (
            with(|video| video.max_keyframe_interval_ms = 4_001),
            None,
            LongKeyframeInterval,
            Severity::Warning,
            "4.0 s",
        ),
        (
            with(|video| video.max_keyframe_interval_ms = 3_100),
            Some(Platform::Twitch),
            LongKeyframeInterval,
            Severity::Note,
            "Twitch wants one every 2 s",
        ),
        (with(|video| video.open_gop = Some(true)), None, OpenGop, Severity::Warning, "no IDR"),
        (with(|video| video.chroma_format = 3), None, UnusualPicture, Severity::Warning, "4:2:0"),
        (with(|video| video.profile = 88), None, UnusualProfile, Severity::Warning, "Extended"),
        (with(|video| video.interlaced = true), None, Interlaced, Severity::Warning, "deinterlace"),
        (
            with(|video| size(video, 2_560, 1_440, 8_000)),
            Some(Platform::Facebook),
            LargePicture,
            Severity::Warning,
            "2560x1440; Facebook takes at most 1080 lines",
        ),
        (
            with(|video| video.frame_rate = 50.0),
            custom(|profile| profile.max_fps = Some(25)),
            HighFrameRate,
            Severity::Warning,
            "50 pictures per second; ours takes at most 25",
        ),
        (with(|video| video.variable_frame_rate = true), None, VariableFrameRate, Severity::Note, "varies"),
        (sounding(|audio| audio.object_type = 5), None, UnusualAudio, Severity::Note, "low complexity"),
        (
            sounding(|audio| audio.sample_rate = 32_000),
            Some(Platform::YouTube),
            UnusualAudio,
            Severity::Warning,
            "32,000 Hz; YouTube wants 44,100 or 48,000",
        ),
        (
            sounding(|audio| audio.channels = 6),
            Some(Platform::Twitch),
            UnusualAudio,
            Severity::Warning,
            "6 channels",
        ),
        (
            sounding(|audio| audio.bitrate = 384_000),
            Some(Platform::Twitch),
            HighAudioBitrate,
            Severity::Warning,
            "384 kb/s; Twitch takes at most 320",
        ),
    ] {
        let analysis = said(&probe, platform.clone());
        let found = analysis.findings.iter().find(|finding| finding.kind == kind);
        let found = found.unwrap_or_else(|| panic!("no {kind:?} for {platform:?}: {analysis:#?}"));
        assert_eq!(found.severity, severity, "{found:?}");
        assert!(found.detail.contains(words), "{found:?}");
    }
    let four = with(|video| video.max_keyframe_interval_ms = 4_000);
    assert_eq!(said(&four, None).findings, []);
}

#[test]
fn what_is_in_the_way_comes_first_and_says_what_to_do() {
    let mut probe = clip();
    probe.obstacles = vec![Unsupported::FirstPicture];
    probe.info.as_mut().unwrap().truncated = true;
    let analysis = said(&probe, None);
    assert_eq!(kinds(&analysis), [FindingKind::NotNative, FindingKind::Truncated]);
    let first = &analysis.findings[0];
    assert!(
        first.severity == Severity::Error && first.detail.contains("let its `video` be encoded"),
        "{first:?}"
    );
    assert!(first.suggestion.is_some() && analysis.plan.is_none());

    probe.obstacles = vec![Unsupported::CompressedHeader];
    let analysis = said(&probe, None);
    assert_eq!(analysis.plan, Some(Plan::Remux));
    let note = analysis.findings.iter().find(|finding| finding.kind == FindingKind::NotNative).unwrap();
    assert_eq!(note.severity, Severity::Note);
}

#[test]
fn a_foreign_file_is_judged_by_what_ffprobe_says() {
    let foreign = foreign(&serde_json::json!({
        "streams": [
            { "codec_type": "video", "codec_name": "h264", "profile": "High 4:4:4 Predictive", "pix_fmt": "yuv444p",
              "width": 1920, "height": 1080, "avg_frame_rate": "30/1", "r_frame_rate": "30/1" },
            { "codec_type": "audio", "codec_name": "opus", "sample_rate": "48000", "channels": 6 },
        ],
        "format": { "bit_rate": "9000000", "duration": "36000.0" },
    }));
    let known = Known { format: Format::Matroska, probe: None, foreign: Some(&foreign) };
    let ask = |wish: &Video, ffmpeg| {
        let repeat = Repeat::Times(2);
        analyze(&Question { wish, repeat, known: &known, platform: Some(&Platform::Facebook), ffmpeg })
    };
    let copied = ask(&Video::Copy, true);
    assert_eq!(copied.plan, Some(Plan::EncodeAudio));
    // The sound is encoded: what it was is no matter.
    assert_eq!(
        kinds(&copied),
        [
            FindingKind::UnusualPicture,
            FindingKind::HighBitrate,
            FindingKind::NotNative,
            FindingKind::LongSession,
        ]
    );
    assert!(copied.findings[3].detail.contains("8 hours"), "{copied:#?}");
    // And all that encoding mends is mended by it.
    let encoded = ask(&Video::encode(Encoder::X264).into(), true);
    assert_eq!((encoded.plan, kinds(&encoded)), (Some(Plan::Encode), vec![FindingKind::LongSession]));
    assert_eq!(encoded.suggestion, None);
    let without = ask(&Video::Copy, false);
    assert_eq!((without.plan, without.findings[0].kind), (None, FindingKind::NotNative));
    assert!(without.findings[0].detail.contains("install ffmpeg"), "{without:#?}");
}

#[test]
fn a_file_without_a_picture_is_told_of() {
    let mut probe = clip();
    probe.info.as_mut().unwrap().video = None;
    assert_eq!(kinds(&said(&probe, None)), [FindingKind::NoPicture]);
}

#[test]
fn a_loop_without_end_passes_the_end_of_the_platforms_sessions() {
    let probe = clip();
    for (platform, repeat, hours) in [
        (Platform::Twitch, Repeat::Forever, "48 hours"),
        (Platform::Facebook, Repeat::Times(3_601), "8 hours"),
        (Platform::YouTube, Repeat::Forever, "12 hours"),
        (Platform::Facebook, Repeat::Times(3_600), ""),
        (Platform::Kick, Repeat::Forever, ""),
    ] {
        let question = Question {
            wish: &Video::Copy,
            repeat,
            known: &known(&probe),
            platform: Some(&platform),
            ffmpeg: false,
        };
        let found = analyze(&question).findings;
        let found = found.iter().find(|finding| finding.kind == FindingKind::LongSession);
        assert_eq!(found.is_some(), !hours.is_empty(), "{platform:?}");
        assert!(found.is_none_or(|finding| finding.detail.contains(hours)), "{found:?}");
    }
}

#[test]
fn a_stream_hears_each_finding_once_whatever_its_destinations() {
    let mut spec = StreamSpec::new("a", Source::file("a.mp4"));
    for url in ["rtmp://a.example/live", "rtmp://b.example/live", "rtmp://live.twitch.tv/app"] {
        spec = spec.destination(Destination::new(url, "key").unwrap());
    }
    let probe = with(|video| {
        size(video, 1_920, 1_080, 7_000);
        video.interlaced = true;
    });
    let (road, findings) = survey(&spec, &known(&probe), false);
    assert_eq!(road, Road::Copy);
    let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Interlaced, FindingKind::HighBitrate, FindingKind::HighBitrate]);
    assert!(findings[1].detail.contains("most platforms") && findings[2].detail.contains("Twitch"));
}

#[test]
fn items_that_cannot_be_joined_are_named_by_what_differs() {
    let first = clip();
    let differ = |next: &Probe| {
        let found = differences(&known(&first), &known(next));
        assert!(found.iter().all(|finding| finding.kind == FindingKind::ItemsDiffer));
        found.into_iter().map(|finding| (finding.severity, finding.detail)).collect::<Vec<_>>()
    };
    assert_eq!(differ(&first), []);
    assert_eq!(differ(&with(|video| (video.profile, video.level) = (77, 30))), []);
    assert_eq!(
        differ(&with(|video| size(video, 1_280, 720, 3_000))),
        [(
            Severity::Error,
            "the picture's size changes from 640x360 to 1280x720: encode both alike".to_owned()
        )]
    );
    let found = differ(&sounding(|audio| (audio.sample_rate, audio.channels) = (44_100, 1)));
    assert_eq!(found.len(), 2);
    assert!(found[0].1.contains("48000 Hz to 44100 Hz") && found[1].1.contains("from 2 to 1"), "{found:?}");
    assert_eq!(differ(&with(|video| video.frame_rate = 25.0))[0].0, Severity::Note);
}

#[test]
fn names_in_json_do_not_change() {
    use FindingKind::*;
    let names: Vec<_> = [
        NotNative,
        Truncated,
        SilentAudio,
        NoPicture,
        LongKeyframeInterval,
        OpenGop,
        HighBitrate,
        LowBitrate,
        UnusualPicture,
        UnusualProfile,
        LargePicture,
        HighFrameRate,
        Interlaced,
        VariableFrameRate,
        UnusualAudio,
        HighAudioBitrate,
        LongSession,
        ItemsDiffer,
    ]
    .iter()
    .map(|kind| serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned())
    .collect();
    assert_eq!(
        names.join(" "),
        "not_native truncated silent_audio no_picture long_keyframe_interval open_gop high_bitrate low_bitrate \
         unusual_picture unusual_profile large_picture high_frame_rate interlaced variable_frame_rate unusual_audio \
         high_audio_bitrate long_session items_differ"
    );
    let mut probe = with(|video| video.interlaced = true);
    probe.info.as_mut().unwrap().truncated = true;
    let json = serde_json::to_value(said(&probe, Some(Platform::YouTube))).unwrap();
    assert_eq!(
        (&json["plan"], &json["platform"], &json["road"]["type"]),
        (&"copy".into(), &"youtube".into(), &"copy".into())
    );
    assert_eq!(
        (&json["findings"][0]["kind"], &json["findings"][0]["severity"]),
        (&"truncated".into(), &"warning".into())
    );
}

proptest! {
    #[test]
    fn no_facts_panic(
        numbers in proptest::array::uniform8(any::<u64>()),
        small in proptest::array::uniform6(any::<u32>()),
        fps in any::<f64>(),
        flags in any::<[bool; 4]>(),
        codec in "[a-z0-9]{0,8}",
        obstacle in 0_usize..4,
    ) {
        let mut probe = clip();
        let info = probe.info.as_mut().unwrap();
        info.duration_ms = numbers[0];
        let video = info.video.as_mut().unwrap();
        (video.width, video.height, video.frame_rate, video.bitrate) = (small[0], small[1], fps, numbers[1]);
        (video.max_keyframe_interval_ms, video.interlaced, video.open_gop) = (numbers[2], flags[0], Some(flags[1]));
        let audio = info.audio.as_mut().unwrap();
        (audio.sample_rate, audio.bitrate) = (small[2], numbers[3]);
        if flags[2] {
            info.audio = None;
        }
        let none: &[Unsupported] = &[];
        probe.obstacles =
            [none, &[Unsupported::EditList], &[Unsupported::CompressedHeader], &[Unsupported::NoTrack]][obstacle].to_vec();
        let foreign = foreign(&serde_json::json!({ "streams": [
            { "codec_type": "video", "codec_name": codec, "width": numbers[4], "height": numbers[5], "bit_rate": numbers[6] },
            { "codec_type": "audio", "codec_name": codec, "channels": small[3], "sample_rate": small[4] },
        ], "format": { "duration": format!("{fps}"), "bit_rate": numbers[7] } }));
        let bands = vec![Band { lines: small[5], fps: small[0], min: Some(numbers[0]), max: Some(numbers[1]) }].into();
        let max_session_hours = Some(small[1]);
        let custom = Platform::Custom(Box::new(PlatformProfile {
            bands, max_session_hours, max_lines: Some(small[2]), keyframe_interval_ms: Some(numbers[2]),
            max_audio_bitrate: Some(numbers[3]), max_keyframe_interval_ms: Some(numbers[4]), ..PlatformProfile::default()
        }));
        let both = Known { format: Format::Mov, probe: Some(&probe), foreign: Some(&foreign) };
        let other = Known { format: Format::Matroska, probe: None, foreign: Some(&foreign) };
        for known in [&both, &other] {
            for platform in [None, Some(&custom), Some(&Platform::YouTube), Some(&Platform::Facebook)] {
                for wish in [Video::Copy, Video::encode(Encoder::Auto).into()] {
                    let repeat = Repeat::Times(small[3]);
                    let question = Question { wish: &wish, repeat, known, platform, ffmpeg: flags[3] };
                    let analysis = analyze(&question);
                    prop_assert!(analysis.plan.is_some() || analysis.findings[0].severity == Severity::Error);
                    serde_json::to_string(&analysis).unwrap();
                }
            }
        }
        differences(&both, &other);
    }
}
