//! What decoders other than ffmpeg's make of holds, skips and joints.

use std::time::Duration;

use streambro_core::PlaylistKind::Main;
use streambro_core::{AtEnd, Edit, Item, Phase, Playlist, Reason, Repeat};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::flv::Kind;
use streambro_tests::nginx::Nginx;
use streambro_tests::{decoders, scratch};

use super::show::spec;
use crate::publish::desk::{BOUND, ends, live, manager, reach};
use crate::publish::film::read;

#[tokio::test]
async fn a_hold_and_what_follows_it_decode_in_three_decoders_picture_for_picture() {
    let nginx = Nginx::start().await;
    // What the simplest of them can do; the second one has other parameter sets.
    let clip = |n: u32| {
        let plain =
            Clip::new().bframes(0).seconds(3.0).picture(&format!("testsrc2=s=320x180:r=30:d=3,hue=h={n}"));
        plain.video_options(&["-profile:v", "baseline", "-refs", if n == 0 { "1" } else { "3" }])
    };
    let (first, second) = (clip(0).make().await, clip(90).make().await);
    let manager = manager().await;
    let list = Playlist::new([Item::file(&first)]).at_end(AtEnd::Hold);
    let stream = manager.start(spec("three", list, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
    reach(&stream, Phase::Holding).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    manager.edit("three", Main, None, [Edit::Append(Item::file(&second))]).await.unwrap();
    live(&stream).await;
    reach(&stream, Phase::Holding).await;
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("three", 1, BOUND).await;
    assert_eq!(recordings.len(), 1);
    ffmpeg::decodes(&recordings[0]).await;
    let pictures = read(&recordings[0]).samples(Kind::Video).count() as u64;
    assert!(pictures > 183, "{pictures}");
    let folder = scratch();
    let bare = decoders::bare(&recordings[0], folder.path()).await;
    let counts = [decoders::openh264(&bare, 320, 180).await, decoders::broadway(&bare).await];
    for (name, count) in ["openh264", "broadway"].into_iter().zip(counts) {
        match count {
            Some(count) => assert_eq!(count, pictures, "{name}"),
            None => println!("skipped {name}: it is not there"),
        }
    }
}
