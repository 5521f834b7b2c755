//! Which events a reader wants.

use crate::spec::StreamId;

/// Which events a [`Subscription`](super::Subscription) gets. Everything that is asked for must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFilter {
    stream: Option<StreamId>,
    user: Option<String>,
}

impl EventFilter {
    /// Lets every event through.
    pub fn all() -> Self {
        Self::default()
    }

    /// Lets the events of one stream through. It need not run yet.
    #[must_use]
    pub fn stream(mut self, stream: StreamId) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Lets the events of one user's streams through. Streams without a user are nobody's.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    pub(super) fn lets_through(&self, stream: Option<&StreamId>, user: Option<&str>) -> bool {
        self.stream.as_ref().is_none_or(|wanted| stream == Some(wanted))
            && self.user.as_deref().is_none_or(|wanted| user == Some(wanted))
    }
}
