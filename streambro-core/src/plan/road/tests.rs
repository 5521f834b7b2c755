use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::*;
use crate::{
    media::foreign::{Foreign, arguments, parse},
    spec::Encoder,
    survey::{Probe, probe},
};

fn native() -> Probe {
    probe(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4")).unwrap()
}

fn obstructed(obstacles: &[Unsupported]) -> Probe {
    Probe { obstacles: obstacles.to_vec(), info: None }
}

fn foreign(format: Format, video: &str, audio: &str) -> Foreign {
    let mut streams = vec![];
    for (kind, codec) in [("video", video), ("audio", audio)] {
        if !codec.is_empty() {
            let (codec, profile) = codec.split_once(' ').unwrap_or((codec, ""));
            streams.push(serde_json::json!({ "codec_type": kind, "codec_name": codec, "profile": profile }));
        }
    }
    parse(format, serde_json::json!({ "streams": streams }).to_string().as_bytes()).unwrap()
}

fn encode() -> Video {
    Video::encode(Encoder::Auto).into()
}

/// The name of a road, and what blocks it.
fn name(road: &Road) -> String {
    let json = serde_json::to_value(road).unwrap();
    match json.get("block") {
        Some(block) => block.as_str().unwrap().to_owned(),
        None => json["type"].as_str().unwrap().to_owned(),
    }
}

fn why(road: &Road) -> &str {
    match road {
        Road::Copy => "",
        Road::Remux { why }
        | Road::EncodeAudio { why }
        | Road::Encode { why }
        | Road::Refused { why, .. } => why,
    }
}

#[test]
fn a_native_file_is_copied_whether_there_is_ffmpeg_or_not() {
    let probe = native();
    let known = Known { format: Format::Mov, probe: Some(&probe), foreign: None };
    for ffmpeg in [false, true] {
        assert_eq!(road(&Video::Copy, &known, ffmpeg), Road::Copy);
    }
    assert_eq!(name(&road(&encode(), &known, true)), "encode");
    assert_eq!(name(&road(&encode(), &known, false)), "no_ffmpeg");
}

#[test]
fn formats_that_are_not_native_take_the_shortest_way_through_ffmpeg() {
    for (format, video, audio, wanted, words) in [
        (
            Format::Matroska,
            "h264",
            "aac LC",
            "remux",
            "Matroska is not read natively: ffmpeg copies it into FLV",
        ),
        (Format::MpegTs, "h264", "aac", "remux", "MPEG-TS is not read natively: ffmpeg copies it into FLV"),
        (Format::Matroska, "h264", "", "remux", "Matroska"),
        (Format::Matroska, "", "aac LC", "remux", "Matroska"),
        (Format::Matroska, "h264", "aac HE-AACv2", "remux", "Matroska"),
        (
            Format::Matroska,
            "h264",
            "opus",
            "encode_audio",
            "the audio codec is opus: ffmpeg encodes the sound as AAC",
        ),
        (Format::MpegTs, "h264", "mp2", "encode_audio", "mp2"),
        (Format::MpegTs, "h264", "aac xHE-AAC", "encode_audio", "aac (xHE-AAC)"),
        (Format::Matroska, "hevc", "aac LC", "needs_encoding", "the video codec is hevc; only H.264"),
        (Format::Matroska, "vp9", "opus", "needs_encoding", "vp9"),
    ] {
        let foreign = foreign(format, video, audio);
        let known = Known { format, probe: None, foreign: Some(&foreign) };
        let chosen = road(&Video::Copy, &known, true);
        assert_eq!(name(&chosen), wanted, "{format:?} {video} {audio}");
        assert!(why(&chosen).contains(words), "{chosen:?}");
        // Without ffmpeg each says so, but for what would be refused anyway.
        let without = road(&Video::Copy, &known, false);
        assert_eq!(
            name(&without),
            if wanted == "needs_encoding" { wanted } else { "no_ffmpeg" },
            "{without:?}"
        );
        if let Road::Refused { block: Block::NoFfmpeg, why, remedy } = &without {
            assert!(
                why.contains(words)
                    && why.contains("there is no ffmpeg")
                    && remedy.contains("install ffmpeg")
            );
        }
        if let Road::Refused { block: Block::NeedsEncoding, remedy, .. } = &chosen {
            assert!(remedy.contains("let its `video` be encoded"), "{remedy}");
        }
        let encoded = road(&encode(), &known, true);
        assert_eq!(name(&encoded), if video.is_empty() { "file" } else { "encode" });
    }
    // Nobody looked into it, because there is nobody who could.
    let unseen = Known { format: Format::Matroska, probe: None, foreign: None };
    assert_eq!(name(&road(&Video::Copy, &unseen, false)), "no_ffmpeg");
    assert_eq!(name(&road(&encode(), &unseen, false)), "no_ffmpeg");
}

#[test]
fn each_obstacle_of_an_mp4_has_its_way() {
    use Unsupported::*;
    let codec = |track, codec: &str| Codec { track, codec: codec.to_owned() };
    for (obstacles, copied, encoded) in [
        (vec![CompressedHeader], "remux", "encode"),
        (vec![codec(Track::Audio, "ac-3")], "encode_audio", "encode"),
        (vec![codec(Track::Audio, "ac-3"), CompressedHeader], "encode_audio", "encode"),
        (vec![codec(Track::Video, "hvc1")], "needs_encoding", "encode"),
        (vec![codec(Track::Video, "hvc1"), codec(Track::Audio, "ac-3")], "needs_encoding", "encode"),
        (vec![EditList, EditList], "needs_encoding", "encode"),
        (vec![FirstPicture], "needs_encoding", "encode"),
        (vec![TooLarge("the file has more than 64 tracks")], "needs_encoding", "encode"),
        (vec![ExternalData], "file", "file"),
        (vec![NoConfiguration(Track::Video)], "file", "file"),
        (vec![Encrypted(Track::Audio)], "file", "file"),
        (vec![codec(Track::Audio, "ac-3"), Encrypted(Track::Video)], "file", "file"),
        (vec![NoTrack], "file", "file"),
        (vec![TooShort { ms: 40 }], "file", "file"),
        (vec![TooLong], "file", "file"),
        (vec![Container], "file", "file"),
        (vec![Playlist("a text")], "file", "file"),
        (vec![Format("a picture")], "file", "file"),
    ] {
        let probe = obstructed(&obstacles);
        let known = Known { format: crate::media::format::Format::Mov, probe: Some(&probe), foreign: None };
        let chosen = road(&Video::Copy, &known, true);
        assert_eq!(name(&chosen), copied, "{obstacles:?}");
        assert_eq!(name(&road(&encode(), &known, true)), encoded, "{obstacles:?}");
        let words = why(&chosen);
        assert!(obstacles.iter().any(|obstacle| words.contains(&obstacle.to_string())), "{words}");
        assert_eq!(words.matches("edit list").count(), usize::from(obstacles.contains(&EditList)), "{words}");
    }
}

#[test]
fn names_in_json_do_not_change() {
    let json = |road: Road| serde_json::to_value(road).unwrap();
    assert_eq!(json(Road::Copy), serde_json::json!({ "type": "copy" }));
    assert_eq!(json(Road::Remux { why: "w".into() }), serde_json::json!({ "type": "remux", "why": "w" }));
    let refused = json(Road::refused(Block::NoFfmpeg, "w", "r"));
    let wanted = serde_json::json!({ "type": "refused", "block": "no_ffmpeg", "why": "w", "remedy": "r" });
    assert_eq!(refused, wanted);
    let plans = [Plan::Copy, Plan::Remux, Plan::EncodeAudio, Plan::Encode];
    let names: Vec<_> = plans.iter().map(|plan| serde_json::to_value(plan).unwrap()).collect();
    assert_eq!(names, ["copy", "remux", "encode_audio", "encode"]);
    let roads = [
        Road::Copy,
        Road::Remux { why: String::new() },
        Road::EncodeAudio { why: String::new() },
        Road::Encode { why: String::new() },
    ];
    for (road, plan) in roads.into_iter().zip(plans) {
        assert_eq!(road.plan(), Some(plan));
        assert_eq!(json(road)["type"], serde_json::to_value(plan).unwrap());
    }
}

/// What ffmpeg makes of things, in a folder of its own.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn ffmpeg(&self, args: &str) {
        let status = Command::new("ffmpeg")
            .args(["-v", "quiet", "-nostdin", "-y"])
            .args(args.split_whitespace())
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg {args}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Four seconds with a keyframe each second, encoded as `options` say.
    fn film(&self, name: &str, options: &str) {
        let source = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -f lavfi -i sine=sample_rate=48000:duration=4";
        self.ffmpeg(&format!("{source} -pix_fmt yuv420p -g 25 {options} {name}"));
    }

    /// Copies it into FLV, as ffmpeg is told to on this road.
    fn copy(&self, name: &str, format: Format) -> Probe {
        let demuxer = format.demuxer();
        self.ffmpeg(&format!(
            "-protocol_whitelist file,pipe -format_whitelist {demuxer} -f {demuxer} -i file:{name} -c copy -f flv copy.flv"
        ));
        probe(self.path("copy.flv")).unwrap()
    }

    fn ask(&self, name: &str, format: Format) -> Foreign {
        let mut arguments = arguments(format);
        *arguments.last_mut().unwrap() = format!("file:{name}");
        let said = Command::new("ffprobe").args(arguments).current_dir(&self.0).output().unwrap();
        parse(format, &said.stdout).unwrap()
    }
}

#[test]
fn what_is_remuxed_is_native_afterwards() {
    let bench = Bench::new();
    for (name, format, options) in [
        ("a.mkv", Format::Matroska, "-c:v libx264 -preset veryfast -c:a aac"),
        ("b.ts", Format::MpegTs, "-c:v libx264 -preset veryfast -c:a aac"),
        ("c.mkv", Format::Matroska, "-c:v libx264 -preset ultrafast -an"),
    ] {
        bench.film(name, options);
        let foreign = bench.ask(name, format);
        let known = Known { format, probe: None, foreign: Some(&foreign) };
        assert_eq!(name_of(&known), "remux", "{name}");
        let copied = bench.copy(name, format);
        assert!(copied.is_native(), "{name}: {copied:?}");
        assert_eq!(copied.info.unwrap().video.unwrap().samples, 100, "{name}");
    }
    bench.film("d.mp4", "-c:v libx264 -preset veryfast -c:a aac");
    rewrite(&bench.path("d.mp4"), &bench.path("e.mp4"), compressed);
    let before = probe(bench.path("e.mp4")).unwrap();
    assert_eq!(before.obstacles, [Unsupported::CompressedHeader]);
    let known = Known { format: Format::Mov, probe: Some(&before), foreign: None };
    assert_eq!(name_of(&known), "remux");
    let copied = bench.copy("e.mp4", Format::Mov);
    assert!(copied.is_native() && copied.info.unwrap().video.unwrap().samples == 100);
}

#[test]
fn what_needs_encoding_is_not_mended_by_a_copy() {
    let bench = Bench::new();
    // A cut at a picture that others after it need, but that is no IDR.
    bench.film("a.ts", "-c:v libx264 -x264-params open-gop=1:keyint=25:min-keyint=25:bframes=3 -c:a aac");
    bench.ffmpeg("-ss 1.2 -i a.ts -c copy cut.mp4");
    let before = probe(bench.path("cut.mp4")).unwrap();
    assert_eq!(before.obstacles, [Unsupported::FirstPicture]);
    assert_eq!(before.info.as_ref().unwrap().video.as_ref().unwrap().open_gop, Some(true));
    let known = Known { format: Format::Mov, probe: Some(&before), foreign: None };
    assert_eq!(name_of(&known), "needs_encoding");
    assert_eq!(bench.copy("cut.mp4", Format::Mov).obstacles, [Unsupported::FirstPicture]);

    // Two edits, the second from the middle between two keyframes: 1 s and 1.6 s, 65 pictures.
    bench.film("b.mp4", "-c:v libx264 -preset ultrafast -an");
    rewrite(&bench.path("b.mp4"), &bench.path("edits.mp4"), two_edits);
    let before = probe(bench.path("edits.mp4")).unwrap();
    assert_eq!(before.obstacles, [Unsupported::EditList]);
    let known = Known { format: Format::Mov, probe: Some(&before), foreign: None };
    assert_eq!(name_of(&known), "needs_encoding");
    let pictures = |probe: &Probe| probe.info.as_ref().unwrap().video.as_ref().unwrap().samples;
    assert!(pictures(&bench.copy("edits.mp4", Format::Mov)) > 65);
    bench.ffmpeg("-f mov -i edits.mp4 -c:v libx264 -preset ultrafast -f flv encoded.flv");
    assert_eq!(pictures(&probe(bench.path("encoded.flv")).unwrap()), 65);
}

fn name_of(known: &Known<'_>) -> String {
    name(&road(&Video::Copy, known, true))
}

/// Copies an MP4 whose movie box is its last, with another one.
fn rewrite(from: &Path, to: &Path, change: fn(&[u8]) -> Vec<u8>) {
    let file = fs::read(from).unwrap();
    let at = file.windows(4).rposition(|kind| kind == b"moov").unwrap() - 4;
    fs::write(to, [&file[..at], &change(&file[at..])].concat()).unwrap();
}

fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes(), &kind[..], body].concat()
}

/// A compressed movie box (QuickTime File Format, "Compressed Movie Resources"), with blocks of zlib that compress
/// nothing (RFC 1950, 1951 3.2.4).
fn compressed(moov: &[u8]) -> Vec<u8> {
    let len = u16::try_from(moov.len()).unwrap();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in moov {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let zlib =
        [&[0x78, 1, 1][..], &len.to_le_bytes(), &(!len).to_le_bytes(), moov, &(b << 16 | a).to_be_bytes()]
            .concat();
    let cmvd = atom(b"cmvd", &[&u32::from(len).to_be_bytes(), &zlib[..]].concat());
    atom(b"moov", &atom(b"cmov", &[atom(b"dcom", b"zlib"), cmvd].concat()))
}

/// An edit list of 0 to 1 s and 2.4 to 4 s in place of the one that is there.
fn two_edits(moov: &[u8]) -> Vec<u8> {
    let timescale = moov.windows(4).position(|kind| kind == b"mdhd").unwrap() + 16;
    let timescale = u32::from_be_bytes(moov[timescale..timescale + 4].try_into().unwrap());
    let entries = [[1_000, 0, 1 << 16], [1_600, timescale * 24 / 10, 1 << 16]];
    let body = [[0, 2].to_vec(), entries.concat()].concat();
    let elst = atom(b"elst", &body.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>());
    replace(moov, &[b"moov", b"trak", b"edts", b"elst"], &elst)
}

fn replace(boxes: &[u8], path: &[&[u8; 4]], new: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let mut rest = boxes;
    while let Some((size, _)) = rest.split_first_chunk() {
        let (this, after) = rest.split_at(u32::from_be_bytes(*size) as usize);
        match path {
            [kind] if this[4..8] == kind[..] => out.extend(new),
            [kind, path @ ..] if this[4..8] == kind[..] => {
                out.extend(atom(kind, &replace(&this[8..], path, new)));
            }
            _ => out.extend(this),
        }
        rest = after;
    }
    out
}
