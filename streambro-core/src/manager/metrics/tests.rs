//! The text against a strict reader of its format.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{spec::StreamId, status::Usage};

fn stream(id: &str, user: Option<&str>) -> StreamStatus {
    StreamStatus {
        id: StreamId::parse(id).unwrap(),
        user: user.map(str::to_owned),
        queue_position: None,
        phase: Phase::Live,
        reason: None,
        detail: String::new(),
        media_ms: 12_345,
        laps: 0,
        silent_frames: 0,
        trimmed_frames: 0,
        bytes: 18_446_744_073,
        started_unix_ms: 0,
        usage: Some(Usage::new(4.5, 12_000, 4_200_000, 0)),
        encoding: None,
        schedule: None,
        legs: vec![],
    }
}

/// What is said of one sample: its name, its labels and its value.
type Said = (String, BTreeMap<String, String>, f64);

/// Reads what OpenMetrics 1.0.0 allows of what is used here.
///
/// # Panics
/// At anything else.
fn read(text: &str) -> Vec<Said> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
    let (mut families, mut said) = (BTreeSet::new(), vec![]);
    let mut family: Option<(String, String)> = None;
    for line in body.split_terminator('\n') {
        if let Some(descriptor) = line.strip_prefix("# ") {
            let mut words = descriptor.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match word {
                "TYPE" => {
                    assert!(["gauge", "counter"].contains(&rest), "{line}");
                    assert!(families.insert(name.to_owned()), "{name} comes twice");
                    assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
                    family = Some((name.to_owned(), rest.to_owned()));
                }
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                "HELP" => assert!(!rest.is_empty()),
                _ => panic!("{line}"),
            }
            assert_eq!(name, family.as_ref().unwrap().0, "descriptors stand before their own samples");
            continue;
        }
        let (name, kind) = family.clone().expect("a family comes first");
        let name = if kind == "counter" { format!("{name}_total") } else { name };
        let rest = line.strip_prefix(name.as_str()).expect("the sample belongs to its family");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labels) => read_labels(labels),
            None => (BTreeMap::new(), rest),
        };
        let value: f64 = value.strip_prefix(' ').expect("one space").parse().unwrap();
        assert!(value.is_finite() && value >= 0.0, "{line}");
        said.push((name, labels, value));
    }
    said
}

fn read_labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, value) = rest.split_once("=\"").unwrap();
        let (mut text, mut chars) = (String::new(), value.char_indices());
        let end = loop {
            match chars.next().expect("the value ends") {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c}"),
                }),
                (_, c) => text.push(c),
            }
        };
        assert!(labels.insert(name.to_owned(), text).is_none(), "{name} comes twice");
        rest = &value[end + 1..];
        match rest.split_at(1) {
            (",", more) => rest = more,
            ("}", more) => return (labels, more),
            _ => panic!("{rest}"),
        }
    }
}

fn find<'a>(said: &'a [Said], name: &str, id: Option<&str>) -> &'a Said {
    let found = |said: &&Said| said.0 == name && said.1.get("id").map(String::as_str) == id;
    said.iter().find(found).unwrap_or_else(|| panic!("{name} of {id:?}"))
}

fn is(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() < 1e-9
}

#[test]
fn every_figure_is_there_with_its_labels() {
    let process = ProcessSample { cpu_ms: 1_500, resident_bytes: 9_000_000, ..ProcessSample::default() };
    let quiet = StreamStatus { usage: None, phase: Phase::Starting, ..stream("b", None) };
    let said = read(&text(&families(&[stream("a", Some("alice")), quiet], Some(process))));
    let a = find(&said, "streambro_stream_sent_bytes_total", Some("a"));
    assert_eq!(a.1.get("user").map(String::as_str), Some("alice"));
    assert!(is(a.2, 18_446_744_073.0));
    assert!(is(find(&said, "streambro_stream_media_seconds", Some("b")).2, 12.345));
    assert!(is(find(&said, "streambro_stream_cpu_ratio", Some("a")).2, 0.045));
    assert!(is(find(&said, "streambro_stream_bits_per_second", Some("a")).2, 4_200_000.0));
    assert!(is(find(&said, "streambro_process_cpu_seconds_total", None).2, 1.5));
    // Not measured yet is not zero.
    assert!(!said.iter().any(|(name, labels, _)| name.ends_with("_ratio") && labels["id"] == "b"));
    assert!(!find(&said, "streambro_stream_sent_bytes_total", Some("b")).1.contains_key("user"));
    let phase = |name: &str| {
        said.iter()
            .find(|said| said.1.get("phase").is_some_and(|phase| phase == name))
            .map(|said| said.2 as u64)
    };
    assert_eq!(
        (phase("live"), phase("starting"), phase("ended"), phase("queued")),
        (Some(1), Some(1), Some(0), Some(0))
    );
}

#[test]
fn phases_are_named_as_everywhere_else() {
    for (phase, name) in PHASES {
        assert_eq!(serde_json::to_value(phase).unwrap(), name);
    }
}

#[test]
fn a_manager_without_streams_still_says_something_valid() {
    let said = read(&text(&families(&[], Some(ProcessSample::default()))));
    assert_eq!(said.len(), PHASES.len() + 2);
}

proptest! {
    #[test]
    fn no_user_breaks_the_format(user in "[\\PC\\\\\"\\n,={}]{0,30}", other in "\\PC{0,10}") {
        let streams = [stream("a", Some(&user)), stream("b", Some(&other))];
        let said = read(&text(&families(&streams, Some(ProcessSample::default()))));
        prop_assert_eq!(&find(&said, "streambro_stream_cpu_ratio", Some("a")).1["user"], &user);
        prop_assert_eq!(&find(&said, "streambro_stream_cpu_ratio", Some("b")).1["user"], &other);
    }
}
