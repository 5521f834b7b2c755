//! Hosts that are well, and hosts that are not.

use super::*;

fn host(soft: Option<u64>, hard: Option<u64>) -> Host {
    Host { descriptors: soft, descriptors_hard: hard, ..Host::sample() }
}

#[test]
fn descriptors_are_counted_for_the_streams_that_are_asked_for() {
    let severity = |streams, soft| descriptors(streams, &host(soft, None)).severity;
    assert_eq!(severity(Some(480), Some(1_024)), Severity::Fine);
    assert_eq!(severity(Some(481), Some(1_024)), Severity::Error);
    assert_eq!(severity(Some(usize::MAX), Some(1_024)), Severity::Error);
    assert_eq!(severity(Some(1_000_000), None), Severity::Fine);
    assert_eq!(severity(None, Some(1_024)), Severity::Note);
    let check = descriptors(Some(1_000), &host(Some(1_024), Some(2_000)));
    assert!(
        check.remedy.contains("LimitNOFILE=2064") && check.remedy.contains("hard limit is 2000"),
        "{check:?}"
    );
    assert!(!descriptors(Some(1_000), &host(Some(1_024), Some(4_096))).remedy.contains("hard"));
}

#[test]
fn tcp_memory_is_weighed_in_pages() {
    // A machine with 24 GB: 383,867 pages before the pressure begins, 1.5 GB.
    let seen = tcp_memory(Some(1_000), "287898\t383867\t575796\n", 4_096).unwrap();
    assert_eq!(seen.severity, Severity::Fine);
    assert!(seen.what.contains("1572 MB"), "{seen:?}");
    let small = tcp_memory(Some(1_000), "4600 6100 9200", 4_096).unwrap();
    assert_eq!(small.severity, Severity::Warning);
    assert!(small.remedy.contains("net.ipv4.tcp_mem=\"36000 48000 96000\""), "{small:?}");
    assert_eq!(tcp_memory(None, "4600 6100 9200", 4_096).unwrap().severity, Severity::Fine);
    for garbled in ["", "1", "a b c", "1 -2 3", "1 99999999999999999999999 3"] {
        assert_eq!(tcp_memory(Some(1), garbled, 4_096), None, "{garbled}");
    }
    tcp_memory(Some(usize::MAX), "1 18446744073709551615 3", u64::MAX).unwrap();
}

#[test]
fn a_send_buffer_that_a_far_server_outgrows_is_a_warning() {
    assert_eq!(tcp_buffer("4096\t16384\t4194304\n").unwrap().severity, Severity::Fine);
    assert_eq!(tcp_buffer("4096 16384 65536").unwrap().severity, Severity::Warning);
    assert_eq!(tcp_buffer("4096 16384"), None);
    assert_eq!(tcp_idle("1\n").unwrap().severity, Severity::Note);
    assert_eq!(tcp_idle("0\n").unwrap().severity, Severity::Fine);
    assert_eq!(tcp_idle(""), None);
}

#[test]
fn a_clock_older_than_this_code_is_wrong() {
    assert_eq!(clock_is(0).severity, Severity::Error);
    assert!(clock_is(0).what.contains("1970"));
    assert_eq!(clock_is(WRITTEN_UNIX_MS).severity, Severity::Fine);
    assert_eq!(clock_is(u64::MAX).severity, Severity::Error);
}

#[test]
fn a_media_root_must_be_there_and_hold_something() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(media_root(folder.path().into()).severity, Severity::Note);
    std::fs::write(folder.path().join("film.mp4"), "x").unwrap();
    assert_eq!(media_root(folder.path().into()).severity, Severity::Fine);
    assert_eq!(media_root(folder.path().join("film.mp4")).severity, Severity::Error);
    assert_eq!(media_root(folder.path().join("none")).severity, Severity::Error);
}

#[tokio::test]
async fn this_host_is_looked_at_and_every_complaint_has_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let builder = StreamManager::builder().max_streams(1_000_000_000).media_root(folder.path().join("none"));
    let diagnosis = builder.doctor().await;
    let names: Vec<_> = diagnosis.checks.iter().map(|check| check.name).collect();
    for name in ["descriptors", "roots", "clock", "ffmpeg", "media_root"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(diagnosis.worst(), Severity::Error);
    for check in &diagnosis.checks {
        assert!(!check.what.is_empty(), "{check:?}");
        assert!(check.severity < Severity::Warning || !check.remedy.is_empty(), "{check:?}");
    }
    let json = serde_json::to_value(&diagnosis).unwrap();
    assert_eq!(json["checks"][0]["name"], "descriptors");
    assert_eq!(json["checks"][0]["severity"], "error");
    // A manager answers for what it was built for.
    let manager = StreamManager::builder().max_streams(3).media_root(folder.path()).build().await.unwrap();
    let diagnosis = manager.doctor().await;
    assert!(diagnosis.checks[0].what.starts_with("3 streams"), "{diagnosis:?}");
    assert_eq!(diagnosis.checks.last().unwrap().name, "media_root");
}
