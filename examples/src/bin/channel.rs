//! A channel: a list of files on one unbroken connection to each of two destinations, changed from the keyboard.
//!
//! ```text
//! cargo run --release --bin channel                          a clip in parts, to two servers inside this program for 30 s
//! cargo run --release --bin channel -- FILE... --to URL      for real, for ever; the stream key is in STREAMBRO_KEY
//!   --to URL                                                 a second destination; its key is in STREAMBRO_KEY2
//!   --sound FILE                                             is heard instead of their own sound; again for more
//!   --shuffle                                                another order each time
//!   --seconds N                                              ends after N seconds
//!   --json                                                   prints one summary object as the last line
//! ```
//!
//! `help` while it runs says what can be typed.

use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use streambro_core::{
    AtEnd, Destination, Phase, Playlist, Repeat, Source, Stream, StreamManager, StreamSpec, Subscription,
};
use streambro_examples::channel::{
    Failure,
    command::{Command, parse},
    console::{Console, lines},
    demo::Demo,
    desk::{Desk, words},
};

const USAGE: &str = "usage: channel [FILE... --to URL [--to URL] [--sound FILE]... [--shuffle]] [--seconds N] [--json]   \
     (the stream keys are read from STREAMBRO_KEY and STREAMBRO_KEY2)";
const KEYS: [&str; 2] = ["STREAMBRO_KEY", "STREAMBRO_KEY2"];
const DEMO_SECONDS: u64 = 30;

#[derive(Default)]
struct Options {
    /// None is the demo.
    files: Vec<String>,
    to: Vec<String>,
    sounds: Vec<String>,
    shuffle: bool,
    seconds: Option<u64>,
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!(
            "Plays a list of files that can be changed meanwhile; without any, a clip on servers of its own.\n{USAGE}"
        );
        return ExitCode::SUCCESS;
    }
    let options = match options(env::args().skip(1)) {
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

async fn run(options: &Options) -> Result<bool, Failure> {
    let seconds = options.seconds.or_else(|| options.files.is_empty().then_some(DEMO_SECONDS));
    let length = seconds.map(Duration::from_secs);
    let mut demo = match length {
        Some(length) if options.files.is_empty() => Some(Demo::new(length).await?),
        _ => None,
    };
    let (source, destinations) = match &demo {
        Some(demo) => (demo.source(), demo.destinations()?),
        None => (source(options), destinations(options)?),
    };
    let spec = StreamSpec::new("channel", source.repeat(Repeat::Forever));
    let spec = destinations.into_iter().fold(spec, StreamSpec::destination);

    let manager = StreamManager::builder().build().await?;
    let mut events = manager.subscribe(1_024);
    let stream = manager.start(spec).await?;
    let mut desk = Desk::new(manager.clone(), stream.clone());
    watch(&stream, &mut desk, demo.as_mut(), &mut events, length).await;
    let phase = stream.status().phase;
    stream.stop();
    // Then each server has all that it gets.
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.ended()).await;
    if let Some(demo) = &mut demo {
        std::iter::from_fn(|| events.try_next()).for_each(|event| demo.note(&event));
    }

    println!("{}", desk.log()?);
    let mut summary = desk.summary();
    let ok = match &demo {
        Some(demo) => demo.report(&mut summary),
        None => phase.is_on_air(),
    };
    (summary["phase_before_end"], summary["ok"]) = (phase.name().into(), ok.into());
    manager.shutdown(Duration::from_secs(10)).await;
    if options.json {
        println!("{summary}");
    }
    Ok(ok)
}

/// Shows a line per second and does what is typed, until the time is over, the stream ends or somebody wants that.
async fn watch(
    stream: &Stream,
    desk: &mut Desk,
    mut demo: Option<&mut Demo>,
    events: &mut Subscription,
    length: Option<Duration>,
) {
    let began = Instant::now();
    let mut console = Console::new();
    let mut typed = lines();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let ctrl_c = tokio::signal::ctrl_c();
    tokio::pin!(ctrl_c);
    console.say("`help` says what can be typed");
    while length.is_none_or(|length| began.elapsed() < length) && stream.status().phase != Phase::Ended {
        tokio::select! {
            _ = second.tick() => {
                if let Some(line) = demo.as_mut().and_then(|demo| demo.types(began.elapsed())) {
                    console.say(&format!("> {line}"));
                    console.say(&obey(desk, &line).await.unwrap_or_default());
                }
                console.show(desk.line());
            }
            // At the end of the input there is nothing to wait for any more, and the channel goes on.
            Some(line) = typed.recv() => {
                if let Some(demo) = &mut demo {
                    demo.leave_alone();
                }
                let Some(answer) = obey(desk, &line).await else { break };
                console.answer(&answer, desk.line());
            }
            Some(event) = events.next() => {
                if let Some(demo) = &mut demo {
                    demo.note(&event);
                }
                if let Some(note) = words(&event) {
                    console.say(&note);
                }
            }
            _ = &mut ctrl_c => break,
        }
    }
    console.close();
}

/// Does what was typed. `None` ends the program.
async fn obey(desk: &mut Desk, line: &str) -> Option<String> {
    match parse(line) {
        Ok(Command::Quit) => None,
        Ok(command) => Some(desk.carry_out(command).await),
        Err(why) => Some(why),
    }
}

fn source(options: &Options) -> Source {
    // A channel that has run dry waits for somebody to type.
    let mut list = Playlist::new(&options.files).at_end(AtEnd::Hold);
    if options.shuffle {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        list = list.shuffle(now.as_secs());
    }
    let source = Source::playlist(list);
    if options.sounds.is_empty() { source } else { source.sound(Playlist::new(&options.sounds)) }
}

fn destinations(options: &Options) -> Result<Vec<Destination>, Failure> {
    let keyed = options.to.iter().zip(KEYS);
    keyed
        .map(|(url, name)| {
            let key = env::var(name).ok().filter(|key| !key.is_empty()).ok_or_else(|| {
                format!(
                    "no stream key: run `read -rs {name} && export {name}`, paste the key and press Enter"
                )
            })?;
            Ok(Destination::new(url, key)?)
        })
        .collect()
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        let mut value = |what| args.next().ok_or_else(|| format!("{arg} needs {what}"));
        match arg.as_str() {
            "--to" => options.to.push(value("a URL")?),
            "--sound" => options.sounds.push(value("a file")?),
            "--shuffle" => options.shuffle = true,
            "--json" => options.json = true,
            "--seconds" => {
                let text = value("a number")?;
                let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
                options.seconds = Some(seconds.ok_or_else(|| format!("{text} is not a number of seconds"))?);
            }
            flag if flag.starts_with("--") => return Err(format!("there is no option {flag}")),
            _ => options.files.push(arg),
        }
    }
    let real =
        options.shuffle || !(options.files.is_empty() && options.to.is_empty() && options.sounds.is_empty());
    if real && (options.files.is_empty() || options.to.is_empty() || options.to.len() > KEYS.len()) {
        return Err("give files and one or two destinations, or nothing for the demo".to_owned());
    }
    Ok(options)
}
