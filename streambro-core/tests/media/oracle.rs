//! Against ffmpeg: the same samples, in size, key flag and time, for the files that people have.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use streambro_core::media::aac::silent_frame;
use streambro_core::media::cursor::{Cursor, open};
use streambro_core::media::packet::{Sample, Track};
use streambro_core::media::probe::probe;

/// A directory that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Option<Self> {
        let found =
            Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success());
        if !found {
            println!("skipped: there is no ffmpeg");
            return None;
        }
        let path = std::env::temp_dir().join(format!("streambro-media-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Some(Self(path))
    }

    fn ffmpeg(&self, args: &str) -> PathBuf {
        let output = self.0.join(args.split_whitespace().last().unwrap());
        let status = Command::new("ffmpeg")
            .current_dir(&self.0)
            .args(["-v", "error", "-y"])
            .args(args.split_whitespace())
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg {args}");
        output
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Packet {
    size: u32,
    key: bool,
    dts: i64,
    pts: i64,
}

fn packets(path: &Path, track: Track) -> Vec<Packet> {
    let stream = match track {
        Track::Video => "v:0",
        Track::Audio => "a:0",
    };
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts,dts,size,flags"])
        .args(["-of", "compact=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let parse = |line: &str| {
        let field = |name: &str| line.split('|').find_map(|part| part.strip_prefix(name)).unwrap();
        Packet {
            size: field("size=").parse().unwrap(),
            key: field("flags=").starts_with('K'),
            dts: field("dts=").parse().unwrap(),
            pts: field("pts=").parse().unwrap(),
        }
    };
    text.lines().filter(|line| line.starts_with("pts=")).map(parse).collect()
}

fn samples(path: &Path) -> Vec<Sample> {
    let file = File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    let index = Arc::new(open(&file, len).unwrap());
    let mut cursor = Cursor::new(Arc::clone(&index));
    let mut samples = Vec::new();
    while let Some(sample) = cursor.peek(&file).unwrap() {
        samples.push(sample);
        cursor.advance();
    }
    for (track, info) in [
        (Track::Video, index.video.as_ref().map(|info| (info.samples, info.first_dts, info.min_composition))),
        (Track::Audio, index.audio.as_ref().map(|info| (info.samples, info.first_dts, info.min_composition))),
    ] {
        let of: Vec<&Sample> = samples.iter().filter(|sample| sample.track == track).collect();
        let expected = of.first().map(|first| {
            let min = of.iter().map(|sample| sample.pts - sample.dts).min().unwrap();
            (of.len() as u64, first.dts, min)
        });
        assert_eq!(info, expected, "{track:?}");
    }
    println!("{path:?}: {:?}", probe(&file, len).unwrap());
    samples
}

/// How far decode and presentation times may be off, by the same for all packets of a track, in ticks.
#[derive(Clone, Copy)]
struct Slack {
    dts: i64,
    pts: i64,
}

const NONE: Slack = Slack { dts: 0, pts: 0 };

/// Compares with ffprobe packet by packet, and with what a copy to FLV keeps.
fn compare(scratch: &Scratch, path: &Path, slack: Slack) {
    let all = samples(path);
    scratch.ffmpeg(&format!("-i {} -c copy copied.flv", path.display()));
    let copied = scratch.0.join("copied.flv");
    for track in [Track::Video, Track::Audio] {
        let ours: Vec<Packet> = all
            .iter()
            .filter(|sample| sample.track == track)
            .map(|sample| Packet { size: sample.len, key: sample.key, dts: sample.dts, pts: sample.pts })
            .collect();
        let mut theirs = packets(path, track);
        let sizes = |packets: &[Packet]| packets.iter().map(|p| (p.size, p.key)).collect::<Vec<_>>();
        assert_eq!(sizes(&ours), sizes(&theirs), "{track:?} of {path:?}");
        assert_eq!(sizes(&ours), sizes(&packets(&copied, track)), "{track:?} of {path:?} as FLV");
        let Some((our, their)) = ours.last().zip(theirs.last().copied()) else { continue };
        let (dts, pts) = (our.dts - their.dts, our.pts - their.pts);
        assert!(dts.abs() <= slack.dts && pts.abs() <= slack.pts, "{track:?} of {path:?}: {dts}, {pts}");
        for packet in &mut theirs {
            packet.dts += dts;
            packet.pts += pts;
        }
        assert_eq!(ours, theirs, "{track:?} of {path:?}");
    }
}

const PICTURE: &str = "-f lavfi -i testsrc2=s=160x90:r=25:d=6";
const SOUND: &str = "-f lavfi -i sine=d=6:r=48000";
const H264: &str = "-c:v libx264 -preset veryfast -g 25";
const AAC: &str = "-c:a aac -b:a 64k";

#[test]
fn ordinary_files() {
    let Some(scratch) = Scratch::new("ordinary") else { return };
    for args in [
        format!("{PICTURE} {SOUND} {H264} -bf 3 {AAC} b-frames.mp4"),
        format!("{PICTURE} {SOUND} {H264} -bf 0 {AAC} no-b-frames.mp4"),
        format!("{PICTURE} {SOUND} {H264} -bf 2 {AAC} -movflags +faststart faststart.mp4"),
        format!("{PICTURE} {SOUND} {H264} -bf 2 {AAC} quicktime.mov"),
        format!("{PICTURE} {H264} -bf 2 video-only.mp4"),
        format!("{SOUND} {AAC} audio-only.m4a"),
        format!("{PICTURE} -f lavfi -i sine=d=6:r=44100 {H264} -r 30000/1001 {AAC} -ar 44100 rate.mp4"),
        format!("{PICTURE} -f lavfi -i anoisesrc=d=6 {H264} {AAC} -ac 6 surround.mp4"),
        format!("{PICTURE} {SOUND} {H264} -shortest -t 3.333 {AAC} odd.mp4"),
    ] {
        let path = scratch.ffmpeg(&args);
        compare(&scratch, &path, NONE);
    }
}

#[test]
fn negative_compositions() {
    let Some(scratch) = Scratch::new("negative") else { return };
    let path = scratch.ffmpeg(&format!(
        "{PICTURE} {SOUND} {H264} -bf 2 {AAC} -movflags +negative_cts_offsets negative.mp4"
    ));
    // ffprobe moves decode times back by the smallest composition.
    compare(&scratch, &path, Slack { dts: 512, pts: 0 });
}

#[test]
fn variable_frame_rate() {
    let Some(scratch) = Scratch::new("vfr") else { return };
    let select = "select='if(lt(t,2),not(mod(n,3)),1)'";
    let path = scratch.ffmpeg(&format!("{PICTURE} {SOUND} -vf {select} -vsync vfr {H264} {AAC} vfr.mp4"));
    compare(&scratch, &path, NONE);
    let file = File::open(&path).unwrap();
    let info = probe(&file, file.metadata().unwrap().len()).unwrap();
    assert!(info.video.unwrap().variable_frame_rate);
}

#[test]
fn fragmented_files() {
    let Some(scratch) = Scratch::new("fragmented") else { return };
    for flags in [
        "frag_keyframe+empty_moov",
        "frag_keyframe+empty_moov+default_base_moof",
        "frag_keyframe+empty_moov+omit_tfhd_offset",
        "frag_keyframe+delay_moov",
        "frag_keyframe",
    ] {
        let path =
            scratch.ffmpeg(&format!("{PICTURE} {SOUND} {H264} -bf 2 {AAC} -movflags {flags} fragmented.mp4"));
        compare(&scratch, &path, NONE);
    }
    let path =
        scratch.ffmpeg(&format!("{PICTURE} {H264} -bf 2 -movflags frag_every_frame+empty_moov each.mp4"));
    compare(&scratch, &path, NONE);
}

#[test]
fn flash_files() {
    let Some(scratch) = Scratch::new("flash") else { return };
    for args in [
        format!("{PICTURE} {SOUND} {H264} -bf 2 {AAC} both.flv"),
        format!("{PICTURE} {H264} -bf 0 video.flv"),
        format!("{SOUND} {AAC} audio.flv"),
    ] {
        let path = scratch.ffmpeg(&args);
        // ffprobe counts from where the file does, ours from what is presented first.
        compare(&scratch, &path, Slack { dts: 100, pts: 100 });
    }
}

#[test]
fn cut_files() {
    let Some(scratch) = Scratch::new("cut") else { return };
    scratch.ffmpeg(&format!("{PICTURE} {SOUND} {H264} -bf 2 {AAC} whole.mp4"));
    for args in ["-ss 1.5 -i whole.mp4 -c copy cut.mp4", "-ss 2.1 -t 2.3 -i whole.mp4 -c copy cut-both.mp4"] {
        let path = scratch.ffmpeg(args);
        // ffmpeg gives the first picture that begins within the edit the time 0; the edit itself may begin within
        // a picture.
        compare(&scratch, &path, Slack { dts: 512, pts: 512 });
    }
}

#[test]
fn an_edit_that_ends_within_a_group_of_pictures() {
    let Some(scratch) = Scratch::new("end") else { return };
    let path = scratch.ffmpeg(&format!("{PICTURE} {SOUND} {H264} -bf 2 {AAC} whole.mp4"));
    let mut bytes = std::fs::read(&path).unwrap();
    let edits: Vec<usize> = (0..bytes.len() - 16).filter(|&at| &bytes[at..at + 4] == b"elst").collect();
    assert_eq!(edits.len(), 2);
    for at in edits {
        bytes[at + 12..at + 16].copy_from_slice(&2_300u32.to_be_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let all = samples(&path);
    let count = |track| all.iter().filter(|sample| sample.track == track).count();
    assert_eq!(count(Track::Audio), packets(&path, Track::Audio).len());
    // ffmpeg goes on, with pictures marked to be discarded, until a keyframe behind the end; a copy would show them.
    let video = count(Track::Video);
    assert!((58..=60).contains(&video), "{video}");
    assert!(packets(&path, Track::Video).len() > video);
}

#[test]
fn silence_decodes_to_silence() {
    let Some(scratch) = Scratch::new("silence") else { return };
    for (config, channels) in [(1u8, 1u32), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 8)] {
        let frame = silent_frame(config).unwrap();
        // adts_fixed_header and adts_variable_header (ISO/IEC 14496-3, 1.A.2.2): AAC-LC at 48 kHz.
        let len = u8::try_from(frame.len() + 7).unwrap();
        let header = [0xff, 0xf1, 0x4c | config >> 2, (config & 3) << 6, len >> 3, len << 5 | 0x1f, 0xfc];
        let stream = [&header, frame].concat().repeat(50);
        std::fs::write(scratch.0.join("silence.aac"), stream).unwrap();
        let decoded = Command::new("ffmpeg")
            .current_dir(&scratch.0)
            .args("-v warning -xerror -f aac -i silence.aac -f s16le -".split_whitespace())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&decoded.stderr).into_owned();
        assert!(decoded.status.success() && !complaint.to_lowercase().contains("error"), "{complaint}");
        assert_eq!(
            decoded.stdout.len(),
            50 * 1024 * 2 * channels as usize,
            "configuration {config}: {complaint}"
        );
        assert!(decoded.stdout.iter().all(|&byte| byte == 0));
    }
}
