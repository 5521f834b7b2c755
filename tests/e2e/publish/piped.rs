//! What ffmpeg knows of a stream and of its host: neither a key, nor a variable of the environment.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use streambro_core::{
    Encoder, EncodingState, LegPhase, Phase, Preset, Repeat, Stream, StreamManager, StreamSpec, Video,
};
use streambro_tests::{
    ffmpeg::Clip,
    hostile::{Attack, Hostile, Stage},
    nginx::Nginx,
    process,
};

use super::{
    canary::{Canary, Heard, running},
    desk::{BOUND, Book, live, spec, until},
    logs::Logs,
};

/// Small and fast: what is tested here is not the picture.
fn encoded() -> streambro_core::Encode {
    Video::encode(Encoder::X264).size(160, 90).bitrate(200_000).preset(Preset::Ultrafast)
}

/// Looks at every process again and again, until it is asked what it saw.
struct Onlooker {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What an onlooker saw.
#[derive(Debug, Default)]
struct Seen {
    rounds: usize,
    /// Command lines of the ffmpegs and ffprobes that read a film of ours.
    films: BTreeSet<String>,
    /// What was said of a key.
    keys: BTreeSet<String>,
}

impl Onlooker {
    fn begin(canary: Canary) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&enough);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !until.load(Ordering::Relaxed) {
                for (place, text) in running() {
                    if canary.sings_in(&text) {
                        seen.keys.insert(format!("{place}: {text}"));
                    }
                    if place == "command line" && text.contains("file:/dev/fd/3") {
                        seen.films.insert(text);
                    }
                }
                seen.rounds += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Self { enough, thread }
    }

    fn end(self) -> Seen {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only looks")
    }
}

fn pid(stream: &Stream) -> Option<u32> {
    stream.status().encoding?.pid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_and_whoever_watches_it_never_learn_a_key_on_the_air_or_while_a_stream_fails() {
    if !process::alone(concat!(
        module_path!(),
        "::ffmpeg_and_whoever_watches_it_never_learn_a_key_on_the_air_or_while_a_stream_fails"
    )) {
        return;
    }
    let logs = Logs::default();
    tracing::subscriber::set_global_default(logs.clone()).unwrap();
    let canary = Canary::new();
    let key = canary.key.as_str();
    let film = Clip::new().seconds(10.0).make().await;
    let foreign = Clip::new().seconds(10.0).container("mkv").make().await;
    let dir = streambro_tests::scratch();
    // It answers and can be tried, and dies of every film.
    let sick = dir.path().join("ffmpeg");
    let words = "case \" $* \" in *' lavfi '*) exit 0 ;; *' -version '*) exec ffmpeg -version ;; esac\n\
                 echo 'Error while decoding: no good' >&2\nexit 1\n";
    fs::write(&sick, format!("#!/bin/sh\n{words}")).unwrap();
    fs::set_permissions(&sick, fs::Permissions::from_mode(0o755)).unwrap();

    let mut nginx = Nginx::start().await;
    let refusing = Hostile::start(Attack::EchoKey, Stage::Published).await;
    let nobody = format!("rtmp://127.0.0.1:{}/live", streambro_tests::net::free_port());
    let onlooker = Onlooker::begin(canary.clone());
    let builder = || StreamManager::builder().unlimited();
    let manager = builder().renditions(dir.path().join("renditions"), 1 << 30).build().await.unwrap();
    let failing = builder().ffmpeg(&sick).build().await.unwrap();
    let books = [Book::of(&manager), Book::of(&failing)];
    let mut heard = Heard::default();
    let url = nginx.rtmp_url("live");
    // The name that a server knows a stream by ends at the question mark.
    let named = |name: &str| key.replacen('?', &format!("-{name}?"), 1);
    let of = |id: &str, file, url: &str, key: &str| spec(id, file, Repeat::Forever, url, key);
    let specs: [(&StreamManager, StreamSpec); 6] = [
        (&manager, of("encoded", &film, &url, key).video(encoded().live())),
        (&manager, of("kept", &film, &url, &named("kept")).video(encoded())),
        (&manager, of("remuxed", &foreign, &url, &named("remuxed"))),
        (&manager, of("refused", &foreign, &refusing.url(), key).video(encoded())),
        (&manager, of("unreachable", &foreign, &nobody, key)),
        (&failing, of("sick", &film, &url, &named("sick")).video(encoded())),
    ];
    let mut streams = vec![];
    for (manager, spec) in specs {
        heard.value("spec", &spec);
        heard.debug("explanation", &manager.explain(&spec).await.unwrap());
        streams.push(manager.start(spec).await.unwrap());
    }
    for stream in &streams[..3] {
        live(stream).await;
        heard.stream("on the air", stream);
    }
    for stream in &streams[3..5] {
        let what = format!("{} fails", stream.id());
        until(&what, BOUND, || stream.status().legs[0].phase == LegPhase::Waiting).await;
        heard.stream("failing", stream);
    }
    until("ffmpeg fails", BOUND, || streams[5].status().encoding.is_some_and(|it| it.runs > 0)).await;
    heard.stream("failing", &streams[5]);
    heard.processes();

    // ffmpeg dies, and the server goes and comes.
    let mut first = None;
    until("it is at work, not between two laps", BOUND, || {
        first = pid(&streams[0]);
        first.is_some()
    })
    .await;
    let first = first.expect("it was waited for");
    let number = rustix::process::Pid::from_raw(first.cast_signed()).expect("a pid is not 0");
    rustix::process::kill_process(number, rustix::process::Signal::KILL).expect("it is a child of ours");
    until("another ffmpeg", BOUND, || pid(&streams[0]).is_some_and(|pid| pid != first)).await;
    nginx.kill();
    until("it is noticed", BOUND, || streams[0].status().legs[0].phase != LegPhase::Live).await;
    heard.stream("reconnecting", &streams[0]);
    nginx.restart().await;
    live(&streams[0]).await;
    heard.processes();
    until("the rendition is kept", BOUND, || {
        streams[1].status().encoding.is_some_and(|it| it.state == EncodingState::Kept)
    })
    .await;

    for manager in [&manager, &failing] {
        heard.debug("manager", manager);
        heard.debug("encoders", &manager.encoders().await.unwrap());
        manager.shutdown(Duration::from_secs(5)).await;
        manager.history().iter().for_each(|run| heard.value("run", run));
    }
    for stream in &streams {
        assert_eq!(stream.status().phase, Phase::Ended);
        heard.stream("ended", stream);
        stream.logs().iter().for_each(|line| heard.value("line", line));
    }
    for book in &books {
        until("the book is complete", BOUND, || book.closed()).await;
        book.events().iter().for_each(|event| heard.value("event", event));
    }
    let said = logs.lines();
    assert!(said.iter().any(|line| line.contains("encoded")), "the logs are heard: {said:?}");
    said.into_iter().for_each(|line| heard.text("log", line));
    // What is kept on the disk is named by what is in it.
    for entry in fs::read_dir(dir.path().join("renditions")).unwrap() {
        heard.debug("rendition", &entry.unwrap().path());
    }
    heard.judge(&canary);
    let seen = onlooker.end();
    println!("{} rounds, {:#?}", seen.rounds, seen.films);
    assert!(seen.films.iter().any(|line| line.contains("libx264")), "no encoder was seen: {:?}", seen.films);
    assert!(seen.films.iter().any(|line| line.contains("-c:v copy")), "no copy was seen: {:?}", seen.films);
    assert!(seen.keys.is_empty(), "{:#?}", seen.keys);
    assert!(refusing.visits()[0].key == key, "the server got it");
}

/// The variables of a process. `None` when it has gone.
fn environment(pid: u32) -> Option<BTreeSet<String>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok().filter(|bytes| !bytes.is_empty())?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(
        text.split_terminator('\0')
            .map(|line| line.split('=').next().unwrap_or_default().to_owned())
            .collect(),
    )
}

#[test]
fn nothing_of_the_hosts_environment_reaches_ffmpeg() {
    const MARK: &str = "STREAMBRO_TEST_HOSTILE_ENVIRONMENT";
    const NAME: &str = concat!(module_path!(), "::nothing_of_the_hosts_environment_reaches_ffmpeg");
    let Some(dir) = std::env::var_os(MARK) else {
        let dir = streambro_tests::scratch();
        let name = NAME.split_once("::").map_or(NAME, |(_, path)| path);
        let mut host = Command::new(std::env::current_exe().unwrap());
        host.args(["--exact", name, "--nocapture"]).stdin(Stdio::null()).env(MARK, dir.path());
        host.env("FFREPORT", format!("file={}/report-%p.log", dir.path().display()));
        host.env("LD_PRELOAD", "/no/such/library.so").env("http_proxy", "http://127.0.0.1:1/");
        host.env("STREAM_KEY", "canary");
        let out = host.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("1 passed"), "{text}{out:?}");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let film = Clip::new().seconds(10.0).container("mkv").make().await;
        let reports = || fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        // Whoever inherits it, obeys it.
        assert!(Command::new("ffmpeg").args(["-v", "error", "-version"]).output().unwrap().status.success());
        assert!(!reports().is_empty(), "FFREPORT does nothing here");
        reports().into_iter().for_each(|report| fs::remove_file(report).unwrap());

        let server = Hostile::start(Attack::Nothing, Stage::Published).await;
        let manager = StreamManager::builder().build().await.unwrap();
        for (id, video) in [
            ("copied", Video::Copy),
            ("encoded", encoded().into()),
            ("auto", Video::encode(Encoder::Auto).into()),
        ] {
            let stream =
                manager.start(spec(id, &film, Repeat::Forever, &server.url(), id).video(video)).await;
            let stream = stream.unwrap();
            let mut variables = None;
            until("an ffmpeg at work", BOUND, || {
                variables = pid(&stream).and_then(environment);
                variables.is_some()
            })
            .await;
            let variables = variables.unwrap();
            let ours = ["LANG", "LC_ALL", "STREAMBRO_RUN"].map(str::to_owned);
            assert_eq!(variables, BTreeSet::from(ours), "{id}");
            live(&stream).await;
            for line in stream.logs() {
                assert!(!line.message.contains("LD_PRELOAD"), "{line:?}");
            }
            stream.stop();
            stream.ended().await;
        }
        manager.shutdown(BOUND).await;
        // Neither ffmpeg nor ffprobe, nor the trials of encoders, which are over too fast to be looked at.
        assert_eq!(reports(), Vec::<std::path::PathBuf>::new());
    });
}
