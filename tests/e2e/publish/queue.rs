//! Streams that wait for a place, with a real server that sees who is there.

use streambro_core::{Admission, Phase, Reason, Repeat, StreamManager};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::nginx::Nginx;

use super::desk::{Book, ends, live, reach, spec};

#[tokio::test]
async fn a_queued_stream_opens_no_connection_and_goes_live_when_a_place_is_free() {
    let nginx = Nginx::start().await;
    let clip = Clip::new().seconds(4.0).make().await;
    let admission = Admission::Queue { max_waiting: 8 };
    let manager = StreamManager::builder().max_streams(1).admission(admission).build().await.unwrap();
    let book = Book::of(&manager);
    let url = nginx.rtmp_url("live");
    let first = manager.start(spec("first", &clip, Repeat::Forever, &url, "first")).await.unwrap();
    let second = manager.start(spec("second", &clip, Repeat::Forever, &url, "second")).await.unwrap();
    let third =
        manager.start(spec("third", &clip, Repeat::Forever, &url, "third").priority(1)).await.unwrap();
    live(&first).await;
    for waiting in [&second, &third] {
        assert_eq!((waiting.status().phase, waiting.status().legs[0].attempts), (Phase::Queued, 0));
    }
    assert!(nginx.recordings("second").is_empty() && nginx.recordings("third").is_empty());
    first.stop();
    // The one with the higher priority, although it came last; its end lets the other one on.
    live(&third).await;
    assert_eq!(second.status().phase, Phase::Queued);
    third.stop();
    ends(&third, Reason::Stopped).await;
    live(&second).await;
    // One that waits may change: it is still one that waits.
    let fourth = manager.start(spec("fourth", &clip, Repeat::Forever, &url, "fourth")).await.unwrap();
    reach(&fourth, Phase::Queued).await;
    let fourth = manager.replace(spec("fourth", &clip, Repeat::Forever, &url, "other")).await.unwrap();
    assert_eq!(fourth.status().phase, Phase::Queued);
    second.stop();
    live(&fourth).await;
    assert_eq!((nginx.recordings("fourth").len(), nginx.recordings("other").len()), (0, 1));
    book.audit();
}
