//! How bad something is.

use serde::Serialize;

/// How bad a finding is, of a stream or of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing; nothing suffers.
    Note,
    /// Something may suffer: streams in some case, or viewers on some platform.
    Warning,
    /// It cannot work as asked.
    Error,
}
