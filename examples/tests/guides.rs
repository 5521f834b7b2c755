//! What the guides to schedules and to state say, held to the library.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its streams has failed")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use streambro_core::{
    Admission, Change, Clock, Destination, Error, ErrorKind, EventKind, Phase, Preview, Reason, Result,
    Schedule, Source, Store, StreamManager, StreamSpec, Window, WindowEnd,
    jiff::{
        Timestamp, ZonedDateTime,
        civil::{Time, time},
    },
};

/// A clock that stands still.
#[derive(Debug)]
struct At(Timestamp);

impl Clock for At {
    fn wall(&self) -> Timestamp {
        self.0
    }

    fn passed(&self) -> Duration {
        Duration::from_secs(1_000)
    }
}

/// An hour of a day that is far away: nothing begins by itself.
fn hour(hour: u32) -> Timestamp {
    format!("2099-01-01T{hour:02}:00Z").parse().unwrap()
}

fn hand(id: &str, key: &str) -> StreamSpec {
    let to = Destination::new("rtmp://127.0.0.1:9/live", key).unwrap();
    StreamSpec::new(id, Source::file("a.mp4")).destination(to)
}

fn planned(id: &str, key: &str, from: u32, to: u32) -> StreamSpec {
    hand(id, key).schedule(Schedule::new().starting(hour(from)).ending(hour(to)))
}

/// The first airing in Berlin after noon of a day.
fn first(day: &str, from: Time, end: WindowEnd) -> Preview {
    let schedule = Schedule::in_zone("Europe/Berlin").unwrap().window(Window::daily(from, end));
    let noon: ZonedDateTime = format!("{day}T12:00[Europe/Berlin]").parse().unwrap();
    schedule.preview(noon.timestamp(), 1).pop().unwrap()
}

#[test]
fn the_table_of_what_a_change_of_the_clocks_does_is_right() {
    let at = |hour, minute| time(hour, minute, 0, 0);
    let row = |from: Time, end: WindowEnd, spring: (&str, &str, i64), autumn: (&str, &str, i64)| {
        for (day, (begins, ends, minutes)) in [("2027-03-27", spring), ("2027-10-30", autumn)] {
            let airing = first(day, from, end);
            let end = airing.end.unwrap();
            let shown = |at: &ZonedDateTime| at.strftime("%d %H:%M").to_string();
            let length = end.duration_since(&airing.start).as_mins();
            assert_eq!((&*shown(&airing.start), &*shown(&end), length), (begins, ends, minutes), "{from}");
        }
    };
    let hours = Duration::from_secs(8 * 3_600);
    row(at(22, 0), at(6, 0).into(), ("27 22:00", "28 06:00", 420), ("30 22:00", "31 06:00", 540));
    row(at(22, 0), hours.into(), ("27 22:00", "28 07:00", 480), ("30 22:00", "31 05:00", 480));
    let minutes = Duration::from_secs(300);
    row(at(2, 30), minutes.into(), ("28 03:30", "28 03:35", 5), ("31 02:30", "31 02:35", 5));
    row(at(22, 0), at(2, 30).into(), ("27 22:00", "28 03:30", 270), ("30 22:00", "31 02:30", 270));
    row(at(1, 30), at(3, 0).into(), ("28 01:30", "28 03:00", 30), ("31 01:30", "31 03:00", 150));
    row(at(2, 30), at(3, 0).into(), ("29 02:30", "29 03:00", 30), ("31 02:30", "31 03:00", 90));
    let twice = first("2027-10-30", at(2, 30), at(3, 0).into());
    assert_eq!(twice.start.offset().seconds(), 7_200, "the first of two");
    let night = first("2027-03-27", at(22, 0), at(6, 0).into());
    assert_eq!(night.note.as_deref(), Some("the clocks go forward meanwhile: it lasts 7 h"));
}

#[test]
fn cron_has_five_fields_and_either_of_two_kinds_of_day_will_do() {
    let from: Timestamp = "2027-05-07T12:00Z".parse().unwrap();
    let second = Duration::from_secs(1);
    let days = |expression: &str| -> Vec<_> {
        let schedule = Schedule::new().window(Window::cron(expression, second).unwrap());
        schedule.preview(from, 3).iter().map(|airing| airing.start.day()).collect()
    };
    assert_eq!(days("30 18 * * MON-FRI"), [7, 10, 11]);
    assert_eq!(days("0 0 13 * FRI"), [13, 14, 21]);
    for wrong in ["0 0 30 2 *", "* * * * * *", "every day", "@reboot"] {
        assert!(Window::cron(wrong, second).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_cannot_be_planned_is_refused_and_each_verb_does_what_its_row_says() {
    let manager = StreamManager::builder().clock(At(hour(1))).build().await.unwrap();
    let refused = |kind: ErrorKind| move |error: Error| assert_eq!(error.kind, kind, "{error}");
    manager.schedule(planned("a", "key", 10, 12)).await.unwrap().unwrap();
    manager
        .schedule(planned("b", "key", 11, 13))
        .await
        .map(drop)
        .map_err(refused(ErrorKind::Overlap))
        .unwrap_err();
    manager.schedule(planned("c", "key", 12, 13)).await.unwrap().unwrap();
    manager.start(hand("hand", "key")).await.map(drop).map_err(refused(ErrorKind::Overlap)).unwrap_err();
    manager
        .start(planned("d", "other", 14, 15))
        .await
        .map(drop)
        .map_err(refused(ErrorKind::InvalidSpec))
        .unwrap_err();
    let other = manager.schedule(planned("a", "key", 20, 21)).await;
    other.map(drop).map_err(refused(ErrorKind::AlreadyExists)).unwrap_err();
    assert_eq!(manager.schedule(planned("past", "key", 0, 1)).await.unwrap(), None);
    assert_eq!(manager.status("past").unwrap_err().kind, ErrorKind::NotFound);

    let an_hour = Duration::from_secs(3_600);
    manager.extend("a", an_hour).await.map(drop).map_err(refused(ErrorKind::Overlap)).unwrap_err();
    manager.cancel("c").await.unwrap();
    assert_eq!(manager.extend("a", an_hour).await.unwrap().end, Some(hour(13)));
    assert!(manager.clear_end("a").await.unwrap());
    assert!(!manager.clear_end("a").await.unwrap(), "there is none any more");
    assert_eq!(manager.upcoming(9).iter().map(|next| next.airing.end).collect::<Vec<_>>(), [None]);
    manager.extend("a", an_hour).await.map(drop).map_err(refused(ErrorKind::InvalidSpec)).unwrap_err();
    let later = Schedule::new().starting(hour(20)).ending(hour(21));
    assert_eq!(manager.reschedule("a", later).await.unwrap().unwrap().start, hour(20));
    assert_eq!(manager.clear_all(), 1);
    assert!(manager.upcoming(9).is_empty());
}

#[tokio::test]
async fn a_limit_refuses_a_plan_unless_streams_may_wait_for_a_place() {
    for (admission, fits) in [(Admission::Reject, false), (Admission::Queue { max_waiting: 1 }, true)] {
        let builder = StreamManager::builder().max_streams(1).admission(admission).clock(At(hour(1)));
        let manager = builder.build().await.unwrap();
        manager.schedule(planned("one", "one", 10, 12)).await.unwrap().unwrap();
        manager.schedule(planned("after", "after", 12, 13)).await.unwrap().unwrap();
        let two = manager.schedule(planned("two", "two", 11, 13)).await;
        assert_eq!(two.is_ok(), fits, "{two:?}");
        if let Err(error) = two {
            assert!(error.kind == ErrorKind::LimitReached && error.detail.contains("11:00:00"), "{error}");
        }
    }
}

#[test]
fn the_form_is_as_the_guide_shows_it() {
    let guide = include_str!("../../docs/schedule.md");
    let shown = guide.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let read = |text: &str| serde_json::from_str::<Schedule>(text);
    let schedule = read(shown).unwrap();
    assert_eq!(read(&serde_json::to_string(&schedule).unwrap()).unwrap(), schedule);
    for wrong in [
        r#"{"zoen": "UTC"}"#,
        r#"{"for_ms": 1, "until": "10:00"}"#,
        r#"{"start": "2027-01-02T00:00Z", "end": "2027-01-01T00:00Z"}"#,
        r#"{"windows": [{"from": "10:00", "for_ms": 0}]}"#,
        r#"{"windows": [{"from": "10:00", "for_ms": 31622400001}]}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

/// A store that may be full.
#[derive(Clone, Debug, Default)]
struct Table {
    records: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    full: Arc<Mutex<bool>>,
}

#[async_trait]
impl Store for Table {
    async fn load(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let records = self.records.lock().unwrap();
        Ok(records.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        if *self.full.lock().unwrap() {
            let detail = "the table is full".to_owned();
            return Err(Error { kind: ErrorKind::Host, subject: "table".to_owned(), detail });
        }
        let mut records = self.records.lock().unwrap();
        for change in changes {
            match change {
                Change::Put { key, value } => records.insert(key, value),
                Change::Remove { key } => records.remove(&key),
            };
        }
        Ok(())
    }
}

impl Table {
    async fn manager(&self) -> Result<StreamManager> {
        StreamManager::builder().store(self.clone()).build().await
    }
}

#[tokio::test]
async fn a_host_hands_in_its_streams_at_every_start_and_what_was_decided_meanwhile_stays() {
    let table = Table::default();
    let spec = planned("tv", "canary", 10, 12);
    let first = table.manager().await.unwrap();
    first.schedule(spec.clone()).await.unwrap();
    first.extend("tv", Duration::from_secs(3_600)).await.unwrap();
    // As good as killed: nothing says goodbye.
    drop(first);
    let holds = |value: &Vec<u8>| value.windows(6).any(|part| part == b"canary");
    assert!(!table.records.lock().unwrap().values().any(holds), "a key");
    for _ in 0..2 {
        let manager = table.manager().await.unwrap();
        let status = manager.status("tv").unwrap();
        assert_eq!((status.phase, status.reason), (Phase::Scheduled, Some(Reason::KeyMissing)));
        manager.schedule(spec.clone()).await.unwrap();
        assert_eq!(manager.status("tv").unwrap().reason, None);
        assert_eq!(manager.upcoming(1)[0].airing.end, Some(hour(13)), "extended");
        manager.shutdown(Duration::from_secs(5)).await;
    }
    table.manager().await.unwrap().cancel("tv").await.unwrap();
    assert!(table.manager().await.unwrap().list().is_empty());
}

#[tokio::test]
async fn a_store_that_is_full_is_told_of_once_and_tried_until_it_is_not() {
    let table = Table::default();
    let manager = table.manager().await.unwrap();
    let mut events = manager.subscribe(100);
    let mut told = async || loop {
        let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await.unwrap().unwrap();
        if let EventKind::State { saved, detail, .. } = event.kind {
            return (saved, detail);
        }
    };
    *table.full.lock().unwrap() = true;
    manager.schedule(planned("tv", "key", 10, 12)).await.unwrap().unwrap();
    let (saved, detail) = told().await;
    assert!(!saved && detail.contains("the table is full"), "{detail}");
    assert!(!table.records.lock().unwrap().contains_key("spec/tv"));
    *table.full.lock().unwrap() = false;
    assert!(told().await.0);
    assert!(table.records.lock().unwrap().contains_key("spec/tv"));
}

#[tokio::test]
async fn what_a_newer_one_has_written_is_refused_and_left_as_it_is() {
    let table = Table::default();
    table.manager().await.unwrap().schedule(planned("tv", "key", 10, 12)).await.unwrap();
    let newer = br#"[2,{}]"#.to_vec();
    table.records.lock().unwrap().insert("spec/tv".to_owned(), newer);
    let before = table.records.lock().unwrap().clone();
    let error = table.manager().await.unwrap_err();
    assert!(error.kind == ErrorKind::StateInvalid && error.detail.contains("newer"), "{error}");
    assert_eq!(*table.records.lock().unwrap(), before);
}
