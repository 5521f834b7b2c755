//! Three users and one manager: limits, a wrong key, a server that dies and comes back, as a live table.
//!
//! ```text
//! cargo run --release --bin many            runs for 30 s, against servers inside this program
//!   --queue                                 streams for which there is no place wait, instead of being refused
//!   --seconds N                             ends after N seconds
//!   --json                                  prints one summary object as the last line
//! ```

use std::{
    env,
    io::{IsTerminal as _, stdout},
    process::ExitCode,
    time::{Duration, Instant},
};

use streambro_examples::many::{Failure, notes::words, scene::Scene, table::Screen};

const USAGE: &str = "usage: many [--queue] [--seconds N] [--json]";

/// Between two drawings of the table.
const TICK: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug)]
struct Options {
    queue: bool,
    seconds: u64,
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("Shows streams of three users, against servers of its own.\n{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<bool, Failure> {
    let length = Duration::from_secs(options.seconds);
    let mut scene = Scene::new(options.queue, length).await?;
    let mut events = scene.manager().subscribe(1_024);
    let mut screen = Screen::new(stdout().is_terminal());
    println!("{}\n", scene.plot());
    let began = Instant::now();
    let stamped = |note: String| format!("{:>5.1} s  {note}", began.elapsed().as_secs_f64());
    scene.open().await?.into_iter().for_each(|note| screen.say(stamped(note)));

    let mut ticks = tokio::time::interval(TICK);
    let ctrl_c = tokio::signal::ctrl_c();
    tokio::pin!(ctrl_c);
    while began.elapsed() < length {
        tokio::select! {
            _ = ticks.tick() => {
                scene.act(began.elapsed()).await?.into_iter().for_each(|note| screen.say(stamped(note)));
                let rows = scene.rows();
                screen.draw(&rows, &scene.sum(&rows));
            }
            Some(event) = events.next() => {
                words(&event).into_iter().for_each(|note| screen.say(stamped(note)));
            }
            _ = &mut ctrl_c => break,
        }
    }
    // Before the end: after it every stream has ended because of it.
    let rows = scene.rows();
    screen.close(&rows, &scene.sum(&rows));
    let (ok, summary) = (scene.is_well(&rows), scene.summary(&rows));
    scene.manager().shutdown(Duration::from_secs(10)).await;
    if options.json {
        println!("{summary}");
    }
    Ok(ok)
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { queue: false, seconds: 30, json: false };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--queue" => options.queue = true,
            "--json" => options.json = true,
            "--seconds" => {
                let text = args.next().ok_or("--seconds needs a number")?;
                let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
                options.seconds = seconds.ok_or_else(|| format!("{text} is not a number of seconds"))?;
            }
            _ => return Err(format!("there is no option {arg}")),
        }
    }
    Ok(options)
}
