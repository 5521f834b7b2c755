//! Many that begin at the same instant.

use std::time::{Duration, Instant};

use streambro_core::{EventKind, LegPhase, Phase, Repeat, Schedule};
use streambro_tests::hostile::{Attack, Hostile, Stage};

use super::desk::{BOUND, Book, Hands, at, builder, even_clip, spec, today, until};

/// More than are let on at once when they come back after an outage.
const STREAMS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_first_starts_in_the_same_second_all_go_live_and_none_waits_for_another() {
    let (server, film) = (Hostile::start(Attack::Nothing, Stage::Published).await, even_clip().make().await);
    let clock = Hands::at(&today("09:59"));
    let manager = builder(&clock).unlimited().build().await.unwrap();
    for n in 0..STREAMS {
        let id = format!("s{n:03}");
        let schedule = Schedule::new().starting(at("10:00")).ending(at("10:30"));
        let wanted = spec(&id, &film, Repeat::Forever, &server.url(), &id).schedule(schedule);
        manager.schedule(wanted).await.unwrap();
    }
    let book = Book::of(&manager);
    clock.sleep_until(&today("10:00"));
    let begun = Instant::now();
    let in_phase = |phase| {
        move |list: &[streambro_core::StreamStatus]| {
            list.iter().filter(|status| status.phase == phase).count()
        }
    };
    until("all are live", BOUND * 2, || in_phase(Phase::Live)(&manager.list()) == STREAMS).await;
    eprintln!("{STREAMS} streams are live {:?} after the instant", begun.elapsed());
    let statuses = manager.list();
    assert!(statuses.iter().all(|status| status.legs[0].attempts == 1), "none was put off");
    // A turn would show as a wait with a time for another try.
    let waits = book.events().into_iter().filter(|event| {
        matches!(&event.kind, EventKind::Leg { phase: LegPhase::Waiting, retry_in_ms: Some(_), .. })
    });
    assert_eq!(waits.count(), 0);

    clock.sleep_until(&today("10:30"));
    let ended = Instant::now();
    until("all are off the air", BOUND, || manager.history().len() == STREAMS).await;
    eprintln!("and off the air {:?} after their end", ended.elapsed());
    manager.shutdown(Duration::from_secs(5)).await;
}
