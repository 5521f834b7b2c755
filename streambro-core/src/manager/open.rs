//! From a spec to what plays: opens the source, learns what is in it, and settles how it is sent.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;

use super::workshop::{Workshop, aside};
use crate::{
    error::{Error, ErrorKind, Result},
    ffmpeg::{
        AudioJob, Job, Shape, Sound,
        tools::{Lack, Tools},
    },
    media::{foreign::Foreign, index::Layer, part::Part},
    plan::{Block, Known, Plan, Road, Work, road},
    source::{Disks, FilePlace, Keep, Kept, PassSource, Place, Prepared, Production, Start, Way},
    spec::{Encode, Encoder, Fps, Repeat, Resume, Size, Source, StreamSpec, Times, Video},
    survey::{Examined, Shelf, measure},
};

/// How long a start waits for the hash of a film, to see whether it has been encoded before.
const HASH_PATIENCE: Duration = Duration::from_secs(2);

/// What was found out about a source before anything plays.
pub(super) struct Learnt {
    pub(super) examined: Examined,
    pub(super) foreign: Option<Foreign>,
    pub(super) tools: Result<Tools, Lack>,
}

impl Learnt {
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            format: self.examined.gated.format,
            probe: self.examined.probe.as_ref(),
            foreign: self.foreign.as_ref(),
        }
    }
}

/// What a run goes on from: where another one was.
#[derive(Clone, Debug)]
pub(super) struct Comeback {
    pub(super) place: Place,
    /// When it was there.
    pub(super) unix_ms: u64,
    /// Destinations of the spec that it did not have on the air.
    pub(super) resting: Vec<usize>,
    /// When the airing began that it belongs to.
    pub(super) since: Timestamp,
}

/// Where what plays comes from.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) shelf: Arc<Shelf>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) disks: Disks,
    pub(super) times: Arc<Times>,
}

impl Sources {
    /// Opens what a spec plays, and finds where in it to begin.
    pub(super) async fn open(
        &self,
        spec: &StreamSpec,
        comeback: Option<&Comeback>,
        unix_ms: u64,
    ) -> Result<(Prepared, Start)> {
        let place = comeback.map(|comeback| &comeback.place);
        let away_ms = match spec.resume {
            Resume::WallClock => comeback.map_or(0, |comeback| unix_ms.saturating_sub(comeback.unix_ms)),
            _ => 0,
        };
        if let Some(list) = spec.source.list() {
            let places = match place {
                Some(Place::Lists(lists)) => [Some(&lists.picture), lists.sound.as_ref()],
                _ => [None, None],
            };
            let lists = Box::pin(self.open_lists(&list, spec, places, away_ms)).await?;
            return Ok((lists, Start::default()));
        }
        let prepared = self.open_file(spec).await?;
        let start = match place {
            Some(Place::File(place)) => Box::pin(self.find_start(&prepared, *place, away_ms, spec)).await,
            _ => Start::default(),
        };
        Ok((prepared, start))
    }

    async fn open_file(&self, spec: &StreamSpec) -> Result<Prepared> {
        let file = spec.source.first_file();
        if spec.video == Video::Copy {
            match self.shelf.survey(file, self.times.survey).await {
                Err(error) if error.kind == ErrorKind::SourceUnsupported => {}
                survey => return survey.map(Prepared::Film),
            }
        }
        // Boxed: a thousand starts at once, most of them of copies, would each hold the room for what ffmpeg takes.
        Box::pin(self.open_foreign(spec)).await
    }

    /// Finds a place in a file again. What cannot be found, for it is another file by now, is its beginning.
    async fn find_start(
        &self,
        prepared: &Prepared,
        place: FilePlace,
        away_ms: u64,
        spec: &StreamSpec,
    ) -> Start {
        let length_ms = match prepared {
            Prepared::Film(opened) | Prepared::Kept(opened, _) => opened.index.length_ms(),
            Prepared::Production(made) => made.source.length_ms.unwrap_or(0),
            Prepared::Lists(_) => 0,
        };
        let place = place.later(away_ms, length_ms, spec.source.repeat);
        match prepared {
            _ if place.ms == 0 => Start { place, part: None },
            Prepared::Film(opened) | Prepared::Kept(opened, _) => {
                let film = Arc::clone(opened);
                let find = aside(move || Part::find(&film.file, &film.index, Layer::Both, place.ms, None));
                match timeout(self.times.survey, find).await {
                    Ok(Ok(Ok(part))) => {
                        let place = FilePlace { ms: part.index.begins_ms(), ..place };
                        Start { place, part: Some(part) }
                    }
                    _ => Start { place: FilePlace { ms: 0, ..place }, part: None },
                }
            }
            Prepared::Production(_) | Prepared::Lists(_) => Start { place, part: None },
        }
    }

    /// Opens what ffmpeg may be needed for.
    async fn open_foreign(&self, spec: &StreamSpec) -> Result<Prepared> {
        let known = self.learn(&spec.source, &spec.video).await?;
        match road(&spec.video, &known.known(), known.tools.is_ok()) {
            Road::Copy => match known.examined.opened {
                Some(opened) => Ok(Prepared::Film(opened)),
                // It has changed between two looks.
                None => {
                    let name = spec.source.first_file().display().to_string();
                    Err(Error::new(ErrorKind::SourceInvalid, name, "the file changed while it was opened"))
                }
            },
            road => with_rendition(self.production(&spec.source, &spec.video, road, known).await?).await,
        }
    }

    /// Settles how ffmpeg makes what is sent of a source, on a road that wants it.
    pub(super) async fn production(
        &self,
        source: &Source,
        video: &Video,
        road: Road,
        learnt: Learnt,
    ) -> Result<Production> {
        let name = source.first_file().display().to_string();
        match road {
            Road::Refused { block: Block::NoFfmpeg, why, remedy } => {
                let lack = learnt.tools.err().map(|lack| lack.to_string()).unwrap_or(remedy);
                Err(Error::new(ErrorKind::EncoderUnavailable, name, format!("{why}: {lack}")))
            }
            Road::Refused { why, remedy, .. } => {
                Err(Error::new(ErrorKind::SourceUnsupported, name, format!("{why}; {remedy}")))
            }
            road => {
                let tools = learnt.tools.clone()?;
                self.produce(source, video, road, &learnt, &tools).await
            }
        }
    }

    /// Finds out what is in a source: by the native readers where they can, by ffprobe where that is wanted.
    pub(super) async fn learn(&self, source: &Source, video: &Video) -> Result<Learnt> {
        if let Video::Encode(encode) = video {
            self.workshop.check(encode)?;
        }
        let patience = self.times.survey;
        let examined = self.shelf.examine(source.first_file(), patience).await?;
        let tools = self.workshop.tools().await?;
        let name = source.first_file().display().to_string();
        let wanted = !examined.is_native() || *video != Video::Copy;
        let foreign = match &tools {
            Ok(Tools { ffprobe: Some(ffprobe), .. }) if wanted => {
                let sandbox = self.workshop.sandbox(None)?;
                match measure(ffprobe, &examined.gated, sandbox, &name, patience).await {
                    // The native readers have said what is the matter with it, and better.
                    Err(error) if error.kind == ErrorKind::SourceInvalid && examined.probe.is_some() => None,
                    measured => Some(measured?),
                }
            }
            Ok(Tools { ffprobe: None, .. }) if wanted => {
                let detail = "there is no ffprobe beside ffmpeg; it comes with it: install the whole package";
                return Err(Error::new(ErrorKind::EncoderUnavailable, "ffprobe", detail));
            }
            _ => None,
        };
        Ok(Learnt { examined, foreign, tools })
    }

    /// Settles how ffmpeg makes what is sent of a source.
    async fn produce(
        &self,
        source: &Source,
        video: &Video,
        road: Road,
        known: &Learnt,
        tools: &Tools,
    ) -> Result<Production> {
        let gated = &known.examined.gated;
        let foreign = known.foreign.as_ref();
        let workshop: &Arc<Workshop> = &self.workshop;
        let encode = match video {
            Video::Encode(encode) => Some(&**encode),
            Video::Copy => None,
        };
        let copied = |audio| {
            let job = Job { audio, ..Job::copy(gated.format) };
            vec![Way { job, encoder: None, decodes: false, instead: String::new() }]
        };
        let mut work = work(video, &road, known);
        let (why, ways) = match (road, encode) {
            (Road::Encode { why }, Some(encode)) => {
                let shape = shape(foreign);
                (why, workshop.ways(tools, encode, gated.format, shape).await?)
            }
            (Road::EncodeAudio { why }, _) => {
                let sound = Sound::new(&Encode::new(Encoder::Auto));
                (why, copied(AudioJob::Encode(sound)))
            }
            (Road::Remux { why } | Road::Encode { why }, _) => (why, copied(AudioJob::Copy)),
            (Road::Copy | Road::Refused { .. }, _) => {
                return Err(Error::new(
                    ErrorKind::SourceUnsupported,
                    "source",
                    "ffmpeg is not needed for it",
                ));
            }
        };
        let looped = source.repeat != Repeat::Once && !encode.is_some_and(|encode| encode.live);
        let keep = match workshop.store() {
            Some(store) if looped => {
                let settings = ways.iter().map(|way| way.fingerprint(encode)).collect();
                Keep::new(store, &self.disks, gated, settings)
            }
            _ => None,
        };
        work.encoder = ways.first().and_then(|way| way.encoder);
        let length_ms = foreign.and_then(|foreign| foreign.duration_ms);
        Ok(Production {
            ffmpeg: tools.ffmpeg.clone(),
            source: PassSource { file: Arc::clone(&gated.file), len: gated.len, length_ms },
            encoders: Arc::clone(workshop.encoders()),
            sandbox: workshop.sandbox(encode)?,
            ways,
            keep,
            work,
            why,
            to_ms: None,
        })
    }
}

/// Takes the rendition of what is to be made, if it has been made before.
pub(super) async fn with_rendition(made: Production) -> Result<Prepared> {
    if let Some(keep) = &made.keep
        && timeout(HASH_PATIENCE, keep.hashed()).await.is_ok()
    {
        for way in 0..made.ways.len() {
            if let Some(film) = keep.find(way).await {
                let kept = Kept { encoder: made.ways[way].encoder, why: made.why };
                return Ok(Prepared::Kept(film.opened, kept));
            }
        }
    }
    Ok(Prepared::Production(Box::new(made)))
}

/// What it takes to send a source on this road.
pub(super) fn work(video: &Video, road: &Road, learnt: &Learnt) -> Work {
    let (foreign, len) = (learnt.foreign.as_ref(), learnt.examined.gated.len);
    let encode = match video {
        Video::Encode(encode) => Some(&**encode),
        Video::Copy => None,
    };
    let shape = shape(foreign);
    let size = encode.and_then(|encode| encode.size).unwrap_or(shape.size);
    let fps = encode.and_then(|encode| encode.fps).map_or(shape.fps, Fps::as_f64);
    let pixels = u64::from(size.width) * u64::from(size.height);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate; saturates"
    )]
    let pixels_per_second = (pixels as f64 * fps) as u64;
    Work {
        plan: road.plan().unwrap_or(Plan::Copy),
        bits_per_second: bitrate(encode, foreign, len),
        pixels,
        pixels_per_second,
        encoder: encode.map(|encode| encode.encoder),
    }
}

pub(super) fn shape(foreign: Option<&Foreign>) -> Shape {
    let video = foreign.and_then(|foreign| foreign.video.as_ref());
    Shape {
        size: video.map_or(Size { width: 1_280, height: 720 }, |video| Size {
            width: video.width,
            height: video.height,
        }),
        fps: video.and_then(|video| video.frame_rate).unwrap_or(30.0),
    }
}

/// What one destination is sent, in bits per second: as it was asked for, else as much as the file has.
fn bitrate(encode: Option<&Encode>, foreign: Option<&Foreign>, len: u64) -> u64 {
    if let Some(encode) = encode {
        let shape = shape(foreign);
        let (sound, ..) = encode.resolved_sound();
        return encode.resolved_bitrate(shape.size, shape.fps).saturating_add(sound);
    }
    let by_length = || {
        let ms = foreign.and_then(|foreign| foreign.duration_ms).filter(|ms| *ms > 0)?;
        u64::try_from(u128::from(len) * 8_000 / u128::from(ms)).ok()
    };
    foreign.and_then(|foreign| foreign.bitrate).or_else(by_length).unwrap_or(4_000_000)
}
