use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::*;

/// A folder with films, made by ffmpeg.
struct Films(tempfile::TempDir);

impl Films {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A second of a test picture and a tone, encoded as `options` say.
    fn make(&self, name: &str, options: &str) -> PathBuf {
        let path = self.0.path().join(name);
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"])
            .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1"])
            .args(options.split_whitespace())
            .arg(&path)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg {options}");
        path
    }
}

/// What ffprobe says of a file, asked as the gate will ask it, but for the descriptor.
fn ask(format: Format, path: &Path) -> Foreign {
    let arguments = arguments(format).into_iter().map(|word| word.replace("/dev/fd/3", "/dev/fd/0"));
    let said = Command::new("ffprobe").args(arguments).stdin(File::open(path).unwrap()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    parse(format, &said.stdout).unwrap()
}

#[test]
fn real_films_are_described_as_they_were_made() {
    use Format::{Matroska, Mov, MpegTs};
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let films = Films::new();
    for (format, name, options, video, audio) in [
        (Matroska, "a.mkv", format!("{h264} -c:a aac"), "h264", "aac"),
        (Matroska, "b.mkv", format!("{h264} -c:a libopus"), "h264", "opus"),
        (
            Matroska,
            "c.mkv",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -c:a aac".into(),
            "hevc",
            "aac",
        ),
        (
            Matroska,
            "d.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus".into(),
            "vp9",
            "opus",
        ),
        (MpegTs, "e.ts", format!("{h264} -c:a aac"), "h264", "aac"),
        (MpegTs, "f.ts", format!("{h264} -c:a mp2"), "h264", "mp2"),
        (Mov, "g.mp4", format!("{h264} -c:a ac3"), "h264", "ac3"),
        (
            Mov,
            "h.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -c:a aac".into(),
            "hevc",
            "aac",
        ),
        (Format::Flv, "i.flv", format!("{h264} -c:a libmp3lame -ar 44100"), "h264", "mp3"),
    ] {
        let found = ask(format, &films.make(name, &options));
        let picture = found.video.as_ref().unwrap();
        assert_eq!((picture.codec.as_str(), picture.width, picture.height), (video, 320, 180), "{name}");
        assert_eq!((picture.frame_rate, picture.variable_frame_rate), (Some(25.0), false), "{name}");
        assert!(!picture.interlaced, "{name}");
        let sound = found.audio.as_ref().unwrap();
        assert_eq!((sound.codec.as_str(), sound.channels), (audio, 1), "{name}");
        assert_eq!(sound.sample_rate, if audio == "mp3" { 44_100 } else { 48_000 }, "{name}");
        assert!((900..=1_200).contains(&found.duration_ms.unwrap()), "{name}: {found:?}");
        assert!(found.bitrate.unwrap() > 10_000, "{name}: {found:?}");
        assert_eq!((found.format, found.streams), (format, 2), "{name}");
    }
}

#[test]
fn profile_pixels_fields_and_missing_tracks_are_seen() {
    let films = Films::new();
    let video = |name, format, options| ask(format, &films.make(name, options)).video.unwrap();
    let plain = video("a.mp4", Format::Mov, "-c:v libx264 -pix_fmt yuv420p -an");
    assert_eq!((plain.profile.as_deref(), plain.is_plain()), (Some("High"), Some(true)));
    assert!(plain.reordered);
    let full = video("b.mp4", Format::Mov, "-c:v libx264 -pix_fmt yuv444p -an");
    assert_eq!((full.pix_fmt.as_deref(), full.is_plain()), (Some("yuv444p"), Some(false)));
    let fields = video(
        "c.mkv",
        Format::Matroska,
        "-vf setfield=tff -c:v libx264 -flags +ilme+ildct -pix_fmt yuv420p -an",
    );
    assert!(fields.interlaced);
    let silent = ask(Format::Mov, &films.0.path().join("a.mp4"));
    assert_eq!((silent.audio, silent.streams), (None, 1));
    let radio = ask(Format::Matroska, &films.make("d.mkv", "-vn -c:a aac"));
    assert_eq!((radio.video, radio.audio.unwrap().profile.as_deref()), (None, Some("LC")));
}

#[test]
fn a_cover_is_no_film() {
    let json = br#"{"streams":[
        {"index":0,"codec_type":"video","codec_name":"mjpeg","disposition":{"attached_pic":1}},
        {"index":1,"codec_type":"audio","codec_name":"aac","sample_rate":"44100","channels":2}]}"#;
    let found = parse(Format::Mov, json).unwrap();
    assert_eq!((found.video.is_none(), found.audio.unwrap().index), (true, 1));
}

#[test]
fn numbers_that_cannot_be_are_clamped_or_left_out() {
    let json = br#"{"streams":[{"codec_type":"video","codec_name":"h\u0000264\u001b[31m","width":18446744073709551615,
        "height":-3,"avg_frame_rate":"1/0","r_frame_rate":"90000/1","bit_rate":"99999999999999999","index":"x",
        "has_b_frames":1e300,"profile":"","pix_fmt":7}],"format":{"duration":"NaN","bit_rate":"N/A"}}"#;
    let found = parse(Format::Flv, json).unwrap();
    assert_eq!((found.duration_ms, found.bitrate), (None, None));
    let video = found.video.unwrap();
    assert_eq!((video.codec.as_str(), video.width, video.height, video.index), ("h264[31m", 65_536, 0, 0));
    assert_eq!((video.frame_rate, video.variable_frame_rate, video.reordered), (None, false, false));
    assert_eq!((video.bitrate, video.profile, video.pix_fmt), (Some(MAX_BITRATE), None, None));
    for (duration, ms) in [("1e300", Some(MAX_DURATION_MS)), ("-5", None), ("inf", Some(MAX_DURATION_MS))] {
        let json =
            format!(r#"{{"streams":[{{"codec_type":"audio"}}],"format":{{"duration":"{duration}"}}}}"#);
        assert_eq!(parse(Format::MpegTs, json.as_bytes()).unwrap().duration_ms, ms, "{duration}");
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    for (json, error) in [
        (b"".as_slice(), ForeignError::NotJson),
        (b"{}", ForeignError::NotJson),
        (b"[]", ForeignError::NotJson),
        (b"{\"streams\":[{\"codec_type\":", ForeignError::NotJson),
        (&deep, ForeignError::NotJson),
        (b"{\"streams\":[]}", ForeignError::NoTrack),
        (b"{\"streams\":[{\"codec_type\":\"subtitle\"}, 7, null]}", ForeignError::NoTrack),
        (&vec![b' '; MAX_JSON + 1], ForeignError::TooLong),
    ] {
        assert_eq!(parse(Format::Mov, json), Err(error));
    }
}

proptest! {
    #[test]
    fn no_answer_panics(answer in "[\\[\\]{}:,\"a-z0-9/.\\-]{0,200}", key in "[a-z_]{1,16}", value in ".{0,40}") {
        let _ = parse(Format::Mov, answer.as_bytes());
        let stream = serde_json::json!({ "codec_type": "video", "width": value, "duration": value, &key: value });
        let json = serde_json::json!({ "streams": [stream], "format": { "duration": value, "bit_rate": value } });
        let _ = parse(Format::Mov, json.to_string().as_bytes());
    }
}
