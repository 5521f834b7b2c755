//! What a stream should be, in the settings that most programs need.

use std::{ffi::c_char, time::Duration};

use streambro_core::{
    Destination, Encode, Encoder, ErrorKind, Fps, Playlist, Repeat, Schedule, Source, StreamSpec,
};
use streambro_embed::instant;

use crate::{
    boundary::{DONE, Result, call, changed, fault, free, given, look, misused, parse, place, tell, text},
    error::streambro_error,
    result::streambro_result,
};

/// What should be on the air: what plays, for whom, and where it goes.
///
/// It is made from nothing, or from JSON that says everything there is. A spec is only a description: it may be changed and
/// used again, and freed as soon as it has been handed to a manager.
///
/// Methods: `streambro_spec_new`, `streambro_spec_parse`, `streambro_spec_set_file`, `streambro_spec_add_item`,
/// `streambro_spec_set_shuffle`, `streambro_spec_set_repeat`, `streambro_spec_set_user`, `streambro_spec_set_priority`,
/// `streambro_spec_add_destination`, `streambro_spec_add_destination_json`, `streambro_spec_set_encoder`, `streambro_spec_set_bitrate`, `streambro_spec_set_size`,
/// `streambro_spec_set_fps`, `streambro_spec_set_start`, `streambro_spec_set_end`, `streambro_spec_set_duration`,
/// `streambro_spec_set_schedule`, `streambro_spec_json`, `streambro_spec_free`.
#[derive(Debug)]
pub struct streambro_spec {
    base: StreamSpec,
    /// Whether the base says what plays.
    has_source: bool,
    files: Files,
    repeat: Option<Repeat>,
    shuffle: Option<u64>,
    picture: Picture,
    schedule: Option<Schedule>,
}

/// What is said about encoding.
#[derive(Debug, Default, PartialEq)]
struct Picture {
    encoder: Option<Encoder>,
    bitrate: Option<u64>,
    size: Option<(u32, u32)>,
    fps: Option<Fps>,
}

#[derive(Debug)]
enum Files {
    None,
    One(String),
    Many(Vec<String>),
}

/// What encodes the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum streambro_encoder {
    /// The first that works here.
    Auto = 0,
    /// libx264, on the processor.
    X264 = 1,
    /// NVIDIA's.
    Nvenc = 2,
    /// Intel's Quick Sync Video.
    Qsv = 3,
    /// Apple's.
    Videotoolbox = 4,
    /// Whatever the Video Acceleration API drives: Intel's, AMD's.
    Vaapi = 5,
}

impl streambro_spec {
    fn new(base: StreamSpec, has_source: bool) -> Self {
        let (files, repeat, shuffle, picture, schedule) = (Files::None, None, None, Picture::default(), None);
        Self { base, has_source, files, repeat, shuffle, picture, schedule }
    }

    /// What it describes.
    ///
    /// # Errors
    /// `InvalidSpec`.
    pub(crate) fn whole(&self) -> Result<StreamSpec> {
        let mut spec = self.base.clone();
        if let Some(source) = self.source()? {
            spec = spec.source(source);
        }
        if self.picture != Picture::default() {
            spec = spec.video(self.picture.encode());
        }
        if let Some(schedule) = &self.schedule {
            spec = spec.schedule(schedule.clone());
        }
        Ok(spec)
    }

    fn source(&self) -> Result<Option<Source>> {
        let refuse = |subject, detail: &str| Err(fault(ErrorKind::InvalidSpec, subject, detail));
        let source = match &self.files {
            Files::None if !self.has_source => {
                return refuse("source", "say what plays: `set_file`, or `add_item` for each of several");
            }
            Files::None if self.repeat.is_some() || self.shuffle.is_some() => {
                return refuse(
                    "source",
                    "what plays was said in JSON: say there how often, and in which order",
                );
            }
            Files::None => return Ok(None),
            Files::One(_) if self.shuffle.is_some() => {
                return refuse("shuffle", "one file has no order: add items instead of setting a file");
            }
            Files::One(file) => Source::file(file),
            Files::Many(files) => {
                let list = Playlist::new(files);
                Source::playlist(match self.shuffle {
                    Some(seed) => list.shuffle(seed),
                    None => list,
                })
            }
        };
        Ok(Some(source.repeat(self.repeat.unwrap_or_default())))
    }

    /// What is said about its time begins with the first word about it.
    fn schedule(&mut self, how: impl FnOnce(Schedule) -> Schedule) {
        self.schedule = Some(how(self.schedule.take().unwrap_or_default()));
    }
}

impl Picture {
    fn encode(&self) -> Encode {
        let mut encode = Encode::new(self.encoder.unwrap_or_default());
        if let Some(bits_per_second) = self.bitrate {
            encode = encode.bitrate(bits_per_second);
        }
        if let Some((width, height)) = self.size {
            encode = encode.size(width, height);
        }
        match self.fps {
            Some(fps) => encode.fps(fps),
            None => encode,
        }
    }
}

/// Creates a spec for a stream of this id, which has 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
///
/// Errors: `INVALID_ARGUMENT`; a bad id is told when the stream is started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_new(
    id: *const c_char,
    out_spec: *mut *mut streambro_spec,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (id, out) = unsafe { (text("id", id)?, place("out_spec", out_spec)?) };
        let nothing = Source::playlist(Playlist::new::<&str>([]));
        out.give(streambro_spec::new(StreamSpec::new(id, nothing), false))
    })
}

/// Creates a spec from JSON. Form: `spec`.
///
/// What is set on it afterwards takes the place of the whole of what the JSON says about that: of what plays, of encoding,
/// of its time. Destinations are added to those of the JSON, so that keys need not be in it.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_parse(
    json: *const c_char,
    out_spec: *mut *mut streambro_spec,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (json, out) = unsafe { (text("json", json)?, place("out_spec", out_spec)?) };
        out.give(streambro_spec::new(parse("spec", json)?, true))
    })
}

/// Lets it play this MP4 or FLV file; other formats go through ffmpeg. In place of any items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_file(
    spec: *mut streambro_spec,
    path: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, path) = unsafe { (changed("spec", spec)?, text("path", path)?) };
        spec.files = Files::One(path.to_owned());
        DONE
    })
}

/// Lets it play this file after those added before, on one connection. In place of a file that was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_add_item(
    spec: *mut streambro_spec,
    path: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, path) = unsafe { (changed("spec", spec)?, text("path", path)?) };
        match &mut spec.files {
            Files::Many(files) => files.push(path.to_owned()),
            files => *files = Files::Many(vec![path.to_owned()]),
        }
        DONE
    })
}

/// Plays the items in another order each time, which the seed decides. Never one twice in a row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_shuffle(
    spec: *mut streambro_spec,
    seed: u64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.shuffle = Some(seed);
        DONE
    })
}

/// Plays it so many times; with 0 until it is stopped. Default: once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_repeat(
    spec: *mut streambro_spec,
    times: u32,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.repeat = Some(if times == 0 { Repeat::Forever } else { Repeat::Times(times) });
        DONE
    })
}

/// Names the user whose limit the stream counts against.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_user(
    spec: *mut streambro_spec,
    user: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, user) = unsafe { (changed("spec", spec)?, text("user", user)?) };
        spec.base = spec.base.clone().user(user);
        DONE
    })
}

/// Chooses who goes first when streams wait for a place: higher before lower. Default: 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_priority(
    spec: *mut streambro_spec,
    priority: i32,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.base = spec.base.clone().priority(priority);
        DONE
    })
}

/// Adds a destination: server and application, such as `rtmps://a.rtmps.youtube.com/live2`, and the stream key. There may be 32.
///
/// Errors: `INVALID_SPEC`, naming the part that cannot be used. The text never contains the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_add_destination(
    spec: *mut streambro_spec,
    url: *const c_char,
    key: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, url, key) = unsafe { (changed("spec", spec)?, text("url", url)?, text("key", key)?) };
        spec.base = spec.base.clone().destination(Destination::new(url, key)?);
        DONE
    })
}

/// The same with all that a destination may say: `{"url": ..., "key": ..., "backup": ..., "trust": ...}`. Form:
/// `destination`.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_add_destination_json(
    spec: *mut streambro_spec,
    json: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, json) = unsafe { (changed("spec", spec)?, text("json", json)?) };
        spec.base = spec.base.clone().destination(parse("destination", json)?);
        DONE
    })
}

/// Encodes the picture with this encoder, one of `streambro_encoder`. It needs an ffmpeg on the host.
///
/// Errors: `INVALID_ARGUMENT` for any other number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_encoder(
    spec: *mut streambro_spec,
    encoder: u32,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.picture.encoder = Some(match encoder {
            0 => Encoder::Auto,
            1 => Encoder::X264,
            2 => Encoder::Nvenc,
            3 => Encoder::Qsv,
            4 => Encoder::VideoToolbox,
            5 => Encoder::Vaapi,
            other => return Err(misused("encoder", format!("{other} is no `streambro_encoder`"))),
        });
        DONE
    })
}

/// Encodes the picture at so many bits per second, 50,000 to 200,000,000. Default: by size and frame rate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_bitrate(
    spec: *mut streambro_spec,
    bits_per_second: u64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.picture.bitrate = Some(bits_per_second);
        DONE
    })
}

/// Encodes the picture at this size, with bars where its shape is another one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_size(
    spec: *mut streambro_spec,
    width: u32,
    height: u32,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.picture.size = Some((width, height));
        DONE
    })
}

/// Encodes so many pictures per second, as a fraction: 30000 and 1001 are 29.97.
///
/// Errors: `INVALID_ARGUMENT` for a fraction of nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_fps(
    spec: *mut streambro_spec,
    numerator: u32,
    denominator: u32,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        if numerator == 0 || denominator == 0 {
            return Err(misused("fps", format!("{numerator}/{denominator} is no frame rate")));
        }
        spec.picture.fps = Some(Fps::new(numerator, denominator));
        DONE
    })
}

/// Puts it on the air at this instant, in milliseconds since 1970, and not before.
///
/// Errors: `INVALID_ARGUMENT` for an instant beyond the year 9999.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_start(
    spec: *mut streambro_spec,
    unix_ms: i64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        let at = instant("unix_ms", unix_ms)?;
        spec.schedule(|schedule| schedule.starting(at));
        DONE
    })
}

/// Ends it at this instant, in milliseconds since 1970.
///
/// Errors: `INVALID_ARGUMENT` for an instant beyond the year 9999.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_end(
    spec: *mut streambro_spec,
    unix_ms: i64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        let at = instant("unix_ms", unix_ms)?;
        spec.schedule(|schedule| schedule.ending(at));
        DONE
    })
}

/// Ends it so many milliseconds after its start, whatever the clocks do. In place of any other end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_duration(
    spec: *mut streambro_spec,
    ms: u64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let spec = unsafe { changed("spec", spec) }?;
        spec.schedule(|schedule| schedule.lasting(Duration::from_millis(ms)));
        DONE
    })
}

/// Chooses its time by JSON: windows, zones, cron. Form: `schedule`.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_set_schedule(
    spec: *mut streambro_spec,
    json: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, json) = unsafe { (changed("spec", spec)?, text("json", json)?) };
        spec.schedule = Some(parse("schedule", json)?);
        DONE
    })
}

/// Writes a spec as JSON; keys are `***`.
///
/// Errors: `INVALID_SPEC` when nothing says what plays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_json(
    spec: *const streambro_spec,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (spec, out) = unsafe { (given("spec", spec)?, place("out_json", out_json)?) };
        tell(out, &spec.whole()?)
    })
}

/// Frees a spec. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_spec_free(spec: *mut streambro_spec) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free(spec) });
}
