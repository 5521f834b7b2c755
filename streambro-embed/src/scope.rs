//! The manager, whole or as one user may use it.

use std::future::Future;

use streambro_core::{ErrorKind, EventFilter, StreamId, StreamManager, Subscription, UserScope};

use crate::{Result, Threads, fault};

/// The manager with its threads, whole or as one user may use it.
#[derive(Clone, Debug)]
pub struct Scope {
    // Before the threads that it needs to end its streams.
    manager: StreamManager,
    user: Option<UserScope>,
    threads: Threads,
}

/// What calls about streams go to: `with!` picks it.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// The streams of everybody.
    All(&'a StreamManager),
    /// Those of one user.
    One(&'a UserScope),
}

/// Does something with what a scope sees: `with!(scope, m => m.list())`.
#[macro_export]
macro_rules! with {
    ($scope:expr, $seen:ident => $work:expr) => {
        match $scope.seen() {
            $crate::Seen::All($seen) => $work,
            $crate::Seen::One($seen) => $work,
        }
    };
}

impl Scope {
    /// The whole manager.
    pub fn new(manager: StreamManager, threads: Threads) -> Self {
        Self { manager, user: None, threads }
    }

    /// The manager as one user may use it.
    ///
    /// # Errors
    /// `NotAllowed` when it is that of a user already.
    pub fn as_user(&self, user: &str) -> Result<Self> {
        let user = Some(self.whole()?.as_user(user));
        Ok(Self { user, ..self.clone() })
    }

    /// Returns what it sees.
    pub fn seen(&self) -> Seen<'_> {
        self.user.as_ref().map_or(Seen::All(&self.manager), Seen::One)
    }

    /// The manager, for what is no single user's.
    ///
    /// # Errors
    /// `NotAllowed`.
    pub fn whole(&self) -> Result<&StreamManager> {
        match &self.user {
            None => Ok(&self.manager),
            Some(user) => Err(fault(
                ErrorKind::NotAllowed,
                user.user(),
                "this concerns the whole manager, and is not for one of its users",
            )),
        }
    }

    /// Subscribes to what happens from now on, to the stream of this id or to all that it sees.
    ///
    /// # Errors
    /// `InvalidSpec` for an id that cannot be one.
    pub fn subscribe(&self, id: Option<&str>, capacity: usize) -> Result<Subscription> {
        let mut filter = EventFilter::all();
        if let Some(user) = &self.user {
            filter = filter.user(user.user());
        }
        if let Some(id) = id {
            filter = filter.stream(StreamId::parse(id)?);
        }
        Ok(self.manager.subscribe_to(filter, capacity))
    }

    /// Returns the threads of the manager.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Does something with the whole manager on its threads, and waits.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    pub fn wait<F>(&self, work: impl FnOnce(StreamManager) -> F) -> Result<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.threads.wait(work(self.whole()?.clone()))
    }
}
