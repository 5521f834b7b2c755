use super::*;
use crate::error::ErrorKind;

/// Every setting.
fn full() -> Encode {
    Encode::new(Encoder::Nvenc)
        .bitrate(3_000_000)
        .max_bitrate(3_500_000)
        .buffer(2_000_000)
        .size(1_280, 720)
        .fps(Fps::new(30_000, 1_001))
        .keyframe_interval(Duration::from_secs(1))
        .preset(Preset::Veryfast)
        .tune(Tune::StillImage)
        .profile(Profile::Main)
        .audio_bitrate(96_000)
        .sample_rate(48_000)
        .channels(1)
        .decode(Decode::Software)
        .memory(Memory::Custom { queue: 512, threads: 2 })
        .device("0")
        .live()
        .raw(["-bf", "2"])
}

#[test]
fn the_json_form_is_the_published_one() {
    let json = |encode: &Encode| serde_json::to_string(encode).unwrap();
    assert_eq!(json(&Encode::new(Encoder::Auto)), r#"{"encoder":"auto"}"#);
    assert_eq!(serde_json::from_str::<Encode>("{}").unwrap(), Encode::new(Encoder::Auto));
    assert_eq!(
        json(&full()),
        concat!(
            r#"{"encoder":"nvenc","bitrate":3000000,"max_bitrate":3500000,"buffer":2000000,"#,
            r#""size":{"width":1280,"height":720},"fps":"30000/1001","keyframe_interval_ms":1000,"#,
            r#""preset":"veryfast","tune":"still_image","profile":"main","audio_bitrate":96000,"#,
            r#""sample_rate":48000,"channels":1,"decode":"software","#,
            r#""memory":{"custom":{"queue":512,"threads":2}},"device":"0","live":true,"raw":["-bf","2"]}"#,
        )
    );
    assert_eq!(serde_json::from_str::<Encode>(&json(&full())).unwrap(), full());
    full().check().unwrap();
    for broken in [
        r#"{"bitrte":1}"#,
        r#"{"size":{"width":1,"height":1,"depth":1}}"#,
        r#"{"fps":"x"}"#,
        r#"{"fps":-1}"#,
        r#"{"memory":{"custom":{"queue":1,"threads":1,"x":1}}}"#,
    ] {
        serde_json::from_str::<Encode>(broken).expect_err(broken);
    }
}

#[test]
fn a_whole_frame_rate_is_a_number_and_both_forms_are_read() {
    for (json, fps) in
        [("30", Fps::from(30)), (r#""30""#, Fps::from(30)), (r#""24000/1001""#, Fps::new(24_000, 1_001))]
    {
        assert_eq!(serde_json::from_str::<Fps>(json).unwrap(), fps);
    }
    assert_eq!(serde_json::to_string(&Fps::from(25)).unwrap(), "25");
}

#[test]
fn what_means_nothing_is_refused_by_the_name_of_its_setting() {
    let new = || Encode::new(Encoder::Vaapi);
    for (encode, field) in [
        (new().bitrate(2_500), "bitrate"),
        (new().bitrate(u64::MAX), "bitrate"),
        (new().max_bitrate(0), "max_bitrate"),
        (new().bitrate(3_000_000).max_bitrate(2_000_000), "max_bitrate"),
        (new().buffer(0), "buffer"),
        (new().buffer(u64::MAX), "buffer"),
        (new().bitrate(3_000_000).buffer(100_000), "buffer"),
        (new().size(853, 480), "size"),
        (new().size(1_280, 0), "size"),
        (new().size(100_000, 480), "size"),
        (new().fps(0), "fps"),
        (new().fps(Fps::new(30, 0)), "fps"),
        (new().fps(1_000), "fps"),
        (new().keyframe_interval(Duration::ZERO), "keyframe_interval"),
        (new().keyframe_interval(Duration::MAX), "keyframe_interval"),
        (new().audio_bitrate(128), "audio_bitrate"),
        (new().sample_rate(44_000), "sample_rate"),
        (new().channels(6), "channels"),
        (new().memory(Memory::Custom { queue: 0, threads: 1 }), "memory"),
        (new().memory(Memory::Custom { queue: 8, threads: 65 }), "memory"),
        (new().device("renderD128"), "device"),
        (new().device("/dev/dri/../../etc/passwd"), "device"),
        (new().device("/dev/dri/renderD128,driver=x"), "device"),
        (Encode::new(Encoder::Nvenc).device("/dev/nvidia0"), "device"),
        (Encode::new(Encoder::X264).device("/dev/dri/renderD128"), "device"),
        (new().raw(["-i", "x"]), "raw"),
    ] {
        let error = encode.check().expect_err(field);
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, field), "{error}");
    }
    new().device("/dev/dri/renderD128").buffer(2_000_000).check().unwrap();
}

#[test]
fn the_usual_bitrate_is_within_the_platforms_bands() {
    let usual = |width, height, fps| usual_bitrate(Size { width, height }, fps);
    assert!((2_500_000..=4_000_000).contains(&usual(1_280, 720, 30.0)));
    assert!((4_000_000..=6_000_000).contains(&usual(1_920, 1_080, 29.97)));
    assert_eq!(usual(1_280, 720, 60.0), 4_500_000);
    assert_eq!(usual(720, 1_280, 30.0), usual(1_280, 720, 30.0));
    assert!(usual(u32::MAX, u32::MAX, 60.0) > usual(3_840, 2_160, 30.0));
    let source = Size { width: 3_840, height: 2_160 };
    assert_eq!(Encode::new(Encoder::X264).size(1_280, 720).resolved_bitrate(source, 30.0), 3_000_000);
    assert_eq!(Encode::new(Encoder::X264).bitrate(1_234_567).resolved_bitrate(source, 30.0), 1_234_567);
}
