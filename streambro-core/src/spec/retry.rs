//! How long a stream keeps trying.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Failures that a budget may allow; each is remembered as long as its window.
const MAX_ATTEMPTS: u32 = 1_000;

/// What becomes of a destination that fails again and again.
///
/// Delays between attempts are streambro's own: the first is at most half a second, each is about three times the one
/// before, up to a minute; a minute at once where only people can mend it, as with a wrong key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Retry {
    /// When a destination is given up. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
}

/// So many failures in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Budget {
    /// So many failures.
    attempts: u32,
    /// In so long, in milliseconds.
    window_ms: u64,
}

impl Retry {
    /// Tries for as long as the stream is wanted. The default: a channel that is on the air day and night must come
    /// back by itself, however long its server was away.
    pub fn forever() -> Self {
        Self { budget: None }
    }

    /// Gives a destination up at the failure that is the `attempts`th within `window`, whichever `window` it is; that
    /// is at once with 1.
    ///
    /// A stream all of whose destinations were given up ends with [`Reason::RetriesExhausted`]. Failed attempts and
    /// lost connections count alike; planned reconnects do not, and an hour on the air clears the account. There are at
    /// most 6 attempts in the first minute and then about one in 45 s: more in a window never come about. Allowed are
    /// 1 to 1,000 attempts.
    ///
    /// [`Reason::RetriesExhausted`]: crate::Reason::RetriesExhausted
    pub fn budget(attempts: u32, window: Duration) -> Self {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        Self { budget: Some(Budget { attempts, window_ms }) }
    }

    /// The failures that end it, and the window in which they count.
    pub(crate) fn limit(&self) -> Option<(usize, Duration)> {
        self.budget.map(|budget| (budget.attempts as usize, Duration::from_millis(budget.window_ms)))
    }

    /// Checks the figures.
    pub(super) fn check(&self) -> Result<()> {
        match self.budget {
            Some(Budget { attempts, window_ms })
                if !(1..=MAX_ATTEMPTS).contains(&attempts) || window_ms == 0 =>
            {
                let detail = "a budget has 1 to 1,000 attempts and a window longer than 0 ms";
                Err(Error::new(ErrorKind::InvalidSpec, "retry", detail))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_empty_by_default_and_names_the_unit_of_a_window() {
        let json = |retry| serde_json::to_string(&retry).unwrap();
        assert_eq!(json(Retry::forever()), "{}");
        let budget = Retry::budget(10, Duration::from_secs(600));
        assert_eq!(json(budget), r#"{"budget":{"attempts":10,"window_ms":600000}}"#);
        assert_eq!(serde_json::from_str::<Retry>(&json(budget)).unwrap(), budget);
        assert_eq!(serde_json::from_str::<Retry>("{}").unwrap(), Retry::default());
        serde_json::from_str::<Retry>(r#"{"budget":{"attempts":10,"window":1}}"#).unwrap_err();
    }

    #[test]
    fn budgets_that_mean_nothing_are_refused() {
        for (attempts, window) in [(0, 1_000), (1_001, 1_000), (1, 0)] {
            let error = Retry::budget(attempts, Duration::from_millis(window)).check().unwrap_err();
            assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "retry"));
        }
        Retry::budget(1, Duration::MAX).check().unwrap();
    }
}
