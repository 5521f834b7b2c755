//! What is claimed of times and keyframes, on a real ffmpeg.
//!
//! The films are as bright as their pictures are late: picture `n` has the luma 16 + `n`.

use std::{fs, path::Path, process::Command};

use super::*;
use crate::spec::{Encoder, Fps};

const RATE: f64 = 10.0;
const SMALL: Shape = Shape { size: Size { width: 320, height: 180 }, fps: RATE };

fn ffmpeg(args: &[&str]) {
    let said = Command::new("ffmpeg").args(["-y", "-v", "error"]).args(args).output().unwrap();
    assert!(said.status.success(), "{args:?}: {}", String::from_utf8_lossy(&said.stderr));
}

/// Twenty seconds at 10 a second, keyframes 2 s apart, three B pictures in a row, and a tone.
fn film(folder: &Path) -> String {
    let path = folder.join("film.mp4").display().to_string();
    let gray = "color=c=black:s=320x180:r=10:d=20,geq=lum=16+N:cb=128:cr=128";
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        gray,
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=20:r=44100",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "10",
        "-bf",
        "3",
        "-g",
        "20",
        "-sc_threshold",
        "0",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-ac",
        "2",
        &path,
    ]);
    path
}

/// Runs a job with the film where ours is, and returns where its output is.
fn run(job: &Job, film: &str, folder: &Path) -> String {
    let out = folder.join("out.flv").display().to_string();
    let script = format!("exec ffmpeg \"$@\" 3<'{film}' >'{out}'");
    let said = Command::new("sh").args(["-c", &script, "sh"]).args(argv(job)).output().unwrap();
    assert!(said.status.success(), "{:?}: {}", argv(job), String::from_utf8_lossy(&said.stderr));
    out
}

/// One packet of the output, times in seconds.
#[derive(Debug)]
struct Packet {
    video: bool,
    pts: f64,
    dts: f64,
    key: bool,
}

fn packets(path: &str) -> Vec<Packet> {
    let said = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=codec_type,pts_time,dts_time,flags", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let packets: Vec<_> = text
        .lines()
        .map(|line| {
            let mut parts = line.split(',');
            let mut part = || parts.next().unwrap();
            let video = part() == "video";
            let (pts, dts) = (part().parse().unwrap(), part().parse().unwrap());
            Packet { video, pts, dts, key: part().starts_with('K') }
        })
        .collect();
    assert!(packets.iter().any(|packet| packet.video) && packets.iter().any(|packet| !packet.video));
    packets
}

/// The pictures of the output: their times, and the times that they had in the film by their brightness.
fn pictures(path: &str) -> Vec<(f64, f64)> {
    let said = Command::new("ffmpeg")
        .args(["-v", "error", "-copyts", "-i", path, "-vf", "signalstats,metadata=print:file=-"])
        .args(["-f", "null", "/dev/null"])
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let after = |line: &str, word: &str| -> Option<f64> {
        line.split_once(word)?.1.split_whitespace().next()?.parse().ok()
    };
    let times = text.lines().filter_map(|line| after(line, "pts_time:"));
    let lumas = text.lines().filter_map(|line| after(line, "signalstats.YAVG="));
    times.zip(lumas).map(|(time, luma)| (time, (luma - 16.0).round() / RATE)).collect()
}

/// Half a picture for the encoder's grid, and a millisecond.
const CLOSE: f64 = 0.5 / RATE + 0.001;

#[test]
fn a_time_in_the_output_is_the_place_in_the_film_wherever_reading_began() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let film_as = |name: &str, more: &[&str]| {
        let path = folder.path().join(name).display().to_string();
        ffmpeg(&[&["-i", film.as_str(), "-c", "copy"], more, &[path.as_str()]].concat());
        path
    };
    let films = [
        (Format::Mov, film.clone()),
        (Format::Matroska, film_as("film.mkv", &[])),
        (Format::Matroska, film_as("late.mkv", &["-output_ts_offset", "7"])),
        (Format::MpegTs, film_as("film.ts", &[])),
        (Format::MpegTs, film_as("late.ts", &["-output_ts_offset", "1000"])),
        (Format::Flv, film_as("film.flv", &[])),
    ];
    let encode = Encode::new(Encoder::X264).bitrate(2_000_000);
    for (format, film) in &films {
        for start in [0.0, 4.55, 14.55] {
            let what = format!("{format:?} {film} from {start} s");
            let from = |mut job: Job| {
                job.start = Duration::from_secs_f64(start);
                job.limit = Some(Duration::from_secs(3));
                job
            };
            let job = Job::encode(*format, &encode, Codec::X264, Decoder::Software, Preset::Ultrafast, SMALL);
            let out = run(&from(job), film, folder.path());
            let seen = pictures(&out);
            assert!(seen.len() >= 28, "{what}: {}", seen.len());
            for (time, place) in &seen {
                let off = time - LEAD.as_secs_f64() - place;
                // The film itself begins with up to 24 ms of sound alone where its container keeps that.
                assert!((-CLOSE..=CLOSE + 0.024).contains(&off), "{what}: {time} shows {place}");
            }
            let begins = |video: bool| {
                let packets = packets(&out);
                packets.iter().find(|packet| packet.video == video).unwrap().pts - LEAD.as_secs_f64()
            };
            assert!(
                (start - 0.001..start + 1.0 / RATE + 0.025).contains(&begins(true)),
                "{what}: {}",
                begins(true)
            );
            assert!((start - 0.025..start + 0.03).contains(&begins(false)), "{what}: {}", begins(false));
            let end = seen.last().unwrap().0 - LEAD.as_secs_f64();
            assert!((end - start - 3.0).abs() < 0.16, "{what} ends at {end}");

            let out = run(&from(Job::copy(*format)), film, folder.path());
            for (time, place) in pictures(&out) {
                let off = time - LEAD.as_secs_f64() - place;
                assert!((-CLOSE..=CLOSE + 0.024).contains(&off), "{what}, copied: {time} shows {place}");
            }
            let first = packets(&out).into_iter().find(|packet| packet.video).unwrap();
            let place = first.pts - LEAD.as_secs_f64();
            assert!(first.key && place <= start + 0.024, "{what}, copied: {first:?}");
            // A film with an index is read from the last keyframe and not from an earlier one.
            assert!(*format == Format::MpegTs || place > start - 2.0, "{what}, copied: {first:?}");
        }
    }
}

#[test]
fn times_never_go_back_and_none_is_below_zero() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let encode = Encode::new(Encoder::X264).bitrate(500_000);
    for job in [
        Job::copy(Format::Mov),
        Job::encode(Format::Mov, &encode, Codec::X264, Decoder::Software, Preset::Fast, SMALL),
    ] {
        let packets = packets(&run(&job, &film, folder.path()));
        for video in [true, false] {
            let lane: Vec<_> = packets.iter().filter(|packet| packet.video == video).collect();
            assert!(lane.windows(2).all(|pair| pair[0].dts < pair[1].dts));
            assert!(lane.iter().all(|packet| packet.dts >= 0.0 && packet.pts >= packet.dts - 0.0015));
        }
    }
}

#[test]
fn slides_at_one_a_second_come_out_whole() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("slides.mp4").display().to_string();
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=160x90:r=1:d=30",
        "-f",
        "lavfi",
        "-i",
        "sine=d=30",
        "-c:v",
        "libx264",
        "-bf",
        "3",
        &film,
    ]);
    let encode = Encode::new(Encoder::X264).bitrate(100_000);
    let slides = Shape { fps: 1.0, ..SMALL };
    for preset in [Preset::Veryfast, Preset::Slow] {
        let job = Job::encode(Format::Mov, &encode, Codec::X264, Decoder::Software, preset, slides);
        for job in [job, Job::copy(Format::Mov)] {
            let mut times: Vec<_> = packets(&run(&job, &film, folder.path()))
                .into_iter()
                .filter(|packet| packet.video)
                .map(|packet| packet.pts - LEAD.as_secs_f64())
                .collect();
            times.sort_by(f64::total_cmp);
            assert_eq!(times, (0..30).map(f64::from).collect::<Vec<_>>(), "{preset:?}");
        }
    }
}

#[test]
fn keyframes_come_every_two_seconds_of_the_film_at_any_frame_rate() {
    let folder = tempfile::tempdir().unwrap();
    for rate in ["24000/1001", "30000/1001", "25", "50", "7"] {
        let film = folder.path().join("rate.mp4").display().to_string();
        let source = format!("testsrc2=s=160x90:r={rate}:d=9");
        ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            &source,
            "-f",
            "lavfi",
            "-i",
            "sine=440:d=9",
            "-preset",
            "ultrafast",
            &film,
        ]);
        let plain = Encode::new(Encoder::X264).bitrate(200_000);
        for encode in [plain.clone(), plain.fps(rate.parse::<Fps>().unwrap())] {
            let job =
                Job::encode(Format::Mov, &encode, Codec::X264, Decoder::Software, Preset::Ultrafast, SMALL);
            let keys: Vec<_> = packets(&run(&job, &film, folder.path()))
                .into_iter()
                .filter(|packet| packet.video && packet.key)
                .map(|packet| packet.pts - LEAD.as_secs_f64())
                .collect();
            assert_eq!(keys.len(), 5, "{rate}: {keys:?}");
            let picture = 1.0 / rate.parse::<Fps>().unwrap().as_f64();
            for (n, key) in keys.iter().enumerate() {
                let due = 2.0 * n as f64;
                assert!((due - 0.002..due + picture).contains(key), "{rate}: {keys:?}");
            }
        }
    }
}

#[test]
fn a_picture_of_another_shape_is_fitted_and_an_odd_one_made_even() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("odd.mkv").display().to_string();
    let size = |path: &str| {
        let said = Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", "v", "-of", "csv=p=0", "-show_entries"])
            .args(["stream=width,height,sample_aspect_ratio,pix_fmt,profile", path])
            .output()
            .unwrap();
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    // Wide pixels: 321 x 181 stands for 642 x 181.
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "color=c=white:s=321x181:d=1,setsar=2",
        "-f",
        "lavfi",
        "-i",
        "sine=d=1",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "yuv444p10",
        "-c:a",
        "flac",
        &film,
    ]);
    let plain = Encode::new(Encoder::X264);
    for (encode, wanted) in
        [(plain.clone().size(640, 360), "High,640,360,1:1,yuv420p"), (plain, "High,320,180,2:1,yuv420p")]
    {
        let job = Job::encode(Format::Matroska, &encode, Codec::X264, Decoder::Software, Preset::Auto, SMALL);
        let out = run(&job, &film, folder.path());
        assert_eq!(size(&out), wanted);
        if encode.size.is_some() {
            // 640 x 180 of picture between bars of 90 lines.
            let crop = Command::new("ffmpeg")
                .args(["-i", &out, "-vf", "cropdetect=limit=100:round=2", "-f", "null", "/dev/null"])
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&crop.stderr).into_owned();
            let last = text.lines().rfind(|line| line.contains("crop=")).unwrap();
            assert!(last.ends_with("crop=640:180:0:90"), "{last}");
        }
    }
}

#[test]
fn every_preset_tune_and_profile_of_libx264_is_taken_and_sound_is_as_asked() {
    use crate::spec::{Profile, Tune};
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let plain = Encode::new(Encoder::X264).bitrate(200_000).size(64, 64).sample_rate(48_000).channels(1);
    let mut all: Vec<_> = [Preset::Superfast, Preset::Faster, Preset::Medium, Preset::Slow, Preset::Slower]
        .into_iter()
        .map(|preset| plain.clone().preset(preset))
        .collect();
    for tune in
        [Tune::Film, Tune::Animation, Tune::Grain, Tune::StillImage, Tune::FastDecode, Tune::ZeroLatency]
    {
        all.push(plain.clone().tune(tune).preset(Preset::Veryslow));
    }
    all.push(plain.clone().profile(Profile::Baseline).preset(Preset::Fast));
    all.push(plain.profile(Profile::Main).memory(Memory::Roomy).raw(["-x264-params", "rc-lookahead=5"]));
    for encode in all {
        encode.check().unwrap();
        let mut job = Job::encode(Format::Mov, &encode, Codec::X264, Decoder::Software, encode.preset, SMALL);
        job.limit = Some(Duration::from_millis(400));
        let out = run(&job, &film, folder.path());
        assert!(fs::metadata(&out).unwrap().len() > 1_000);
        let said = Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", "a", "-of", "csv=p=0", "-show_entries"])
            .args(["stream=codec_name,sample_rate,channels", &out])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "aac,48000,1");
    }
}

#[test]
fn adts_sound_of_mpeg_ts_is_copied_as_flv_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let ts = folder.path().join("film.ts").display().to_string();
    ffmpeg(&["-i", &film, "-c", "copy", &ts]);
    let out = run(&Job::copy(Format::MpegTs), &ts, folder.path());
    let decoded = Command::new("ffmpeg")
        .args(["-v", "warning", "-i", &out, "-f", "null", "/dev/null"])
        .output()
        .unwrap();
    assert!(decoded.status.success() && decoded.stderr.is_empty(), "{decoded:?}");
}

#[test]
fn a_playlist_is_not_read_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    for (name, text) in [
        ("list.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:8,\n{film}\n#EXT-X-ENDLIST\n")),
        ("concat.mkv", format!("ffconcat version 1.0\nfile {film}\n")),
    ] {
        let path = folder.path().join(name).display().to_string();
        fs::write(&path, text).unwrap();
        for format in [Format::Mov, Format::Matroska, Format::MpegTs, Format::Flv] {
            let script = format!("exec ffmpeg \"$@\" 3<'{path}' | wc -c");
            let said = Command::new("sh")
                .args(["-c", &script, "sh"])
                .args(argv(&Job::copy(format)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "0", "{name} as {format:?}");
        }
    }
}
