//! Encoding ahead of time and the demo that uses it, as somebody would run them.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program has failed")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
const SETTINGS: &[&str] = &["--encoder", "x264", "--size", "320x180", "--bitrate", "300k"];

/// Runs a program. Returns its exit code, what it prints and, of that, the object on the last line.
fn run(program: &str, args: &[&str]) -> (Option<i32>, String, Value) {
    let output = Command::new(program).arg("--json").args(args).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains('\x1b'), "no terminal, no escapes: {text}");
    let last = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    (output.status.code(), text, last)
}

fn encode(args: &[&str]) -> (Option<i32>, String, Value) {
    run(env!("CARGO_BIN_EXE_encode"), args)
}

/// Files below a folder that are at least so large.
fn files(dir: &Path, least: u64) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() >= least)).count()
}

#[test]
fn a_film_is_encoded_once_and_the_demo_copies_what_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("kept");
    let at = [SETTINGS, &["--dir", dir.to_str().unwrap()]].concat();
    let (code, text, summary) = encode(&[&[CLIP], &*at].concat());
    assert_eq!((code, &summary["ok"], &summary["encoded"]), (Some(0), &json!(true), &json!(true)), "{text}");
    assert!(text.contains("on air") && text.contains("--encoder x264"), "{text}");
    assert!((7_900..=8_100).contains(&summary["film_ms"].as_u64().unwrap()), "{summary}");
    // Eight seconds at 300 kb/s and their sound.
    assert_eq!(files(&dir, 200_000), 1);
    let (code, _, summary) = encode(&[&[CLIP], &*at].concat());
    assert_eq!((code, &summary["ok"], &summary["encoded"]), (Some(0), &json!(true), &json!(false)));
    let (code, text, summary) = run(env!("CARGO_BIN_EXE_live"), &[&["--seconds", "5"], &*at].concat());
    assert_eq!((code, &summary["ok"]), (Some(0), &json!(true)), "{text}");
    assert!(text.contains("it has been made before"), "{text}");
    let encoding = &summary["status"]["encoding"];
    assert_eq!((&encoding["state"], &encoding["runs"]), (&json!("kept"), &json!(0)), "{encoding}");
}

#[test]
fn the_demo_encodes_its_first_lap_and_copies_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("kept");
    let at = [&["--seconds", "14"], SETTINGS, &["--dir", dir.to_str().unwrap()]].concat();
    let (code, text, summary) = run(env!("CARGO_BIN_EXE_live"), &at);
    assert_eq!((code, &summary["ok"]), (Some(0), &json!(true)), "{text}");
    let encoding = &summary["status"]["encoding"];
    assert_eq!((&encoding["encoder"], &encoding["runs"]), (&json!("x264"), &json!(1)), "{encoding}");
    assert!(text.contains("ffmpeg   x264: ") && text.contains("it is copied from here on"), "{text}");
}

#[test]
fn without_a_film_it_says_of_every_encoder_whether_it_works() {
    let (code, _, summary) = encode(&[]);
    assert_eq!((code, &summary["ok"]), (Some(0), &json!(true)));
    let reports = summary["encoders"].as_array().unwrap();
    let x264 = reports.iter().find(|report| report["encoder"] == "x264").unwrap();
    assert_eq!((reports.len(), &x264["availability"]), (5, &json!("available")));
}

#[test]
fn the_command_it_prints_is_one_that_a_shell_can_run() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("it's a \"film\" $(of 'mine').mp4");
    fs::copy(CLIP, &film).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_encode"))
        .arg(&film)
        .args(["--command", "--encoder", "x264", "--size", "320x180"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let made = folder.path().join("made.flv");
    let shell = format!("{} >\"$MADE\"", String::from_utf8(output.stdout).unwrap().trim_end());
    let status = Command::new("sh").args(["-c", &shell]).env("MADE", &made).status().unwrap();
    assert!(status.success(), "{shell}");
    assert!(fs::metadata(&made).unwrap().len() > 200_000, "{shell}");
}

#[test]
fn ctrl_c_gives_it_up_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("long.mp4");
    // Twenty minutes of the clip, which take far longer to encode than the test does.
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-stream_loop", "149", "-i", CLIP, "-c", "copy"])
        .arg(&film)
        .status()
        .unwrap();
    assert!(made.success());
    let dir = folder.path().join("kept");
    let mut child = Command::new(env!("CARGO_BIN_EXE_encode"))
        .arg(&film)
        .args(["--encoder", "x264", "--json", "--dir"])
        .arg(&dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while files(&dir, 100_000) == 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing is being made");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    while child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(90), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(summary["error"]["kind"], "ended", "{text}");
    assert_eq!(files(&dir, 1), 0);
}
