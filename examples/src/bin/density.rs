//! Measures what many streams cost: N native streams from this process into a sink in another.
//!
//! ```text
//! cargo run --release --bin density -- [--streams N] [--seconds S] [--file F] [--distinct] [--tls] [--json]
//!   --streams N   how many streams (default 1000)
//!   --seconds S   how long they are measured, once all are live (default 20)
//!   --file F      plays F; without it the bundled clip, padded to 4.2 Mb/s with filler
//!   --distinct    gives every stream a file of its own (a copy)
//!   --tls         RTMPS, with a certificate made for this run
//!   --json        prints one object as the last line
//!   --write-clip F  writes the padded clip to F and ends
//!   --sink        is the sink: says its port, counts, and reports when a line comes in
//! ```
//!
//! Every frame is counted: what was due, what was handed to the sockets and what the sink got must be the same, frame
//! for frame and byte for byte, else the run fails.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use streambro_core::{
    Destination, Lateness, Phase, Repeat, Source, Stream, StreamManager, StreamSpec, Trust,
};
use streambro_examples::density::{
    clip,
    due::Due,
    process::{Moment, send_queues},
    sink::{self, Received, unix_us},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdin, ChildStdout, Command},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage: density [--streams N] [--seconds S] [--file F] [--distinct] [--tls] [--json]";
const DEMO_CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
/// What platforms advise for 720p30, audio included.
const PADDED_BITRATE: u64 = 4_200_000;
/// Starts under way at once.
const BATCH: usize = 100;
const PATIENCE: Duration = Duration::from_secs(120);

struct Options {
    streams: usize,
    seconds: u64,
    file: Option<PathBuf>,
    distinct: bool,
    tls: bool,
    json: bool,
    sink: bool,
    write_clip: Option<PathBuf>,
}

fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("Measures what many streams cost.\n{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Some(to) = &options.write_clip {
        return match clip::pad(Path::new(DEMO_CLIP), to, PADDED_BITRATE) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", to.display());
                ExitCode::FAILURE
            }
        };
    }
    let runtime = tokio::runtime::Runtime::new();
    let done = runtime.map_err(Failure::from).and_then(|runtime| {
        runtime.block_on(async { if options.sink { run_sink(&options).await } else { run(&options).await } })
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<bool, Failure> {
    raise_descriptors();
    let scratch = Scratch::new()?;
    let film = match &options.file {
        Some(file) => file.clone(),
        None => {
            let film = scratch.0.join("film.mp4");
            clip::pad(Path::new(DEMO_CLIP), &film, PADDED_BITRATE)?;
            film
        }
    };
    let mut sink = Sink::spawn(options.tls).await?;
    let manager = StreamManager::builder().unlimited().build().await?;
    let mut fleet = Fleet { manager, streams: vec![], started_us: BTreeMap::new() };

    let first = (options.streams / 10).max(1);
    fleet.start(0..first, options, &film, &scratch, &sink).await?;
    let few = settle().await;
    fleet.start(first..options.streams, options, &film, &scratch, &sink).await?;
    let many = settle().await;

    let (before, clock) = (Moment::now(), Instant::now());
    let sent_before = fleet.bytes();
    tokio::time::sleep(Duration::from_secs(options.seconds) / 2).await;
    let kernel = send_queues(sink.hello.port);
    tokio::time::sleep(Duration::from_secs(options.seconds) / 2).await;
    let (after, seconds) = (Moment::now(), clock.elapsed().as_secs_f64());
    let sent = fleet.bytes() - sent_before;

    fleet.manager.shutdown(Duration::from_secs(30)).await;
    let report = sink.report().await?;
    let laps = (fleet.longest_ms() / probe_ms(&film)? + 2) as u32;
    let due = Due::of(&film, laps)?;
    let audit = fleet.audit(&report.received, &due);

    let n = options.streams as f64;
    let slope = match options.streams - first {
        0 => 0.0,
        more => (many.anonymous as f64 - few.anonymous as f64) / more as f64,
    };
    let rate = |total: u64| total as f64 / n / seconds;
    let lateness = fleet.lateness();
    let starts = fleet.first_bytes(&report.received);
    let result = json!({
        "streams": options.streams,
        "seconds": seconds,
        "tls": options.tls,
        "distinct": options.distinct,
        "bits_per_second_each": sent as f64 * 8.0 / n / seconds,
        "cpu_percent_of_a_core_each": (after.cpu_seconds - before.cpu_seconds) * 100.0 / seconds / n,
        "anonymous_bytes_each_slope": slope,
        "anonymous_bytes": after.anonymous,
        "resident_bytes": after.resident,
        "kernel_send_queue_bytes": kernel,
        "reads_and_writes_each_second": rate(after.reads_and_writes - before.reads_and_writes),
        "context_switches_each_second": rate(after.switches - before.switches),
        "late_ms": { "p50": lateness.quantile(0.5), "p99": lateness.quantile(0.99), "max": fleet.max_late_ms() },
        "early_over_200_ms": lateness.counts[0],
        "first_byte_ms": { "p50": percentile(&starts, 0.5), "p99": percentile(&starts, 0.99) },
        "sink_cpu_percent_of_a_core_each": report.cpu_seconds * 100.0 / seconds / n,
        "frames": { "due": audit.due, "sent": audit.sent, "received": audit.received },
        "faults": audit.faults,
    });
    print(&result);
    if options.json {
        println!("{result}");
    }
    Ok(audit.faults.is_empty() && lateness.counts[0] == 0)
}

/// Waits until start-up has passed, and returns the moment.
async fn settle() -> Moment {
    tokio::time::sleep(Duration::from_secs(4)).await;
    Moment::now()
}

/// The streams under measurement.
struct Fleet {
    manager: StreamManager,
    streams: Vec<Stream>,
    started_us: BTreeMap<String, u64>,
}

impl Fleet {
    /// Starts streams, a batch at a time, and waits until all are live.
    async fn start(
        &mut self,
        numbers: std::ops::Range<usize>,
        options: &Options,
        film: &Path,
        scratch: &Scratch,
        sink: &Sink,
    ) -> Result<(), Failure> {
        let numbers: Vec<usize> = numbers.collect();
        for batch in numbers.chunks(BATCH) {
            let mut starts = tokio::task::JoinSet::new();
            for number in batch {
                let key = format!("s{number}");
                let file = match options.distinct {
                    true => scratch.copy(film, &key)?,
                    false => film.to_owned(),
                };
                let mut destination = Destination::new(&sink.url(), key.as_str())?;
                if let Some(root) = &sink.hello.root {
                    destination = destination.trust(Trust::Roots(root.clone()));
                }
                let source = Source::file(file).repeat(Repeat::Forever);
                let spec = StreamSpec::new(key.as_str(), source).destination(destination);
                self.started_us.insert(key, unix_us());
                let manager = self.manager.clone();
                starts.spawn(async move { manager.start(spec).await });
            }
            while let Some(started) = starts.join_next().await {
                self.streams.push(started??);
            }
        }
        for stream in &self.streams {
            tokio::time::timeout(PATIENCE, stream.wait_for(Phase::Live)).await??;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.streams.iter().map(|stream| stream.status().bytes).sum()
    }

    fn longest_ms(&self) -> u64 {
        self.streams.iter().map(|stream| stream.status().media_ms).max().unwrap_or(0)
    }

    fn max_late_ms(&self) -> u64 {
        self.streams.iter().map(|stream| stream.status().legs[0].max_late_ms).max().unwrap_or(0)
    }

    fn lateness(&self) -> Lateness {
        let mut sum = Lateness::default();
        self.streams.iter().for_each(|stream| sum.add(&stream.status().legs[0].lateness));
        sum
    }

    /// From `start` to the first frame at the sink, in milliseconds, sorted.
    fn first_bytes(&self, received: &BTreeMap<String, Received>) -> Vec<f64> {
        let each = self.started_us.iter().filter_map(|(key, started)| {
            let first = received.get(key)?.first_unix_us;
            (first > 0).then(|| first.saturating_sub(*started) as f64 / 1e3)
        });
        let mut each: Vec<f64> = each.collect();
        each.sort_by(f64::total_cmp);
        each
    }

    /// Compares the books of both sides with what was due.
    fn audit(&self, received: &BTreeMap<String, Received>, due: &Due) -> Audit {
        let mut audit = Audit::default();
        let nothing = Received::default();
        for stream in &self.streams {
            let status = stream.status();
            let leg = &status.legs[0];
            let got = received.get(status.id.as_str()).unwrap_or(&nothing);
            let until = |times, last: Option<u32>| last.map_or(0, |last| Due::until(times, last));
            let due = until(&due.video, got.last_video_ms) + until(&due.audio, got.last_audio_ms);
            let frames = got.video + got.audio;
            audit.due += due;
            audit.sent += leg.packets;
            audit.received += frames;
            let mut fault = |what: String| {
                if audit.faults.len() < 10 {
                    audit.faults.push(format!("{}: {what}", status.id));
                }
            };
            if due != leg.packets || leg.packets != frames {
                fault(format!("{due} frames due, {} sent, {frames} received", leg.packets));
            }
            if leg.bytes != got.bytes {
                fault(format!("{} bytes sent, {} received", leg.bytes, got.bytes));
            }
            if got.publishes != 1 || got.backwards != 0 || leg.skips != 0 {
                let (publishes, backwards, skips) = (got.publishes, got.backwards, leg.skips);
                fault(format!("{publishes} publishes, {backwards} time stamps back, {skips} skips"));
            }
            // The end of the stream is at most a second of media behind its clock.
            if u64::from(got.last_video_ms.unwrap_or(0)) + 1_000 < status.media_ms {
                fault(format!("the clock is at {} ms, the sink at {:?}", status.media_ms, got.last_video_ms));
            }
        }
        audit
    }
}

#[derive(Default)]
struct Audit {
    due: u64,
    sent: u64,
    received: u64,
    faults: Vec<String>,
}

/// The sink's process.
struct Sink {
    hello: Hello,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a sink says when it is ready.
#[derive(Serialize, Deserialize)]
struct Hello {
    port: u16,
    /// The certificate to trust.
    root: Option<String>,
}

/// What a sink says at the end.
#[derive(Serialize, Deserialize)]
struct Report {
    received: BTreeMap<String, Received>,
    cpu_seconds: f64,
}

impl Sink {
    async fn spawn(tls: bool) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--sink").args(tls.then_some("--tls")).kill_on_drop(true);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take().ok_or("the sink has no input")?;
        let stdout = child.stdout.take().ok_or("the sink has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let hello = lines.next_line().await?.ok_or("the sink did not start")?;
        Ok(Self { hello: serde_json::from_str(&hello)?, child, stdin, lines })
    }

    fn url(&self) -> String {
        let scheme = if self.hello.root.is_some() { "rtmps" } else { "rtmp" };
        format!("{scheme}://127.0.0.1:{}/live", self.hello.port)
    }

    async fn report(&mut self) -> Result<Report, Failure> {
        self.stdin.write_all(b"report\n").await?;
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await??.ok_or("the sink died")?;
        self.child.wait().await?;
        Ok(serde_json::from_str(&line)?)
    }
}

async fn run_sink(options: &Options) -> Result<bool, Failure> {
    raise_descriptors();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (tls, root) = match options.tls {
        true => {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
            let key = made.signing_key.serialize_der();
            let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(Arc::new(
                tokio_rustls::rustls::crypto::ring::default_provider(),
            ));
            let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
            let key = tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(key);
            let config = config.with_single_cert(vec![made.cert.der().clone()], key.into())?;
            (Some(tokio_rustls::TlsAcceptor::from(Arc::new(config))), Some(made.cert.pem()))
        }
        false => (None, None),
    };
    println!("{}", serde_json::to_string(&Hello { port: listener.local_addr()?.port(), root })?);
    let books = sink::Books::default();
    let serve = tokio::spawn(sink::serve(listener, tls, Arc::clone(&books)));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    // Also when the measuring process dies: then the input ends.
    let asked = lines.next_line().await?;
    if asked.is_some() {
        // What publishers sent last is on its way.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let received = books.lock().map_err(|_| "a connection died")?.clone();
        println!("{}", serde_json::to_string(&Report { received, cpu_seconds: Moment::now().cpu_seconds })?);
    }
    serve.abort();
    Ok(true)
}

/// A folder of this run's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let folder = env::temp_dir().join(format!("streambro-density-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    fn copy(&self, film: &Path, name: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(format!("{name}.mp4"));
        fs::copy(film, &path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
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

/// The value that the share `quantile` of sorted values does not exceed.
fn percentile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let at = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted.get(at.max(1) - 1).copied()
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
    for fault in result["faults"].as_array().into_iter().flatten() {
        println!("  FAULT                     {fault}");
    }
    if rate > 0.0 {
        println!("  a 1 Gb/s port carries     {:.0} of them", 1e9 / rate);
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        streams: 1_000,
        seconds: 20,
        file: None,
        distinct: false,
        tls: false,
        json: false,
        sink: false,
        write_clip: None,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--streams" => options.streams = value()?.parse().map_err(|_| "not a number of streams")?,
            "--seconds" => options.seconds = value()?.parse().map_err(|_| "not a number of seconds")?,
            "--file" => options.file = Some(value()?.into()),
            "--distinct" => options.distinct = true,
            "--tls" => options.tls = true,
            "--json" => options.json = true,
            "--sink" => options.sink = true,
            "--write-clip" => options.write_clip = Some(value()?.into()),
            _ => return Err(format!("{arg} is not an option")),
        }
    }
    if options.streams == 0 || options.seconds == 0 {
        return Err("streams and seconds are at least 1".to_owned());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), Some(50.0));
        assert_eq!(percentile(&values, 0.99), Some(99.0));
        assert_eq!(percentile(&values, 1.0), Some(100.0));
        assert_eq!(percentile(&[7.0], 0.5), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn options_that_mean_nothing_are_refused() {
        for args in [&["--streams", "0"][..], &["--streams"], &["--secs", "3"], &["--seconds", "x"]] {
            assert!(parse(args.iter().map(|arg| (*arg).to_owned())).is_err(), "{args:?}");
        }
    }
}
