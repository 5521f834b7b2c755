//! Ending everything at once.

use super::{registry::free, user::Caller, verbs::StreamManager};
use crate::status::Reason;

impl StreamManager {
    /// Wants every stream to end, and forgets those that have: they are `NotFound` from now on, and their logs are freed.
    /// Returns how many streams this call has told to end.
    ///
    /// Those that wait for a place or open their source are among them; those that somebody had told to end before, and
    /// that say goodbye yet, are not. Idempotent; does not wait: what ends by it is known until it is
    /// [forgotten](crate::Builder::keep_ended) or cleared once more. The [`history`](Self::history) stays. Unlike after
    /// [`shutdown`](Self::shutdown) streams may be started at once, under the same ids as well.
    pub fn clear_all(&self) -> usize {
        self.clear_for(Caller::Host)
    }

    pub(super) fn clear_for(&self, caller: Caller<'_>) -> usize {
        let planned = self.0.timetable.clear(caller);
        let (ended, running) = self.registry().clear(|run| caller.may_see(&run.spec));
        free(ended);
        let waiting = planned.iter().filter(|id| running.iter().all(|run| run.id != **id)).count();
        // Not under the lock: who is woken may come back at once.
        waiting + running.into_iter().filter(|run| run.stop(Reason::Stopped)).count()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ErrorKind, Phase, Reason, StreamManager,
        manager::tests::{assert_empty, begin, ends, narrow, runs, spec},
    };

    #[tokio::test]
    async fn all_that_run_wait_or_open_their_source_end_and_those_that_had_ended_are_forgotten() {
        let manager = narrow(1, 5).await;
        let ended = manager.start(spec("ended")).await.unwrap();
        ended.stop();
        ends(&ended, Reason::Stopped).await;
        let running = manager.start(spec("running")).await.unwrap();
        runs(&running).await;
        let waiting = manager.start(spec("waiting").user("alice")).await.unwrap();
        assert_eq!(waiting.status().phase, Phase::Queued);
        // It stays held up: an end does not wait for a disk.
        let held_up = manager.0.sources.shelf.hold_up().await;
        let mut opening = Box::pin(manager.start(spec("opening").user("bob")));
        begin(&mut opening).await;

        assert_eq!(manager.clear_all(), 3);
        assert_eq!(manager.status("ended").unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(manager.logs("ended").unwrap_err().kind, ErrorKind::NotFound);
        assert!(ended.logs().is_empty(), "a handle does not hold the log");
        for stream in [&running, &waiting, &opening.await.unwrap()] {
            ends(stream, Reason::Stopped).await;
        }
        assert_eq!(manager.list().len(), 3, "they have only just ended");
        assert_eq!((manager.clear_all(), manager.list().len()), (0, 0));
        assert_eq!(manager.history().len(), 4, "what has been stays known");
        assert_empty(&manager);

        drop(held_up);
        runs(&manager.start(spec("running")).await.unwrap()).await;
    }

    #[tokio::test]
    async fn clearing_twice_counts_each_stream_once() {
        let manager = StreamManager::builder().build().await.unwrap();
        let streams = [manager.start(spec("a")).await.unwrap(), manager.start(spec("b")).await.unwrap()];
        streams[0].stop();
        // Nobody else has had a turn: both are there yet.
        assert_eq!((manager.clear_all(), manager.clear_all()), (1, 0));
        for stream in &streams {
            ends(stream, Reason::Stopped).await;
        }
    }

    #[tokio::test]
    async fn after_a_shutdown_it_only_forgets() {
        let manager = StreamManager::builder().build().await.unwrap();
        assert_eq!(manager.clear_all(), 0);
        manager.start(spec("a")).await.unwrap();
        manager.shutdown(std::time::Duration::ZERO).await;
        assert_eq!((manager.clear_all(), manager.list().len()), (0, 0));
        assert_eq!(manager.start(spec("a")).await.unwrap_err().kind, ErrorKind::Closed);
    }
}
