//! Items of which ffmpeg makes something.

use std::time::Duration;

use streambro_core::PlaylistKind::Main;
use streambro_core::{
    Edit, Encoder, EncodingState, Item, ItemEnd, ItemId, OnMismatch, Playlist, Preset, Reason, Repeat,
    StreamManager, Video,
};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::flv::Kind;
use streambro_tests::nginx::Nginx;
use streambro_tests::scratch;

use super::show::spec;
use crate::publish::desk::{BOUND, Book, ends, live, manager, until};
use crate::publish::film::{Film, read};

/// Pictures a second of all clips here.
const FPS: f64 = 30.0;

/// Checks that a recording has all pictures of so many seconds, decodes, and has no hole and no step back: on a busy machine
/// the picture may stand still for a moment before ffmpeg has the next item ready.
async fn unbroken(recording: &std::path::Path, seconds: f64) {
    let file = read(recording);
    for (kind, most) in [(Kind::Video, 1_100), (Kind::Audio, 70)] {
        let times: Vec<u32> = file.samples(kind).map(|tag| tag.timestamp).collect();
        let hole = times.windows(2).find(|pair| pair[1] <= pair[0] || pair[1] - pair[0] > most);
        assert!(hole.is_none(), "{kind:?}: {hole:?}");
    }
    let pictures = file.samples(Kind::Video).count() as f64 / FPS;
    assert!((-0.3..0.5).contains(&(pictures - seconds)), "{pictures} of {seconds} s");
    ffmpeg::decodes(recording).await;
}

#[tokio::test]
async fn every_item_is_encoded_alike_whatever_it_is_and_the_connection_stays() {
    let nginx = Nginx::start().await;
    let clips = [
        Clip::new().seconds(3.0),
        Clip::new().seconds(4.0).size(640, 360).audio(44_100, "mono"),
        Clip::new().seconds(3.0).container("mkv"),
        Clip::new().seconds(3.0).video_only(),
    ];
    let mut items = vec![];
    for clip in clips {
        items.push(Item::file(clip.make().await));
    }
    let manager = manager().await;
    let book = Book::of(&manager);
    let encode = Video::encode(Encoder::X264).size(320, 180).bitrate(300_000).preset(Preset::Ultrafast);
    let wanted = spec("made", Playlist::new(items), Repeat::Once, &nginx.rtmp_url("live")).video(encode);
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    assert!(stream.status().encoding.is_some_and(|encoding| encoding.runs > 0));
    let status = ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("made", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "{status:#?}");
    let run = manager.as_run("made", Main).unwrap();
    assert!(run.iter().all(|run| run.end == Some(ItemEnd::Finished)), "{run:#?}");
    assert_eq!(run.iter().map(|run| run.item).collect::<Vec<_>>(), [0, 1, 2, 3].map(ItemId));
    unbroken(&recordings[0], 13.0).await;
    book.audit();
}

#[tokio::test]
async fn what_does_not_fit_is_made_alike_once_and_copied_ever_after() {
    let nginx = Nginx::start().await;
    let folder = scratch();
    let fits = Clip::new().seconds(3.0).make().await;
    let other = Clip::new().seconds(3.0).size(640, 360).audio(44_100, "mono").make().await;
    let foreign = Clip::new().seconds(3.0).container("mkv").make().await;
    let manager = StreamManager::builder().renditions(folder.path(), 1 << 30).build().await.unwrap();
    let list = Playlist::new([&fits, &other, &foreign].map(Item::file)).on_mismatch(OnMismatch::Render);
    let wanted = spec("render", list, Repeat::Times(2), &nginx.rtmp_url("live"));
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    until("the second lap plays", BOUND, || stream.status().laps == 1).await;
    let runs = stream.status().encoding.map(|encoding| encoding.runs);
    let status = ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("render", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "{status:#?}");
    let run = manager.as_run("render", Main).unwrap();
    assert!(run.len() == 6 && run.iter().all(|run| run.end == Some(ItemEnd::Finished)), "{run:#?}");
    assert_eq!(manager.renditions().await.unwrap().unwrap().count, 2);
    // No ffmpeg in the second lap.
    assert_eq!(stream.status().encoding.map(|encoding| encoding.runs), runs);
    unbroken(&recordings[0], 18.0).await;
}

#[tokio::test]
async fn an_item_that_is_made_can_be_skipped_to_and_away_from_and_its_ffmpeg_goes() {
    let nginx = Nginx::start().await;
    let native = Film::of(Clip::new().seconds(20.0).make().await).await;
    let foreign = Clip::new().seconds(30.0).container("mkv").make().await;
    let manager = manager().await;
    let items = [
        Item::file(&native.path),
        Item::file(&foreign).starting_at(Duration::from_secs(5)),
        Item::file(&native.path),
    ];
    let wanted = spec("skip", Playlist::new(items), Repeat::Once, &nginx.rtmp_url("live"));
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    let now = || manager.playlist("skip", Main).unwrap().now.map(|run| run.item);
    manager.edit("skip", Main, None, [Edit::Skip]).await.unwrap();
    until("ffmpeg's item plays", BOUND, || now() == Some(ItemId(1))).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let encoding = stream.status().encoding.unwrap();
    assert!(encoding.pid.is_some() && encoding.encoder.is_none(), "{encoding:#?}");
    manager.edit("skip", Main, None, [Edit::Skip]).await.unwrap();
    until("the last item plays", BOUND, || now() == Some(ItemId(2))).await;
    until("its ffmpeg is gone", BOUND, || {
        stream.status().encoding.is_none_or(|encoding| encoding.state != EncodingState::Running)
    })
    .await;
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("skip", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "{status:#?}");
    let run = manager.as_run("skip", Main).unwrap();
    assert!(run[..2].iter().all(|run| run.end == Some(ItemEnd::Skipped)), "{run:#?}");
    ffmpeg::decodes(&recordings[0]).await;
}

#[tokio::test]
async fn from_one_item_that_is_made_to_the_next_a_skip_waits_for_nobody() {
    let nginx = Nginx::start().await;
    let mut items = vec![];
    for n in 0..3 {
        items.push(Item::file(Clip::new().seconds(40.0 + f64::from(n)).container("mkv").make().await));
    }
    let manager = manager().await;
    let encode = Video::encode(Encoder::X264).size(320, 180).bitrate(300_000).preset(Preset::Ultrafast);
    let wanted = spec("row", Playlist::new(items), Repeat::Forever, &nginx.rtmp_url("live")).video(encode);
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    let now = || manager.playlist("row", Main).unwrap().now.map(|run| run.item);
    for item in [1, 2, 0] {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // Another one comes next, and what plays goes on all the same.
        manager
            .edit("row", Main, None, [Edit::Cue(ItemId((item + 1) % 3)), Edit::Cue(ItemId(item))])
            .await
            .unwrap();
        manager.edit("row", Main, None, [Edit::Skip]).await.unwrap();
        until("the next one plays", BOUND, || now() == Some(ItemId(item))).await;
    }
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("row", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "{status:#?}");
    ffmpeg::decodes(&recordings[0]).await;
}
