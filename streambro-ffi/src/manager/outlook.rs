//! Looking ahead: what would happen, what fits, and what a platform would say.

use std::ffi::c_char;

use streambro_core::{Destination, ErrorKind, Platform, Source, Video};

use super::{streambro_manager, wait};
use crate::{
    boundary::{call, fault, given, list, parse, place, place_or_null, tell, text},
    error::streambro_error,
    preparation::streambro_preparation,
    result::streambro_result,
    spec::streambro_spec,
};

/// Writes what would become of a stream if it were started now: how it would be sent, what it costs, and which limits count.
/// Takes no place and starts nothing. Form: `explanation`.
///
/// Blocks until the source is open. Errors: as for `streambro_manager_start` where the source cannot even be looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_explain(
    manager: *const streambro_manager,
    spec: *const streambro_spec,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, spec, out) =
            unsafe { (given("manager", manager)?, given("spec", spec)?, place("out_json", out_json)?) };
        let spec = spec.whole()?;
        tell(out, &wait!(manager, m => async move { m.explain(&spec).await })?)
    })
}

/// Writes how many more streams fit: of a mix of `count` specs, each so many times in every round; `weights` may be NULL, for
/// one of each. Form: `capacity`.
///
/// Blocks until their sources are open. Errors: `NOT_ALLOWED` for one user; `INVALID_ARGUMENT` for an empty mix; `INVALID_SPEC` for one
/// that cannot be sent at all, or weights of 0 alone; as `streambro_manager_explain` for each of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_capacity(
    manager: *const streambro_manager,
    specs: *const *const streambro_spec,
    weights: *const u32,
    count: usize,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        let whole = manager.whole()?;
        // SAFETY: there are so many where the caller says so.
        let specs = unsafe { list("specs", specs, count) }?;
        // SAFETY: the same.
        let weights = if weights.is_null() { &[] } else { unsafe { list("weights", weights, count) }? };
        let mut mix = vec![];
        for (at, spec) in specs.iter().enumerate() {
            // SAFETY: each is a spec, if it is not null.
            let spec = unsafe { given("specs", *spec) }?.whole()?;
            let explained = manager.wait(|whole| async move { whole.explain(&spec).await })??;
            let share = explained.share().ok_or_else(|| {
                fault(
                    ErrorKind::InvalidSpec,
                    "specs",
                    "one of them cannot be sent at all; `explain` says why",
                )
            })?;
            mix.push(share.weight(weights.get(at).copied().unwrap_or(1)));
        }
        tell(out, &whole.capacity(&mix)?)
    })
}

/// Writes how a source would be sent, what the platform of this URL would say to it, and how to encode it so that it is
/// mended. The source is JSON, such as `{"file": "film.mp4"}`; the platform is recognised by the host of the URL. Starts
/// nothing. Forms: `source`, `analysis`.
///
/// Blocks until the source is open. Errors: `INVALID_SPEC`, `NOT_ALLOWED`, `SOURCE_UNREADABLE`, `SOURCE_INVALID`,
/// `SOURCE_UNSUPPORTED`, `TIMED_OUT`, `HOST`, `CLOSED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_analyze(
    manager: *const streambro_manager,
    source_json: *const c_char,
    url: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, source_json, url, out) = unsafe {
            (
                given("manager", manager)?,
                text("source_json", source_json)?,
                text("url", url)?,
                place("out_json", out_json)?,
            )
        };
        let source: Source = parse("source", source_json)?;
        // Of a destination only the host counts.
        let destination = Destination::new(url, "none")?;
        tell(out, &wait!(manager, m => async move { m.analyze(&source, &destination).await })?)
    })
}

/// The same for a platform, which is JSON: `"youtube"`, `"twitch"`, `"facebook"`, `"kick"`, or bands of your own. Forms:
/// `source`, `platform`, `analysis`.
///
/// Blocks and errors: as for `streambro_manager_analyze`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_analyze_for(
    manager: *const streambro_manager,
    source_json: *const c_char,
    platform_json: *const c_char,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, source_json, platform_json, out) = unsafe {
            (
                given("manager", manager)?,
                text("source_json", source_json)?,
                text("platform_json", platform_json)?,
                place("out_json", out_json)?,
            )
        };
        let source: Source = parse("source", source_json)?;
        let platform: Platform = parse("platform", platform_json)?;
        tell(out, &wait!(manager, m => async move { m.analyze_for(&source, &platform).await })?)
    })
}

/// Tries every encoder once, and writes which of them work here and why the others do not. Form: `encoders`.
///
/// Blocks for some seconds the first time. Errors: `ENCODER_UNAVAILABLE` when there is no ffmpeg; `HOST`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_encoders(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &wait!(manager, m => async move { m.encoders().await })?)
    })
}

/// Makes the rendition of a source ahead of time, in the background: what the first lap of a looped stream would make on the
/// air. The source is JSON, and so is the video: `"copy"` or `{"encode": {"bitrate": 3000000}}`, as in the spec of the
/// stream. Forms: `source`, `video`.
///
/// Blocks until the source is open. Errors: as for `streambro_manager_start`; `INVALID_SPEC` when the manager keeps no
/// renditions; `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_prepare(
    manager: *const streambro_manager,
    source_json: *const c_char,
    video_json: *const c_char,
    out_preparation: *mut *mut streambro_preparation,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, source_json, video_json, out) = unsafe {
            (
                given("manager", manager)?,
                text("source_json", source_json)?,
                text("video_json", video_json)?,
                place("out_preparation", out_preparation)?,
            )
        };
        let source: Source = parse("source", source_json)?;
        let video: Video = parse("video", video_json)?;
        let preparation = manager.wait(|whole| async move { whole.prepare(&source, video).await })??;
        out.give(streambro_preparation::new(preparation, manager.threads().clone()))
    })
}

/// Writes how many renditions are kept and how much they take; `null` when none are kept. Form: `renditions`.
///
/// Blocks for as long as the disk does. Errors: `HOST`; `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_renditions(
    manager: *const streambro_manager,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place("out_json", out_json)?) };
        tell(out, &manager.wait(|whole| async move { whole.renditions().await })??)
    })
}

/// Removes every rendition that is kept. What plays one plays on.
///
/// `out_count` is how many there were; NULL if nobody wants to know. Blocks for as long as the disk does. Errors: `HOST`;
/// `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_clear_renditions(
    manager: *const streambro_manager,
    out_count: *mut usize,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, out) = unsafe { (given("manager", manager)?, place_or_null(out_count)) };
        let count = manager.wait(|whole| async move { whole.clear_renditions().await })??;
        out.set(count)
    })
}
