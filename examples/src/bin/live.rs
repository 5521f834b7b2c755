//! Keeps a file on the air.
//!
//! ```text
//! cargo run --release                       plays the bundled clip to a receiver inside this program for 20 s
//! cargo run --release -- FILE URL           streams for real until Ctrl-C; the stream key is in STREAMBRO_KEY
//!   --encoder NAME                          encodes it with auto, x264, nvenc, qsv, videotoolbox or vaapi
//!   --size WxH --fps N --bitrate BITS       the same, as said; the first lap is kept, and copied from then on
//!   --dir DIR                               where it is kept, instead of the user's cache
//!   --seconds N                             ends after N seconds
//!   --json                                  prints one summary object as the last line
//! ```

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use streambro_core::{
    Destination, EncodingState, EventKind, Phase, Repeat, Source, Stream, StreamManager, StreamSpec,
    StreamStatus, Subscription, probe,
};
use streambro_examples::{
    encoding::{self, QUOTA, Wish},
    memory,
    receiver::Receiver,
    screen::{clock, end_line, line},
};

const NO_KEY: &str =
    "no stream key: run `read -rs STREAMBRO_KEY && export STREAMBRO_KEY`, paste the key and press Enter";
const DEMO_CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
const DEMO_SECONDS: u64 = 20;

struct Options {
    /// `None` is the demo.
    real: Option<(PathBuf, String)>,
    wish: Wish,
    seconds: Option<u64>,
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let usage = format!(
        "usage: live [FILE URL] {} [--seconds N] [--json]   (the stream key is read from STREAMBRO_KEY)",
        encoding::USAGE
    );
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("Keeps a file on the air; without FILE and URL, a clip on a receiver of its own.\n{usage}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{usage}");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let receiver = match options.real {
        Some(_) => None,
        None => Some(Receiver::start().await?),
    };
    let (file, url, key) = match (&options.real, &receiver) {
        (Some((file, url)), _) => {
            let key = env::var("STREAMBRO_KEY").ok().filter(|key| !key.is_empty()).ok_or(NO_KEY)?;
            (file.clone(), url.clone(), key)
        }
        (None, Some(receiver)) => (DEMO_CLIP.into(), receiver.url(), "demo".to_owned()),
        (None, None) => unreachable!("without a file there is a receiver"),
    };
    let seconds = options.seconds.or_else(|| receiver.as_ref().map(|_| DEMO_SECONDS));
    let destination = Destination::new(&url, key)?;

    let label = destination.label();
    let mut builder = StreamManager::builder();
    let source = Source::file(&file).repeat(Repeat::Forever);
    let mut spec = StreamSpec::new("live", source).destination(destination);
    if options.wish.is_some() {
        builder = builder.renditions(options.wish.renditions(), QUOTA);
        spec = spec.video(options.wish.encode());
    }
    let manager = builder.build().await?;
    let events = manager.subscribe(256);
    let stream = manager.start(spec).await?;
    describe(&file);
    println!("to       {label}");
    watch(&stream, events, seconds, options.wish.is_some()).await;
    let before_end = stream.status();
    manager.shutdown(Duration::from_secs(10)).await;
    let status = stream.status();

    match before_end.reason.filter(|_| before_end.phase == Phase::Ended) {
        Some(reason) => eprintln!("ended: {reason:?}: {}", before_end.detail),
        None => {
            println!(
                "stopped at {} of media, {:.1} MB sent",
                clock(status.media_ms),
                status.bytes as f64 / 1e6
            );
        }
    }

    let mut summary = json!({ "phase_before_end": before_end.phase, "status": status, "anonymous_bytes": memory::anonymous() });
    let ok = match &receiver {
        Some(receiver) => report(receiver, &mut summary),
        None => before_end.phase.is_on_air(),
    };
    summary["ok"] = Value::from(ok);
    if options.json {
        println!("{summary}");
    }
    Ok(ok)
}

/// Says what is in the file, as far as that can be read without ffmpeg.
fn describe(file: &Path) {
    println!("playing  {}", file.display());
    let Some(info) = probe(file).ok().and_then(|found| found.info) else { return };
    if let Some(video) = &info.video {
        let (width, height, rate) = (video.width, video.height, video.frame_rate);
        let (mean, peak) = (video.bitrate / 1_000, video.peak_bitrate / 1_000);
        println!("video    {width}x{height}, {rate:.2} fps, {mean} kb/s (peak {peak})");
    }
    if let Some(audio) = &info.audio {
        println!("audio    AAC, {} Hz, {} kb/s", audio.sample_rate, audio.bitrate / 1_000);
    }
}

/// Shows a line per second until the time is over, the stream ends or somebody presses Ctrl-C.
///
/// `encoded` says that encoding was asked for.
async fn watch(stream: &Stream, mut events: Subscription, seconds: Option<u64>, encoded: bool) {
    let began = Instant::now();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut last = (0, began);
    let ctrl_c = tokio::signal::ctrl_c();
    tokio::pin!(ctrl_c);
    loop {
        tokio::select! {
            _ = second.tick() => {
                let status = stream.status();
                let now = Instant::now();
                let passed = now.duration_since(last.1).as_secs_f64();
                let rate = if passed > 0.0 { (status.bytes - last.0) as f64 * 8.0 / passed / 1_000.0 } else { 0.0 };
                last = (status.bytes, now);
                line(&format!(
                    "{:<12} media {:>8}  laps {:>4}  {rate:>6.0} kb/s  late {:>3} ms (max {:>3})  memory {:.1} MB{}",
                    format!("{:?}", status.phase).to_lowercase(),
                    clock(status.media_ms),
                    status.laps,
                    status.legs[0].late_ms,
                    status.legs[0].max_late_ms,
                    memory::anonymous() as f64 / 1e6,
                    encoding_of(&status),
                ));
                if seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds) {
                    break;
                }
            }
            event = events.next() => {
                let Some(event) = event else { break };
                if encoded
                    && let EventKind::Phase { from: Phase::Starting, to: Phase::Live, .. } = event.kind
                    && stream.status().encoding.is_none()
                {
                    line("ffmpeg   not needed: it has been encoded like this before, and that is copied");
                    end_line();
                }
                if let Some(text) = words(&event.kind) {
                    line(&text);
                    end_line();
                }
                if stream.status().phase == Phase::Ended {
                    break;
                }
            }
            _ = &mut ctrl_c => break,
        }
    }
    println!();
}

/// What ffmpeg does just now.
fn encoding_of(status: &StreamStatus) -> String {
    let running = status.encoding.as_ref().filter(|encoding| encoding.state == EncodingState::Running);
    running
        .map_or(String::new(), |encoding| format!("  ffmpeg {:.1} s ahead", encoding.ahead_ms as f64 / 1e3))
}

/// What an event says to whoever watches; `None` when the next line shows it anyway.
fn words(kind: &EventKind) -> Option<String> {
    match kind {
        EventKind::Leg { detail, reason: Some(reason), retry_in_ms: Some(delay), .. } => {
            Some(format!("{reason:?}: {detail}; again in {:.1} s", *delay as f64 / 1e3))
        }
        EventKind::Encoder { encoder, detail, .. } => {
            let name = encoder.map_or(String::new(), |encoder| format!("{}: ", encoder.name()));
            Some(format!("ffmpeg   {name}{detail}"))
        }
        EventKind::Rendition { detail, .. } => Some(format!("ffmpeg   {detail}")),
        EventKind::Phase { to: Phase::Holding, detail, .. } => {
            Some(format!("holding  the picture stands still: {detail}"))
        }
        EventKind::Phase { from: Phase::Holding, to, .. } if to.is_on_air() => {
            Some("holding  over: the film goes on".to_owned())
        }
        _ => None,
    }
}

/// Tells what the demo's receiver got, and whether that is what it should have got.
fn report(receiver: &Receiver, summary: &mut Value) -> bool {
    let report = receiver.report();
    let Some(stream) = report.streams.first() else {
        println!("received nothing");
        return false;
    };
    for (name, track) in [("video", &stream.video), ("audio", &stream.audio)] {
        let span = track.last_ms.unwrap_or(0).saturating_sub(track.first_ms.unwrap_or(0));
        println!(
            "received {} {name} messages, {:.1} MB, {:.1} s, {} time stamps went back",
            track.messages,
            track.bytes as f64 / 1e6,
            f64::from(span) / 1e3,
            track.backwards,
        );
    }
    summary["received"] = json!(report);
    report.protocol_errors == 0
        && stream.reconnects == 0
        && [&stream.video, &stream.audio].iter().all(|track| track.messages > 1 && track.backwards == 0)
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { real: None, wish: Wish::default(), seconds: None, json: false };
    let mut places = vec![];
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let text = args.next().ok_or("--seconds needs a number")?;
                options.seconds = Some(
                    text.parse()
                        .ok()
                        .filter(|n| *n > 0)
                        .ok_or_else(|| format!("{text} is not a number of seconds"))?,
                );
            }
            "--json" => options.json = true,
            flag if flag.starts_with("--") => {
                if !options.wish.take(flag, &mut args)? {
                    return Err(format!("there is no option {flag}"));
                }
            }
            _ => places.push(arg),
        }
    }
    options.real = match places.len() {
        0 => None,
        2 => places.pop().map(|url| (PathBuf::from(&places[0]), url)),
        _ => return Err("give a file and a URL, or neither for the demo".to_owned()),
    };
    Ok(options)
}
