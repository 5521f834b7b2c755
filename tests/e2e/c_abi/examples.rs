//! The examples in C and C++, as a reader would build and run them.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use streambro_tests::c::Program;
use streambro_tests::nginx::Nginx;
use streambro_tests::{demo_clip, ffmpeg};

use crate::publish::desk::{BOUND, until};
use crate::publish::film::Film;

/// A program that runs. It is killed when it is dropped.
struct Running(Child);

impl Running {
    fn start(program: &Program, args: &[&str]) -> Self {
        let mut command = program.command();
        command.args(args).env("STREAMBRO_KEY", "film").stdout(Stdio::null());
        Self(command.spawn().expect("it can be started"))
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(self.0.id().try_into().expect("a pid")).expect("not 0");
        kill_process(pid, Signal::INT).expect("it is there");
    }

    async fn ends_well(&mut self) {
        until("it ends", BOUND, || self.0.try_wait().expect("it is ours").is_some()).await;
        assert!(self.0.wait().expect("it is ours").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The receiver got one run of the clip's pictures, from its first on, and a decoder is content.
async fn arrived(nginx: &Nginx, key: &str, film: &Film, at_least: usize) {
    let recordings = nginx.settled(key, 1, BOUND).await;
    let run = film.locate(&recordings[0], 0);
    assert_eq!(run.first, 0, "{run:?}");
    assert!(run.len > at_least, "{run:?}");
    ffmpeg::decodes(&recordings[0]).await;
}

/// Some of it has been received.
async fn flows(nginx: &Nginx, key: &str) {
    let size = |path: &PathBuf| path.metadata().map_or(0, |file| file.len());
    let received = || nginx.recordings(key).iter().map(size).sum::<u64>() > 100_000;
    until("some of it arrives", BOUND, received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_on_the_air_until_it_is_interrupted() {
    let nginx = Nginx::start().await;
    let program = Program::c(&["examples/c/live.c"]);
    let clip = demo_clip().display().to_string();
    let mut live = Running::start(&program, &[&clip, &nginx.rtmp_url("live")]);
    flows(&nginx, "film").await;
    live.interrupt();
    live.ends_well().await;
    arrived(&nginx, "film", &Film::of(demo_clip()).await, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_kills_no_host() {
    let nginx = Nginx::start().await;
    let program = Program::c(&["examples/c/live.c"]);
    let clip = demo_clip().display().to_string();
    let mut live = Running::start(&program, &[&clip, &nginx.rtmp_url("live")]);
    flows(&nginx, "film").await;
    drop(nginx);
    // Long enough to write into what is closed.
    tokio::time::sleep(Duration::from_secs(1)).await;
    live.interrupt();
    live.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_wait_in_one_poll() {
    let nginx = Nginx::start().await;
    let clip = demo_clip().display().to_string();
    let out = Program::c(&["examples/c/many.c"]).run(["5", &clip, &nginx.rtmp_url("live"), "film", "20"]);
    assert!(out.ends_with("20 of 20 went live\n"), "{out}");
    let film = Film::of(demo_clip()).await;
    // Each is a decoder's work.
    for n in [1, 7, 20] {
        arrived(&nginx, &format!("film-{n}"), &film, 20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_on_the_air_from_cpp() {
    let nginx = Nginx::start().await;
    let program = Program::cpp(&["examples/cpp/live.cpp"]);
    let clip = demo_clip().display().to_string();
    let mut live = Running::start(&program, &["4", &clip, &nginx.rtmp_url("live")]);
    live.ends_well().await;
    arrived(&nginx, "film", &Film::of(demo_clip()).await, 20).await;
}
