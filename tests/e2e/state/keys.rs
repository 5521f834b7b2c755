//! Streams whose keys are kept sealed, or not at all.

use std::path::Path;

use async_trait::async_trait;
use streambro_core::jiff::Timestamp;
use streambro_core::{
    Builder, Error, ErrorKind, KeyProvider, Phase, Reason, Repeat, Result, Schedule, Secret, StreamManager,
    StreamSpec, StreamStatus,
};
use streambro_tests::nginx::Nginx;

use crate::publish::desk::{BOUND, even_clip, live, spec, to, until};

fn builder(dir: &Path) -> Builder {
    StreamManager::builder().state_dir(dir.join("state"))
}

fn waits(status: &StreamStatus) -> bool {
    (status.phase, status.reason) == (Phase::Scheduled, Some(Reason::KeyMissing))
}

async fn end(manager: StreamManager) {
    manager.shutdown(std::time::Duration::from_secs(5)).await;
}

async fn film(url: &str, key: &str) -> StreamSpec {
    spec(key, &even_clip().make().await, Repeat::Forever, url, key)
}

#[tokio::test]
async fn a_stream_to_two_channels_of_one_server_waits_for_both_keys() {
    let (nginx, dir) = (Nginx::start().await, tempfile::tempdir().unwrap());
    let url = nginx.rtmp_url("live");
    let wanted = film(&url, "one").await.destination(to(&url, "two"));
    let first = builder(dir.path()).build().await.unwrap();
    live(&first.start(wanted.clone()).await.unwrap()).await;
    end(first).await;

    let second = builder(dir.path()).build().await.unwrap();
    assert!(waits(&second.status("one").unwrap()), "{:#?}", second.list());
    live(&second.start(wanted).await.unwrap()).await;
    end(second).await;
    for key in ["one", "two"] {
        assert_eq!(nginx.settled(key, 2, BOUND).await.len(), 2, "{key}");
    }
}

#[tokio::test]
async fn what_waits_for_its_key_takes_another_schedule_and_waits_on() {
    let (nginx, dir) = (Nginx::start().await, tempfile::tempdir().unwrap());
    let url = nginx.rtmp_url("live");
    let first = builder(dir.path()).build().await.unwrap();
    for id in ["one", "two"] {
        first.schedule(film(&url, id).await.schedule(Schedule::new())).await.unwrap();
        live(&first_run(&first, id).await).await;
    }
    end(first).await;

    let second = builder(dir.path()).build().await.unwrap();
    let shorter = Schedule::new().ending("2100-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    // Both send to the same server, and nobody knows that their keys are the same: they are not.
    second.reschedule("one", shorter.clone()).await.unwrap();
    assert!(second.list().iter().all(waits), "{:#?}", second.list());
    second.schedule(film(&url, "one").await.schedule(shorter)).await.unwrap();
    live(&first_run(&second, "one").await).await;
    assert!(waits(&second.status("two").unwrap()));
    end(second).await;
    assert_eq!(nginx.settled("one", 2, BOUND).await.len(), 2);
}

async fn first_run(manager: &StreamManager, id: &str) -> streambro_core::Stream {
    until(&format!("{id} runs"), BOUND, || manager.stream(id).is_ok()).await;
    manager.stream(id).unwrap()
}

/// Seals by turning each bit; a broken one remembers nothing.
#[derive(Debug)]
struct Ring {
    broken: bool,
}

#[async_trait]
impl KeyProvider for Ring {
    async fn seal(&self, key: &Secret) -> Result<Vec<u8>> {
        Ok(key.expose().bytes().map(|byte| !byte).collect())
    }

    async fn unseal(&self, sealed: &[u8]) -> Result<Secret> {
        if self.broken {
            let detail = "the ring is locked".to_owned();
            return Err(Error { kind: ErrorKind::Host, subject: "ring".to_owned(), detail });
        }
        let bytes: Vec<_> = sealed.iter().map(|byte| !byte).collect();
        Ok(Secret::new(String::from_utf8(bytes).unwrap()))
    }
}

#[tokio::test]
async fn a_sealed_key_lets_a_stream_resume_by_itself_unless_it_cannot_be_unsealed() {
    let (nginx, dir, key) = (Nginx::start().await, tempfile::tempdir().unwrap(), "canary-of-a-channel");
    let wanted = film(&nginx.rtmp_url("live"), key).await;
    let first = builder(dir.path()).keys(Ring { broken: false }).build().await.unwrap();
    live(&first.start(wanted.clone()).await.unwrap()).await;
    let planned = film(&nginx.rtmp_url("live"), "planned").await;
    let later = Schedule::new().starting("2100-01-01T00:00:00Z".parse().unwrap());
    first.schedule(planned.schedule(later)).await.unwrap();
    end(first).await;
    let kept = std::fs::read(dir.path().join("state/state.redb")).unwrap();
    let holds = |what: &[u8]| kept.windows(what.len()).any(|bytes| bytes == what);
    let sealed: Vec<_> = key.bytes().map(|byte| !byte).collect();
    assert!(holds(&sealed), "nothing was sealed");

    let locked = builder(dir.path()).keys(Ring { broken: true }).build().await.unwrap();
    assert!(waits(&locked.status(key).unwrap()));
    locked.reschedule("planned", Schedule::new()).await.unwrap();
    end(locked).await;
    let second = builder(dir.path()).keys(Ring { broken: false }).build().await.unwrap();
    for id in [key, "planned"] {
        live(&first_run(&second, id).await).await;
    }
    end(second).await;
    assert_eq!(nginx.settled(key, 2, BOUND).await.len(), 2);
    // Also what was rescheduled while nobody knew its key.
    assert_eq!(nginx.settled("planned", 1, BOUND).await.len(), 1);
}
