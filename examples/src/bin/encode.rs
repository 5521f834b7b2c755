//! Encodes a film ahead of time, so that streams of it are copies from their first picture on.
//!
//! ```text
//! cargo run --release --bin encode                    lists the encoders that work here
//! cargo run --release --bin encode -- FILE            makes a rendition of it; Ctrl-C gives it up
//!   --encoder NAME --size WxH --fps N --bitrate BITS  as a stream of it will say them, `live` for instance
//!   --dir DIR                                         where renditions are kept, instead of the user's cache
//!   --command                                         prints what ffmpeg would be told, and runs nothing
//!   --json                                            prints one summary object as the last line
//! ```

use std::{
    env,
    io::{IsTerminal, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::json;
use streambro_core::{
    Availability, Encoder, EncoderReport, ErrorKind, Preparation, PrepareOutcome, PrepareStage, Source,
    StreamManager, command, probe,
};
use streambro_examples::{
    encoding::{self, QUOTA, Wish},
    screen::{bar, clock, end_line, line},
};

const ABOUT: &str =
    "Encodes a film ahead of time; without FILE, lists the encoders that work on this machine.";
/// What shells say of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[derive(Default)]
struct Options {
    /// `None` lists the encoders.
    file: Option<PathBuf>,
    wish: Wish,
    command: bool,
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let usage = format!("usage: encode [FILE] {} [--command] [--json]", encoding::USAGE);
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("{ABOUT}\n{usage}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{usage}");
            return ExitCode::from(2);
        }
    };
    let done = match &options.file {
        None => list(&options).await,
        Some(file) if options.command => show(&options, file),
        Some(file) => make(&options, file).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

type Done = Result<ExitCode, Box<dyn std::error::Error>>;

/// Lists what works here, and why the rest does not.
async fn list(options: &Options) -> Done {
    let manager = StreamManager::builder().build().await?;
    let reports = manager.encoders().await?;
    if options.json {
        println!("{}", json!({ "ok": first(&reports).is_some(), "encoders": reports }));
        return Ok(ExitCode::SUCCESS);
    }
    for report in &reports {
        let name = report.encoder.name();
        match &report.availability {
            Availability::Available => println!("{name:<14} works"),
            Availability::Unavailable { why } => println!("{name:<14} {why}"),
            _ => {}
        }
    }
    match first(&reports) {
        Some(encoder) => println!("`--encoder auto` takes {}, the first that works", encoder.name()),
        None => println!("nothing works: install an ffmpeg that has libx264"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The first that works.
fn first(reports: &[EncoderReport]) -> Option<Encoder> {
    let works = |report: &&EncoderReport| report.availability == Availability::Available;
    reports.iter().find(works).map(|report| report.encoder)
}

/// Prints what ffmpeg would be told, for a shell.
fn show(options: &Options, file: &Path) -> Done {
    let words = command(&options.wish.encode(), file)?;
    if options.json {
        println!("{}", json!({ "ok": true, "command": words }));
    } else {
        println!("{}", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    }
    Ok(ExitCode::SUCCESS)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Makes a rendition.
async fn make(options: &Options, file: &Path) -> Done {
    let dir = options.wish.renditions();
    let manager = StreamManager::builder().renditions(&dir, QUOTA).build().await?;
    println!("film     {}", file.display());
    println!("kept in  {}", dir.display());
    match (options.wish.encoder(), first(&manager.encoders().await?)) {
        (Encoder::Auto, Some(first)) => println!("encoder  {}, the first that works", first.name()),
        (encoder, _) => println!("encoder  {}", encoder.name()),
    }
    if !options.wish.is_some() && probe(file).is_ok_and(|found| found.is_native()) {
        println!("note     it needs no encoding: `live` copies it as it is");
    }
    let began = Instant::now();
    let preparation = manager.prepare(&Source::file(file), options.wish.encode()).await?;
    watch(&preparation).await;
    let outcome = preparation.wait().await;
    let (seconds, end) = (began.elapsed().as_secs_f64(), preparation.progress());
    let (encoded, film_ms) = (outcome == Ok(PrepareOutcome::Made), end.total_ms);
    // Waits for ffmpeg to end, should it be at work still.
    manager.shutdown(Duration::from_secs(10)).await;

    match &outcome {
        Ok(PrepareOutcome::Made) => {
            let speed = film_ms.map_or(0.0, |ms| ms as f64 / 1e3 / seconds);
            println!("encoded in {seconds:.1} s, {speed:.1} times as fast as it plays");
        }
        Ok(PrepareOutcome::NotNeeded) => println!("it needs no ffmpeg: it is copied as it is"),
        Ok(_) => println!("there is a rendition of it already: nothing to do"),
        Err(error) if error.kind == ErrorKind::Ended => println!("given up: nothing of it is left behind"),
        Err(error) => eprintln!("{error}"),
    }
    if outcome.is_ok() {
        let words = options.wish.words();
        println!("on air   cargo run --release -- {} URL {words}", file.display());
    }
    if options.json {
        let error =
            outcome.as_ref().err().map(|error| json!({ "kind": error.kind.name(), "detail": error.detail }));
        println!(
            "{}",
            json!({
                "ok": outcome.is_ok(),
                "file": file,
                "dir": dir,
                "encoded": encoded,
                "film_ms": film_ms,
                "seconds": seconds,
                "error": error,
            })
        );
    }
    Ok(match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) if error.kind == ErrorKind::Ended => ExitCode::from(INTERRUPTED),
        Err(_) => ExitCode::FAILURE,
    })
}

/// Shows how far it is until it is finished; Ctrl-C cancels it.
async fn watch(preparation: &Preparation) {
    let pace = if stdout().is_terminal() { Duration::from_millis(200) } else { Duration::from_secs(1) };
    let mut tick = tokio::time::interval(pace);
    let mut shown = false;
    let ctrl_c = tokio::signal::ctrl_c();
    tokio::pin!(ctrl_c);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                if let Some(text) = words(preparation) {
                    line(&text);
                    shown = true;
                }
            }
            _ = preparation.wait() => break,
            _ = &mut ctrl_c => {
                preparation.cancel();
                break;
            }
        }
    }
    if shown {
        end_line();
    }
}

/// How far it is; `None` before there is anything to tell.
fn words(preparation: &Preparation) -> Option<String> {
    let progress = preparation.progress();
    let part = progress.total_ms.map(|total| progress.done_ms as f64 / total.max(1) as f64);
    let bar = part.map_or(String::new(), |part| format!("{} {:>3.0} %  ", bar(part, 30), part * 100.0));
    match progress.stage {
        PrepareStage::Reading if progress.done_ms > 0 => Some(format!("reading   {bar}")),
        PrepareStage::Encoding => {
            let left = progress.eta_ms.map_or(String::new(), |ms| format!(", {} left", clock(ms)));
            let (done, speed) = (clock(progress.done_ms), progress.speed);
            Some(format!("encoding  {bar}{done} of the film, {speed:.1}x{left}"))
        }
        _ => None,
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--command" => options.command = true,
            "--json" => options.json = true,
            flag if flag.starts_with("--") => {
                if !options.wish.take(flag, &mut args)? {
                    return Err(format!("there is no option {flag}"));
                }
            }
            _ if options.file.is_some() => return Err("one film at a time".to_owned()),
            _ => options.file = Some(arg.into()),
        }
    }
    if options.command && options.file.is_none() {
        return Err("--command needs a file".to_owned());
    }
    Ok(options)
}
