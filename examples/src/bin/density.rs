//! Measures what many streams cost: N native streams from this process into a sink in another.
//!
//! ```text
//! cargo run --release --bin density -- [--streams N] [--seconds S] [--file F] [--distinct] [--tls] [--json]
//!   --streams N    how many streams (default 1000)
//!   --seconds S    how long they are measured, once all are live (default 20)
//!   --file F       plays F; without it the bundled clip, padded to 4.2 Mb/s with filler
//!   --distinct     gives every stream a file of its own (a copy)
//!   --tls          RTMPS, with a certificate made for this run
//!   --json         prints one object as the last line
//!   --batch N      starts under way at once (default 100); from the number of streams on, all start at once, and what
//!                  one stream more takes is not told
//!   --slow-file F  stream 0 plays F, from a slow disk for example; lateness and books are those of the others
//!   --outage S     then the sink vanishes for S seconds: tells how the streams come back
//!   --stalled      then the sink stops reading: tells what the kernel holds for it on our side
//!   --write-clip F           writes the padded clip to F and ends
//!   --write-film F --laps N  writes a film to F that plays the bundled clip, or --file, N times, and ends
//!   --sink         is the sink: says its port, counts, and reports when a line comes in
//! ```
//!
//! Every frame is counted: what was due, what was handed to the sockets and what the sink got must be the same, frame
//! for frame and byte for byte, else the run fails. Only after an outage, where frames are lost and repeated, the books
//! are compared connection by connection.

use std::{
    env,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use streambro_core::Stream;
use streambro_examples::density::{
    Failure,
    audit::Audit,
    clip,
    due::Due,
    film,
    fleet::{self, Fleet, Scratch},
    options::{Options, USAGE},
    outage::Outage,
    process::{Moment, settle},
    server::{self, Server},
    sockets::send_queues,
    stall::Stall,
    stats::{self, percentile},
};

const DEMO_CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
/// What platforms advise for 720p30, audio included.
const PADDED_BITRATE: u64 = 4_200_000;

fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("Measures what many streams cost.\n{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match work(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn work(options: &Options) -> Result<bool, Failure> {
    let clip = Path::new(DEMO_CLIP);
    if let Some(to) = &options.write_clip {
        clip::pad(clip, to, PADDED_BITRATE)?;
        return Ok(true);
    }
    if let Some(to) = &options.write_film {
        film::lengthen(options.file.as_deref().unwrap_or(clip), to, options.laps)?;
        return Ok(true);
    }
    raise_descriptors();
    tokio::runtime::Runtime::new()?.block_on(async {
        if options.sink { server::run(options.tls).await.map(|()| true) } else { run(options).await }
    })
}

async fn run(options: &Options) -> Result<bool, Failure> {
    let scratch = Scratch::new()?;
    let film = match &options.file {
        Some(file) => file.clone(),
        None => {
            let film = scratch.file("film");
            clip::pad(Path::new(DEMO_CLIP), &film, PADDED_BITRATE)?;
            film
        }
    };
    let mut server = Server::spawn(options.tls).await?;
    let mut fleet = Fleet::new(options).await?;

    let first = options.first();
    fleet.start(0..first, options, &film, &scratch, &server).await?;
    let few = settle().await;
    let many = match options.streams - first {
        0 => few,
        _ => {
            fleet.start(first..options.streams, options, &film, &scratch, &server).await?;
            settle().await
        }
    };

    let window = Window::measure(options.seconds, &fleet, server.hello.port).await;
    let on_time = lateness(fleet.ordinary());
    let early = fleet::lateness(fleet.ordinary()).0.counts[0];

    let (mut outage, mut stalled) = (None, None);
    if let Some(seconds) = options.outage {
        outage = Some(Outage::run(seconds, &fleet, &mut server).await?);
    }
    if options.stalled {
        stalled = Some(Stall::run(&fleet, &mut server).await?);
    }
    let slow = fleet.slow().map(slow_stream);
    // A peer that does not read hears no goodbye.
    let grace = if options.stalled { Duration::from_millis(1) } else { Duration::from_secs(30) };
    fleet.manager.shutdown(grace).await;
    let report = server.report().await?;
    let audit = if options.stalled {
        Audit::default()
    } else if let Some(outage) = &outage {
        let mut audit = fleet.audit(&report.received, None);
        if outage.back_seconds.is_none() || outage.live != options.streams {
            audit.run_fault(format!("{} of {} streams were live again", outage.live, options.streams));
        }
        if outage.unseen > 0 {
            audit.run_fault(format!("{} events were lost: attempts are not known", outage.unseen));
        }
        audit
    } else {
        let until_ms = fleet.longest_ms() + 1_000;
        let laps = (until_ms / probe_ms(&film)? + 2) as u32;
        fleet.audit(&report.received, Some(&Due::of(&film, laps, until_ms as u32)?))
    };

    let starts = fleet.first_bytes(&report.received);
    let n = options.streams as f64;
    let result = json!({
        "streams": options.streams,
        "seconds": window.seconds,
        "tls": options.tls,
        "distinct": options.distinct,
        "bits_per_second_each": window.bits_per_second / n,
        "cpu_percent_of_a_core_each": window.cpu_percent / n,
        "anonymous_bytes_each_slope":
            stats::slope(few.anonymous, many.anonymous, options.streams - first),
        "anonymous_bytes": window.end.anonymous,
        "resident_bytes": window.end.resident,
        "kernel_send_queue_bytes": window.send_queues,
        "reads_and_writes_each_second": window.reads_and_writes / n,
        "context_switches_each_second": window.switches / n,
        "late_ms": on_time,
        "early_over_200_ms": early,
        "first_byte_ms": { "p50": percentile(&starts, 0.5), "p99": percentile(&starts, 0.99) },
        "sink_cpu_percent_of_a_core_each": report.cpu_seconds * 100.0 / window.seconds / n,
        "frames": { "due": audit.due, "sent": audit.sent, "received": audit.received },
        "slow": slow,
        "outage": outage.as_ref().map(|outage| json!({
            "sender": outage,
            "accepts_in_a_second": stats::busiest_second(&report.accepts),
        })),
        "stalled": stalled,
        "faults": audit.faults,
    });
    print(&result);
    if options.json {
        println!("{result}");
    }
    Ok(audit.faults.is_empty() && early == 0)
}

/// What all streams together took while they were measured.
struct Window {
    end: Moment,
    seconds: f64,
    bits_per_second: f64,
    cpu_percent: f64,
    reads_and_writes: f64,
    switches: f64,
    send_queues: u64,
}

impl Window {
    async fn measure(seconds: u64, fleet: &Fleet, port: u16) -> Self {
        let half = Duration::from_secs(seconds) / 2;
        let sent = fleet.bytes();
        let (begin, clock) = (Moment::now(), Instant::now());
        tokio::time::sleep(half).await;
        let send_queues = send_queues(port).iter().sum();
        tokio::time::sleep(half).await;
        let (end, seconds) = (Moment::now(), clock.elapsed().as_secs_f64());
        let sent = fleet.bytes() - sent;
        let rate = |begin: u64, end: u64| end.saturating_sub(begin) as f64 / seconds;
        Self {
            end,
            seconds,
            bits_per_second: sent as f64 * 8.0 / seconds,
            cpu_percent: (end.cpu_seconds - begin.cpu_seconds) * 100.0 / seconds,
            reads_and_writes: rate(begin.reads_and_writes, end.reads_and_writes),
            switches: rate(begin.switches, end.switches),
            send_queues,
        }
    }
}

fn lateness(streams: &[Stream]) -> Value {
    let (sum, max) = fleet::lateness(streams);
    json!({ "p50": stats::lateness(&sum, 0.5), "p99": stats::lateness(&sum, 0.99), "max": max })
}

/// The stream with the slow file: nothing is asked of it, but what became of it is told.
fn slow_stream(stream: &Stream) -> Value {
    let status = stream.status();
    let leg = &status.legs[0];
    json!({
        "phase": status.phase,
        "packets": leg.packets,
        "skips": leg.skips,
        "attempts": leg.attempts,
        "late_ms": lateness(std::slice::from_ref(stream)),
    })
}

fn probe_ms(film: &Path) -> Result<u64, Failure> {
    let found = streambro_core::probe(film)?;
    Ok(found.info.map_or(0, |info| info.duration_ms).max(1))
}

/// A stream takes a descriptor, and the usual soft limit is 1,024.
fn raise_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused, the run says so itself when descriptors run out.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn print(result: &Value) {
    let number = |name: &str| result[name].as_f64().unwrap_or(0.0);
    let streams = number("streams");
    let rate = number("bits_per_second_each");
    println!("{streams} streams of {:.2} Mb/s, {:.0} Mb/s in all", rate / 1e6, rate * streams / 1e6);
    println!("  CPU of a core, each       {:.4} %", number("cpu_percent_of_a_core_each"));
    println!("  anonymous memory, each    {:.1} KB (slope)", number("anonymous_bytes_each_slope") / 1_024.0);
    println!("  anonymous memory, all     {:.1} MB", number("anonymous_bytes") / 1e6);
    println!("  resident memory, all      {:.1} MB", number("resident_bytes") / 1e6);
    println!("  kernel send queues, all   {:.1} MB", number("kernel_send_queue_bytes") / 1e6);
    println!("  reads and writes          {:.1} a second, each", number("reads_and_writes_each_second"));
    println!("  context switches          {:.1} a second, each", number("context_switches_each_second"));
    println!("  lateness (ms)             {}", result["late_ms"]);
    println!("  first byte (ms)           {}", result["first_byte_ms"]);
    println!("  sink: CPU of a core, each {:.4} %", number("sink_cpu_percent_of_a_core_each"));
    println!("  frames                    {}", result["frames"]);
    for part in ["slow", "outage", "stalled"] {
        if !result[part].is_null() {
            println!("  {part:25} {}", result[part]);
        }
    }
    for fault in result["faults"].as_array().into_iter().flatten() {
        println!("  FAULT                     {fault}");
    }
    if rate > 0.0 {
        println!("  a 1 Gb/s port carries     {:.0} of them", 1e9 / rate);
    }
}
