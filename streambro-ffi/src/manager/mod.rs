//! The manager, whole or as one user may use it.

pub mod legs;
pub mod lists;
pub mod outlook;
pub mod schedule;
pub mod streams;
pub mod views;

use std::{ffi::c_char, ops::Deref, time::Duration};

use streambro_core::StreamManager;
use streambro_embed::{Scope, Threads};

use crate::{
    boundary::{DONE, call, free_or_forget, given, look, place, text, text_or_null},
    error::streambro_error,
    events::streambro_events,
    result::streambro_result,
};

/// Keeps streams on the air, and owns the threads that do it. Streams are named by their ids.
///
/// One that `streambro_manager_as_user` made shows and touches the streams of one user only: those of others are `NOT_FOUND`,
/// and what concerns the whole manager is `NOT_ALLOWED`. It is freed by itself.
///
/// Every function may be called from any thread at any time, but for `streambro_manager_free`, which is the last.
///
/// Methods, besides those of streams: `streambro_manager_as_user`, `streambro_manager_subscribe`, `streambro_manager_shutdown`,
/// `streambro_manager_free`. Putting on the air: `streambro_manager_start`, `streambro_manager_replace`,
/// `streambro_manager_stop`, `streambro_manager_clear_all`, `streambro_manager_wait_for`. Looking: `streambro_manager_phase`,
/// `streambro_manager_status`, `streambro_manager_list`, `streambro_manager_logs`, `streambro_manager_history`,
/// `streambro_manager_usage`, `streambro_manager_metrics`, `streambro_manager_audit`, `streambro_manager_doctor`. Looking
/// ahead: `streambro_manager_explain`, `streambro_manager_capacity`, `streambro_manager_analyze`,
/// `streambro_manager_analyze_for`, `streambro_manager_encoders`. Playlists: `streambro_manager_playlist`,
/// `streambro_manager_as_run`, `streambro_manager_edit`. Destinations: `streambro_manager_add_destination`,
/// `streambro_manager_add_destination_json`, `streambro_manager_remove_destination`, `streambro_manager_enable_destination`,
/// `streambro_manager_rotate_destination`. Schedules: `streambro_manager_schedule`, `streambro_manager_reschedule`,
/// `streambro_manager_extend`, `streambro_manager_clear_end`, `streambro_manager_cancel`, `streambro_manager_upcoming`.
/// Renditions: `streambro_manager_prepare`, `streambro_manager_renditions`, `streambro_manager_clear_renditions`.
#[derive(Debug)]
pub struct streambro_manager(Scope);

impl streambro_manager {
    pub(crate) fn new(manager: StreamManager, threads: Threads) -> Self {
        Self(Scope::new(manager, threads))
    }
}

impl Deref for streambro_manager {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.0
    }
}

/// Does something with what a manager sees on its threads, and waits: `wait!(manager, m => m.start(spec))`. What it names is
/// moved.
macro_rules! wait {
    ($manager:expr, $seen:ident => $work:expr) => {
        streambro_embed::with!($manager, $seen => {
            let $seen = $seen.clone();
            $manager.threads().wait(async move { $work.await }).flatten()
        })
    };
}

use wait;

/// How long a wait lasts; below zero there is no end to it.
pub(crate) fn patience(timeout_ms: i64) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// Returns the manager as one user may use it. Its streams are always this user's, whoever a spec names.
///
/// It keeps the manager alive like any other. Errors: `NOT_ALLOWED` when it is that of a user already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_as_user(
    manager: *const streambro_manager,
    user: *const c_char,
    out_manager: *mut *mut streambro_manager,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, user, out) =
            unsafe { (given("manager", manager)?, text("user", user)?, place("out_manager", out_manager)?) };
        out.give(streambro_manager(manager.as_user(user)?))
    })
}

/// Subscribes to what happens from now on, keeping at most `capacity` unread events: of the stream of this id, which need not
/// run yet, or of every stream if it is NULL.
///
/// Errors: `INVALID_SPEC` for an id that cannot be one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_subscribe(
    manager: *const streambro_manager,
    id: *const c_char,
    capacity: usize,
    out_events: *mut *mut streambro_events,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (manager, id, out) = unsafe {
            (given("manager", manager)?, text_or_null("id", id)?, place("out_events", out_events)?)
        };
        out.give(streambro_events::new(manager.subscribe(id, capacity)?))
    })
}

/// Ends all streams and lets them say goodbye, for as long as `grace_ms` milliseconds; what is not done by then is ended
/// anyhow. Nothing can be started afterwards: that is `CLOSED`. Looking goes on as before.
///
/// Blocks until they have ended. With a state directory they are wanted as much as before: the next manager goes on with
/// them.
///
/// Errors: `NOT_ALLOWED` for one user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_shutdown(
    manager: *const streambro_manager,
    grace_ms: u64,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let manager = unsafe { given("manager", manager) }?;
        manager.wait(|whole| async move { whole.shutdown(Duration::from_millis(grace_ms)).await })?;
        DONE
    })
}

/// Frees a manager. NULL is fine. With the last of its handles its streams end at once, without a goodbye: shut it down before.
///
/// No other call on it may be under way, nor come later. Events that were subscribed to can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_manager_free(manager: *mut streambro_manager) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free_or_forget(manager) });
}
