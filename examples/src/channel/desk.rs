//! Who does what was typed, and says how things are.

use std::path::Path;

use serde_json::{Value, json, to_value};
use streambro_core::{
    AsRun, Edit, Event, EventKind, Item, ItemEnd, Phase, PlaylistKind, PlaylistStatus, Reason, Result,
    Stream, StreamManager,
};

use super::command::{Command, HELP};
use crate::screen::clock;

/// The desk of one channel.
#[derive(Debug)]
pub struct Desk {
    manager: StreamManager,
    stream: Stream,
    /// The version of the list that was shown last: whoever types goes by that.
    seen: u64,
}

impl Desk {
    /// Takes over a stream that plays a list.
    #[must_use]
    pub fn new(manager: StreamManager, stream: Stream) -> Self {
        Self { manager, stream, seen: 0 }
    }

    /// Does something, and returns what there is to say about it.
    pub async fn carry_out(&mut self, command: Command) -> String {
        let id = self.stream.id().as_str();
        let done = match command {
            Command::Edit(edit) => self.edit(edit).await,
            Command::List => self.list(),
            Command::Log => self.log(),
            Command::Off(leg) => {
                self.manager.enable_destination(id, leg, false).map(|()| format!("destination {leg} rests"))
            }
            Command::On(leg) => self
                .manager
                .enable_destination(id, leg, true)
                .map(|()| format!("destination {leg} comes back")),
            Command::Rotate(leg) => self
                .manager
                .rotate_destination(id, leg)
                .map(|()| format!("destination {leg} connects anew at the next keyframe")),
            Command::Help | Command::Quit => Ok(HELP.to_owned()),
        };
        done.unwrap_or_else(|error| error.to_string())
    }

    async fn edit(&mut self, edit: Edit) -> Result<String> {
        // With the version nobody changes a list that is another one by now.
        let edited =
            self.manager.edit(self.stream.id().as_str(), PlaylistKind::Main, Some(self.seen), [edit]);
        self.seen = edited.await?;
        Ok(format!("done: version {}", self.seen))
    }

    /// How things are, in one line.
    pub fn line(&mut self) -> String {
        let status = self.stream.status();
        let legs: Vec<_> =
            status.legs.iter().map(|leg| format!("{} {}", leg.leg, leg.phase.name())).collect();
        let list = match self.playlist(PlaylistKind::Main) {
            Ok(list) => list,
            Err(error) => return error.to_string(),
        };
        self.seen = list.version;
        let now = list.now.as_ref().map_or_else(
            || "-".to_owned(),
            |now| {
                let far = now.played_ms.unwrap_or_else(|| status.media_ms.saturating_sub(now.began_ms));
                format!("{} {} {}", now.item, name(&now.file), clock(far))
            },
        );
        let next = list.next.map_or_else(
            || "-".to_owned(),
            |next| {
                let item = list.items.iter().find(|entry| entry.id == next);
                format!("{next} {}", item.map_or_else(String::new, |entry| name(entry.item.path())))
            },
        );
        let phase = status.phase.name();
        let (media, legs) = (clock(status.media_ms), legs.join(", "));
        format!("{media} {phase:<9} now {now}  next {next}  to {legs}")
    }

    /// What is in the list, and what is heard if that is another one.
    fn list(&mut self) -> Result<String> {
        let list = self.playlist(PlaylistKind::Main)?;
        self.seen = list.version;
        let mut text = format!("version {}\n{}", list.version, entries(&list));
        if let Ok(sound) = self.playlist(PlaylistKind::Sound) {
            text.push_str(&format!("\nheard\n{}", entries(&sound)));
        }
        Ok(text)
    }

    /// What became of the items, and of those that are heard if that is another list.
    ///
    /// # Errors
    /// When the stream is forgotten.
    pub fn log(&self) -> Result<String> {
        let last = if self.stream.status().phase == Phase::Ended { "until the end" } else { "plays" };
        let mut text = records(&self.as_run(PlaylistKind::Main)?, last);
        if let Ok(sound) = self.as_run(PlaylistKind::Sound) {
            text.push_str(&format!("\nheard\n{}", records(&sound, last)));
        }
        Ok(text)
    }

    /// All of it as data.
    #[must_use]
    pub fn summary(&self) -> Value {
        json!({
            "status": self.stream.status(),
            "playlist": self.playlist(PlaylistKind::Main).ok(),
            "as_run": self.as_run(PlaylistKind::Main).unwrap_or_default(),
            "as_run_sound": self.as_run(PlaylistKind::Sound).unwrap_or_default(),
        })
    }

    fn playlist(&self, which: PlaylistKind) -> Result<PlaylistStatus> {
        self.manager.playlist(self.stream.id().as_str(), which)
    }

    fn as_run(&self, which: PlaylistKind) -> Result<Vec<AsRun>> {
        self.manager.as_run(self.stream.id().as_str(), which)
    }
}

/// What an event says to whoever watches; `None` when the line shows it anyway.
#[must_use]
pub fn words(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::Item { run, .. } => match &run.end {
            Some(ItemEnd::Failed { detail, .. }) => {
                Some(format!("item {} {} is left out: {detail}", run.item, name(&run.file)))
            }
            _ => None,
        },
        EventKind::Leg { leg, reason: Some(reason), detail, .. }
            if !matches!(reason, Reason::Disabled | Reason::Rotated | Reason::Stopped) =>
        {
            Some(format!("destination {leg}: {reason}: {detail}"))
        }
        EventKind::Phase { to: Phase::Holding, detail, .. } => {
            Some(format!("the picture stands still: {detail}"))
        }
        _ => None,
    }
}

fn entries(list: &PlaylistStatus) -> String {
    let now = list.now.as_ref().filter(|now| now.end.is_none()).map(|now| now.item);
    let lines = list.items.iter().map(|entry| {
        let mark = if now == Some(entry.id) {
            "now "
        } else if list.next == Some(entry.id) {
            "next"
        } else {
            ""
        };
        format!("{mark:<4} {:>3}  {}", entry.id.0, title(&entry.item))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What became of items, a line each; `last` is said of the one that has no end.
fn records(runs: &[AsRun], last: &str) -> String {
    let lines = runs.iter().map(|run| {
        let played = run.played_ms.map_or_else(String::new, |ms| format!("{:.1} s", ms as f64 / 1e3));
        let end = match &run.end {
            None => last.to_owned(),
            Some(ItemEnd::Finished) => "finished".to_owned(),
            Some(ItemEnd::Skipped) => "skipped".to_owned(),
            Some(ItemEnd::Stopped) => "stopped".to_owned(),
            Some(ItemEnd::Failed { detail, .. }) => format!("failed: {detail}"),
            Some(other) => format!("{other:?}"),
        };
        let (began, item, name) = (clock(run.began_ms), run.item.0, name(&run.file));
        format!("{began}  {item:>3}  {name}  {played:>7}  {end}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name of an item's file, and which part of it plays.
fn title(item: &Item) -> String {
    let points = to_value(item).unwrap_or_default();
    let point = |key: &str| points[key].as_u64().map(clock);
    match (point("from_ms"), point("to_ms")) {
        (None, None) => name(item.path()),
        (from, to) => {
            let (from, to) = (from.unwrap_or_else(|| clock(0)), to.unwrap_or_default());
            format!("{} {from}-{to}", name(item.path()))
        }
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
