use std::fs;

use super::{
    super::{ask::Ended, ask::tests::script, tools::Toolbox},
    *,
};

fn here() -> Tools {
    Toolbox::default().look().unwrap()
}

/// An ffmpeg that says its version, and whatever `text` does when it is to encode.
fn fake(folder: &Path, text: &str) -> Tools {
    let body = format!("[ \"$1\" = -version ] && echo ffmpeg version 6.0 && exit 0\n{text}");
    Toolbox::new(Some(script(folder, "ffmpeg", &body))).look().unwrap()
}

fn why(availability: &Availability) -> &str {
    match availability {
        Availability::Available => panic!("it works"),
        Availability::Unavailable { why } => why,
    }
}

#[test]
fn on_a_machine_without_hardware_libx264_works_and_the_others_say_what_they_lack() {
    let encoders = Encoders::default();
    let tools = here();
    let reports = encoders.reports(&tools, &chain(&[]), None);
    assert_eq!(reports.iter().map(|report| report.encoder).collect::<Vec<_>>(), ORDER);
    for report in &reports {
        // A machine that has the hardware says so, and shows nothing of this.
        match (report.encoder, &report.availability) {
            (Encoder::X264, availability) => assert_eq!(*availability, Availability::Available),
            (_, Availability::Available) => {}
            (Encoder::Nvenc, unavailable) => assert!(why(unavailable).contains("NVIDIA"), "{report:?}"),
            (Encoder::VideoToolbox, unavailable) => {
                assert_eq!(why(unavailable), "this ffmpeg was built without it");
            }
            (Encoder::Qsv | Encoder::Vaapi, unavailable) => {
                assert!(
                    ["VAAPI", "render node", "Quick Sync"].iter().any(|word| why(unavailable).contains(word))
                );
            }
            (Encoder::Auto, _) => panic!("{report:?}"),
        }
    }
}

#[test]
fn a_render_node_that_is_not_there_is_named_as_the_reason() {
    let availability =
        Encoders::default().availability(&here(), Codec::Vaapi, Some(Path::new("/dev/dri/renderD199")));
    assert!(why(&availability).contains("render node"), "{availability:?}");
}

#[test]
fn an_order_is_walked_as_given_and_each_encoder_once() {
    assert_eq!(chain(&[]), ORDER.map(|encoder| Codec::of(encoder).unwrap()));
    let order = [Encoder::X264, Encoder::Auto, Encoder::Nvenc, Encoder::X264];
    assert_eq!(chain(&order), [Codec::X264, Codec::Nvenc]);
}

#[test]
fn it_is_tried_once_however_many_ask_and_again_when_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let tools = fake(folder.path(), &format!("echo \"$@\" >>{}", asked.display()));
    let encoders = Encoders::default();
    let count = || fs::read_to_string(&asked).unwrap().lines().count();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                assert_eq!(encoders.availability(&tools, Codec::Nvenc, None), Availability::Available);
            });
        }
    });
    assert_eq!(count(), 1);
    encoders.availability(&tools, Codec::Nvenc, Some(Path::new("1")));
    assert_eq!(count(), 2);
    encoders.forget(Codec::X264);
    encoders.availability(&tools, Codec::Nvenc, None);
    assert_eq!(count(), 2);
    encoders.forget(Codec::Nvenc);
    encoders.availability(&tools, Codec::Nvenc, None);
    assert_eq!(count(), 3);
    let asked = fs::read_to_string(&asked).unwrap();
    assert!(
        asked.contains("-f lavfi -i testsrc2") && asked.contains("-c:v h264_nvenc -preset p4"),
        "{asked}"
    );
    assert!(asked.lines().nth(1).unwrap().contains("-gpu 1"), "{asked}");
}

#[test]
fn only_libx264_left_to_choose_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let tools = fake(folder.path(), &format!("echo x >>{}", asked.display()));
    let (encoders, source) = (Encoders::default(), Shape { size: SIZE, fps: 30.0 });
    let auto = Encode::new(Encoder::Auto);
    let slow = auto.clone().preset(Preset::Slow);
    assert_eq!(encoders.preset(&tools, &auto, Codec::Nvenc, source), Preset::Auto);
    assert_eq!(encoders.preset(&tools, &slow, Codec::X264, source), Preset::Slow);
    assert!(!asked.exists());
    assert_eq!(encoders.preset(&tools, &auto, Codec::X264, source), Preset::Veryfast);
    assert!(asked.exists());
}

#[test]
fn another_ffmpeg_is_tried_anew() {
    let folder = tempfile::tempdir().unwrap();
    let encoders = Encoders::default();
    let works = fake(folder.path(), "exit 0");
    assert_eq!(encoders.availability(&works, Codec::Qsv, None), Availability::Available);
    let other = tempfile::tempdir().unwrap();
    let fails = fake(other.path(), "exit 1");
    assert!(why(&encoders.availability(&fails, Codec::Qsv, None)).contains("exit status: 1"));
}

#[test]
fn one_that_hangs_is_killed_in_time_and_the_others_do_not_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let tools = fake(folder.path(), "case \"$*\" in *h264_nvenc*) sleep 1000;; *) exit 0;; esac");
    let encoders = Encoders { time: Duration::from_secs(1), ..Encoders::default() };
    let start = Instant::now();
    let reports = encoders.reports(&tools, &[Codec::Nvenc, Codec::X264], None);
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(why(&reports[0].availability).contains("within 1 s"), "{reports:?}");
    assert_eq!(reports[1].availability, Availability::Available);
}

#[test]
fn known_words_are_made_readable_and_unknown_ones_are_shown() {
    let said = |words: &str| {
        let ended = Ended {
            ok: Some(false),
            status: "exit status: 1".to_owned(),
            words: words.to_owned(),
            took: Duration::ZERO,
        };
        why::not(&ended, Codec::Nvenc).unwrap()
    };
    for (words, meaning) in [
        (
            "[h264_nvenc @ 0x1] [error] OpenEncodeSessionEx failed: out of memory (10): (no details)\n\
             [h264_nvenc @ 0x1] [error] No capable devices found\n",
            "session",
        ),
        ("[h264_nvenc @ 0x1] [error] OpenEncodeSessionEx failed: incompatible client key (21)\n", "session"),
        ("[h264_nvenc @ 0x1] [error] No capable devices found\n", "no NVIDIA card"),
        ("[h264_nvenc @ 0x1] [error] No NVENC capable devices found\n", "no NVIDIA card"),
        ("[h264_nvenc @ 0x1] [error] Cannot load libnvidia-encode.so.1\n", "NVIDIA_DRIVER_CAPABILITIES"),
        (
            "[h264_nvenc @ 0x1] [error] Driver does not support the required nvenc API version. Required: 12.1 \
             Found: 11.1\n",
            "too old",
        ),
        ("[h264_nvenc @ 0x1] [error] cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: none\n", "no NVIDIA card"),
        (
            "[AVHWDeviceContext @ 0x1] [error] Failed to initialise VAAPI connection: -1 (unknown libva error).\n",
            "mesa-va-drivers",
        ),
        ("[AVHWDeviceContext @ 0x1] [error] Error creating a MFX session: -9.\n", "Quick Sync"),
        ("[h264_vaapi @ 0x1] [error] No usable encoding entrypoint found for profile", "cannot encode H.264"),
        ("[fatal] Unknown encoder 'h264_nvenc'\n", "built without"),
        ("[error] something new\n[fatal] Conversion failed!\n", "ffmpeg says: something new"),
        ("[x @ 0x1] [error] [weird] \u{1b}[31mred\n", "ffmpeg says: "),
        ("", "exit status: 1"),
        ("\u{fffd}\n", "ffmpeg says"),
    ] {
        let said = said(words);
        assert!(said.contains(meaning) && !said.contains('\u{1b}'), "{words}: {said}");
    }
    assert!(said(&"x".repeat(100_000)).len() < 300);
}

#[test]
fn a_trial_whose_status_somebody_else_took_is_judged_by_its_words() {
    let not = |ok, words: &str| {
        let ended = Ended { ok, status: String::new(), words: words.to_owned(), took: Duration::ZERO };
        why::not(&ended, Codec::X264)
    };
    assert_eq!(not(None, ""), None);
    assert_eq!(not(None, "[warning] careful\n"), None);
    assert!(not(None, "[error] no\n").is_some());
    // A driver that complains and works.
    assert_eq!(not(Some(true), "[error] no\n"), None);
    assert!(not(Some(true), "[warning] Output file is empty, nothing was encoded\n").is_some());
}

#[test]
fn the_json_of_a_report_is_the_published_one() {
    let report = |availability| EncoderReport { encoder: Encoder::Nvenc, availability };
    assert_eq!(
        serde_json::to_string(&report(Availability::Available)).unwrap(),
        r#"{"encoder":"nvenc","availability":"available"}"#
    );
    assert_eq!(
        serde_json::to_string(&report(Availability::Unavailable { why: "no".to_owned() })).unwrap(),
        r#"{"encoder":"nvenc","availability":{"unavailable":{"why":"no"}}}"#
    );
}
