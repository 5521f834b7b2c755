//! Renditions that are made ahead of time.

use std::{ffi::c_char, sync::Arc};

use streambro_core::Preparation;
use streambro_embed::Threads;
use tokio::time::timeout;

use crate::{
    boundary::{DONE, call, free_or_forget, given, look, place, tell},
    error::streambro_error,
    manager::patience,
    result::streambro_result,
};

/// A rendition that is being made. Freed before it is finished, it is given up and leaves nothing.
///
/// Methods: `streambro_preparation_progress`, `streambro_preparation_cancel`, `streambro_preparation_wait`,
/// `streambro_preparation_free`.
#[derive(Debug)]
pub struct streambro_preparation {
    preparation: Arc<Preparation>,
    threads: Threads,
}

impl streambro_preparation {
    pub(crate) fn new(preparation: Preparation, threads: Threads) -> Self {
        Self { preparation: Arc::new(preparation), threads }
    }
}

/// Writes how far it is: stage, part, what is left of its time. Form: `progress`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_preparation_progress(
    preparation: *const streambro_preparation,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (preparation, out) =
            unsafe { (given("preparation", preparation)?, place("out_json", out_json)?) };
        tell(out, &preparation.preparation.progress())
    })
}

/// Gives it up. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_preparation_cancel(
    preparation: *const streambro_preparation,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let preparation = unsafe { given("preparation", preparation) }?;
        preparation.preparation.cancel();
        DONE
    })
}

/// Waits until it is finished, for at most `timeout_ms` milliseconds; below 0 as long as it takes.
///
/// Writes what came of it: `"made"`, `"found"` or `"not_needed"`. `TIMEOUT` when it is not finished in time. Errors:
/// `SOURCE_INVALID`, `ENCODER_UNAVAILABLE`, `ENCODER_FAILED`, `HOST`; `ENDED` when it was given up, `CLOSED` when the
/// manager shut down.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_preparation_wait(
    preparation: *const streambro_preparation,
    timeout_ms: i64,
    out_json: *mut *mut c_char,
    out_error: *mut *mut streambro_error,
) -> streambro_result {
    call(out_error, || {
        // SAFETY: the caller keeps to the conventions.
        let (preparation, out) =
            unsafe { (given("preparation", preparation)?, place("out_json", out_json)?) };
        let handle = Arc::clone(&preparation.preparation);
        let outcome = preparation.threads.wait(async move {
            match patience(timeout_ms) {
                None => Some(handle.wait().await),
                Some(patience) => timeout(patience, handle.wait()).await.ok(),
            }
        })?;
        match outcome {
            Some(outcome) => tell(out, &outcome?),
            None => Ok(streambro_result::Timeout),
        }
    })
}

/// Frees a preparation. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_preparation_free(preparation: *mut streambro_preparation) {
    // SAFETY: the caller keeps to the conventions.
    look((), || unsafe { free_or_forget(preparation) });
}
