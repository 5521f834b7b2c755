//! What viewers see when an item cannot be read, or nothing follows.

use std::fs::{self, OpenOptions};
use std::time::Duration;

use streambro_core::PlaylistKind::Main;
use streambro_core::{AtEnd, Edit, EventKind, Item, ItemEnd, OnFailure, Phase, Playlist, Reason, Repeat};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::flv::Kind;
use streambro_tests::nginx::Nginx;
use streambro_tests::scratch;

use super::show::{Show, list, mixed, spec};
use crate::publish::desk::{BOUND, Book, ends, live, manager, reach, until};
use crate::publish::film::{Film, read};

#[tokio::test]
async fn a_list_that_runs_dry_holds_its_last_picture_until_something_is_added() {
    let nginx = Nginx::start().await;
    let films = mixed(2, 2.0).await;
    let manager = manager().await;
    let book = Book::of(&manager);
    let list = list(&films[..1]).at_end(AtEnd::Hold);
    let stream = manager.start(spec("dry", list, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
    reach(&stream, Phase::Holding).await;
    let status = stream.status();
    assert_eq!(status.reason, Some(Reason::ListEnded), "{status:#?}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let version = manager.playlist("dry", Main).unwrap().version;
    let edit = [Edit::Append(Item::file(&films[1].path))];
    assert_eq!(manager.edit("dry", Main, Some(version), edit).await.unwrap(), version + 1);
    live(&stream).await;
    until("it plays", BOUND, || manager.as_run("dry", Main).unwrap().len() == 2).await;
    reach(&stream, Phase::Holding).await;
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("dry", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1));
    let show = Show::of(&recordings[0], &films);
    assert_eq!(show.order(), [0, 1]);
    assert!(show.still >= 3 && show.worst_offset_ms < 22.0, "{show:#?}");
    ffmpeg::decodes(&recordings[0]).await;
    book.audit();
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_plays_is_left_within_a_second_and_the_next_one_goes_on() {
    let nginx = Nginx::start().await;
    let films = mixed(3, 6.0).await;
    let folder = scratch();
    let victim = folder.path().join("victim.mp4");
    fs::copy(&films[1].path, &victim).unwrap();
    let manager = manager().await;
    let items = [
        Item::file(&films[0].path).ending_at(Duration::from_secs(1)),
        Item::file(&victim),
        Item::file(&films[2].path),
    ];
    let list = Playlist::new(items);
    let stream = manager.start(spec("cut", list, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
    until("it plays", BOUND, || manager.as_run("cut", Main).unwrap().len() == 2).await;
    let whole = fs::metadata(&victim).unwrap().len();
    OpenOptions::new().write(true).open(&victim).unwrap().set_len(whole / 2).unwrap();
    let status = ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("cut", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "{status:#?}");
    let run = manager.as_run("cut", Main).unwrap();
    let end = run[1].end.clone().unwrap();
    assert!(matches!(end, ItemEnd::Failed { reason: Reason::SourceTruncated, .. }), "{run:#?}");
    let show = Show::of(&recordings[0], &films);
    assert_eq!(show.order(), [0, 1, 2], "{show:#?}");
    assert!(show.runs[1].len < films[1].video.len(), "{show:#?}");
    ffmpeg::decodes(&recordings[0]).await;
}

#[tokio::test]
async fn a_missing_item_is_passed_over_or_waited_for_as_the_list_says() {
    let nginx = Nginx::start().await;
    let films = mixed(2, 2.0).await;
    let folder = scratch();
    let (late, away) = (folder.path().join("late.mp4"), folder.path().join("away.mp4"));
    fs::copy(&films[1].path, &away).unwrap();
    let manager = manager().await;
    let book = Book::of(&manager);
    for (id, policy) in [("skip", OnFailure::Skip), ("hold", OnFailure::Hold)] {
        let items = [&films[0].path, &films[0].path, &late, &films[0].path];
        let list = Playlist::new(items.map(Item::file)).on_failure(policy);
        let stream = manager.start(spec(id, list, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
        if policy == OnFailure::Hold {
            reach(&stream, Phase::Holding).await;
            assert_eq!(stream.status().reason, Some(Reason::SourceUnreadable));
            fs::rename(&away, &late).unwrap();
            live(&stream).await;
        }
        let status = ends(&stream, Reason::Finished).await;
        let recordings = nginx.settled(id, 1, BOUND).await;
        assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1));
        let show = Show::of(&recordings[0], &films);
        let order: &[usize] = if policy == OnFailure::Skip { &[0, 0, 0] } else { &[0, 0, 1, 0] };
        assert_eq!(show.order(), order, "{show:#?}");
        ffmpeg::decodes(&recordings[0]).await;
    }
    let missed = book.events().into_iter().any(|event| {
        matches!(event.kind, EventKind::Item { run, .. } if matches!(run.end, Some(ItemEnd::Failed { .. })) && run.file == late)
    });
    assert!(missed);
}

#[tokio::test]
async fn a_file_that_is_unlinked_while_it_plays_plays_to_its_end() {
    let nginx = Nginx::start().await;
    let films = mixed(2, 3.0).await;
    let folder = scratch();
    let gone = folder.path().join("gone.mp4");
    fs::copy(&films[0].path, &gone).unwrap();
    let manager = manager().await;
    let list = Playlist::new([Item::file(&gone), Item::file(&films[1].path)]);
    let stream = manager.start(spec("gone", list, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
    live(&stream).await;
    fs::remove_file(&gone).unwrap();
    ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("gone", 1, BOUND).await;
    let show = Show::of(&recordings[0], &films);
    assert_eq!((show.order(), show.runs[0].len), (vec![0, 1], films[0].video.len()));
}

/// What lies on a disk with a bad sector in its middle.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_bad_sector_ends_an_item_within_a_second_and_viewers_keep_their_picture() {
    use streambro_tests::slow_fs::{self, Mounted, Pace};
    if !slow_fs::available() {
        println!("skipped: this machine cannot mount");
        return;
    }
    let nginx = Nginx::start().await;
    let clip = |n: u32| Clip::new().seconds(8.0).bitrate(2_000 + n).gop(24);
    let films = [Film::of(clip(0).make().await).await, Film::of(clip(1).make().await).await];
    let folder = scratch();
    let half = fs::metadata(&films[0].path).unwrap().len() / 2;
    let pace = Pace { bytes_per_second: u64::MAX, stall_after: None, fails_from: Some(half) };
    // The tables must be readable: they are at the front of this one.
    let front = folder.path().join("front.mp4");
    let args = [
        "-i",
        films[0].path.to_str().unwrap(),
        "-c",
        "copy",
        "-movflags",
        "+faststart",
        front.to_str().unwrap(),
    ];
    ffmpeg::run(&args).await;
    let point = folder.path().join("disk");
    fs::create_dir(&point).unwrap();
    let disk = Mounted::new(&point, &front, pace).unwrap();
    let manager = manager().await;
    let list = Playlist::new([Item::file(disk.file()), Item::file(&films[1].path)]);
    let stream = manager.start(spec("sector", list, Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
    let status = ends(&stream, Reason::Finished).await;
    let recordings = nginx.settled("sector", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "{status:#?}");
    let run = manager.as_run("sector", Main).unwrap();
    let end = run[0].end.clone().unwrap();
    assert!(matches!(end, ItemEnd::Failed { reason: Reason::SourceUnreadable, .. }), "{run:#?}");
    let show = Show::of(&recordings[0], &films);
    assert_eq!(show.order(), [0, 1], "{show:#?}");
    let times: Vec<u32> = read(&recordings[0]).samples(Kind::Video).map(|tag| tag.timestamp).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 1_100), "within a second there is a picture");
    ffmpeg::decodes(&recordings[0]).await;
}
