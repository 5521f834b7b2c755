//! Belief against fact.

use std::time::Duration;

use streambro_core::{Audit, Mismatch};
use streambro_tests::demo_clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};

use super::rig::{live, manager, server, spec, until};

fn counts(audit: &Audit) -> [usize; 4] {
    [audit.streams, audit.places, audit.tasks, audit.connections]
}

#[tokio::test]
async fn a_healthy_manager_has_nothing_to_find() {
    let server = server().await;
    let closed = Hostile::start(Attack::Close, Stage::Accepted).await;
    let manager = manager(|builder| builder).await;
    assert_eq!(manager.audit().await, Audit::default());
    for id in ["a", "b", "c"] {
        live(&manager.start(spec(id, &demo_clip(), &server)).await.unwrap()).await;
    }
    manager.start(spec("away", &demo_clip(), &closed)).await.unwrap();
    closed.until(super::rig::SOON, |visits| visits.iter().any(|visit| visit.closed_after.is_some())).await;
    let audit = manager.audit().await;
    assert_eq!(audit.findings, []);
    // The one whose server is away may be on its way there.
    assert_eq!(counts(&audit)[..3], [4, 4, 4]);
    assert!((3..=4).contains(&audit.connections), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_starts_and_stops_leave_nothing_and_no_look_finds_what_is_on_its_way() {
    let (server, manager) = (server().await, manager(|builder| builder).await);
    let cycles = tokio::spawn({
        let (manager, url) = (manager.clone(), server.url());
        async move {
            for n in 0..50 {
                let id = format!("s{}", n % 5);
                let destination = streambro_core::Destination::new(&url, id.clone()).unwrap();
                let source = streambro_core::Source::file(demo_clip());
                let wanted = streambro_core::StreamSpec::new(&id, source).destination(destination);
                let stream = manager.start(wanted).await.unwrap();
                if n % 3 == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                stream.stop();
                if n % 2 == 0 {
                    stream.ended().await;
                }
            }
        }
    });
    let mut looks = 0;
    while !cycles.is_finished() {
        assert_eq!(manager.audit().await.findings, [], "look {looks}");
        looks += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cycles.await.unwrap();
    eprintln!("{looks} looks");
    until("all have ended", || {
        manager.list().iter().all(|s| s.phase == streambro_core::Phase::Ended).then_some(())
    })
    .await;
    let audit = manager.audit().await;
    assert_eq!((audit.findings.as_slice(), counts(&audit)), (&[][..], [0; 4]), "{audit:?}");
    drop(server);
}

#[tokio::test]
async fn a_place_that_nobody_holds_is_found() {
    let (server, manager) = (server().await, manager(|builder| builder).await);
    live(&manager.start(spec("a", &demo_clip(), &server)).await.unwrap()).await;
    manager.leak_place().unwrap();
    let audit = manager.audit().await;
    let found: Vec<_> = audit.findings.iter().map(|finding| finding.what).collect();
    assert_eq!((found, audit.places, audit.streams), (vec![Mismatch::Places], 2, 1), "{audit:?}");
    let detail = &audit.findings[0].detail;
    assert!(detail.contains('2') && detail.contains('1'), "{detail}");
    // It stays found, with and without streams.
    manager.stop("a").unwrap();
    manager.stream("a").unwrap().ended().await;
    assert_eq!(manager.audit().await.findings.len(), 1);
}
