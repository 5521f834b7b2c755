//! Playlists: opened item by item, and changed while they play.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{
    open::{Sources, shape, with_rendition},
    user::Caller,
    verbs::StreamManager,
    workshop::aside,
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::{index::Layer, part::Part},
    plan::{Block, Format, Road, Work, road},
    source::{Clip, Film, ListPlace, Opener, Opening, Prepared, Roll, Rolls, Rundown, Show, Wanted},
    spec::{
        AtEnd, Edit, Encode, Encoder, Item, OnMismatch, Playlist, PlaylistKind, Repeat, Source, StreamSpec,
        Video,
    },
    status::{AsRun, PlaylistStatus},
    supervisor::Run,
    survey::{Opened, source_error},
};

/// After a long time away the list goes on behind so many items at the latest: each is opened for its length.
const MOST_PASSED_OVER: usize = 1_000;

/// Of what an edit adds so many items are looked at before it is made; the rest when their turn comes.
const MOST_LOOKED_AT: usize = 16;

impl Sources {
    /// Opens the playlists of a spec: of each what comes first and what follows it.
    pub(super) async fn open_lists(
        &self,
        list: &Playlist,
        spec: &StreamSpec,
        [seen_at, heard_at]: [Option<&ListPlace>; 2],
        away_ms: u64,
    ) -> Result<Prepared> {
        let Some(sound) = &spec.source.sound else {
            let (picture, work) = self.open_list(list, spec, None, seen_at, away_ms).await?;
            return Ok(Prepared::Lists(Rolls { picture, sound: None, work }));
        };
        if spec.video != Video::Copy {
            let detail = "under the sound of another list the picture is copied: leave the encoder out";
            return Err(Error::new(ErrorKind::InvalidSpec, "video", detail));
        }
        let first = |list: &Playlist| Rundown::new(list, Repeat::Once).advance();
        let (Some(seen), Some(heard)) = (first(list), first(sound)) else { return Err(nothing()) };
        let seen = self.open_film(&seen.item.file).await?;
        let heard = self.open_film(&heard.item.file).await.map_err(|error| match error.kind {
            ErrorKind::SourceUnsupported => {
                let remedy = "songs are AAC in M4A, MP4 or FLV: `ffmpeg -i in -vn -c:a aac out.m4a`";
                Error { detail: format!("{}; {remedy}", error.detail), ..error }
            }
            _ => error,
        })?;
        if seen.index.video.is_none() {
            let name = spec.source.first_file().display().to_string();
            return Err(Error::new(
                ErrorKind::SourceUnsupported,
                name,
                "it has no picture to be seen: leave `sound` out",
            ));
        }
        let [picture_format, sound_format] = Format::of_layers(&seen.index, &heard.index);
        let (picture, _) = self.open_list(list, spec, Some(picture_format), seen_at, away_ms).await?;
        // Silence is what follows a list of songs that has ended.
        let endless = Playlist { at_end: AtEnd::Hold, ..(**sound).clone() };
        let (sound, _) = self.open_list(&endless, spec, Some(sound_format), heard_at, away_ms).await?;
        Ok(Prepared::Lists(Rolls { picture, sound: Some(sound), work: None }))
    }

    /// Opens a playlist of this format, or of that of what comes first. What comes first is ready then, unless ffmpeg makes
    /// it; what comes second is known to be sound. One that goes on somewhere does so with what is left, if what played there
    /// cannot be opened any more.
    async fn open_list(
        &self,
        list: &Playlist,
        spec: &StreamSpec,
        format: Option<Format>,
        place: Option<&ListPlace>,
        away_ms: u64,
    ) -> Result<(Arc<Roll>, Option<Work>)> {
        if let Some(place) = place.filter(|place| place.playing.is_some()) {
            let opened = self.open_list_at(list, spec, format.clone(), Some(place), away_ms).await;
            if opened.is_ok() {
                return opened;
            }
        }
        // One that had come to its end begins anew.
        let rest = place.map(|place| ListPlace { playing: None, rundown: place.rundown.rewound() });
        self.open_list_at(list, spec, format, rest.as_ref(), 0).await
    }

    async fn open_list_at(
        &self,
        list: &Playlist,
        spec: &StreamSpec,
        format: Option<Format>,
        place: Option<&ListPlace>,
        away_ms: u64,
    ) -> Result<(Arc<Roll>, Option<Work>)> {
        let repeat = if format.as_ref().is_some_and(|format| format.layer() == Layer::Sound) {
            Repeat::Forever
        } else {
            spec.source.repeat
        };
        let mut ahead = place.map_or_else(|| Rundown::new(list, repeat), |place| place.rundown.clone());
        let mut again = place.and_then(|place| place.playing.clone());
        if let Some(playing) = again.take_if(|_| away_ms > 0) {
            again = Some(self.pass_over(&mut ahead, playing, away_ms).await);
        }
        let rundown = ahead.clone();
        let first = again.clone().or_else(|| ahead.advance().map(|slot| Wanted { slot, skip_ms: 0 }));
        let Some(first) = first else { return Err(nothing()) };
        let second = ahead.upcoming().cloned();
        let format = match format {
            Some(format) => format,
            None => self.format(&first.slot.item, second.as_ref().map(|slot| &*slot.item), spec).await?,
        };
        let wanted = |slot| Wanted { slot, skip_ms: 0 };
        let opening = self.open_item(&first, &format, spec).await?;
        let second = match second {
            Some(second) => Some(self.open_item(&wanted(second), &format, spec).await?),
            None => None,
        };
        let roll = Roll::new(list, rundown, format).resuming(again);
        let works = [Some(&opening), second.as_ref()].into_iter().flatten().filter_map(Opening::work);
        let work = works.max_by_key(|work| work.pixels_per_second);
        // What ffmpeg makes begins with the stream.
        if let Opening::Clip(clip) = opening {
            roll.offer(first, Show::Clip(clip));
        }
        Ok((Arc::new(roll), work))
    }

    /// Passes over what would have played meanwhile, as far as its length is known without ffmpeg.
    async fn pass_over(&self, ahead: &mut Rundown, from: Wanted, away_ms: u64) -> Wanted {
        let (mut wanted, mut away_ms) = (from, away_ms);
        for _ in 0..MOST_PASSED_OVER {
            let item = &wanted.slot.item;
            let Ok(film) = self.open_film(&item.file).await else { break };
            let end_ms = film.index.length_ms().min(item.to_ms.unwrap_or(u64::MAX));
            let left_ms = end_ms.saturating_sub(item.from_ms.unwrap_or(0) + wanted.skip_ms);
            if away_ms < left_ms {
                wanted.skip_ms += away_ms;
                break;
            }
            let Some(slot) = ahead.advance() else { break };
            away_ms -= left_ms;
            wanted = Wanted { slot, skip_ms: 0 };
        }
        wanted
    }

    /// What a playlist looks and sounds like that begins with these.
    async fn format(&self, first: &Item, second: Option<&Item>, spec: &StreamSpec) -> Result<Format> {
        if spec.video == Video::Copy {
            match self.open_film(&first.file).await {
                Err(error) if error.kind == ErrorKind::SourceUnsupported => {}
                first => {
                    let first = first?;
                    let second = match second {
                        // What is the matter with it is met when it is opened.
                        Some(second) => self.open_film(&second.file).await.ok(),
                        None => None,
                    };
                    let both = [Some(&first), second.as_ref()];
                    return Ok(Format::of(both.into_iter().flatten().map(|opened| &*opened.index)));
                }
            }
        }
        let learnt = self.learn(&Source::file(&first.file), &spec.video).await?;
        let shape = shape(learnt.foreign.as_ref());
        let encode = spec.video.encoding().cloned().unwrap_or_else(|| Encode::new(Encoder::Auto));
        let (_, mut rate, mut channels) = encode.resolved_sound();
        let heard = learnt.foreign.as_ref().and_then(|foreign| foreign.audio.as_ref());
        if let Some(heard) = heard.filter(|heard| spec.video == Video::Copy && heard.codec == "aac") {
            (rate, channels) = (heard.sample_rate, u8::try_from(heard.channels).unwrap_or(2));
        }
        Ok(Format::made(encode.size.unwrap_or(shape.size), rate, channels))
    }

    /// Opens an item, and makes sure that it can join.
    async fn open_item(&self, wanted: &Wanted, format: &Format, spec: &StreamSpec) -> Result<Opening> {
        let item = &wanted.slot.item;
        let both = format.layer() == Layer::Both;
        let renders = both && spec.source.on_mismatch() == OnMismatch::Render;
        let mut video = spec.video.clone();
        if video == Video::Copy || !both {
            match self.open_film(&item.file).await {
                Err(error) if error.kind == ErrorKind::SourceUnsupported && both => {}
                Err(error) if error.kind == ErrorKind::SourceUnsupported => {
                    let remedy = "ffmpeg has no part where another list is heard: songs are AAC in M4A, MP4 or FLV \
                                  (`ffmpeg -i in -vn -c:a aac out.m4a`), pictures H.264 in MP4 or FLV";
                    let detail = format!("{}; {remedy}", error.detail);
                    return Err(Error { detail, ..error });
                }
                opened => {
                    let opened = opened?;
                    match format.refuses(&opened.index).filter(|_| renders) {
                        Some(_) => video = Encode::new(Encoder::Auto).into(),
                        None => return self.clip(item, wanted.skip_ms, opened, format).await,
                    }
                }
            }
        }
        Box::pin(self.open_made(wanted, format, video, renders)).await
    }

    /// Opens an item of which ffmpeg makes something; with `renders` it encodes what does not fit.
    async fn open_made(
        &self,
        wanted: &Wanted,
        format: &Format,
        mut video: Video,
        renders: bool,
    ) -> Result<Opening> {
        let item = &wanted.slot.item;
        let name = item.file.display().to_string();
        let from_ms = item.from_ms.unwrap_or(0).saturating_add(wanted.skip_ms);
        // Of a part nothing is kept.
        let whole = from_ms == 0 && item.to_ms.is_none();
        let source = Source::file(&item.file).repeat(if whole { Repeat::Forever } else { Repeat::Once });
        let (learnt, road) = loop {
            if let Video::Encode(encode) = &video {
                video = format.matched(encode).into();
            }
            let learnt = self.learn(&source, &video).await?;
            let road = road(&video, &learnt.known(), learnt.tools.is_ok());
            let why = learnt.foreign.as_ref().and_then(|foreign| format.refuses_foreign(foreign));
            let fits = why.is_none() && !matches!(road, Road::Refused { block: Block::NeedsEncoding, .. });
            match why.filter(|_| video == Video::Copy) {
                _ if fits || video != Video::Copy => break (learnt, road),
                _ if renders => video = Encode::new(Encoder::Auto).into(),
                Some(why) => return Err(Error::new(ErrorKind::SourceUnsupported, name, why)),
                None => break (learnt, road),
            }
        };
        let mut made = match road {
            Road::Copy => {
                let opened = self.open_film(&item.file).await?;
                return self.clip(item, wanted.skip_ms, opened, format).await;
            }
            road => self.production(&source, &video, road, learnt).await?,
        };
        if let Some(to_ms) = item.to_ms {
            made.source.length_ms = Some(made.source.length_ms.map_or(to_ms, |length| length.min(to_ms)));
            made.to_ms = Some(to_ms);
        }
        match with_rendition(made).await? {
            Prepared::Kept(opened, _) | Prepared::Film(opened) => {
                self.clip(item, wanted.skip_ms, opened, format).await
            }
            Prepared::Production(made) => Ok(Opening::Production(made, from_ms)),
            Prepared::Lists(_) => Err(Error::new(ErrorKind::InvalidSpec, name, "a list is no item")),
        }
    }

    async fn open_film(&self, file: &Path) -> Result<Arc<Opened>> {
        self.shelf.survey(file, self.times.survey).await
    }

    /// What an item plays of a film, once it is sure that it can join the stream.
    async fn clip(&self, item: &Item, skip_ms: u64, opened: Arc<Opened>, format: &Format) -> Result<Opening> {
        let name = item.file.display().to_string();
        if let Some(why) = format.refuses(&opened.index) {
            return Err(Error::new(ErrorKind::SourceUnsupported, name, why));
        }
        let from_ms = item.from_ms.unwrap_or(0);
        let length_ms = opened.index.length_ms();
        if from_ms >= length_ms {
            let detail = format!("its in point, {from_ms} ms, lies behind its end, {length_ms} ms");
            return Err(Error::new(ErrorKind::InvalidSpec, name, detail));
        }
        let (at, to_ms) = (from_ms.saturating_add(skip_ms), item.to_ms);
        // Another file has come in the place of the one that failed: it begins at its beginning.
        let at = if at < length_ms { at } else { from_ms };
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
        Ok(Opening::Clip(Box::new(Clip::new(film, part, skip_ms, format))))
    }
}

#[async_trait]
impl Opener for Sources {
    async fn open(&self, wanted: &Wanted, format: &Format, spec: &StreamSpec) -> Result<Opening> {
        self.open_item(wanted, format, spec).await
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
            let wanted = Wanted::new(item);
            self.0.sources.open_item(&wanted, roll.format(), &run.spec).await?;
        }
        if run.ended_at().is_some() {
            return Err(Error::new(ErrorKind::Ended, id, "the stream is over; start it again"));
        }
        let version = roll.edit(version, &edits)?;
        self.remembered_lists().await;
        Ok(version)
    }
}

fn nothing() -> Error {
    Error::new(ErrorKind::InvalidSpec, "playlist", "it has no item to begin with")
}

fn rolls(run: &Run) -> Result<&Rolls> {
    run.rolls().ok_or_else(|| {
        let detail = "it plays no playlist; start it with a `playlist` as its source to change what plays";
        Error::new(ErrorKind::InvalidSpec, run.id.as_str(), detail)
    })
}

/// One of a stream's playlists.
fn roll(run: &Run, which: PlaylistKind) -> Result<&Arc<Roll>> {
    let rolls = rolls(run)?;
    match which {
        PlaylistKind::Main => Ok(&rolls.picture),
        PlaylistKind::Sound => rolls.sound.as_ref().ok_or_else(|| {
            let detail =
                "it has no list of sounds; start it with a `sound` of its own to change what is heard";
            Error::new(ErrorKind::InvalidSpec, run.id.as_str(), detail)
        }),
    }
}
