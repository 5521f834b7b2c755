//! A host that keeps its state. For tests that kill it.
//!
//! usage: `keeper DIR URL FILM OTHER SHADES SEED`; goes on with what is in `DIR/state`, starts what is not there yet, and when all
//! of it is live changes what is wanted now and then until it is killed. Each line that it says is JSON: `{"done": WISH}` when
//! what is wanted is kept, first of all what it has found; `{"doing": WISH}` before it asks for something else;
//! `{"live": MS}`, so long after its begin, when everything is on the air; and `{"phases": {..}}` all the time. At SIGTERM it
//! shuts down in order.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::json;
use streambro_core::{
    Destination, Edit, Encoder, Error, Item, Phase, Playlist, PlaylistKind, Preset, Repeat, Schedule, Source,
    StreamManager, StreamSpec, Video, jiff::Timestamp,
};
use streambro_tests::dice::Dice;
use tokio::signal::unix::{SignalKind, signal};

/// What is wanted of each stream, in words.
type Wish = BTreeMap<String, String>;

const STREAMS: [&str; 7] = ["film", "kept", "later", "list", "made", "now", "spare"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, url, film, other, shades, seed] = args.as_slice() else { return ExitCode::from(2) };
    let path = |text: &String| PathBuf::from(text);
    let (dir, films) = (path(dir), [film, other, shades].map(path));
    let dice = Dice::new(seed.parse().unwrap_or(0));
    match run(dir, Rig { url: url.clone(), films }, dice).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(dir: PathBuf, rig: Rig, dice: Dice) -> Result<(), Error> {
    let since = Instant::now();
    let builder = StreamManager::builder().unlimited().renditions(dir.join("renditions"), 64 << 20);
    let manager = builder.state_dir(dir.join("state")).keep_keys_in_clear().build().await?;
    let keeper = Keeper { manager: manager.clone(), rig };
    let mut ends = signal(SignalKind::terminate()).expect("nobody else has it");
    tokio::select! {
        end = keeper.decide(dice, since) => end.map(|never| match never {}),
        never = tell(manager.clone()) => match never {},
        _ = ends.recv() => {
            manager.shutdown(Duration::from_secs(5)).await;
            Ok(())
        }
    }
}

/// What there is to play, and where it goes.
struct Rig {
    url: String,
    films: [PathBuf; 3],
}

impl Rig {
    fn spec(&self, id: &str) -> Result<StreamSpec, Error> {
        let [film, other, shades] = &self.films;
        let small = Video::encode(Encoder::X264).size(160, 90).bitrate(100_000).preset(Preset::Ultrafast);
        let (source, video) = match id {
            "list" => (Source::playlist(Playlist::new([film, other])), None),
            "made" => (Source::file(shades), Some(small.live())),
            "kept" => (Source::file(shades), Some(small)),
            _ => (Source::file(film), None),
        };
        let to = Destination::new(&self.url, id)?;
        let spec = StreamSpec::new(id, source.repeat(Repeat::Forever)).destination(to);
        Ok(match video {
            Some(video) => spec.video(video),
            None => spec,
        })
    }
}

struct Keeper {
    manager: StreamManager,
    rig: Rig,
}

/// A change to what is wanted.
enum Decision {
    Start(&'static str),
    Plan(&'static str, Schedule),
    Stop,
    Reschedule(&'static str, Schedule),
    /// Adds an item to the list, or takes the last one away.
    Longer,
    Shorter,
}

impl Keeper {
    async fn decide(&self, mut dice: Dice, since: Instant) -> Result<std::convert::Infallible, Error> {
        let mut wish = self.wish();
        // Its list can be read once it runs.
        while wish.get("list").is_some_and(String::is_empty) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            wish = self.wish();
        }
        say(&json!({ "done": wish }));
        let mut is_live = false;
        loop {
            let missing = STREAMS.into_iter().find(|id| *id != "spare" && !wish.contains_key(*id));
            if missing.is_none() && !is_live {
                self.until_live(&wish).await;
                is_live = true;
                say(&json!({ "live": u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX) }));
            }
            if missing.is_none() {
                tokio::time::sleep(Duration::from_millis(dice.throw(700))).await;
            }
            let seen = self.wish();
            let same =
                wish.iter().all(|(id, words)| seen.get(id).is_some_and(|w| w == words || w.is_empty()));
            if !same || seen.len() != wish.len() {
                let detail = format!("nobody asked for this: {seen:?} instead of {wish:?}");
                return Err(Error {
                    kind: streambro_core::ErrorKind::Host,
                    subject: "keeper".into(),
                    detail,
                });
            }
            let (decision, id, words) = think(&mut dice, &wish, missing);
            wish.remove(id);
            wish.extend(words.map(|words| (id.to_owned(), words)));
            say(&json!({ "doing": wish }));
            self.make(decision).await?;
            say(&json!({ "done": wish }));
        }
    }

    async fn make(&self, decision: Decision) -> Result<(), Error> {
        match decision {
            Decision::Start(id) => drop(self.manager.start(self.rig.spec(id)?).await?),
            Decision::Plan(id, schedule) => {
                self.manager.schedule(self.rig.spec(id)?.schedule(schedule)).await?;
            }
            Decision::Stop => {
                self.manager.stop("spare")?;
                while self.wish().contains_key("spare") {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                // `stop` does not wait; this returns once everything before it is kept.
                self.manager.start(self.rig.spec("film")?).await?;
            }
            Decision::Reschedule(id, schedule) => drop(self.manager.reschedule(id, schedule).await?),
            Decision::Longer | Decision::Shorter => {
                let list = loop {
                    match self.manager.playlist("list", PlaylistKind::Main) {
                        Ok(list) => break list,
                        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                };
                let edit = match (decision, list.items.last()) {
                    (Decision::Shorter, Some(last)) => Edit::Remove(last.id),
                    _ => Edit::Append(Item::file(&self.rig.films[1])),
                };
                self.manager.edit("list", PlaylistKind::Main, Some(list.version), [edit]).await?;
            }
        }
        Ok(())
    }

    /// Waits until all that is wanted now is on the air.
    async fn until_live(&self, wish: &Wish) {
        let on = |words: &String| words == "on" || words.ends_with("items");
        let is_live = |id: &String| self.manager.status(id).is_ok_and(|status| status.phase == Phase::Live);
        while !wish.iter().all(|(id, words)| !on(words) || is_live(id)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the manager is there for, by what it shows. Of a list that does not run yet it is empty.
    fn wish(&self) -> Wish {
        let words = |id: &str| {
            let status = self.manager.status(id).ok()?;
            match status.schedule {
                Some(when) => Some(match (when.now, when.next) {
                    (Some(_), _) => "on".to_owned(),
                    (None, Some(next)) => next.start.to_string(),
                    (None, None) => "over".to_owned(),
                }),
                None if matches!(status.phase, Phase::Stopping | Phase::Ended) => None,
                None if id == "list" => {
                    let list = self.manager.playlist(id, PlaylistKind::Main);
                    Some(list.map_or_else(|_| String::new(), |list| format!("{} items", list.items.len())))
                }
                None => Some("on".to_owned()),
            }
        };
        STREAMS.into_iter().filter_map(|id| Some((id.to_owned(), words(id)?))).collect()
    }
}

/// What to do next, to which stream, and what is wanted of it then.
fn think(
    dice: &mut Dice,
    wish: &Wish,
    missing: Option<&'static str>,
) -> (Decision, &'static str, Option<String>) {
    let later = |dice: &mut Dice| {
        let at = format!("2040-01-{:02}T{:02}:00:00Z", 1 + dice.throw(28), dice.throw(24));
        (Schedule::new().starting(at.parse().unwrap_or(Timestamp::MAX)), at)
    };
    let on = || (Schedule::new().starting(Timestamp::now()), "on".to_owned());
    let (schedule, words) = match missing {
        Some("list") => return (Decision::Start("list"), "list", Some("2 items".to_owned())),
        Some(id @ ("later" | "now")) => {
            let (schedule, words) = if id == "now" { on() } else { later(dice) };
            return (Decision::Plan(id, schedule), id, Some(words));
        }
        Some(id) => return (Decision::Start(id), id, Some("on".to_owned())),
        None => match dice.throw(4) {
            0 if wish.contains_key("spare") => return (Decision::Stop, "spare", None),
            0 => return (Decision::Start("spare"), "spare", Some("on".to_owned())),
            1 if wish["list"] == "2 items" => {
                return (Decision::Longer, "list", Some("3 items".to_owned()));
            }
            1 => return (Decision::Shorter, "list", Some("2 items".to_owned())),
            2 if wish["now"] == "on" => later(dice),
            2 => on(),
            _ => {
                let (schedule, words) = later(dice);
                return (Decision::Reschedule("later", schedule), "later", Some(words));
            }
        },
    };
    (Decision::Reschedule("now", schedule), "now", Some(words))
}

async fn tell(manager: StreamManager) -> std::convert::Infallible {
    loop {
        let list = manager.list();
        let phases: BTreeMap<_, _> = list.iter().map(|status| (&status.id, status.phase)).collect();
        say(&json!({ "phases": phases }));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn say(what: &serde_json::Value) {
    println!("{what}");
}
