//! The manager as one user may use it.

use std::{fmt, sync::Arc, time::Duration};

use super::{stream::Stream, timetable::Upcoming, verbs::StreamManager};
use crate::{
    error::Result,
    event::{EventFilter, Subscription},
    ffmpeg::EncoderReport,
    journal::{LogLine, RunRecord},
    plan::{Analysis, Explanation},
    spec::{Airing, Destination, Edit, Platform, PlaylistKind, Schedule, Source, StreamSpec},
    status::{AsRun, Phase, PlaylistStatus, StreamStatus},
};

/// Who asks, and so which streams there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller<'a> {
    /// The program that owns the manager: all of them.
    Host,
    /// One user: their own.
    User(&'a str),
}

impl Caller<'_> {
    /// Whether a stream of this spec exists for the caller.
    pub(super) fn may_see(self, spec: &StreamSpec) -> bool {
        match self {
            Self::Host => true,
            Self::User(user) => spec.user.as_deref() == Some(user),
        }
    }
}

/// A [`StreamManager`] that shows and touches the streams of one user only. Cheap to clone.
///
/// Made by [`StreamManager::as_user`]. A stream of another user, or of none, is `NotFound`, with the very error of an id
/// that nobody has. One thing must show: ids are unique in the manager, so a start under an id that is another's, or was
/// and is not [forgotten](crate::Builder::keep_ended) yet, is `AlreadyExists`, without a word about that stream; put the user
/// into the id to keep them apart. Limits that all users share are counted over all users, in errors and in explanations.
///
/// It keeps the manager alive like any other handle.
#[derive(Clone)]
pub struct UserScope {
    manager: StreamManager,
    user: Arc<str>,
}

impl UserScope {
    pub(super) fn new(manager: StreamManager, user: String) -> Self {
        Self { manager, user: user.into() }
    }

    /// Returns the user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Puts a stream of this user on the air, whoever the spec names; else as [`StreamManager::start`].
    ///
    /// # Errors
    /// As [`StreamManager::start`].
    pub async fn start(&self, spec: StreamSpec) -> Result<Stream> {
        self.manager.start_for(self.caller(), spec.user(&*self.user)).await
    }

    /// Changes a stream of this user; it stays theirs, whoever the spec names. Else as [`StreamManager::replace`].
    ///
    /// # Errors
    /// As [`StreamManager::replace`].
    pub async fn replace(&self, spec: StreamSpec) -> Result<Stream> {
        self.manager.replace_for(self.caller(), spec.user(&*self.user)).await
    }

    /// Plans a stream of this user, whoever the spec names; else as [`StreamManager::schedule`].
    ///
    /// # Errors
    /// As [`StreamManager::schedule`].
    pub async fn schedule(&self, spec: StreamSpec) -> Result<Option<Airing>> {
        self.manager.schedule_for(self.caller(), spec.user(&*self.user)).await
    }

    /// Gives a stream of this user another schedule, as [`StreamManager::reschedule`].
    ///
    /// # Errors
    /// As [`StreamManager::reschedule`].
    pub async fn reschedule(&self, id: &str, schedule: Schedule) -> Result<Option<Airing>> {
        self.manager.reschedule_for(self.caller(), id, schedule).await
    }

    /// Lets what is on, or comes next, end later, as [`StreamManager::extend`].
    ///
    /// # Errors
    /// As [`StreamManager::extend`].
    pub async fn extend(&self, id: &str, by: Duration) -> Result<Airing> {
        self.manager.extend_for(self.caller(), id, by).await
    }

    /// Drops that end, as [`StreamManager::clear_end`].
    ///
    /// # Errors
    /// As [`StreamManager::clear_end`].
    pub async fn clear_end(&self, id: &str) -> Result<bool> {
        self.manager.clear_end_for(self.caller(), id).await
    }

    /// Takes a stream of this user out of the plan, as [`StreamManager::cancel`].
    ///
    /// # Errors
    /// As [`StreamManager::cancel`].
    pub async fn cancel(&self, id: &str) -> Result<()> {
        self.manager.cancel_for(self.caller(), id).await
    }

    /// Returns the next times at which streams of this user begin, as [`StreamManager::upcoming`].
    pub fn upcoming(&self, count: usize) -> Vec<Upcoming> {
        self.manager.upcoming_for(self.caller(), count)
    }

    /// Says what [`start`](Self::start) would do now, as [`StreamManager::explain`].
    ///
    /// # Errors
    /// As [`StreamManager::explain`].
    pub async fn explain(&self, spec: &StreamSpec) -> Result<Explanation> {
        self.manager.explain_for(self.caller(), &spec.clone().user(&*self.user)).await
    }

    /// Says how a source would be sent to a destination, as [`StreamManager::analyze`].
    ///
    /// # Errors
    /// As [`StreamManager::analyze`].
    pub async fn analyze(&self, source: &Source, destination: &Destination) -> Result<Analysis> {
        self.manager.analyze(source, destination).await
    }

    /// The same for a platform, whatever the destination is.
    ///
    /// # Errors
    /// As [`StreamManager::analyze_for`].
    pub async fn analyze_for(&self, source: &Source, platform: &Platform) -> Result<Analysis> {
        self.manager.analyze_for(source, platform).await
    }

    /// Says which encoders work here, and why the others do not, as [`StreamManager::encoders`].
    ///
    /// # Errors
    /// As [`StreamManager::encoders`].
    pub async fn encoders(&self) -> Result<Vec<EncoderReport>> {
        self.manager.encoders().await
    }

    /// Returns the playlist of a stream of this user, as [`StreamManager::playlist`].
    ///
    /// # Errors
    /// As [`StreamManager::playlist`].
    pub fn playlist(&self, id: &str, which: PlaylistKind) -> Result<PlaylistStatus> {
        self.manager.playlist_for(self.caller(), id, which)
    }

    /// Returns what became of its latest items, as [`StreamManager::as_run`].
    ///
    /// # Errors
    /// As [`StreamManager::as_run`].
    pub fn as_run(&self, id: &str, which: PlaylistKind) -> Result<Vec<AsRun>> {
        self.manager.as_run_for(self.caller(), id, which)
    }

    /// Changes the playlist of a stream of this user while it plays, as [`StreamManager::edit`].
    ///
    /// # Errors
    /// As [`StreamManager::edit`].
    pub async fn edit(
        &self,
        id: &str,
        which: PlaylistKind,
        version: Option<u64>,
        edits: impl IntoIterator<Item = Edit>,
    ) -> Result<u64> {
        let edits = edits.into_iter().collect();
        self.manager.edit_for(self.caller(), id, which, version, edits).await
    }

    /// Adds a destination to a stream of this user, as [`StreamManager::add_destination`].
    ///
    /// # Errors
    /// As [`StreamManager::add_destination`].
    pub fn add_destination(&self, id: &str, destination: Destination) -> Result<usize> {
        self.manager.add_destination_for(self.caller(), id, destination)
    }

    /// Takes one away, as [`StreamManager::remove_destination`].
    ///
    /// # Errors
    /// As [`StreamManager::remove_destination`].
    pub fn remove_destination(&self, id: &str, leg: usize) -> Result<()> {
        self.manager.remove_destination_for(self.caller(), id, leg)
    }

    /// Lets one rest, or puts it on the air again, as [`StreamManager::enable_destination`].
    ///
    /// # Errors
    /// As [`StreamManager::enable_destination`].
    pub fn enable_destination(&self, id: &str, leg: usize, on: bool) -> Result<()> {
        self.manager.enable_destination_for(self.caller(), id, leg, on)
    }

    /// Makes the connection of one anew, as [`StreamManager::rotate_destination`].
    ///
    /// # Errors
    /// As [`StreamManager::rotate_destination`].
    pub fn rotate_destination(&self, id: &str, leg: usize) -> Result<()> {
        self.manager.rotate_destination_for(self.caller(), id, leg)
    }

    /// Wants a stream to end. Idempotent; does not wait: see [`Stream::ended`].
    ///
    /// # Errors
    /// `NotFound`.
    pub fn stop(&self, id: &str) -> Result<()> {
        self.manager.stop_for(self.caller(), id)
    }

    /// Wants every stream of this user to end, and forgets those that have, as [`StreamManager::clear_all`]. Returns how
    /// many this call has ended.
    pub fn clear_all(&self) -> usize {
        self.manager.clear_for(self.caller())
    }

    /// Returns the handle of a stream of the user, as [`StreamManager::stream`].
    ///
    /// # Errors
    /// `NotFound`.
    pub fn stream(&self, id: &str) -> Result<Stream> {
        self.manager.find(self.caller(), id).map(Stream)
    }

    /// Returns what is known of a stream now.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn status(&self, id: &str) -> Result<StreamStatus> {
        self.manager.status_for(self.caller(), id)
    }

    /// Returns what is known of every stream of the user, by id, as [`StreamManager::list`].
    pub fn list(&self) -> Vec<StreamStatus> {
        self.manager.list_for(self.caller())
    }

    /// Returns the latest lines of a stream's log, as [`StreamManager::logs`].
    ///
    /// # Errors
    /// `NotFound`.
    pub fn logs(&self, id: &str) -> Result<Vec<LogLine>> {
        self.manager.find(self.caller(), id).map(|run| run.logs())
    }

    /// Returns the latest runs of this user that have ended, oldest first.
    pub fn history(&self) -> Vec<RunRecord> {
        let mut records = self.manager.history();
        records.retain(|record| record.user.as_deref() == Some(&*self.user));
        records
    }

    /// Subscribes to what happens to this user's streams from now on, as [`StreamManager::subscribe`].
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.manager.subscribe_to(EventFilter::all().user(&*self.user), capacity)
    }

    /// Waits until a stream is in `phase`. Cancel safe.
    ///
    /// # Errors
    /// `NotFound`; `Ended` when the stream ends without having come there.
    pub async fn wait_for(&self, id: &str, phase: Phase) -> Result<()> {
        self.stream(id)?.wait_for(phase).await
    }

    fn caller(&self) -> Caller<'_> {
        Caller::User(&self.user)
    }
}

impl fmt::Debug for UserScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserScope").field("user", &self.user).finish_non_exhaustive()
    }
}
