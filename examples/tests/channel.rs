//! The channel, as somebody would run it.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program has failed")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use streambro_examples::receiver::Receiver;

const CHANNEL: &str = env!("CARGO_BIN_EXE_channel");
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");

fn summary(text: &str) -> Value {
    eprintln!("{text}");
    assert!(!text.contains('\x1b'), "no terminal, no escapes: {text}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn the_demo_edits_itself_and_only_the_destination_that_rested_connects_again() {
    let mut command = Command::new(CHANNEL);
    // The end of the input is not the end of the channel.
    let output = command.args(["--seconds", "14", "--json"]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let summary = summary(&text);
    assert!(output.status.success() && summary["ok"] == true, "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(summary["due"], json!([1, 2]));
    let publishes = |leg: usize| &summary["received"][leg]["streams"][0]["publishes"];
    assert_eq!((publishes(0), publishes(1)), (&json!(1), &json!(2)));
    let list = &summary["playlist"];
    assert_eq!((list["version"].as_u64(), list["items"].as_array().unwrap().len()), (Some(4), 5));
    let run = summary["as_run"].as_array().unwrap();
    assert_eq!((&run[0]["item"], &run[0]["end"]), (&json!(0), &json!("skipped")));
    assert!(run.iter().any(|run| run["item"] == 4), "what was added and cued: {run:#?}");
    assert!(text.contains("> off 1") && text.contains("1 disabled"), "{text}");
}

#[test]
fn what_is_typed_is_done_or_refused_in_the_words_of_the_library() {
    let mut child = Command::new(CHANNEL)
        .args(["--seconds", "60", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    write!(typed, "add nowhere.mp4\nremove 99\nadd {CLIP}\nmove 4 1\ncue 4\nplay\noff 7\nlist\n").unwrap();
    let mut text = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.contains("to 0 live, 1 live") {
            // By now it may be over already.
            let _ = writeln!(typed, "quit");
        }
    }
    let (code, summary) = (child.wait().unwrap().code(), summary(&text));
    assert_eq!((code, &summary["due"]), (Some(0), &json!([1, 1])));
    for words in [
        "source_unreadable: nowhere.mp4: ",
        "not_found: item 99: the list has no such item",
        "done: version 3",
        "there is no `play`",
        "not_found: destination 7: ",
        "next   4  clip.mp4\n",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let ids: Vec<_> =
        summary["playlist"]["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [0, 4, 1, 2, 3]);
}

#[tokio::test]
async fn files_go_to_two_servers_each_with_its_own_key() {
    let receivers = [Receiver::start().await.unwrap(), Receiver::start().await.unwrap()];
    let output = tokio::process::Command::new(CHANNEL)
        .args([CLIP, CLIP, "--shuffle", "--sound", CLIP, "--seconds", "5", "--json"])
        .args(["--to", &receivers[0].url(), "--to", &receivers[1].url()])
        .envs([("STREAMBRO_KEY", "canary-one"), ("STREAMBRO_KEY2", "canary-two")])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("canary"), "a key: {text}");
    assert_eq!(summary(&text)["ok"], true);
    for receiver in receivers {
        let report = receiver.report();
        assert!(report.streams.len() == 1 && report.streams[0].video.keyframes > 0, "{report:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (args, code, words) in [
        (&["a.mp4"][..], 2, "destinations"),
        (&["--shuffle"], 2, "files"),
        (&["a.mp4", "--to"], 2, "--to needs a URL"),
        (&["a.mp4", "--to", "rtmp://127.0.0.1/a", "--to", "rtmp://127.0.0.1/b"], 1, "STREAMBRO_KEY2"),
    ] {
        let mut command = Command::new(CHANNEL);
        command.env("STREAMBRO_KEY", "one").env_remove("STREAMBRO_KEY2").stdin(Stdio::null());
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && said.contains(words), "{args:?}: {said}");
    }
}
