//! A film of ten hours costs what a clip costs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use streambro_core::{Destination, Phase, Repeat, Source, StreamManager, StreamSpec, probe, remux};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::mem;
use streambro_tests::rewrite::{At, Mp4};

/// Laps of 16 s: ten hours.
const LAPS: u32 = 2_250;
/// What a film may cost more than a clip.
const BOUND: i64 = 64 << 10;
/// Generous, for a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// A clip of 16 s, and a film of ten hours made of the same samples.
async fn clip_and_film(dir: &Path) -> (PathBuf, PathBuf) {
    let plain = Mp4::read(&Clip::new().size(160, 90).seconds(16.0).make().await);
    let (clip, film) = (dir.join("clip.mp4"), dir.join("film.mp4"));
    plain.clone().repeat(1).write(&clip);
    plain.repeat(LAPS).moov(At::Front).write(&film);
    let seconds =
        |json: &serde_json::Value| json["format"]["duration"].as_str().and_then(|s| s.parse::<f64>().ok());
    let [short, long] = [&clip, &film].map(|path| path.to_str().expect("the path is UTF-8").to_owned());
    let seen = ffmpeg::probe(&["-show_format", &long]).await;
    assert!(seconds(&seen).is_some_and(|s| (s - 36_000.0).abs() < 1.0), "{seen}");
    let seen = ffmpeg::probe(&["-show_format", &short]).await;
    assert!(seconds(&seen).is_some_and(|s| (s - 16.0).abs() < 0.2), "{seen}");
    println!(
        "the film has {} MiB, nearly all of it tables",
        std::fs::metadata(&film).expect("written").len() >> 20
    );
    (clip, film)
}

/// Makes the two films, and runs the rest of the test in a process that has not: what making them took and gave back
/// would be there for the asking, and hide what a film costs. Returns the films in that other process only.
fn in_a_fresh_process(name: &str) -> Option<(PathBuf, PathBuf)> {
    const DIR: &str = "STREAMBRO_TEST_FILMS";
    if let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) {
        return Some((dir.join("clip.mp4"), dir.join("film.mp4")));
    }
    let dir = streambro_tests::scratch();
    runtime().block_on(clip_and_film(dir.path()));
    let (_, name) = name.split_once("::").expect("paths begin with the crate");
    let binary = std::env::current_exe().expect("a process knows its program");
    let mut command = std::process::Command::new(binary);
    command.args(["--exact", name, "--nocapture"]).env(DIR, dir.path());
    let out = command.output().expect("the test binary can be started again");
    let [said, complained] = [&out.stdout, &out.stderr].map(|text| String::from_utf8_lossy(text));
    println!("{said}");
    assert!(out.status.success() && said.contains("1 passed"), "{name}: {said}{complained}");
    None
}

/// One thread, so that not the number of arenas is measured.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Plays a file until it is live and two seconds more; returns the median of what this process holds meanwhile.
async fn anonymous_while_playing(manager: &StreamManager, server: &Hostile, file: &Path) -> i64 {
    let destination = Destination::new(&server.url(), "key").expect("the URL is sound");
    let spec = StreamSpec::new("stream", Source::file(file).repeat(Repeat::Forever)).destination(destination);
    let stream = manager.start(spec).await.expect("the file is sound");
    tokio::time::timeout(SOON, stream.wait_for(Phase::Live)).await.expect("live in time").expect("live");
    let mut seen = Vec::new();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen.push(mem::own().anonymous);
    }
    assert_eq!(stream.status().phase, Phase::Live);
    stream.stop();
    tokio::time::timeout(SOON, stream.ended()).await.expect("ends in time");
    median(seen)
}

fn median(mut seen: Vec<u64>) -> i64 {
    seen.sort_unstable();
    i64::try_from(seen[seen.len() / 2]).expect("no process holds so much")
}

#[test]
fn a_film_of_ten_hours_on_the_air_costs_no_more_than_a_clip() {
    let name = concat!(module_path!(), "::a_film_of_ten_hours_on_the_air_costs_no_more_than_a_clip");
    let Some((clip, film)) = in_a_fresh_process(name) else { return };
    runtime().block_on(async {
        let server = Hostile::start(Attack::Nothing, Stage::Published).await;
        let manager = StreamManager::builder().build().await.expect("a manager");
        for file in [&film, &clip] {
            anonymous_while_playing(&manager, &server, file).await;
        }
        // In turn, so that what the process gains with time is on both sides.
        let (mut short, mut long) = (vec![], vec![]);
        for _ in 0..2 {
            short.push(anonymous_while_playing(&manager, &server, &clip).await);
            long.push(anonymous_while_playing(&manager, &server, &film).await);
        }
        println!("anonymous KiB: clip {:?}, film {:?}", kib(&short), kib(&long));
        let more = long.iter().sum::<i64>() / 2 - short.iter().sum::<i64>() / 2;
        println!("the film costs {} KiB more", more >> 10);
        assert!(more <= BOUND, "the film costs {more} bytes more");
        manager.shutdown(Duration::from_secs(5)).await;
    });
}

fn kib(bytes: &[i64]) -> Vec<i64> {
    bytes.iter().map(|bytes| bytes >> 10).collect()
}

/// Takes everything; ends the remux when it has enough.
struct Sink {
    left: u64,
    most: u64,
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.most = self.most.max(mem::own().anonymous);
        self.left = self.left.checked_sub(buf.len() as u64).ok_or_else(|| io::Error::other("enough"))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_film_of_ten_hours_is_probed_and_copied_in_the_memory_of_a_clip() {
    let name = concat!(module_path!(), "::a_film_of_ten_hours_is_probed_and_copied_in_the_memory_of_a_clip");
    let Some((clip, film)) = in_a_fresh_process(name) else { return };
    let measured = |file: &Path| {
        mem::forget_peak();
        let before = mem::peak();
        let info = probe(file).expect("the file is sound").info.expect("and native");
        let probed = mem::peak() - before;
        let mut sink = Sink { left: 20 << 20, most: 0 };
        let copied = remux(file, &mut sink, Repeat::Times(40));
        (info, probed, copied, sink.most)
    };
    // What the first use of anything takes.
    let _ = measured(&clip);
    let (short, short_peak, _, short_most) = measured(&clip);
    let (long, long_peak, copied, long_most) = measured(&film);
    assert!((15_900..=16_100).contains(&short.duration_ms), "{short:?}");
    assert!((35_999_000..=36_001_000).contains(&long.duration_ms), "{long:?}");
    println!(
        "probe: {short_peak} and {long_peak} bytes; remux: {short_most} and {long_most} bytes; {copied:?}"
    );
    assert!(long_peak <= short_peak + BOUND as u64, "probing the film takes {long_peak} bytes more");
    assert!(long_most <= short_most + BOUND as u64, "copying takes {short_most} and {long_most} bytes");
    let error = copied.expect_err("the sink has had enough");
    assert!(error.detail.contains("enough"), "{error}");
}
