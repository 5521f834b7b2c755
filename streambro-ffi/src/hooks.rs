//! Doors for tests.

/// Panics in the exported function that `STREAMBRO_PANIC_IN` names, seen from the type of its closure.
pub(crate) fn trip(closure: &str) {
    let Some(name) = std::env::var_os("STREAMBRO_PANIC_IN") else { return };
    if closure.split("::").any(|part| name == part) {
        panic!("a test wants `{}` to panic", name.display());
    }
}
