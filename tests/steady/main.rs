//! What a stream does not do once it is on the air.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::{sync::mpsc, thread, time::Duration};

use streambro_core::{
    Destination, Encoder, EncodingState, Item, Phase, Playlist, Preset, Repeat, Source, StreamManager,
    StreamSpec, StreamStatus, Video,
};
use streambro_tests::{
    ffmpeg::Clip,
    hostile::{Attack, Hostile, Stage},
};
use tokio::{runtime::Builder, time::timeout};

const STREAMS: usize = 20;
const GENEROUS: Duration = Duration::from_secs(60);

/// A good server on a thread of its own: what it allocates is not counted.
fn server() -> String {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Hostile::start(Attack::Nothing, Stage::Published).await;
            tell.send(server.url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

#[test]
fn streams_on_the_air_allocate_nothing_over_ticks_keyframes_and_joints() {
    allocates_nothing(StreamManager::builder(), Clip::new().seconds(2.0), |spec| spec);
}

#[test]
fn streams_that_were_encoded_once_allocate_nothing_either() {
    let renditions = tempfile::tempdir().unwrap();
    let encode = || Video::encode(Encoder::X264).size(320, 180).bitrate(300_000).preset(Preset::Ultrafast);
    let builder = StreamManager::builder().renditions(renditions.path(), 100_000_000);
    let streams = allocates_nothing(builder, Clip::new().seconds(2.0), |spec| spec.video(encode()));
    for status in streams {
        let encoding = status.encoding.unwrap();
        assert_eq!((encoding.state, encoding.pid), (EncodingState::Kept, None));
        assert_eq!(encoding.buffered_bytes, 0);
    }
}

/// What the heap holds of a stream that plays a list of so many items, and the text of their paths.
fn held(count: usize) -> (i64, i64) {
    let url = server();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let clip = runtime.block_on(Clip::new().seconds(2.0).make());
    let manager = runtime.block_on(StreamManager::builder().build()).unwrap();
    let counted = allocation_counter::measure(|| {
        let items = (0..count).map(|_| Item::file(clip.as_path()));
        let source = Source::playlist(Playlist::new(items)).repeat(Repeat::Forever);
        let spec = StreamSpec::new("list", source).destination(Destination::new(&url, "list").unwrap());
        let stream = runtime.block_on(manager.start(spec)).unwrap();
        runtime.block_on(async { timeout(GENEROUS, stream.wait_for(Phase::Live)).await }).unwrap().unwrap();
    });
    runtime.block_on(manager.shutdown(Duration::from_secs(5)));
    (counted.bytes_current, (count * clip.as_os_str().len()) as i64)
}

#[test]
fn an_item_of_a_list_that_plays_takes_at_most_two_hundred_bytes_beside_its_path() {
    // What is made once for a thread is there then.
    held(10);
    let ((few, text_of_few), (many, text_of_many)) = (held(10), held(1_010));
    let each = (many - few - (text_of_many - text_of_few)) / 1_000;
    println!("{each} bytes an item");
    assert!((1..=200).contains(&each), "{each}: {few} for 10, {many} for 1,010");
}

/// Puts twenty streams on the air and counts what they allocate from their third lap on. Returns how they were then.
fn allocates_nothing(
    builder: streambro_core::Builder,
    clip: Clip,
    change: impl Fn(StreamSpec) -> StreamSpec,
) -> Vec<StreamStatus> {
    let url = server();
    // One thread runs everything that streams, so that the count of this thread is the count of all.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let streams = runtime.block_on(async {
        let clip = clip.make().await;
        let manager = builder.unlimited().build().await.unwrap();
        let mut streams = vec![];
        for number in 0..STREAMS {
            let key = format!("key{number}");
            let source = Source::file(&clip).repeat(Repeat::Forever);
            let destination = Destination::new(&url, key.as_str()).unwrap();
            let spec = StreamSpec::new(key, source).destination(destination);
            streams.push(manager.start(change(spec)).await.unwrap());
        }
        for stream in &streams {
            timeout(GENEROUS, stream.wait_for(Phase::Live)).await.unwrap().unwrap();
        }
        // Every window and every room has had a lap to grow to its size.
        until_lap(&streams, 2).await;
        (manager, streams)
    });
    let (manager, streams) = streams;
    let packets = || streams.iter().map(|stream| stream.status().legs[0].packets).sum::<u64>();
    // On a host that is busy with something else a stream may lag, which is told, and telling allocates: once more then.
    for _ in 0..5 {
        let mut news = manager.subscribe(100);
        let before = packets();
        let counted = allocation_counter::measure(|| {
            // Long enough for two joints. Looking at a stream allocates, so nobody looks.
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(4_500)).await });
        });
        if let Ok(Some(event)) = news.next_blocking(Some(Duration::ZERO)) {
            println!("{event:?}");
            continue;
        }
        let sent = packets() - before;
        let laps = streams.iter().map(|stream| stream.status().laps).min().unwrap();
        assert!(laps >= 3, "{laps} laps");
        assert!(sent > STREAMS as u64 * 100, "{sent} packets");
        assert_eq!(counted.count_total, 0, "{counted:?} in {sent} packets");
        let statuses = streams.iter().map(|stream| stream.status()).collect();
        runtime.block_on(manager.shutdown(Duration::from_secs(5)));
        return statuses;
    }
    panic!("in five stretches of time there was not one in which nothing happened");
}

async fn until_lap(streams: &[streambro_core::Stream], lap: u64) {
    let reached = async {
        while streams.iter().any(|stream| stream.status().laps < lap) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(GENEROUS, reached).await.unwrap();
}
