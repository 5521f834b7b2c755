//! Keeps a file on the air.
//!
//! ```text
//! cargo run --release                       plays the bundled clip to a receiver inside this program for 20 s
//! cargo run --release -- FILE URL           streams for real until Ctrl-C; the stream key is in STREAMBRO_KEY
//!   --seconds N                             ends after N seconds
//!   --json                                  prints one summary object as the last line
//! ```

use std::{
    env,
    io::{IsTerminal, Write, stdout},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use streambro_core::{
    Destination, Error, EventKind, Phase, Repeat, Source, Stream, StreamManager, StreamSpec, Subscription,
    probe,
};
use streambro_examples::{memory, receiver::Receiver};

const USAGE: &str =
    "usage: live [FILE URL] [--seconds N] [--json]   (the stream key is read from STREAMBRO_KEY)";
const NO_KEY: &str =
    "no stream key: run `read -rs STREAMBRO_KEY && export STREAMBRO_KEY`, paste the key and press Enter";
const DEMO_CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
const DEMO_SECONDS: u64 = 20;

struct Options {
    /// `None` is the demo.
    real: Option<(PathBuf, String)>,
    seconds: Option<u64>,
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("Keeps a file on the air; without FILE and URL, a clip on a receiver of its own.\n{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
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
    let manager = StreamManager::builder().build().await?;
    let events = manager.subscribe(256);
    let source = Source::file(&file).repeat(Repeat::Forever);
    let stream = manager.start(StreamSpec::new("live", source).destination(destination)).await?;
    describe(&file)?;
    println!("to       {label}");
    watch(&stream, events, seconds).await;
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

/// Says what will be played.
fn describe(file: &PathBuf) -> Result<(), Error> {
    let found = probe(file)?;
    println!("playing  {}", file.display());
    let Some(info) = &found.info else { return Ok(()) };
    if let Some(video) = &info.video {
        let (width, height, rate) = (video.width, video.height, video.frame_rate);
        let (mean, peak) = (video.bitrate / 1_000, video.peak_bitrate / 1_000);
        println!("video    {width}x{height}, {rate:.2} fps, {mean} kb/s (peak {peak})");
    }
    if let Some(audio) = &info.audio {
        println!("audio    AAC, {} Hz, {} kb/s", audio.sample_rate, audio.bitrate / 1_000);
    }
    Ok(())
}

/// Shows a line per second until the time is over, the stream ends or somebody presses Ctrl-C.
async fn watch(stream: &Stream, mut events: Subscription, seconds: Option<u64>) {
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
                    "{:<12} media {:>8}  laps {:>4}  {rate:>6.0} kb/s  late {:>3} ms (max {:>3})  memory {:.1} MB",
                    format!("{:?}", status.phase).to_lowercase(),
                    clock(status.media_ms),
                    status.laps,
                    status.legs[0].late_ms,
                    status.legs[0].max_late_ms,
                    memory::anonymous() as f64 / 1e6,
                ));
                if seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds) {
                    break;
                }
            }
            event = events.next() => {
                let Some(event) = event else { break };
                if let EventKind::Leg { detail, reason: Some(reason), retry_in_ms: Some(delay), .. } = &event.kind {
                    line(&format!("{reason:?}: {detail}; again in {:.1} s", *delay as f64 / 1e3));
                    println!();
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

/// Prints a line that the next one replaces, where there is a terminal.
fn line(text: &str) {
    if stdout().is_terminal() {
        print!("\r\x1b[K{text}");
        let _ = stdout().flush();
    } else {
        println!("{text}");
    }
}

fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { real: None, seconds: None, json: false };
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
            flag if flag.starts_with("--") => return Err(format!("there is no option {flag}")),
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
