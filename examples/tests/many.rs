//! The demo with three users, as somebody would run it.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the program has failed")]

use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Runs the demo and returns the object on its last line.
fn run(args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_many"));
    let output = command.args(["--json"]).args(args).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains('\x1b'), "no terminal, no escapes: {text}");
    assert!(!text.contains("key-of-"), "a key: {text}");
    eprintln!("{text}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// What the summary says of a stream: phase and reason.
fn state(summary: &Value, id: &str) -> (Value, Value) {
    let streams = summary["streams"].as_array().unwrap();
    let stream = streams.iter().find(|stream| stream["id"] == id).unwrap();
    (stream["phase"].clone(), stream["reason"].clone())
}

#[test]
fn starts_beyond_a_limit_are_refused_and_trouble_stays_with_its_stream() {
    let summary = run(&["--seconds", "8"]);
    assert_eq!(summary["streams"].as_array().unwrap().len(), 10);
    assert_eq!(summary["refused"], json!({ "streams": 1, "streams_per_user": 1 }));
    assert_eq!(state(&summary, "alice-4"), (json!("refused"), json!("streams_per_user")));
    assert_eq!(state(&summary, "bob-2"), (json!("starting"), json!("bad_key")));
    assert_eq!(state(&summary, "bob-3"), (json!("ended"), json!("stopped")));
    for id in ["alice-1", "alice-2", "alice-3", "bob-1", "carol-1", "carol-2", "carol-3"] {
        assert_eq!(state(&summary, id), (json!("live"), Value::Null), "{id}");
    }
    for stream in summary["streams"].as_array().unwrap() {
        assert_eq!(stream["reconnects"], u8::from(stream["id"] == "alice-2"), "{stream}");
    }
}

#[test]
fn with_a_queue_nobody_is_refused_and_who_waits_for_a_place_gets_the_first() {
    let summary = run(&["--seconds", "8", "--queue"]);
    assert_eq!(summary["refused"], json!({}));
    // Her own limit is in the way, and she goes on with three.
    assert_eq!(state(&summary, "alice-4"), (json!("queued"), json!("limit_reached")));
    assert_eq!(state(&summary, "bob-3"), (json!("ended"), json!("stopped")));
    assert_eq!(state(&summary, "carol-3"), (json!("live"), Value::Null));
}
