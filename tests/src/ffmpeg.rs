//! ffmpeg and ffprobe: clips to play, a receiver, and the oracle for what came out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::net;
use crate::process::Guard;

/// Long enough for a clip of a minute on a busy two-core machine.
const BOUND: Duration = Duration::from_secs(120);

/// How nice an ffmpeg is that makes or decodes a clip: behind that of a stream that another test has on the air, which is at
/// 10 and has a clock.
const BEHIND: i32 = 15;

/// Runs ffmpeg to its end.
///
/// # Panics
/// When it fails or takes over two minutes; its own words are in the message.
pub async fn run<S: AsRef<str>>(args: &[S]) {
    let mut words = vec!["-hide_banner", "-nostdin", "-loglevel", "error", "-y"];
    words.extend(args.iter().map(S::as_ref));
    output("ffmpeg", &words).await;
}

/// Runs ffprobe with JSON output.
///
/// # Panics
/// When it fails, takes over two minutes or answers no JSON.
pub async fn probe<S: AsRef<str>>(args: &[S]) -> Value {
    let mut words = vec!["-v", "error", "-of", "json"];
    words.extend(args.iter().map(S::as_ref));
    serde_json::from_slice(&output("ffprobe", &words).await).expect("ffprobe answers JSON")
}

/// Lets ffmpeg decode a file to its end.
///
/// # Panics
/// When it has anything to say about it.
pub async fn decodes(path: &Path) {
    let name = path.to_str().expect("the path is UTF-8");
    // In one thread: with more ffmpeg 5.1 says nothing of a damaged picture in one of six runs.
    let words = ["-v", "error", "-xerror", "-nostdin", "-threads", "1", "-i", name];
    // In milliseconds: with times in whole pictures it takes two that are 33 ms apart for the same.
    let fine = ["-enc_time_base", "1:1000", "-f", "null", "-"];
    let words = words.into_iter().chain(fine).collect::<Vec<_>>();
    finish("ffmpeg", &words, true).await;
}

async fn output(program: &str, args: &[&str]) -> Vec<u8> {
    finish(program, args, false).await
}

async fn finish(program: &str, args: &[&str], silent: bool) -> Vec<u8> {
    let child = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {program}: {e} (tests/run installs what the tests need)"));
    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
    if let Some(pid) = pid.filter(|_| program == "ffmpeg") {
        // One that has ended already needs it no more.
        let _ = rustix::process::setpriority_process(Some(pid), BEHIND);
    }
    let out = tokio::time::timeout(BOUND, child.wait_with_output())
        .await
        .unwrap_or_else(|_| panic!("{program} has not ended within {BOUND:?}: {args:?}"))
        .expect("a child of ours can be waited for");
    let fine = out.status.success() && (!silent || out.stderr.is_empty());
    assert!(fine, "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// A synthetic clip, described by what matters to a copy.
///
/// Clips are made once and kept beneath the target directory: equal descriptions give the same file.
#[derive(Clone, Debug)]
pub struct Clip {
    video: Option<Video>,
    audio: Option<Audio>,
    seconds: f64,
    extension: &'static str,
    extra: Vec<String>,
}

#[derive(Clone, Debug)]
struct Video {
    size: (u32, u32),
    rate: String,
    bframes: u32,
    gop: u32,
    bitrate: Option<u32>,
    source: Option<String>,
    options: Vec<String>,
}

#[derive(Clone, Debug)]
struct Audio {
    rate: u32,
    layout: &'static str,
    bitrate: u32,
    seconds: Option<f64>,
    silent: bool,
    source: Option<String>,
}

impl Default for Clip {
    fn default() -> Self {
        Self::new()
    }
}

impl Clip {
    /// 4 s of 320x180 at 30 fps with two B-frames and a keyframe every second, AAC 48 kHz stereo, in MP4.
    #[must_use]
    pub fn new() -> Self {
        let video = Video {
            size: (320, 180),
            rate: "30".to_owned(),
            bframes: 2,
            gop: 30,
            bitrate: None,
            source: None,
            options: Vec::new(),
        };
        let audio =
            Audio { rate: 48_000, layout: "stereo", bitrate: 96, seconds: None, silent: false, source: None };
        Self { video: Some(video), audio: Some(audio), seconds: 4.0, extension: "mp4", extra: Vec::new() }
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(self, width: u32, height: u32) -> Self {
        self.video(|v| v.size = (width, height))
    }

    /// Frames a second, as ffmpeg writes them: `"30"`, `"24000/1001"`.
    #[must_use]
    pub fn fps(self, rate: &str) -> Self {
        self.video(|v| rate.clone_into(&mut v.rate))
    }

    /// The most B-frames in a row.
    #[must_use]
    pub fn bframes(self, bframes: u32) -> Self {
        self.video(|v| v.bframes = bframes)
    }

    /// Frames from keyframe to keyframe, exactly.
    #[must_use]
    pub fn gop(self, gop: u32) -> Self {
        self.video(|v| v.gop = gop)
    }

    /// Constant video bitrate in kbit/s, filled up where the picture needs less. Without it: constant quality.
    #[must_use]
    pub fn bitrate(self, kbits: u32) -> Self {
        self.video(|v| v.bitrate = Some(kbits))
    }

    /// Another lavfi graph for the picture than `testsrc2`. It sets its own size, rate and length.
    #[must_use]
    pub fn picture(self, graph: &str) -> Self {
        self.video(|v| v.source = Some(graph.to_owned()))
    }

    /// More options for the video encoder.
    #[must_use]
    pub fn video_options(self, options: &[&str]) -> Self {
        self.video(|v| v.options.extend(options.iter().map(|&o| o.to_owned())))
    }

    /// Sampling rate in Hz and channel layout (`"mono"`, `"stereo"`, `"5.1"`).
    #[must_use]
    pub fn audio(self, rate: u32, layout: &'static str) -> Self {
        self.sound(|a| (a.rate, a.layout) = (rate, layout))
    }

    /// Audio bitrate in kbit/s.
    #[must_use]
    pub fn audio_bitrate(self, kbits: u32) -> Self {
        self.sound(|a| a.bitrate = kbits)
    }

    /// Another length for the audio track than for the video track, in seconds.
    #[must_use]
    pub fn audio_seconds(self, seconds: f64) -> Self {
        self.sound(|a| a.seconds = Some(seconds))
    }

    /// Silence instead of a tone: the smallest AAC frames there are.
    #[must_use]
    pub fn silent(self) -> Self {
        self.sound(|a| a.silent = true)
    }

    /// Another lavfi graph for the sound than a sweep. It sets its own rate and length.
    #[must_use]
    pub fn tone(self, graph: &str) -> Self {
        self.sound(|a| a.source = Some(graph.to_owned()))
    }

    /// No audio track.
    #[must_use]
    pub fn video_only(mut self) -> Self {
        self.audio = None;
        self
    }

    /// No video track.
    #[must_use]
    pub fn audio_only(mut self) -> Self {
        self.video = None;
        self
    }

    /// The container, by file name extension: `"mp4"`, `"flv"`, `"mov"`.
    #[must_use]
    pub fn container(mut self, extension: &'static str) -> Self {
        self.extension = extension;
        self
    }

    /// More output options, for instance `["-movflags", "+frag_keyframe+empty_moov"]`.
    #[must_use]
    pub fn options(mut self, options: &[&str]) -> Self {
        self.extra.extend(options.iter().map(|&o| o.to_owned()));
        self
    }

    /// Makes the clip, or finds it where an earlier test left it.
    ///
    /// # Panics
    /// When ffmpeg refuses.
    pub async fn make(&self) -> PathBuf {
        let args = self.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        cached(&args, self.extension).await
    }

    fn video(mut self, set: impl FnOnce(&mut Video)) -> Self {
        set(self.video.as_mut().expect("the clip has video"));
        self
    }

    fn sound(mut self, set: impl FnOnce(&mut Audio)) -> Self {
        set(self.audio.as_mut().expect("the clip has audio"));
        self
    }

    fn args(&self) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        let mut push = |words: &[&str]| args.extend(words.iter().map(|&w| w.to_owned()));
        if let Some(v) = &self.video {
            let (w, h) = v.size;
            let graph = v.source.clone();
            let graph =
                graph.unwrap_or_else(|| format!("testsrc2=s={w}x{h}:r={}:d={}", v.rate, self.seconds));
            push(&["-f", "lavfi", "-i", &graph]);
        }
        if let Some(a) = &self.audio {
            let seconds = a.seconds.unwrap_or(self.seconds);
            let graph = if let Some(graph) = &a.source {
                graph.clone()
            } else if a.silent {
                format!("anullsrc=r={}:cl={}:d={seconds}", a.rate, a.layout)
            } else {
                // A sweep: no two frames are alike, so an order can be told by payload alone.
                format!(
                    "aevalsrc='0.3*sin(2*PI*(220+40*t)*t)':s={}:c=mono:d={seconds},aformat=channel_layouts={}",
                    a.rate, a.layout
                )
            };
            push(&["-f", "lavfi", "-i", &graph]);
        }
        if let Some(v) = &self.video {
            let (gop, bframes) = (v.gop.to_string(), v.bframes.to_string());
            push(&["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", "1"]);
            push(&["-g", &gop, "-keyint_min", &gop, "-sc_threshold", "0", "-bf", &bframes]);
            if let Some(kbits) = v.bitrate {
                let rate = format!("{kbits}k");
                push(&["-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate]);
                push(&["-x264-params", "nal-hrd=cbr"]);
            }
            push(&v.options.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if let Some(a) = &self.audio {
            push(&["-c:a", "aac", "-b:a", &format!("{}k", a.bitrate)]);
        }
        push(&["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]);
        push(&self.extra.iter().map(String::as_str).collect::<Vec<_>>());
        args
    }
}

/// Runs ffmpeg with these arguments and an output file, or finds what the same arguments gave before.
///
/// Tests in other processes may make the same file at the same time: each writes its own and the last rename wins.
///
/// # Panics
/// When ffmpeg refuses.
pub async fn cached(args: &[&str], extension: &str) -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let dir = crate::cache("clips");
    let name = format!("{:x}", md5::compute(args.join("\0")));
    let path = dir.join(format!("{name}.{extension}"));
    if !path.exists() {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let part = dir.join(format!("{name}.{}-{serial}.part.{extension}", std::process::id()));
        let mut words = args.to_vec();
        words.push(part.to_str().expect("the path is UTF-8"));
        run(&words).await;
        std::fs::rename(&part, &path).expect("a file moves within its folder");
    }
    path
}

/// Which elementary stream a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// A video stream.
    Video,
    /// An audio stream.
    Audio,
    /// Anything else (data, subtitles).
    Other,
}

/// One packet, as ffprobe sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// Video or audio.
    pub track: Track,
    /// Presentation time in ticks of `time_base`, if the container tells.
    pub pts: Option<i64>,
    /// Decode time in ticks of `time_base`, if the container tells.
    pub dts: Option<i64>,
    /// Seconds per tick: numerator and denominator.
    pub time_base: (i64, i64),
    /// Payload in bytes.
    pub size: usize,
    /// Whether the container calls it a keyframe.
    pub key: bool,
    /// Whether an edit list hides it (AAC priming).
    pub discard: bool,
    /// MD5 of the payload, lower-case hexadecimal.
    pub md5: String,
}

impl Packet {
    /// Decode time in milliseconds; NaN when the container does not tell.
    #[must_use]
    pub fn dts_ms(&self) -> f64 {
        self.ms(self.dts)
    }

    /// Presentation time in milliseconds; NaN when the container does not tell.
    #[must_use]
    pub fn pts_ms(&self) -> f64 {
        self.ms(self.pts)
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks of a test clip are far below 2^52")]
    fn ms(&self, ticks: Option<i64>) -> f64 {
        ticks.map_or(f64::NAN, |t| t as f64 * 1_000.0 * self.time_base.0 as f64 / self.time_base.1 as f64)
    }
}

/// Every packet of a file, in file order.
///
/// # Panics
/// When ffprobe cannot read it.
pub async fn packets(path: &Path) -> Vec<Packet> {
    let name = path.to_str().expect("the path is UTF-8");
    let entries = "packet=stream_index,pts,dts,size,flags,data_hash:stream=index,codec_type,time_base";
    let json =
        probe(&["-show_data_hash", "md5", "-show_packets", "-show_streams", "-show_entries", entries, name])
            .await;
    let streams: Vec<(Track, (i64, i64))> = json["streams"]
        .as_array()
        .map(|list| list.iter().map(|s| (track(&s["codec_type"]), ratio(&s["time_base"]))).collect())
        .unwrap_or_default();
    let list = json["packets"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|p| {
            let index = p["stream_index"].as_u64().expect("a packet names its stream") as usize;
            let (track, time_base) = streams[index];
            let flags = p["flags"].as_str().unwrap_or_default();
            Packet {
                track,
                pts: p["pts"].as_i64(),
                dts: p["dts"].as_i64(),
                time_base,
                size: p["size"].as_str().and_then(|s| s.parse().ok()).unwrap_or(0),
                key: flags.contains('K'),
                discard: flags.contains('D'),
                md5: p["data_hash"].as_str().unwrap_or_default().trim_start_matches("MD5:").to_owned(),
            }
        })
        .collect()
}

fn track(name: &Value) -> Track {
    match name.as_str() {
        Some("video") => Track::Video,
        Some("audio") => Track::Audio,
        _ => Track::Other,
    }
}

fn ratio(text: &Value) -> (i64, i64) {
    let (num, den) = text.as_str().and_then(|t| t.split_once('/')).unwrap_or(("0", "1"));
    (num.parse().unwrap_or(0), den.parse().unwrap_or(1))
}

/// An ffmpeg that accepts one RTMP publisher and writes what it gets to an FLV file.
#[derive(Debug)]
pub struct Recording {
    server: Guard,
    dir: tempfile::TempDir,
    port: u16,
}

/// Starts `ffmpeg -listen 1` on a free port of 127.0.0.1, ready to be published to.
///
/// # Panics
/// When ffmpeg cannot be started or does not listen within 20 s.
pub async fn listen() -> Recording {
    for _ in 0..5 {
        let port = net::free_port();
        let dir = crate::scratch();
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-listen", "1", "-i"]);
        command.arg(format!("rtmp://127.0.0.1:{port}/live"));
        // Timestamps as they were sent, not moved to zero.
        command.args(["-map", "0", "-c", "copy", "-copyts", "-f", "flv"]).arg(dir.path().join("out.flv"));
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("log")).expect("a log can be made"));
        let mut server = Guard::spawn(command);
        if net::wait_listening(port, &mut server).await {
            return Recording { server, dir, port };
        }
    }
    panic!("ffmpeg -listen found no free port in five tries");
}

impl Recording {
    /// The address without the stream key, which may be any.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.port)
    }

    /// Waits until the publisher has left and ffmpeg has written all. The file lives as long as the recording.
    ///
    /// # Panics
    /// When ffmpeg has not ended within `bound`; its own words are in the message.
    pub async fn finish(&mut self, bound: Duration) -> PathBuf {
        let status = self.server.wait(bound).await;
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        assert!(status.success(), "ffmpeg -listen: {status}: {log}");
        self.dir.path().join("out.flv")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equal_descriptions_share_one_file_and_the_oracle_reads_it() {
        let clip = Clip::new().seconds(1.0);
        let (a, b) = tokio::join!(clip.make(), clip.make());
        assert_eq!(a, b);
        let packets = packets(&a).await;
        let video: Vec<_> = packets.iter().filter(|p| p.track == Track::Video).collect();
        assert_eq!(video.len(), 30);
        assert!(video[0].key && video.iter().all(|p| p.md5.len() == 32 && p.size > 0));
        // Two B-frames: decode order differs from display order.
        assert!(video.iter().any(|p| p.pts != p.dts));
        // ffmpeg's AAC encoder primes with 1,024 samples, hidden by the edit list.
        let primed = packets.iter().find(|p| p.track == Track::Audio).unwrap();
        assert!((primed.pts_ms() + 21.333).abs() < 0.01, "{primed:?}");
    }

    #[tokio::test]
    async fn listens_and_records_one_publisher() {
        let clip = Clip::new().seconds(1.0).make().await;
        let mut recording = listen().await;
        let url = format!("{}/key", recording.url());
        run(&["-re", "-i", clip.to_str().unwrap(), "-c", "copy", "-f", "flv", &url]).await;
        let file = recording.finish(Duration::from_secs(20)).await;
        let video = |list: Vec<Packet>| -> Vec<String> {
            list.into_iter().filter(|p| p.track == Track::Video).map(|p| p.md5).collect()
        };
        assert_eq!(video(packets(&file).await), video(packets(&clip).await));
    }
}
