//! Playlists: opened item by item, and changed while they play.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{open::Sources, user::Caller, verbs::StreamManager, workshop::aside};
use crate::{
    error::{Error, ErrorKind, Result},
    media::part::Part,
    plan::Format,
    source::{Clip, Film, Opener, Prepared, Roll, Rundown, Wanted},
    spec::{Edit, Item, Playlist, StreamSpec},
    status::{AsRun, PlaylistStatus},
    supervisor::Run,
    survey::{Opened, source_error},
};

/// Of what an edit adds so many items are looked at before it is made; the rest when their turn comes.
const MOST_LOOKED_AT: usize = 16;

impl Sources {
    /// Opens a playlist: what comes first and what follows it.
    pub(super) async fn open_list(&self, list: &Playlist, spec: &StreamSpec) -> Result<Prepared> {
        let mut rundown = Rundown::new(list, spec.source.repeat);
        let Some(first) = rundown.advance() else {
            return Err(Error::new(ErrorKind::InvalidSpec, "playlist", "it has no item to begin with"));
        };
        let opened = self.open_film(&first.item.file).await?;
        let second = match rundown.upcoming().cloned() {
            Some(slot) => Some((self.open_film(&slot.item.file).await?, slot)),
            None => None,
        };
        let indexes = [Some(&opened), second.as_ref().map(|(opened, _)| opened)];
        let format = Format::of(indexes.into_iter().flatten().map(|opened| &*opened.index));
        let clip = self.clip(&first.item, 0, opened, &format).await?;
        let next = match second {
            Some((opened, slot)) => Some((self.clip(&slot.item, 0, opened, &format).await?, slot)),
            None => None,
        };
        let roll = Roll::new(list, rundown, (first, clip), format);
        if let Some((clip, slot)) = next {
            roll.offer(Wanted { slot, skip_ms: 0 }, clip);
        }
        Ok(Prepared::List(Arc::new(roll)))
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
            Part::whole(&opened.index)
        } else {
            let film = Arc::clone(&opened);
            let find = aside(move || Part::find(&film.file, &film.index, at, to_ms));
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
    /// Returns a stream's playlist: its version, what plays now, what comes next, and everything in it.
    ///
    /// # Errors
    /// `NotFound` when there is no such stream, or it is [forgotten](crate::Builder::keep_ended); `InvalidSpec` when it plays
    /// a single file, or its playlist is not open yet.
    pub fn playlist(&self, id: &str) -> Result<PlaylistStatus> {
        self.playlist_for(Caller::Host, id)
    }

    pub(super) fn playlist_for(&self, caller: Caller<'_>, id: &str) -> Result<PlaylistStatus> {
        Ok(roll(&*self.find(caller, id)?)?.status())
    }

    /// Returns what became of the latest 256 items of a stream's playlist, oldest first; the last one may be playing.
    ///
    /// # Errors
    /// As [`playlist`](Self::playlist).
    pub fn as_run(&self, id: &str) -> Result<Vec<AsRun>> {
        self.as_run_for(Caller::Host, id)
    }

    pub(super) fn as_run_for(&self, caller: Caller<'_>, id: &str) -> Result<Vec<AsRun>> {
        Ok(roll(&*self.find(caller, id)?)?.as_run())
    }

    /// Changes a stream's playlist while it plays, all or nothing, and returns its new version. No connection notices.
    ///
    /// With a `version` the change is made only if the list still is at that version: nobody undoes what somebody else did
    /// meanwhile. The first 16 items that are added are opened before, and refused if they cannot join what plays; of more
    /// than that the others are met when their turn comes. Cancel safe: dropped before it is done, it changes nothing.
    ///
    /// # Errors
    /// `Conflict` when the list is at another version; `NotFound` when there is no such stream or item; `InvalidSpec` when
    /// the stream plays a single file, or an item makes no sense; `Ended` when the stream is over; for an item that is added
    /// `NotAllowed`, `SourceUnreadable`, `SourceInvalid`, `SourceUnsupported` and `TimedOut`, as for [`start`](Self::start).
    pub async fn edit(
        &self,
        id: &str,
        version: Option<u64>,
        edits: impl IntoIterator<Item = Edit>,
    ) -> Result<u64> {
        let edits = edits.into_iter().collect();
        self.edit_for(Caller::Host, id, version, edits).await
    }

    pub(super) async fn edit_for(
        &self,
        caller: Caller<'_>,
        id: &str,
        version: Option<u64>,
        edits: Vec<Edit>,
    ) -> Result<u64> {
        let run = self.find(caller, id)?;
        let roll = Arc::clone(roll(&run)?);
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

fn roll(run: &Run) -> Result<&Arc<Roll>> {
    run.roll().ok_or_else(|| {
        let detail = "it plays no playlist; start it with `Source::playlist` to change what plays";
        Error::new(ErrorKind::InvalidSpec, run.id.as_str(), detail)
    })
}
