//! Which library this is.

use std::ffi::c_char;

use crate::boundary::look;

/// The version of the header, part by part.
pub const STREAMBRO_VERSION_MAJOR: u32 = 0;
/// See `STREAMBRO_VERSION_MAJOR`.
pub const STREAMBRO_VERSION_MINOR: u32 = 1;
/// See `STREAMBRO_VERSION_MAJOR`.
pub const STREAMBRO_VERSION_PATCH: u32 = 0;

/// Returns the version of the library that runs, as `STREAMBRO_VERSION_NUMBER` is that of the header:
/// `major * 1000000 + minor * 1000 + patch`.
#[unsafe(no_mangle)]
pub extern "C" fn streambro_version_number() -> u32 {
    look(0, || {
        STREAMBRO_VERSION_MAJOR * 1_000_000 + STREAMBRO_VERSION_MINOR * 1_000 + STREAMBRO_VERSION_PATCH
    })
}

/// Returns the same as a text, such as `"0.1.0"`. It is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn streambro_version() -> *const c_char {
    look(std::ptr::null(), || concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_those_of_the_manifest() {
        let parts = [STREAMBRO_VERSION_MAJOR, STREAMBRO_VERSION_MINOR, STREAMBRO_VERSION_PATCH];
        assert_eq!(parts.map(|part| part.to_string()).join("."), env!("CARGO_PKG_VERSION"));
        let [major, minor, patch] = parts;
        let number = streambro_version_number();
        assert_eq!((number / 1_000_000, number / 1_000 % 1_000, number % 1_000), (major, minor, patch));
    }
}
