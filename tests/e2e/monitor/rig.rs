//! What the tests of this folder share.

use std::path::Path;
use std::time::{Duration, Instant};

use streambro_core::{Builder, Destination, Phase, Repeat, Source, Stream, StreamManager, StreamSpec};
use streambro_tests::hostile::{Attack, Hostile, Stage};

/// Longer than anything here takes on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// Often enough for a test, and far from it by itself.
pub(super) const EVERY: Duration = Duration::from_millis(200);

/// A server that takes everything.
pub(super) async fn server() -> Hostile {
    Hostile::start(Attack::Nothing, Stage::Published).await
}

pub(super) async fn manager(set: impl FnOnce(Builder) -> Builder) -> StreamManager {
    let builder = set(StreamManager::builder().unlimited().monitor_every(EVERY));
    builder.build().await.expect("the settings are good")
}

/// The demo's clip for ever, to a server; the key is the stream's name.
pub(super) fn spec(id: &str, clip: &Path, server: &Hostile) -> StreamSpec {
    let destination = Destination::new(&server.url(), id.to_owned()).expect("the address is valid");
    StreamSpec::new(id, Source::file(clip).repeat(Repeat::Forever)).destination(destination)
}

pub(super) async fn live(stream: &Stream) {
    let reached = tokio::time::timeout(SOON, stream.wait_for(Phase::Live)).await;
    reached.unwrap_or_else(|_| panic!("not live: {:#?}", stream.status())).expect("it goes on");
}

/// Looks every 10 ms until there is something to see.
pub(super) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Tasks of this test's runtime, its own included.
pub(super) fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
