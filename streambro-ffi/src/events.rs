//! What happened, pulled by whoever wants to know.

use std::{
    ffi::{CString, c_char, c_int},
    os::fd::AsRawFd,
    ptr,
};

use streambro_core::{ErrorKind, Event, EventKind, Subscription};

use crate::{
    boundary::{Result, call, changed, fault, free, free_or_forget, look, place, read, terminated},
    error::streambro_error,
    manager::patience,
    phase::streambro_phase,
    result::streambro_result,
};

/// A reader's own bounded queue of events. A slow reader loses the oldest, and is told how many.
///
/// Events outlive their manager: what was not read yet can be, and then comes the end.
///
/// Methods: `streambro_events_next`, `streambro_events_fd`, `streambro_events_free`.
#[derive(Debug)]
pub struct streambro_events(Subscription);

/// Something that happened.
///
/// Methods: `streambro_event_seq`, `streambro_event_unix_ms`, `streambro_event_stream`, `streambro_event_user`,
/// `streambro_event_type`, `streambro_event_phase`, `streambro_event_detail`, `streambro_event_json`, `streambro_event_free`.
#[derive(Debug)]
pub struct streambro_event {
    seq: u64,
    unix_ms: u64,
    stream: Option<CString>,
    user: Option<CString>,
    kind: CString,
    phase: streambro_phase,
    detail: Option<CString>,
    json: CString,
}

impl streambro_events {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self(subscription)
    }
}

impl streambro_event {
    fn new(event: &Event) -> Result<Self> {
        let json =
            serde_json::to_value(event).map_err(|error| fault(ErrorKind::Host, "json", error.to_string()))?;
        let text = |field: &str| json["kind"][field].as_str().map(terminated);
        let phase = match &event.kind {
            EventKind::Phase { to, .. } => (*to).into(),
            _ => streambro_phase::None,
        };
        Ok(Self {
            seq: event.seq,
            unix_ms: event.unix_ms,
            stream: event.stream.as_ref().map(|id| terminated(id.as_str())),
            user: event.user.as_deref().map(terminated),
            kind: text("type").unwrap_or_default(),
            phase,
            detail: text("detail"),
            json: terminated(json.to_string()),
        })
    }
}

/// Waits for the next event for at most `timeout_ms` milliseconds: with 0 it only looks, below 0 it waits as long as it takes.
///
/// `TIMEOUT` when there was none in time; `END` once the manager was shut down, or its last handle freed, and everything has been
/// read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_events_next(
    events: *mut streambro_events,
    timeout_ms: i64,
    out_event: *mut *mut streambro_event,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (events, out) = unsafe { (changed("events", events)?, place("out_event", out_event)?) };
        match events.0.next_blocking(patience(timeout_ms)) {
            Ok(Some(event)) => out.give(streambro_event::new(&event)?),
            Ok(None) => Ok(streambro_result::End),
            Err(error) if error.kind == ErrorKind::TimedOut => Ok(streambro_result::Timeout),
            Err(error) => Err(error),
        }
    })
}

/// Writes a descriptor for `poll`, `epoll` and event loops: readable while events wait, and for ever once the manager is gone.
///
/// Read events with `streambro_events_next` and a timeout of 0 until it says `TIMEOUT`; never read, write or close the
/// descriptor. It is the same at each call, and closes with the events.
///
/// Errors: `HOST` when no descriptor is left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_events_fd(
    events: *mut streambro_events,
    out_fd: *mut c_int,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (events, out) = unsafe { (changed("events", events)?, place("out_fd", out_fd)?) };
        out.set(events.0.fd()?.as_raw_fd())
    })
}

/// Frees a queue with what is in it. NULL is fine. Nobody may be waiting.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_events_free(events: *mut streambro_events) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free_or_forget(events) });
}

/// Returns its number in its manager, from 0. What a reader lost is told by an event of the type `missed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_seq(event: *const streambro_event) -> u64 {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(event, 0, |event| event.seq) }
}

/// Returns when it happened, in milliseconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_unix_ms(event: *const streambro_event) -> u64 {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(event, 0, |event| event.unix_ms) }
}

/// Returns the id of its stream; NULL for what concerns none. Lives as long as the event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_stream(event: *const streambro_event) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe {
        read(event, ptr::null(), |event| event.stream.as_ref().map_or(ptr::null(), |text| text.as_ptr()))
    }
}

/// Returns whose stream it is; NULL if it was given no user. Lives as long as the event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_user(event: *const streambro_event) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(event, ptr::null(), |event| event.user.as_ref().map_or(ptr::null(), |text| text.as_ptr())) }
}

/// Returns what kind of event it is: `phase`, `leg`, `item`, `schedule`, `start_failed`, `encoder`, `encoder_failed`,
/// `rendition`, `state`, `alert` or `missed`, and whatever comes in later versions. Lives as long as the event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_type(event: *const streambro_event) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(event, ptr::null(), |event| event.kind.as_ptr()) }
}

/// Returns in which phase the stream is now, for an event of the type `phase`; `STREAMBRO_PHASE_NONE` for any other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_phase(event: *const streambro_event) -> streambro_phase {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(event, streambro_phase::None, |event| event.phase) }
}

/// Returns what it says for people, which may be empty; NULL for a type that never says anything. Never a key. Lives as long
/// as the event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_detail(event: *const streambro_event) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe {
        read(event, ptr::null(), |event| event.detail.as_ref().map_or(ptr::null(), |text| text.as_ptr()))
    }
}

/// Returns all of it as JSON. Form: `event`. Lives as long as the event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_json(event: *const streambro_event) -> *const c_char {
    // SAFETY: the caller keeps to the conventions.
    unsafe { read(event, ptr::null(), |event| event.json.as_ptr()) }
}

/// Frees an event. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_event_free(event: *mut streambro_event) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free(event) });
}
