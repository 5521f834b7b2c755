//! How a manager is set up.

use std::ffi::c_char;

use streambro_core::{Builder, Renditions, Settings};
use streambro_embed::Threads;

use crate::{
    boundary::{DONE, call, changed, free, given, look, misused, parse, place, tell, text},
    error::streambro_error,
    manager::streambro_manager,
    result::streambro_result,
};

/// More are surely a mistake.
const MOST_THREADS: usize = 1_024;

/// Settings of a manager. Those that have no function here are said in JSON.
///
/// Methods: `streambro_builder_new`, `streambro_builder_parse`, `streambro_builder_set_unlimited`,
/// `streambro_builder_set_max_streams`, `streambro_builder_set_max_streams_per_user`, `streambro_builder_set_media_root`,
/// `streambro_builder_set_state_dir`, `streambro_builder_set_ffmpeg`, `streambro_builder_set_renditions`,
/// `streambro_builder_set_threads`, `streambro_builder_build`, `streambro_builder_doctor`, `streambro_builder_free`.
#[derive(Debug, Default)]
pub struct streambro_builder {
    settings: Settings,
    threads: usize,
}

/// Creates a builder with the defaults: 20 streams, 5 of each user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_new(
    out_builder: *mut *mut streambro_builder,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let out = unsafe { place("out_builder", out_builder) }?;
        out.give(streambro_builder::default())
    })
}

/// Creates a builder from JSON, such as `{"v": 1, "max_streams": 1000, "admission": {"queue": {"max_waiting": 50}}}`. Form:
/// `settings`.
///
/// Errors: `INVALID_SPEC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_parse(
    json: *const c_char,
    out_builder: *mut *mut streambro_builder,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (json, out) = unsafe { (text("json", json)?, place("out_builder", out_builder)?) };
        out.give(streambro_builder { settings: parse("settings", json)?, threads: 0 })
    })
}

/// Lifts all limits but those that are set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_unlimited(
    builder: *mut streambro_builder,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let builder = unsafe { changed("builder", builder) }?;
        builder.settings.unlimited = true;
        DONE
    })
}

/// Limits the streams that run at once. Default: 20.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_max_streams(
    builder: *mut streambro_builder,
    streams: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let builder = unsafe { changed("builder", builder) }?;
        builder.settings.max_streams = Some(streams);
        DONE
    })
}

/// Limits the streams that each user runs at once. Default: 5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_max_streams_per_user(
    builder: *mut streambro_builder,
    streams: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let builder = unsafe { changed("builder", builder) }?;
        builder.settings.max_streams_per_user = Some(streams);
        DONE
    })
}

/// Opens no file outside of this directory. Relative paths begin here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_media_root(
    builder: *mut streambro_builder,
    dir: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (builder, dir) = unsafe { (changed("builder", builder)?, text("dir", dir)?) };
        builder.settings.media_root = Some(dir.into());
        DONE
    })
}

/// Keeps what is wanted and where streams are in this directory, and goes on from there after a restart. Keys are not kept
/// unless the JSON says `keep_keys_in_clear`: start those streams once more with theirs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_state_dir(
    builder: *mut streambro_builder,
    dir: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (builder, dir) = unsafe { (changed("builder", builder)?, text("dir", dir)?) };
        builder.settings.state_dir = Some(dir.into());
        DONE
    })
}

/// Uses this ffmpeg, and the ffprobe beside it. Default: the one on the path, if streams want one at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_ffmpeg(
    builder: *mut streambro_builder,
    program: *const c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (builder, program) = unsafe { (changed("builder", builder)?, text("program", program)?) };
        builder.settings.ffmpeg = Some(program.into());
        DONE
    })
}

/// Keeps what ffmpeg makes of looped files in this directory, up to so many bytes, and copies it from the second lap on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_renditions(
    builder: *mut streambro_builder,
    dir: *const c_char,
    quota_bytes: u64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (builder, dir) = unsafe { (changed("builder", builder)?, text("dir", dir)?) };
        builder.settings.renditions = Some(Renditions { dir: dir.into(), quota_bytes });
        DONE
    })
}

/// Chooses how many threads the library runs its streams on. Default: one for each processor. One carries hundreds of copied
/// streams.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_set_threads(
    builder: *mut streambro_builder,
    threads: usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let builder = unsafe { changed("builder", builder) }?;
        if !(1..=MOST_THREADS).contains(&threads) {
            return Err(misused("threads", format!("take 1 to {MOST_THREADS}, not {threads}")));
        }
        builder.threads = threads;
        DONE
    })
}

/// Creates the manager and its threads. The builder stays the caller's, and may be used again.
///
/// Blocks while the state directory is read.
///
/// Errors: `INVALID_SPEC` when settings contradict each other or the media root is no directory; `NOT_ALLOWED` and `HOST` when a
/// directory cannot be used or there can be no more threads; `STATE_IN_USE`, `STATE_INVALID`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_build(
    builder: *const streambro_builder,
    out_manager: *mut *mut streambro_manager,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (builder, out) = unsafe { (given("builder", builder)?, place("out_manager", out_manager)?) };
        let threads = Threads::new(builder.threads)?;
        let settings = builder.settings.clone();
        let manager = threads.wait(async { Builder::from(settings).build().await })??;
        out.give(streambro_manager::new(manager, threads))
    })
}

/// Looks whether this host can carry what these settings ask, without building anything, and writes what to do about it. Form:
/// `doctor`.
///
/// Blocks for well under a second on a healthy host, and never over 10 s. Errors: `HOST`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_doctor(
    builder: *const streambro_builder,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (builder, out) = unsafe { (given("builder", builder)?, place("out_json", out_json)?) };
        let settings = builder.settings.clone();
        tell(out, &Threads::new(1)?.wait(async { Builder::from(settings).doctor().await })?)
    })
}

/// Frees a builder. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_builder_free(builder: *mut streambro_builder) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free(builder) });
}
