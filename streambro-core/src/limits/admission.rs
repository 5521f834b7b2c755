//! What happens to a stream for which there is no place.

use serde::Deserialize;

/// What a manager does with a stream for which there is no place now.
///
/// Waiting streams come on the air by [priority](crate::StreamSpec::priority), then in the order of their starts. Nobody
/// overtakes: what becomes free goes to the first that waits, even if a later and smaller stream would fit and the first
/// does not yet. So a stream that needs much does not starve behind many that need little, at the price that room may
/// stay empty until it fits. The one exception is a stream that waits for a limit of its own, its user's or its host's:
/// it lets others pass, but nobody of the same user or host. Priorities are strict: whoever keeps starting streams with a
/// high one keeps the others waiting.
///
/// A stream that asks for more than a limit allows by itself can never run: it is refused, not queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Admission {
    /// Refuses it with `LimitReached`.
    #[default]
    Reject,
    /// Lets it wait in [`Phase::Queued`](crate::Phase::Queued), its file open, until there is a place.
    Queue {
        /// How many may wait at once. Those beyond are refused.
        max_waiting: usize,
    },
}

impl Admission {
    pub(super) fn max_waiting(self) -> usize {
        match self {
            Self::Reject => 0,
            Self::Queue { max_waiting } => max_waiting,
        }
    }
}
