//! Playlists: opened item by item, and changed while they play.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{open::Sources, user::Caller, verbs::StreamManager, workshop::aside};
use crate::{
    error::{Error, ErrorKind, Result},
    media::part::Part,
    plan::Format,
    source::{Clip, Film, Opener, Prepared, Roll, Rolls, Rundown, Wanted},
    spec::{AtEnd, Edit, Item, Playlist, PlaylistKind, Repeat, StreamSpec},
    status::{AsRun, PlaylistStatus},
    supervisor::Run,
    survey::{Opened, source_error},
};

/// Of what an edit adds so many items are looked at before it is made; the rest when their turn comes.
const MOST_LOOKED_AT: usize = 16;

impl Sources {
    /// Opens the playlists of a spec: of each what comes first and what follows it.
    pub(super) async fn open_lists(&self, list: &Playlist, spec: &StreamSpec) -> Result<Prepared> {
        let Some(sound) = &spec.source.sound else {
            let roll = self.open_list(list, spec.source.repeat, None).await?;
            return Ok(Prepared::Lists(Rolls { picture: roll, sound: None }));
        };
        let first = |list: &Playlist| Rundown::new(list, Repeat::Once).advance();
        let (Some(seen), Some(heard)) = (first(list), first(sound)) else { return Err(nothing()) };
        let seen = self.open_film(&seen.item.file).await?;
        let heard = self.open_film(&heard.item.file).await?;
        let [picture_format, sound_format] = Format::of_layers(&seen.index, &heard.index);
        let picture = self.open_list(list, spec.source.repeat, Some(picture_format)).await?;
        // Silence is what follows a list of songs that has ended.
        let endless = Playlist { at_end: AtEnd::Hold, ..(**sound).clone() };
        let sound = self.open_list(&endless, Repeat::Forever, Some(sound_format)).await?;
        Ok(Prepared::Lists(Rolls { picture, sound: Some(sound) }))
    }

    /// Opens a playlist of this format, or of that of what comes first.
    async fn open_list(&self, list: &Playlist, repeat: Repeat, format: Option<Format>) -> Result<Arc<Roll>> {
        let mut rundown = Rundown::new(list, repeat);
        let Some(first) = rundown.advance() else {
            return Err(nothing());
        };
        let opened = self.open_film(&first.item.file).await?;
        let second = match rundown.upcoming().cloned() {
            Some(slot) => Some((self.open_film(&slot.item.file).await?, slot)),
            None => None,
        };
        let indexes = [Some(&opened), second.as_ref().map(|(opened, _)| opened)];
        let own = || Format::of(indexes.into_iter().flatten().map(|opened| &*opened.index));
        let format = format.unwrap_or_else(own);
        let clip = self.clip(&first.item, 0, opened, &format).await?;
        let next = match second {
            Some((opened, slot)) => Some((self.clip(&slot.item, 0, opened, &format).await?, slot)),
            None => None,
        };
        let roll = Roll::new(list, rundown, (first, clip), format);
        if let Some((clip, slot)) = next {
            roll.offer(Wanted { slot, skip_ms: 0 }, clip);
        }
        Ok(Arc::new(roll))
    }

    async fn open_film(&self, file: &Path) -> Result<Arc<Opened>> {
        self.shelf.survey(file, self.times.survey).await
    }

    /// What an item plays of a film, once it is sure that it can join the stream.
    async fn clip(&self, item: &Item, skip_ms: u64, opened: Arc<Opened>, format: &Format) -> Result<Clip> {
        let name = item.file.display().to_string();
        if let Some(why) = format.refuses(&opened.index) {
            return Err(Error::new(ErrorKind::SourceUnsupported, name, why));
        }
        let from_ms = item.from_ms.unwrap_or(0);
        let (at, to_ms) = (from_ms.saturating_add(skip_ms), item.to_ms);
        let part = if at == 0 && to_ms.is_none() {
            Part::whole(&opened.index, format.layer())
        } else {
            let (film, layer) = (Arc::clone(&opened), format.layer());
            let find = aside(move || Part::find(&film.file, &film.index, layer, at, to_ms));
            let late = |_| Error::new(ErrorKind::TimedOut, &*name, "its tables could not be read in time");
            let found = timeout(self.times.survey, find).await.map_err(late)??;
            found.map_err(|error| source_error(&name, &error))?
        };
        if part.index.length_obstacle().is_some() {
            let detail = "between its in and out points there is nothing to play, keyframe by keyframe";
            return Err(Error::new(ErrorKind::SourceUnsupported, name, detail));
        }
        let skip_ms = part.index.begins_ms().saturating_sub(from_ms);
        let film = Film { disk: self.disks.of(opened.device), opened };
        Ok(Clip::new(film, part, skip_ms, format))
    }
}

#[async_trait]
impl Opener for Sources {
    async fn open(&self, wanted: &Wanted, format: &Format) -> Result<Clip> {
        let item = &wanted.slot.item;
        let opened = self.open_film(&item.file).await?;
        self.clip(item, wanted.skip_ms, opened, format).await
    }
}

impl StreamManager {
    /// Returns one of a stream's playlists: its version, what plays now, what comes next, and everything in it.
    ///
    /// # Errors
    /// `NotFound` when there is no such stream, or it is [forgotten](crate::Builder::keep_ended); `InvalidSpec` when it plays
    /// a single file, or has no such list.
    pub fn playlist(&self, id: &str, which: PlaylistKind) -> Result<PlaylistStatus> {
        self.playlist_for(Caller::Host, id, which)
    }

    pub(super) fn playlist_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        which: PlaylistKind,
    ) -> Result<PlaylistStatus> {
        Ok(roll(&*self.find(caller, id)?, which)?.status())
    }

    /// Returns what became of the latest 256 items of one of a stream's playlists, oldest first; the last one may be playing.
    ///
    /// # Errors
    /// As [`playlist`](Self::playlist).
    pub fn as_run(&self, id: &str, which: PlaylistKind) -> Result<Vec<AsRun>> {
        self.as_run_for(Caller::Host, id, which)
    }

    pub(super) fn as_run_for(&self, caller: Caller<'_>, id: &str, which: PlaylistKind) -> Result<Vec<AsRun>> {
        Ok(roll(&*self.find(caller, id)?, which)?.as_run())
    }

    /// Changes one of a stream's playlists while it plays, all or nothing, and returns its new version. No connection
    /// notices.
    ///
    /// With a `version` the change is made only if the list still is at that version: nobody undoes what somebody else did
    /// meanwhile. The first 16 items that are added are opened before, and refused if they cannot join what plays; of more
    /// than that the others are met when their turn comes. Cancel safe: dropped before it is done, it changes nothing.
    ///
    /// # Errors
    /// `Conflict` when the list is at another version; `NotFound` when there is no such stream or item; `InvalidSpec` when
    /// the stream has no such list, or an item makes no sense; `Ended` when the stream is over; for an item that is added
    /// `NotAllowed`, `SourceUnreadable`, `SourceInvalid`, `SourceUnsupported` and `TimedOut`, as for [`start`](Self::start).
    pub async fn edit(
        &self,
        id: &str,
        which: PlaylistKind,
        version: Option<u64>,
        edits: impl IntoIterator<Item = Edit>,
    ) -> Result<u64> {
        let edits = edits.into_iter().collect();
        self.edit_for(Caller::Host, id, which, version, edits).await
    }

    pub(super) async fn edit_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        which: PlaylistKind,
        version: Option<u64>,
        edits: Vec<Edit>,
    ) -> Result<u64> {
        let run = self.find(caller, id)?;
        let roll = Arc::clone(roll(&run, which)?);
        for item in edits.iter().flat_map(Edit::added).take(MOST_LOOKED_AT) {
            item.check()?;
            let opened = self.0.sources.open_film(&item.file).await?;
            self.0.sources.clip(item, 0, opened, roll.format()).await?;
        }
        if run.ended_at().is_some() {
            return Err(Error::new(ErrorKind::Ended, id, "the stream is over; start it again"));
        }
        roll.edit(version, &edits)
    }
}

fn nothing() -> Error {
    Error::new(ErrorKind::InvalidSpec, "playlist", "it has no item to begin with")
}

fn rolls(run: &Run) -> Result<&Rolls> {
    run.rolls().ok_or_else(|| {
        let detail = "it plays no playlist; start it with `Source::playlist` to change what plays";
        Error::new(ErrorKind::InvalidSpec, run.id.as_str(), detail)
    })
}

/// One of a stream's playlists.
fn roll(run: &Run, which: PlaylistKind) -> Result<&Arc<Roll>> {
    let rolls = rolls(run)?;
    match which {
        PlaylistKind::Main => Ok(&rolls.picture),
        PlaylistKind::Sound => rolls.sound.as_ref().ok_or_else(|| {
            let detail = "it has no list of sounds; start it with `Source::sound` to change what is heard";
            Error::new(ErrorKind::InvalidSpec, run.id.as_str(), detail)
        }),
    }
}
