//! Numbers that come from another language.

use streambro_core::{ErrorKind, jiff::Timestamp};

use crate::{Result, fault};

/// More than anybody reads.
pub const MOST: usize = 10_000;

/// How many are asked for.
///
/// # Errors
/// `InvalidArgument` for more than [`MOST`].
pub fn most(name: &str, wanted: usize) -> Result<usize> {
    if wanted <= MOST {
        return Ok(wanted);
    }
    Err(fault(ErrorKind::InvalidArgument, name, format!("{wanted} are too many: ask for {MOST} at most")))
}

/// An instant, in milliseconds since 1970.
///
/// # Errors
/// `InvalidArgument` beyond the years -9999 to 9999.
pub fn instant(name: &str, unix_ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(unix_ms)
        .map_err(|error| fault(ErrorKind::InvalidArgument, name, error.to_string()))
}
