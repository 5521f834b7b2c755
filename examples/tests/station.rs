//! The station, as somebody would run it.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program has failed")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use streambro_examples::receiver::Receiver;

const STATION: &str = env!("CARGO_BIN_EXE_station");
const WEEK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/week.toml");
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");

/// What the bundled week looks like from a Friday on, over the change to summer time.
const SPRING: &str = "\
BEGINS                     ENDS            LASTS       STREAM    NOTE
Fri 2027-03-26 22:00 CET   Sat 02:30 CET   4 h 30 min  night
Sat 2027-03-27 09:00 CET   11:00 CET       2 h         morning
Sat 2027-03-27 22:00 CET   Sun 03:30 CEST  4 h 30 min  night     the clocks go forward meanwhile: it lasts 4 h 30 min
Sun 2027-03-28 03:30 CEST  03:35 CEST      5 min       bulletin  the clocks go forward: begins at 03:30:00 instead of 02:30:00
Sun 2027-03-28 10:00 CEST  11:15 CEST      1 h 15 min  service
";

/// And over Christmas.
const WINTER: &str = "\
BEGINS                    ENDS           LASTS       STREAM     NOTE
Fri 2027-12-24 18:00 CET  Sat 18:00 CET  24 h        christmas
Fri 2027-12-24 22:00 CET  Sat 02:30 CET  4 h 30 min  night
";

fn station(args: &[&str]) -> Command {
    let mut command = Command::new(STATION);
    command.args(args).stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains('\x1b'), "no terminal, no escapes: {text}");
    text
}

fn summary(text: &str) -> Value {
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A stream of a file that sends a clip to a server.
fn stream(id: &str, url: &str, key_from: &str, schedule: &str) -> String {
    format!(
        "[[streams]]\nid = \"{id}\"\nfiles = [\"{CLIP}\"]\nurl = \"{url}\"\nkey_from = \"{key_from}\"\nschedule = {schedule}\n"
    )
}

fn file(dir: &Path, content: &str) -> PathBuf {
    let file = dir.join("week.toml");
    fs::write(&file, content).unwrap();
    file
}

/// What the program says of a file that it does not take.
fn refused(content: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), content);
    let output = station(&[file.to_str().unwrap(), "--seconds", "5"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{content}: {said}");
    said
}

#[test]
fn a_preview_shows_the_next_airings_of_all_streams_by_the_clock_on_the_wall() {
    for (at, rows, expected) in
        [("2027-03-26T12:00+01:00", "5", SPRING), ("2027-12-24T17:59:59[Europe/Berlin]", "2", WINTER)]
    {
        for args in [&[WEEK][..], &[]] {
            // Nobody needs keys to look.
            let output =
                station(&[args, &["--preview", rows, "--at", at]].concat()).env_clear().output().unwrap();
            assert!(output.status.success());
            assert_eq!(text(&output), expected);
        }
    }
}

#[test]
fn the_demo_lets_a_stream_end_and_another_begin_at_a_time_that_does_not_exist() {
    let output = station(&["--json"]).output().unwrap();
    let text = text(&output);
    let summary = summary(&text);
    assert!(output.status.success() && summary["ok"] == true, "{summary:#}");
    let history = summary["history"].as_array().unwrap();
    let ends: Vec<_> = history.iter().map(|run| (&run["id"], &run["reason"])).collect();
    assert_eq!(
        ends,
        [(&json!("night"), &json!("schedule_ended")), (&json!("bulletin"), &json!("shut_down"))]
    );
    // Both are on one key, the one after the other, and each on one connection.
    assert_eq!(summary["received"]["streams"][0]["publishes"], 2);
    assert_eq!(summary["received"]["connections"], 2);
    assert_eq!(summary["upcoming"][0]["id"], "service");
    let night = text.find("03:30:00  night        off the air: schedule_ended").unwrap();
    assert!(
        text[..night]
            .contains("03:30:00  bulletin     its time has come, until Sun 2027-03-28 03:35:00 CEST")
    );
}

#[test]
fn a_week_of_ones_own_may_be_tried_at_any_time_without_keys() {
    let args = ["--demo", "--at", "2027-03-28T09:59:58+02:00", "--seconds", "6", "--json"];
    let output = station(&[&[WEEK], &args[..]].concat()).env_clear().output().unwrap();
    let text = text(&output);
    assert!(output.status.success());
    assert!(text.contains("10:00:00  service      its time has come"), "{text}");
    let summary = summary(&text);
    let service = summary["streams"].as_array().unwrap().iter().find(|stream| stream["id"] == "service");
    assert_eq!(service.unwrap()["phase"], "live");
}

#[test]
fn at_speed_a_window_is_over_sooner() {
    let args = ["--at", "2027-03-28T03:29:58+02:00", "--speed", "60", "--seconds", "12", "--json"];
    let output = station(&args).output().unwrap();
    let summary = summary(&text(&output));
    let history = summary["history"].as_array().unwrap();
    let bulletin = history.iter().find(|run| run["id"] == "bulletin").unwrap();
    assert_eq!(bulletin["reason"], "schedule_ended");
    let length = bulletin["ended_unix_ms"].as_u64().unwrap() - bulletin["started_unix_ms"].as_u64().unwrap();
    // Five minutes are five seconds.
    assert!((3_000..9_000).contains(&length), "{length}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_the_stream_and_the_field() {
    let url = "rtmp://127.0.0.1/live";
    let with = |schedule: &str| stream("mass", url, "SOME_KEY", schedule);
    for (content, words) in [
        (
            with("{ windows = [{ from = \"2pm\", until = \"15:00\" }] }"),
            &["stream `mass`", "from = \"2pm\"", "^^^^^", "\"22:00\""][..],
        ),
        (with("{ windows = [{ from = \"14:00\" }] }"), &["stream `mass`", "until", "for_ms"]),
        (
            with("{ windows = [{ form = \"14:00\", until = \"15:00\" }] }"),
            &["stream `mass`", "unknown field `form`"],
        ),
        (with("{ zone = \"Europe/Berlyn\" }"), &["stream `mass`", "Berlyn"]),
        (with("{ windows = [{ cron = \"* *\", for_ms = 1000 }] }"), &["stream `mass`", "no cron expression"]),
        (with("{ start = 2027-12-24 }"), &["stream `mass`", "\"2027-12-24\" is no instant"]),
        (
            with("{}").replace("SOME_KEY", "abcd-efgh-1234"),
            &["stream `mass`", "key_from", "environment variable"],
        ),
        (with("{}").replace("SOME_KEY", "NO_SUCH_KEY"), &["stream `mass`", "read -rs NO_SUCH_KEY"]),
        (with("{}").replace("url = ", "uri = "), &["stream `mass`", "unknown field `uri`"]),
        (with("{}").replace("id = \"mass\"\n", ""), &["stream 1", "missing field `id`"]),
        (with("{}").repeat(2), &["stream `mass`", "two"]),
        (format!("zone = \"Mars/Olympus\"\n{}", with("{}")), &["Mars/Olympus"]),
        (format!("zones = 1\n{}", with("{}")), &["unknown field `zones`"]),
        ("zone = \"UTC\"".to_owned(), &["[[streams]]"]),
        ("zone = ".to_owned(), &["line 1"]),
    ] {
        let said = refused(&content);
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(said.contains("week.toml") && !said.contains("abcd"), "{said}");
    }
}

#[tokio::test]
async fn two_streams_on_one_key_at_the_same_time_are_refused_with_both_names_and_neither_key() {
    let receiver = Receiver::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let window = |from: &str| format!("{{ windows = [{{ from = \"{from}\", until = \"11:00\" }}] }}");
    let week = [("early", "09:00"), ("late", "10:59")]
        .map(|(id, from)| stream(id, &receiver.url(), "SHARED_KEY", &window(from)))
        .concat();
    let file = file(dir.path(), &week);
    let output = tokio::process::Command::new(STATION)
        .arg(file)
        .args(["--at", "2027-06-01T01:00Z"])
        .env("SHARED_KEY", "canary")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in ["`early`", "`late`", "2027-06-01 10:59:00 UTC", "another key"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("canary"), "{said}");
}

/// A station that runs until it is told to end.
fn begin(file: &Path, state: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = station(&[file.to_str().unwrap(), "--state", state.to_str().unwrap(), "--json"])
        .env("CANARY_KEY", "canary-of-a-channel")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("on the air") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it was on the air");
    }
    (child, lines)
}

/// Presses Ctrl-C, and returns what it says then.
fn interrupt((mut child, mut lines): (Child, BufReader<std::process::ChildStdout>)) -> Value {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    eprintln!("{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(rest.contains("off the air: shut_down"), "{rest}");
    summary(&rest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_is_ended_and_begun_again_goes_on_with_what_its_file_says_by_then() {
    let receiver = Receiver::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let open = |id: &str, schedule: &str| stream(id, &receiver.url(), "CANARY_KEY", schedule);
    let first = file(dir.path(), &(open("loop", "{}") + &open("past", "{ end = 2020-01-01T00:00:00Z }")));
    let summary = interrupt(begin(&first, &state));
    assert_eq!(summary["streams"].as_array().unwrap().len(), 1, "nothing is left of the other");
    assert_eq!(summary["history"].as_array().unwrap().len(), 1);

    // Another end, and another film: what ran runs on by the new file.
    for (schedule, runs) in [("{ end = 2100-01-01T00:00:00Z }", 2), ("{ end = 2101-01-01T00:00:00Z }", 3)] {
        let again = file(dir.path(), &open("loop", schedule));
        let summary = interrupt(begin(&again, &state));
        assert_eq!(summary["history"].as_array().unwrap().len(), runs);
    }
    let other = file(dir.path(), &open("other", "{}"));
    let summary = interrupt(begin(&other, &state));
    let ids: Vec<_> = summary["streams"].as_array().unwrap().iter().map(|stream| &stream["id"]).collect();
    assert_eq!(ids, ["other"], "what is not in the file is not wanted");
    for kept in fs::read_dir(&state).unwrap() {
        let bytes = fs::read(kept.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|bytes| bytes == b"canary"), "a key is on the disk");
    }
    let report = receiver.report();
    assert_eq!((report.protocol_errors, report.streams.len()), (0, 1));
    assert_eq!(report.streams[0].publishes, 4);
}

#[test]
fn what_is_missing_or_makes_no_sense_is_named() {
    for (args, code, words) in [
        (&["a.toml", "b.toml"][..], 2, "one file"),
        (&["--at"], 2, "--at needs an instant"),
        (&["--at", "noon"], 2, "noon is no instant"),
        (&["--at", "2027-03-28T02:30"], 2, "[Europe/Berlin]"),
        (&["--speed", "0"], 2, "no speed"),
        (&["--seconds", "soon"], 2, "soon is not a number"),
        (&["--loud"], 2, "no option --loud"),
        (&["nowhere.toml"], 1, "nowhere.toml: "),
    ] {
        let output = station(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && said.contains(words), "{args:?}: {said}");
    }
}
