//! A station: streams that come and go by a week's schedule in a TOML file.
//!
//! ```text
//! cargo run --release --bin station                 the bundled week, to a server inside this program, on a Sunday on which
//!                                                   02:30 does not exist; 20 s
//! cargo run --release --bin station -- FILE         for real, until Ctrl-C; the keys are in the variables that FILE names
//!   --preview [N]                                   prints the next N airings (default 20) and does nothing
//!   --at INSTANT                                    begins then instead of now, like 2027-03-28T01:59[Europe/Berlin]
//!   --speed X                                       the clock goes on by X seconds in one; streams play at their own pace
//!   --demo                                          sends to a server inside this program instead; needs no keys
//!   --state DIR                                     keeps state there, without keys, and goes on from it
//!   --seconds N                                     ends after N seconds
//!   --json                                          prints one summary object as the last line
//! ```
//!
//! `examples/media/week.toml` shows what a file looks like.

use std::{env, io, process::ExitCode, time::Duration};

use serde_json::{Value, json};
use streambro_core::{
    Clock, ErrorKind, Result, StreamManager, StreamSpec, StreamStatus, Subscription, jiff::Timestamp,
};
use streambro_examples::{
    receiver::{Receiver, StreamReport},
    station::{
        Failure,
        clock::Warp,
        options::{Options, USAGE},
        table::table,
        week::{Programme, Week},
        words::{Teller, show},
    },
};
use tokio::signal::unix::{SignalKind, signal};

/// Time to say goodbye.
const GRACE: Duration = Duration::from_secs(10);

/// Rows of the table with which it begins.
const ROWS: usize = 6;

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!(
            "Runs streams by a week's schedule; without a file, a week of its own on a server of its own.\n{USAGE}"
        );
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(env::args().skip(1)) {
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
    let week = Week::read(&options.file)?;
    let clock = Warp::new(options.at.unwrap_or_else(Timestamp::now), options.speed);
    if let Some(rows) = options.preview {
        table(&week, clock.wall(), rows).iter().for_each(|line| println!("{line}"));
        return Ok(true);
    }
    let receiver = if options.demo { Some(Receiver::start().await?) } else { None };
    let specs = match &receiver {
        Some(receiver) => week.specs_to(&receiver.url())?,
        None => week.specs()?,
    };

    let mut builder = StreamManager::builder();
    if options.at.is_some() || options.speed != 1.0 {
        builder = builder.clock(clock);
    }
    if let Some(streams) = week.max_streams {
        builder = builder.max_streams(streams);
    }
    if let Some(dir) = &options.state {
        builder = builder.state_dir(dir);
    }
    let manager = builder.build().await?;
    let mut events = manager.subscribe(1_024);
    println!("it is {}", show(clock.wall(), &week.zone));
    table(&week, clock.wall(), ROWS).iter().for_each(|line| println!("{line}"));
    println!();
    if let Err(error) = open(&manager, &week, specs).await {
        manager.shutdown(GRACE).await;
        return Err(error.into());
    }

    let mut teller = Teller::new(week.zone.clone());
    let mut say = |event| {
        if let Some(text) = teller.words(&event) {
            println!("{}  {text}", clock.wall().to_zoned_datetime(week.zone.clone()).strftime("%H:%M:%S"));
        }
    };
    watch(&mut events, options.length, &mut say).await?;
    let before_end = manager.list();
    let closing = tokio::spawn({
        let manager = manager.clone();
        async move { manager.shutdown(GRACE).await }
    });
    // They are closed when everything has ended.
    while let Some(event) = events.next().await {
        say(event);
    }
    closing.await?;

    let mut summary = json!({
        "streams": before_end,
        "history": manager.history(),
        "upcoming": manager.upcoming(ROWS),
    });
    let ok =
        before_end.iter().all(is_well) && receiver.is_none_or(|receiver| report(&receiver, &mut summary));
    summary["ok"] = ok.into();
    if options.json {
        println!("{summary}");
    }
    Ok(ok)
}

/// Plans what the file says, and nothing else that an earlier one has left.
async fn open(manager: &StreamManager, week: &Week, specs: Vec<StreamSpec>) -> Result<()> {
    let known = manager.list();
    for gone in known.iter().filter(|known| week.streams.iter().all(|stream| stream.id != known.id.as_str()))
    {
        manager.cancel(gone.id.as_str()).await?;
    }
    for (stream, spec) in week.streams.iter().zip(specs) {
        plan(manager, stream, spec).await?;
    }
    Ok(())
}

/// Plans a stream. What is known of it from before is brought to what it is to be now.
async fn plan(manager: &StreamManager, stream: &Programme, spec: StreamSpec) -> Result<()> {
    let differs = |error: &streambro_core::Error| error.kind == ErrorKind::AlreadyExists;
    match manager.schedule(spec.clone()).await {
        Err(error) if differs(&error) => {}
        done => return done.map(drop),
    }
    manager.reschedule(&stream.id, stream.schedule.clone()).await?;
    match manager.schedule(spec.clone()).await {
        Err(error) if differs(&error) => {}
        done => return done.map(drop),
    }
    // It is more than its schedule that has changed.
    manager.cancel(&stream.id).await?;
    manager.schedule(spec).await.map(drop)
}

/// Says what happens until the time is over, or somebody wants it to end.
async fn watch(
    events: &mut Subscription,
    length: Option<Duration>,
    mut say: impl FnMut(streambro_core::Event),
) -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let over = async {
        match length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            Some(event) = events.next() => say(event),
            () = &mut over => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// Whether a stream is on the air if its time is now.
fn is_well(status: &StreamStatus) -> bool {
    let due = status.schedule.as_ref().is_some_and(|schedule| schedule.now.is_some());
    !due || status.phase.is_on_air()
}

/// Tells what the demo's receiver got, and whether it understood that.
fn report(receiver: &Receiver, summary: &mut Value) -> bool {
    let report = receiver.report();
    println!("\nreceived on {} keys, {} connections", report.streams.len(), report.connections);
    let whole = |stream: &StreamReport| {
        [&stream.video, &stream.audio].iter().all(|track| track.messages > 1 && track.backwards == 0)
    };
    let ok = report.protocol_errors == 0 && report.streams.iter().all(whole);
    summary["received"] = json!(report);
    ok
}
