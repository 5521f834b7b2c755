//! A stream key is seen by the server that it is for, and by nobody else.

use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use streambro_core::{
    Destination, DestinationPolicy, LegPhase, Phase, Repeat, Secret, Source, Stream, StreamManager,
    StreamSpec, Times, Trust,
};
use streambro_tests::certs::{Tls, self_signed};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::nginx::Nginx;
use streambro_tests::process;
use streambro_tests::tls_front::TlsFront;

use super::desk::{BOUND, Book, live, to, until};
use super::logs::Logs;

/// A key like those of platforms that want a signature behind it, and all that may not be seen of it.
#[derive(Clone)]
pub(super) struct Canary {
    pub(super) key: String,
    parts: [String; 2],
}

impl Canary {
    pub(super) fn new() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let stem = format!("canary{nanos:x}");
        let token = format!("token{:x}", nanos.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF_FFFF);
        Self { key: format!("{stem}?bw=1&auth={token}"), parts: [stem, token] }
    }

    pub(super) fn sings_in(&self, text: &str) -> bool {
        let visible: String = text.chars().filter(|c| !c.is_control() && *c != '\u{200b}').collect();
        self.parts.iter().any(|part| visible.contains(part.as_str()))
    }
}

/// Everything that a host or an onlooker can read, with where it was read.
#[derive(Default)]
pub(super) struct Heard(Vec<(String, String)>);

impl Heard {
    pub(super) fn text(&mut self, place: &str, text: impl Into<String>) {
        self.0.push((place.to_owned(), text.into()));
    }

    pub(super) fn debug(&mut self, place: &str, value: &impl Debug) {
        self.text(place, format!("{value:?}"));
        self.text(place, format!("{value:#?}"));
    }

    pub(super) fn value(&mut self, place: &str, value: &(impl Debug + Serialize)) {
        self.debug(place, value);
        self.text(place, serde_json::to_string(value).expect("it is serialisable"));
    }

    pub(super) fn stream(&mut self, place: &str, stream: &Stream) {
        self.debug(place, stream);
        self.value(place, &stream.status());
    }

    /// Command lines and environments of everything that runs, and the names of our threads.
    pub(super) fn processes(&mut self) {
        for (place, text) in running() {
            self.text(place, text);
        }
        for thread in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
            self.text("thread name", std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default());
        }
    }

    pub(super) fn judge(&self, canary: &Canary) {
        assert!(!self.0.is_empty());
        for (place, text) in &self.0 {
            assert!(!canary.sings_in(text), "{place}: {text}");
        }
    }
}

/// Command lines and environments of everything that runs, as far as it may be read.
pub(super) fn running() -> impl Iterator<Item = (&'static str, String)> {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let processes =
        processes.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    processes.flat_map(|entry| {
        [("command line", "cmdline"), ("environment", "environ")].map(|(place, name)| {
            let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
            (place, String::from_utf8_lossy(&bytes).replace('\0', " "))
        })
    })
}

async fn quick() -> StreamManager {
    let mut times = Times::default();
    times.handshake = Duration::from_secs(2);
    StreamManager::builder().times(times).unlimited().build().await.expect("the settings are good")
}

fn wanted(id: &str, clip: &Path, to: Destination) -> StreamSpec {
    StreamSpec::new(id, Source::file(clip).repeat(Repeat::Forever)).destination(to)
}

#[tokio::test]
async fn no_log_error_event_or_status_shows_a_key_however_a_stream_fails() {
    if !process::alone(concat!(
        module_path!(),
        "::no_log_error_event_or_status_shows_a_key_however_a_stream_fails"
    )) {
        return;
    }
    let logs = Logs::default();
    tracing::subscriber::set_global_default(logs.clone()).unwrap();
    let canary = Canary::new();
    let key = canary.key.as_str();
    let clip = Clip::new().seconds(4.0).make().await;
    let mut nginx = Nginx::start().await;
    let refusing = Hostile::start(Attack::EchoKey, Stage::Published).await;
    let ending = Hostile::start(Attack::EchoKeyLater, Stage::Published).await;
    let rejecting = Hostile::start(Attack::RejectConnect, Stage::Connected).await;
    let closing = Hostile::start(Attack::Close, Stage::Published).await;
    let resetting = Hostile::start(Attack::Reset, Stage::Created).await;
    let silent = Hostile::start(Attack::Silent, Stage::Connected).await;
    let noisy = Hostile::start(Attack::Noise, Stage::Connected).await;
    let front =
        TlsFront::start_with(&self_signed(), Tls::Any, (Ipv4Addr::LOCALHOST, nginx.port()).into()).await;
    let nobody = format!("rtmp://127.0.0.1:{}/live", streambro_tests::net::free_port());
    // Keys are also pasted behind the application by mistake.
    let pasted = format!("{nobody}/{}?auth={}", canary.parts[0], canary.parts[1]);

    let manager = quick().await;
    let book = Book::of(&manager);
    let mut heard = Heard::default();
    let destinations = [
        ("live", to(&nginx.rtmp_url("live"), key)),
        ("trusting", to(&front.rtmps_url("localhost", "pass"), key).trust(Trust::DangerAnyCertificate)),
        ("twice", to(&nginx.rtmp_url("live"), key)),
        ("no-app", to(&nginx.rtmp_url("nothing"), key)),
        ("echo", to(&refusing.url(), key)),
        ("echo-live", to(&ending.url(), key)),
        ("rejected", to(&rejecting.url(), key)),
        ("closed", to(&closing.url(), key)),
        ("reset", to(&resetting.url(), key)),
        ("silent", to(&silent.url(), key)),
        ("noise", to(&noisy.url(), key)),
        ("tls", to(&front.rtmps_url("localhost", "live"), key)),
        ("not-tls", to(&nginx.rtmp_url("live").replace("rtmp:", "rtmps:"), key)),
        ("unresolved", to("rtmp://no-such-host.invalid/live", key)),
        ("unreachable", to(&nobody, key)),
        ("pasted", to(&pasted, "other")),
    ];
    let mut streams = Vec::new();
    for (id, destination) in destinations {
        heard.debug("destination", &destination);
        heard.text("label", destination.label());
        let spec = wanted(id, &clip, destination);
        heard.debug("spec", &spec);
        if id != "pasted" {
            // Whoever stores a spec stores its URL; a key has no business there.
            heard.value("spec", &spec);
        }
        let stream = manager.start(spec).await.unwrap();
        if id == "live" {
            live(&stream).await;
        }
        streams.push(stream);
    }
    // Everything but the first two fails, each in its way.
    for stream in &streams[2..] {
        let (reason, detail, _) = book.failure(stream.id().as_str()).await;
        eprintln!("{}: {reason:?}: {detail}", stream.id());
        heard.stream("failing", stream);
    }
    live(&streams[1]).await;
    assert!(streams[..2].iter().all(|stream| stream.status().phase == Phase::Live));
    heard.processes();
    assert!(refusing.visits()[0].key == key && ending.visits()[0].key == key, "the servers got the key");
    // The connection of a stream that was live is lost. Its rival for the key must not be the first one back.
    streams[2].stop();
    streams[2].ended().await;
    nginx.kill();
    until("the live stream notices", BOUND, || streams[0].status().legs[0].phase != LegPhase::Live).await;
    nginx.restart().await;
    live(&streams[0]).await;

    // Verbs that fail.
    let again = wanted("live", &clip, to(&nginx.rtmp_url("live"), "another"));
    heard.debug("already exists", &manager.start(again).await.unwrap_err());
    let twice = wanted("two", &clip, to(&nobody, key)).destination(to(&nobody, key));
    heard.debug("invalid", &manager.start(twice).await.unwrap_err());
    let missing = wanted("missing", Path::new("/no/such/film.mp4"), to(&nobody, key));
    heard.debug("unreadable", &manager.start(missing).await.unwrap_err());
    let strict = StreamManager::builder().destinations(DestinationPolicy::Public).build().await.unwrap();
    heard.debug("not allowed", &strict.start(wanted("p", &clip, to(&nobody, key))).await.unwrap_err());
    let waiting = streams[4].clone();
    let waiter = tokio::spawn(async move { waiting.wait_for(Phase::Live).await });
    heard.debug("list", &manager.list());
    heard.debug("manager", &manager);
    manager.shutdown(Duration::from_secs(5)).await;
    heard.debug("waited for", &waiter.await.unwrap().unwrap_err());
    for stream in &streams {
        heard.stream("ended", stream);
        let lines = stream.logs();
        assert!(lines.len() > 3, "{lines:?}");
        lines.iter().for_each(|line| heard.value("line", line));
    }
    let history = manager.history();
    assert_eq!(history.len(), streams.len());
    history.iter().for_each(|run| heard.value("run", run));
    until("the book is complete", BOUND, || book.closed()).await;
    book.audit();
    assert!(book.events().len() > streams.len() * 3);
    for event in book.events() {
        heard.value("event", &event);
    }
    let lines = logs.lines();
    assert!(lines.iter().any(|line| line.contains("not verified")), "the logs are heard: {lines:?}");
    for line in lines {
        heard.text("log", line);
    }
    heard.processes();
    heard.judge(&canary);
}

#[test]
fn malformed_destinations_and_specs_do_not_repeat_the_key() {
    let canary = Canary::new();
    let mut heard = Heard::default();
    let key = canary.key.as_str();
    heard.debug("secret", &Secret::new(key));
    heard.text("secret", Secret::new(key).to_string());
    for url in [
        format!("rtmp://h/live {key}"),
        format!("http://h/live/{key}"),
        format!("rtmp://user:{key}@h/live"),
        format!("rtmp://h:{key}/live"),
        format!("rtmp://h/live#{key}"),
        format!("rtmp://{key}"),
        format!("rtmp:///{key}"),
        key.to_owned(),
    ] {
        let error = Destination::new(&url, key).unwrap_err();
        heard.text("error", error.to_string());
        heard.debug("error", &error);
    }
    for bad in [format!("{key}\n"), format!("{key}{}", "x".repeat(5_000)), String::new()] {
        heard.debug("error", &Destination::new("rtmp://h/live", bad).unwrap_err());
    }
    let json = |destination: &str| {
        format!(r#"{{"v":1,"id":"a","source":{{"file":"a.mp4"}},"destinations":[{destination}]}}"#)
    };
    for destination in [
        format!(r#"{{"url":"rtmp://h/live","key":["{key}"]}}"#),
        format!(r#"{{"url":"rtmp://h/live","key":{{"{key}":1}}}}"#),
        format!(r#"{{"url":"rtmp://h/live {key}","key":"{key}"}}"#),
        format!(r#"{{"url":"rtmp://h/live","key":"{key}\n"}}"#),
        format!(r#"{{"url":"rtmp://h/live","key":"{key}","typo":1}}"#),
        format!(r#"{{"url":"rtmp://h/live","key":"{key}","trust":"anyone"}}"#),
        format!(r#"{{"key":"{key}"}}"#),
    ] {
        let error = serde_json::from_str::<StreamSpec>(&json(&destination)).unwrap_err();
        heard.text("error", error.to_string());
    }
    heard.judge(&canary);
    // Keys that are all digits are easily written without quotes.
    let number = "918273645546372819";
    for wrong in [number.to_owned(), format!("-{number}"), format!("{number}.5"), format!("[{number}]")] {
        let destination = format!(r#"{{"url":"rtmp://h/live","key":{wrong}}}"#);
        let error = serde_json::from_str::<StreamSpec>(&json(&destination)).unwrap_err().to_string();
        assert!(!error.contains("91827364") && error.contains("string"), "{error}");
    }
}
