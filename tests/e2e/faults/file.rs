//! Files that change while they play.

use std::fs::{self, OpenOptions};
use std::path::Path;

use streambro_core::{Destination, Phase, Reason, Source, StreamSpec};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::nginx::Nginx;

use super::rig::{self, SOON, ms};

#[tokio::test]
async fn a_file_that_is_truncated_is_waited_for_where_it_was_and_nobody_else_notices() {
    let nginx = Nginx::start().await;
    let url = nginx.rtmp_url("live");
    let dir = streambro_tests::scratch();
    let long = Clip::new().seconds(12.0).bitrate(2_000);
    // A file system that cannot tell what is cached.
    let shm = Path::new("/dev/shm");
    let memory = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap();
    let behind = long.make().await;
    let in_front = long.options(&["-movflags", "+faststart"]).make().await;
    let manager = rig::manager(rig::times(|_| {})).await;
    let other = manager.start(rig::forever("other", &streambro_tests::demo_clip(), &url)).await.unwrap();
    let waited_for = async |name: &str, source: &Path, dir: &Path| {
        let path = dir.join(format!("{name}.mp4"));
        fs::copy(source, &path).unwrap();
        let stream = manager.start(rig::forever(name, &path, &url)).await.unwrap();
        rig::in_phase(&stream, Phase::Live, SOON).await;
        // Where it plays now it goes on; a little later there is nothing.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(fs::metadata(&path).unwrap().len() / 4).unwrap();
        rig::in_phase(&stream, Phase::Holding, SOON).await;
        rig::until(SOON, "it says why", || {
            let reason = stream.status().reason;
            matches!(reason, Some(Reason::SourceTruncated | Reason::SourceInvalid)).then_some(())
        })
        .await;
        let held = stream.status().media_ms;
        // Beside it, and then in its place.
        let whole = dir.join(format!("{name}-whole.mp4"));
        fs::copy(source, &whole).unwrap();
        fs::rename(&whole, &path).unwrap();
        rig::in_phase(&stream, Phase::Live, SOON).await;
        rig::until(2 * SOON, "it plays another lap", || {
            (stream.status().media_ms > held + 14_000).then_some(())
        })
        .await;
        stream.stop();
        let ended = stream.ended().await;
        assert_eq!((ended.legs[0].attempts, ended.laps > 0), (1, true), "{ended:?}");
        let recordings = nginx.settled(name, 1, SOON).await;
        assert_eq!(recordings.len(), 1);
        ffmpeg::decodes(&recordings[0]).await;
    };
    tokio::join!(
        waited_for("behind", &behind, dir.path()),
        waited_for("in-front", &in_front, dir.path()),
        waited_for("in-memory", &in_front, memory.path()),
    );
    let before = rig::leg(&other).packets;
    rig::until(SOON, "the other plays on", || (rig::leg(&other).packets > before + 100).then_some(())).await;
    let status = other.status();
    assert_eq!((status.phase, status.legs[0].attempts, status.legs[0].skips), (Phase::Live, 1, 0));
    assert!(status.legs[0].max_late_ms < 1_500, "{status:?}");
    manager.shutdown(SOON).await;
}

#[tokio::test]
async fn a_file_that_plays_once_and_is_truncated_ends_its_stream() {
    let nginx = Nginx::start().await;
    let dir = streambro_tests::scratch();
    let clip = Clip::new().seconds(12.0).bitrate(2_000).make().await;
    let path = dir.path().join("once.mp4");
    fs::copy(&clip, &path).unwrap();
    let manager = rig::manager(rig::times(|_| {})).await;
    let source = Source::file(&path);
    let destination = Destination::new(&nginx.rtmp_url("pass"), "once").unwrap();
    let stream = manager.start(StreamSpec::new("once", source).destination(destination)).await.unwrap();
    rig::in_phase(&stream, Phase::Live, SOON).await;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(fs::metadata(&path).unwrap().len() / 4).unwrap();
    let ended = tokio::time::timeout(SOON, stream.ended()).await.expect("it ends");
    assert_eq!((ended.phase, ended.reason), (Phase::Ended, Some(Reason::SourceTruncated)), "{ended:?}");
    assert_eq!(ended.legs[0].attempts, 1);
}

#[tokio::test]
async fn a_file_that_is_removed_or_replaced_plays_on_as_it_was() {
    let nginx = Nginx::start().await;
    let dir = streambro_tests::scratch();
    let clip = Clip::new().seconds(2.0).make().await;
    let another = Clip::new().seconds(2.0).fps("25").gop(25).bframes(0).make().await;
    let manager = rig::manager(rig::times(|_| {})).await;
    let mut streams = Vec::new();
    for name in ["removed", "replaced"] {
        let path = dir.path().join(name);
        fs::copy(&clip, &path).unwrap();
        let stream = manager.start(rig::forever(name, &path, &nginx.rtmp_url("live"))).await.unwrap();
        rig::in_phase(&stream, Phase::Live, SOON).await;
        if name == "removed" {
            fs::remove_file(&path).unwrap();
        } else {
            fs::copy(&another, dir.path().join("draft")).unwrap();
            fs::rename(dir.path().join("draft"), &path).unwrap();
        }
        streams.push(stream);
    }
    for stream in &streams {
        rig::until(SOON, "it plays on", || (stream.status().laps >= 3).then_some(())).await;
        assert_eq!(rig::leg(stream).attempts, 1);
    }
    manager.shutdown(SOON).await;
    for name in ["removed", "replaced"] {
        let recordings = nginx.settled(name, 1, SOON).await;
        let counted = rig::assert_unbroken(&recordings[0], &clip).await;
        assert!(counted.video > 3 * 60, "{counted:?}");
    }
    // Who starts it now gets the new one.
    let path = dir.path().join("replaced");
    let stream = manager.start(rig::forever("late", &path, &nginx.rtmp_url("live"))).await;
    assert!(stream.is_err(), "the manager has shut down");
    tokio::time::timeout(ms(100), manager.shutdown(SOON)).await.expect("idempotent");
}
