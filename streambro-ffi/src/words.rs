//! What phases and reasons are called, and what they mean.

use std::{
    collections::BTreeMap,
    ffi::{CString, c_char},
    ptr,
    sync::LazyLock,
};

use streambro_core::Reason;

use crate::{
    boundary::{look, terminated, text},
    phase,
};

/// Returns the name of a phase, `streambro_phase`, as JSON has it, such as `"live"`. NULL for a number that is none. The text is
/// never freed.
#[unsafe(no_mangle)]
pub extern "C" fn streambro_phase_name(phase: u32) -> *const c_char {
    static NAMES: LazyLock<Vec<CString>> = LazyLock::new(|| {
        (1..).map_while(|number| phase::of(number).ok()).map(|it| terminated(it.name())).collect()
    });
    look(ptr::null(), || {
        let at = usize::try_from(phase).ok().and_then(|phase| phase.checked_sub(1));
        at.and_then(|at| NAMES.get(at)).map_or(ptr::null(), |name| name.as_ptr())
    })
}

/// Returns what a reason means, of those that JSON names, such as `"bad_key"`. NULL for a name that is none. The text is never
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_reason_meaning(name: *const c_char) -> *const c_char {
    look(ptr::null(), || {
        // SAFETY: the caller keeps to the conventions.
        let name = unsafe { text("name", name) }.ok();
        name.and_then(|name| REASONS.get(name)).map_or(ptr::null(), |(meaning, _)| meaning.as_ptr())
    })
}

/// Returns what to do about a reason, and what the library does meanwhile. NULL for a name that is none. The text is never freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn streambro_reason_remedy(name: *const c_char) -> *const c_char {
    look(ptr::null(), || {
        // SAFETY: the caller keeps to the conventions.
        let name = unsafe { text("name", name) }.ok();
        name.and_then(|name| REASONS.get(name)).map_or(ptr::null(), |(_, remedy)| remedy.as_ptr())
    })
}

/// Meaning and remedy of each.
static REASONS: LazyLock<BTreeMap<&'static str, (CString, CString)>> = LazyLock::new(|| {
    let words = |reason: &Reason| (terminated(reason.meaning()), terminated(reason.remedy()));
    Reason::ALL.iter().map(|reason| (reason.name(), words(reason))).collect()
});
