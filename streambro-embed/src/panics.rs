//! Panics: caught here, and nowhere else.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
    thread,
};

#[cfg(not(panic = "unwind"))]
compile_error!("streambro turns panics into result codes: build it with `panic = \"unwind\"`");

thread_local! {
    /// How many guards this thread is in.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
    /// Where this thread panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs something. If it panics, returns what the panic said, and where.
///
/// The host may end a thread, or itself, with a call of ours in it: what belongs to the thread may be gone.
pub fn guard<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    keep_quiet();
    let _ = GUARDS.try_with(|guards| guards.set(guards.get() + 1));
    // What a panic leaves behind is only ever looked at through locks that know of it.
    let outcome = catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let place = PLACE.try_with(RefCell::take).unwrap_or_default();
        let text = format!("{} ({place})", words(&*panic));
        // What is thrown may throw when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
        text
    });
    let _ = GUARDS.try_with(|guards| guards.set(guards.get().saturating_sub(1)));
    outcome
}

/// Lets our own panics say nothing on standard error: a code tells of them, or the reason of a stream.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Of a program that has Rust of its own, linked with this as one.
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let guarded = GUARDS.try_with(|guards| guards.get() > 0).unwrap_or(false);
            if guarded {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let _ = PLACE.try_with(|kept| kept.replace(place));
            } else if !thread::current().name().is_some_and(|name| name.starts_with("streambro")) {
                before(info);
            }
        }));
    });
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_what_and_where() {
        let panic = guard(|| panic!("on {}", "purpose")).unwrap_err();
        assert!(panic.starts_with("on purpose (streambro-embed/src/panics.rs:"), "{panic}");
        assert_eq!(guard(|| 7), Ok(7));
    }

    #[test]
    fn what_is_thrown_may_throw_again() {
        struct Twice;
        impl Drop for Twice {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let panic = guard(|| panic::panic_any(Twice)).unwrap_err();
        assert!(panic.starts_with("a panic without words"), "{panic}");
    }
}
