//! Every public type shows itself, filled by a stream whose key nobody may see.

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use streambro_core::jiff::{SignedDuration, Timestamp, civil::Time};
use streambro_core::{
    Admission, AlertAction, Alerts, AllowRule, AtEnd, Block, Change, Decode, Destination, DestinationPolicy,
    Edit, Encode, Encoder, EndSignal, Event, EventFilter, EventKind, Fps, Host, IngestUrl, Item, ItemId, Lag,
    LegPhase, Memory, MissedStart, OnFailure, OnMismatch, Order, Phase, Platform, Playlist, PlaylistKind,
    Preset, Profile, Repeat, Resume, Retry, Rotation, Sandbox, Schedule, Secret, Settings, Source, StreamId,
    StreamManager, StreamSpec, Times, Track, Trust, Tune, Unsupported, Video, Window, WindowEnd,
};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};

use super::canary::{Canary, Heard};
use super::desk::{BOUND, Book, live, reach, spec, to, until};

/// What the library shows, to be read as text.
const LIB: &str = include_str!("../../../streambro-core/src/lib.rs");

/// What has no value that could show itself: traits, and the alias of a type that is not ours.
const FACELESS: [&str; 5] = ["Clock", "KeyProvider", "Resolver", "Result", "Store"];

/// What was heard, and of which types.
#[derive(Default)]
struct Faces {
    heard: Heard,
    types: BTreeSet<&'static str>,
}

impl Faces {
    fn take<T: Debug>(&mut self, value: &T, words: Option<String>, json: Option<String>) {
        let name = type_name::<T>();
        assert!(!name.contains('<'), "{name} may be empty: show what is in it");
        let name = name.rsplit("::").next().unwrap_or(name);
        self.types.insert(name);
        self.heard.debug(name, value);
        for text in [words, json].into_iter().flatten() {
            self.heard.text(name, text);
        }
    }
}

/// A value that says what its type can say. Of each pair of traits the first is found where it holds, for it takes one
/// reference less.
struct Said<'a, T>(&'a T);

trait Words {
    fn words(&self) -> Option<String>;
}

impl<T: Display> Words for Said<'_, T> {
    fn words(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

trait NoWords {
    fn words(&self) -> Option<String> {
        None
    }
}

impl<T> NoWords for &Said<'_, T> {}

trait Json {
    fn json(&self) -> Option<String>;
}

impl<T: Serialize> Json for Said<'_, T> {
    fn json(&self) -> Option<String> {
        Some(serde_json::to_string(self.0).expect("it is serialisable"))
    }
}

trait NoJson {
    fn json(&self) -> Option<String> {
        None
    }
}

impl<T> NoJson for &Said<'_, T> {}

/// Hears values in `Debug`, and in `Display` and JSON where they have them.
macro_rules! hear {
    ($faces:expr, $($value:expr),+ $(,)?) => {{
        $({
            let value = &$value;
            let said = &Said(value);
            $faces.take(value, said.words(), said.json());
        })+
    }};
}

/// The names of the types that the library shows, those included that are only hidden from the documentation.
fn public_types() -> BTreeSet<&'static str> {
    let uses = LIB.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let names = uses.flat_map(|list| {
        // The names in braces, or the last one of a path.
        let list = list.split_once('{').map_or_else(|| list.rsplit("::").next(), |(_, list)| Some(list));
        list.unwrap_or_default().split(',').map(|name| name.trim_matches(|c: char| !c.is_alphanumeric()))
    });
    // Functions are small.
    names.filter(|name| name.starts_with(char::is_uppercase)).collect()
}

/// What a host sets before anything runs.
fn settings(faces: &mut Faces, key: &str) {
    let destination = to("rtmps://127.0.0.1:1/live", key).trust(Trust::Roots("PEM".to_owned()));
    let source = Source::file("film.mp4").repeat(Repeat::Times(2));
    let wanted = StreamSpec::new("settings", source.clone())
        .user("alice")
        .video(Video::Copy)
        .retry(Retry::budget(3, Duration::from_secs(60)))
        .priority(7)
        .destination(destination.clone())
        .destination(to("rtmp://127.0.0.1:1/live", key));
    hear!(faces, wanted, source, destination, Repeat::Forever, Video::Copy, Retry::forever(), Trust::System);
    hear!(faces, Secret::new(key), Secret::from(key.to_owned()));
    // The one thing that may have a key in it by mistake: pasted behind the application.
    let pasted = IngestUrl::parse(&format!("rtmp://127.0.0.1/live/{key}")).expect("it has an application");
    hear!(faces, pasted, IngestUrl::parse(key).expect_err("it has no scheme"));
    let misplaced = Destination::new(&format!("rtmp://127.0.0.1:{key}/live"), key).expect_err("no such port");
    hear!(faces, misplaced, misplaced.kind);

    let rule: AllowRule = "127.0.0.0/8".parse().expect("a network");
    let alerts = Alerts::default().action(AlertAction::Restart);
    hear!(faces, rule, alerts, AlertAction::Restart, Admission::default(), Times::default());
    let policy = DestinationPolicy::Allow(vec![rule]);
    let id = StreamId::parse("settings").expect("it is legal");
    hear!(faces, policy, EventFilter::all().stream(id.clone()).user("alice"), id);
    hear!(faces, StreamManager::builder().destinations(policy).alerts(alerts), EndSignal::Interrupt);
    let kept = r#"{"v": 1, "renditions": {"dir": "kept", "quota_bytes": 9}, "keep_keys_in_clear": true}"#;
    let said: Settings = serde_json::from_str(kept).expect("they are settings");
    hear!(faces, said, said.renditions.as_ref().expect("they are there"));
    hear!(faces, Unsupported::EditList, Track::Audio);
    encoding(faces);
    let rotation = Rotation::every(Duration::from_secs(60)).pause(Duration::from_secs(5));
    let lag = Lag::skip(Duration::from_secs(2));
    let pair =
        destination.backup("rtmps://127.0.0.1:2/live").expect("the URL is good").rotation(rotation).lag(lag);
    let item = Item::file("a.mp4").starting_at(Duration::from_secs(1));
    let edit = Edit::Insert { before: ItemId(0), item: item.clone() };
    let list = Playlist::new([item.clone()]).shuffle(1);
    let source = Source::playlist(list.clone()).sound(list.clone());
    let wanted = StreamSpec::new("list", source.clone()).destination(pair.clone()).resume(Resume::WallClock);
    hear!(faces, rotation, lag, pair, item, edit, ItemId(0), list, source, wanted, Resume::Item);
    hear!(
        faces,
        AtEnd::Hold,
        OnFailure::Hold,
        OnMismatch::Render,
        Order::Shuffle { seed: 1 },
        PlaylistKind::Sound
    );
}

/// What is planned, and what is kept.
async fn plans(faces: &mut Faces, manager: &StreamManager, url: &str, key: &str) {
    let window = Window::daily(Time::midnight(), WindowEnd::For(SignedDuration::from_secs(60)));
    let schedule =
        Schedule::new().starting("2100-01-01T00:00:00Z".parse().expect("an instant")).window(window.clone());
    hear!(faces, window, WindowEnd::Until(Time::midnight()), MissedStart::Skip, schedule);
    hear!(faces, schedule.preview(Timestamp::UNIX_EPOCH, 1)[0].clone());
    let planned =
        StreamSpec::new("planned", Source::file("film.mp4")).destination(to(url, key)).schedule(schedule);
    let first = manager.schedule(planned.clone()).await.expect("nothing else is planned").expect("it comes");
    let status = manager.status("planned").expect("it is planned");
    hear!(
        faces,
        first,
        planned,
        status,
        status.schedule.clone().expect("it has a schedule"),
        manager.upcoming(1)[0].clone()
    );
    manager.cancel("planned").await.expect("it is planned");
    hear!(faces, Change::Put { key: "key/0/planned".to_owned(), value: key.as_bytes().to_vec() });
}

/// What is known of a playlist that plays.
async fn playlist(faces: &mut Faces, manager: &StreamManager, file: &Path, url: &str, key: &str) {
    let source = Source::playlist(Playlist::new([file, file]));
    let stream = manager.start(StreamSpec::new("list", source).destination(to(url, key))).await.unwrap();
    let run = || manager.as_run("list", PlaylistKind::Main).expect("it plays");
    until("an item has ended", BOUND, || run().len() == 2).await;
    let status = manager.playlist("list", PlaylistKind::Main).expect("it plays");
    hear!(faces, status, status.items[0], run()[0], run()[0].end.clone().expect("it has ended"));
    stream.stop();
    stream.ended().await;
}

/// What a host says of encoding.
fn encoding(faces: &mut Faces) {
    let encode = made().tune(Tune::Film).profile(Profile::Main).decode(Decode::Software).memory(Memory::Lean);
    let encode = encode.fps(Fps::new(30_000, 1_001)).device("/dev/dri/renderD128");
    hear!(faces, encode, Encoder::X264, Preset::Ultrafast, Tune::Film, Profile::Main, Decode::Software);
    hear!(faces, Memory::Lean, Fps::new(30_000, 1_001), Sandbox::Off, Block::NoFfmpeg);
    for platform in [Platform::YouTube, Platform::Custom(Box::default())] {
        hear!(faces, platform, *platform.profile());
        platform.profile().bands.iter().for_each(|band| hear!(faces, *band));
        platform.profile().sources.iter().for_each(|origin| hear!(faces, *origin));
    }
}

/// Small and fast: what is tested here is not the picture.
fn made() -> Encode {
    Video::encode(Encoder::X264).size(160, 90).bitrate(200_000).preset(Preset::Ultrafast)
}

/// What is known of a film and of encoders, and of what is made ahead of time.
async fn workshop(faces: &mut Faces, manager: &StreamManager, wanted: &StreamSpec, film: &Path) {
    for report in manager.encoders().await.expect("there is an ffmpeg") {
        hear!(faces, report, report.availability);
    }
    let source = Source::file(film);
    let said = manager.analyze_for(&source, &Platform::Twitch).await.expect("the file is good");
    hear!(faces, said, said.road);
    outlooks(faces, manager, wanted).await;
    let preparation = manager.prepare(&source, made()).await.expect("the file is good");
    hear!(faces, preparation, preparation.progress(), preparation.progress().stage);
    let outcome = tokio::time::timeout(BOUND, preparation.wait()).await.expect("it ends");
    hear!(faces, outcome.expect("the film is good"));
    let kept = manager.renditions().await.expect("the folder can be read").expect("they are kept");
    hear!(faces, kept);
}

/// What is known of files and of the machine.
async fn surroundings(faces: &mut Faces, manager: &StreamManager) {
    let film = streambro_tests::demo_clip();
    let probe = streambro_core::probe(&film).expect("the clip is good");
    let info = probe.info.clone().expect("nothing is in the way");
    hear!(faces, probe, info, info.container, info.video.clone().unwrap(), info.audio.clone().unwrap());
    let report = streambro_core::remux(&film, std::io::sink(), Repeat::Once).expect("the clip is good");
    let host = Host::sample();
    hear!(faces, report, host.process, host);
    let diagnosis = manager.doctor().await;
    for check in &diagnosis.checks {
        hear!(faces, *check, check.severity);
    }
    hear!(faces, diagnosis);
}

/// What is said before a start that would run, wait or be refused, and how much fits.
async fn outlooks(faces: &mut Faces, manager: &StreamManager, wanted: &StreamSpec) {
    let said = manager.explain(wanted).await.expect("the file is good");
    assert!(!said.findings.is_empty() && !said.limits.is_empty(), "{said:#?}");
    for finding in &said.findings {
        hear!(faces, *finding, finding.kind);
    }
    for line in &said.limits {
        hear!(faces, *line, line.limit);
    }
    let share = said.share().expect("it has a plan");
    let capacity = manager.capacity(std::slice::from_ref(&share)).expect("the system tells of itself");
    hear!(faces, said, said.verdict, said.plan.unwrap(), said.cost.unwrap(), share, capacity);
    for room in &capacity.limits {
        hear!(faces, *room);
    }
}

/// What is known of streams while they run and after.
fn streams(faces: &mut Faces, manager: &StreamManager) {
    for status in manager.list() {
        for leg in &status.legs {
            hear!(faces, *leg, leg.phase, leg.lateness);
            leg.reason.iter().for_each(|reason| hear!(faces, *reason));
        }
        if let Some(encoding) = &status.encoding {
            hear!(faces, *encoding, encoding.state);
            encoding.sandbox.iter().for_each(|level| hear!(faces, *level));
        }
        status.usage.iter().for_each(|usage| hear!(faces, *usage));
        let id = status.id.as_str();
        hear!(faces, manager.stream(id).expect("it is listed"), status.phase);
        for line in manager.logs(id).expect("it is listed") {
            hear!(faces, line, line.level);
        }
        hear!(faces, status);
    }
    for record in manager.history() {
        hear!(faces, record);
    }
    let scope = manager.as_user("alice");
    hear!(faces, *manager, scope, scope.subscribe(1));
    faces.heard.text("metrics", manager.open_metrics());
}

fn heard_alert(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.kind, EventKind::Alert { .. }))
}

#[tokio::test]
async fn no_public_type_shows_a_key_in_debug_display_or_json_and_none_is_left_out() {
    let canary = Canary::new();
    let key = canary.key.as_str();
    let (server, echo) = (
        Hostile::start(Attack::Nothing, Stage::Published).await,
        Hostile::start(Attack::EchoKey, Stage::Published).await,
    );
    // Something to find: it has no sound.
    let clip = Clip::new().seconds(2.0).video_only().make().await;
    let dir = streambro_tests::scratch();
    let manager = StreamManager::builder()
        .max_streams(4)
        .max_streams_per_user(4)
        .renditions(dir.path(), 1 << 30)
        .admission(Admission::Queue { max_waiting: 1 })
        .monitor_every(Duration::from_millis(100))
        // Whatever is used is too much.
        .alerts(Alerts::default().cpu_percent(0.0))
        .build()
        .await
        .unwrap();
    let book = Book::of(&manager);
    let mut faces = Faces::default();
    settings(&mut faces, key);
    surroundings(&mut faces, &manager).await;

    plans(&mut faces, &manager, &server.url(), key).await;
    playlist(&mut faces, &manager, &clip, &server.url(), key).await;
    let of = |id: &str, server: &Hostile| spec(id, &clip, Repeat::Forever, &server.url(), key).user("alice");
    outlooks(&mut faces, &manager, &of("on-air", &server)).await;
    let on_the_fly = of("made", &server).video(made().live());
    workshop(&mut faces, &manager, &on_the_fly, &clip).await;
    let piped = manager.start(on_the_fly).await.unwrap();
    until("ffmpeg is at work", BOUND, || {
        piped.status().encoding.is_some_and(|encoding| encoding.sandbox.is_some())
    })
    .await;
    let on_air = manager.start(of("on-air", &server)).await.unwrap();
    let refused = manager.start(of("refused", &echo)).await.unwrap();
    live(&on_air).await;
    until("the key is refused", BOUND, || refused.status().legs[0].phase == LegPhase::Waiting).await;
    until("something is measured", BOUND, || on_air.status().usage.is_some()).await;
    until("an alert is told", BOUND, || heard_alert(&book.events())).await;
    // A place that nobody holds is something to find, and lets the next one wait.
    manager.leak_place().unwrap();
    outlooks(&mut faces, &manager, &of("waiting", &server)).await;
    let waiting = manager.start(of("waiting", &server)).await.unwrap();
    reach(&waiting, Phase::Queued).await;
    outlooks(&mut faces, &manager, &of("too-many", &server)).await;
    let limit = manager.start(of("too-many", &server)).await.unwrap_err();
    hear!(faces, limit, manager.usage().expect("it was measured"));
    let audit = manager.audit().await;
    assert_eq!(audit.findings.len(), 1, "{audit:?}");
    hear!(faces, audit, audit.findings[0], audit.findings[0].what);
    streams(&mut faces, &manager);
    manager.shutdown(BOUND).await;
    streams(&mut faces, &manager);

    until("the book is complete", BOUND, || book.closed()).await;
    let events = book.events();
    assert!(events.iter().any(|event| event.user.as_deref() == Some("alice")));
    for event in events {
        if let EventKind::Alert { what, .. } = event.kind {
            hear!(faces, what);
        }
        hear!(faces, event, event.kind);
    }
    for visits in [server.visits(), echo.visits()] {
        assert_eq!(visits[0].key, key, "the servers got it");
    }
    let left_out: Vec<_> = public_types()
        .into_iter()
        .filter(|name| !faces.types.contains(name) && !FACELESS.contains(name))
        .collect();
    assert!(left_out.is_empty(), "no value of these was heard: {left_out:?}");
    faces.heard.judge(&canary);
}

#[test]
fn the_list_of_public_types_is_read_as_it_is_written() {
    let types = public_types();
    // In braces and alone, before a line end and behind one, hidden and behind a feature.
    for name in
        ["Error", "Secret", "Builder", "UserScope", "StreamStatus", "Usage", "IngestUrl", "EndSignal", "Room"]
    {
        assert!(types.contains(name), "{name} of {types:?}");
    }
    assert!(types.iter().all(|name| name.chars().all(char::is_alphanumeric)), "{types:?}");
    assert!(types.len() > 50, "{}", types.len());
}

#[test]
fn a_key_that_is_shown_is_heard() {
    #[derive(Debug, Serialize)]
    struct Quiet;
    #[derive(Serialize)]
    struct InJson {
        key: String,
    }
    impl Debug for InJson {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("InJson")
        }
    }
    let canary = Canary::new();
    let mut faces = Faces::default();
    hear!(faces, Quiet);
    faces.heard.judge(&canary);
    hear!(faces, InJson { key: canary.key.clone() });
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| faces.heard.judge(&canary)));
    assert!(judged.is_err(), "it was in the JSON");
}
