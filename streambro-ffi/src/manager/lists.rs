//! Playlists that play.

use std::ffi::c_char;

use streambro_core::{Edit, PlaylistKind};
use streambro_embed::with;

use super::{streambro_manager, wait};
use crate::{
    boundary::{Result, call, given, misused, parse, place, tell, text},
    error::streambro_error,
    result::streambro_result,
};

/// Which of a stream's playlists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum streambro_playlist {
    /// What is seen; and heard, unless there is a list of sounds.
    Main = 0,
    /// What is heard.
    Sound = 1,
}

/// # Errors
/// `InvalidArgument`.
fn kind(playlist: u32) -> Result<PlaylistKind> {
    match playlist {
        0 => Ok(PlaylistKind::Main),
        1 => Ok(PlaylistKind::Sound),
        other => Err(misused("playlist", format!("{other} is no `streambro_playlist`"))),
    }
}

/// Writes one of a stream's playlists, `streambro_playlist`: its version, its items with their ids, what plays and what
/// comes next. Form: `playlist`.
///
/// Errors: `NOT_FOUND`; `INVALID_SPEC` when the stream plays a single file, or has no such list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_playlist(
    manager: *const streambro_manager,
    id: *const c_char,
    playlist: u32,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_json", out_json)?) };
        let which = kind(playlist)?;
        tell(out, &with!(manager, m => m.playlist(id, which))?)
    })
}

/// Writes what became of the latest 256 items of a playlist, oldest first; the last one may be playing. Form: `as_run`.
///
/// Errors: as for `streambro_manager_playlist`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_as_run(
    manager: *const streambro_manager,
    id: *const c_char,
    playlist: u32,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) =
            unsafe { (given("manager", manager)?, text("id", id)?, place("out_json", out_json)?) };
        let which = kind(playlist)?;
        tell(out, &with!(manager, m => m.as_run(id, which))?)
    })
}

/// Changes a playlist while it plays, all or nothing; no connection notices. Form: `edits`, such as `[{"append": {"file":
/// "next.mp4"}}, "skip"]`.
///
/// With a `version` of 0 or more the change is made only if the list is at that version; below 0 in any case. `out_version`
/// is the new one. Blocks until items that are added are open.
///
/// Errors: `CONFLICT` when the list is at another version; `NOT_FOUND` for a stream or an item; `INVALID_SPEC`, `ENDED`; for
/// an item that is added as for `streambro_manager_start`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_edit(
    manager: *const streambro_manager,
    id: *const c_char,
    playlist: u32,
    version: i64,
    edits_json: *const c_char,
    out_version: *mut u64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, edits_json, out) = unsafe {
            (
                given("manager", manager)?,
                text("id", id)?,
                text("edits_json", edits_json)?,
                place("out_version", out_version)?,
            )
        };
        let which = kind(playlist)?;
        let edits: Vec<Edit> = parse("edits", edits_json)?;
        let (id, version) = (id.to_owned(), u64::try_from(version).ok());
        out.set(wait!(manager, m => async move { m.edit(&id, which, version, edits).await })?)
    })
}
