//! Changes while it plays.

use std::time::Duration;

use streambro_core::PlaylistKind::Main;
use streambro_core::{Edit, ErrorKind, EventKind, Item, ItemEnd, ItemId, Playlist, Reason, Repeat};
use streambro_tests::ffmpeg::{self, Clip};
use streambro_tests::nginx::Nginx;

use super::show::{Show, files, list, mixed, spec, warped};
use crate::publish::desk::{self, BOUND, Book, ends, live, manager, until};
use crate::publish::film::Film;

/// A row of numbers by chance that follow from a seed (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % count.max(1)
    }
}

#[tokio::test]
async fn random_edits_while_it_plays_make_no_connection_and_the_log_says_what_the_receiver_got() {
    // 10,000 in `tests/run --full`.
    let count = std::env::var("STREAMBRO_EDITS").map_or(1_000, |count| count.parse().expect("a number"));
    let nginx = Nginx::start().await;
    let films = mixed(5, 1.0).await;
    let manager = warped(8).await;
    let book = Book::of(&manager);
    let url = nginx.rtmp_url("live");
    let stream = manager.start(spec("edits", list(&films), Repeat::Forever, &url)).await.unwrap();
    live(&stream).await;
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut chance = Chance(seed | 1);
    let mut refused = 0;
    for n in 0..count {
        let now = manager.playlist("edits", Main).unwrap();
        let count = now.items.len() as u64;
        let mut any = || now.items[chance.below(count) as usize].id;
        let (id, before) = (any(), any());
        let film = &films[chance.below(films.len() as u64) as usize];
        let edit = match chance.below(if count > 2 { 9 } else { 3 }) {
            0 => Edit::Append(Item::file(&film.path)),
            1 => Edit::Insert { before, item: Item::file(&film.path) },
            2 => Edit::Replace { id, item: Item::file(&film.path) },
            3 | 4 => Edit::Remove(id),
            5 => Edit::Move { id, before: Some(before) },
            6 => Edit::Cue(id),
            7 => Edit::Jump(id),
            _ => Edit::Skip,
        };
        // Every tenth one by somebody who has not looked.
        let seen = if n % 10 == 9 { now.version.wrapping_sub(1) } else { now.version };
        match manager.edit("edits", Main, Some(seen), [edit]).await {
            Ok(version) => assert_eq!(version, now.version + 1),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
                refused += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(refused, count / 10);
    stream.stop();
    let status = ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("edits", 1, BOUND).await;
    assert_eq!((recordings.len(), status.legs[0].attempts), (1, 1), "no edit makes a connection");
    let show = Show::of(&recordings[0], &films);
    let told: Vec<_> = book
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Item { run, .. } if run.end.is_none() => Some(run),
            _ => None,
        })
        .collect();
    let got: Vec<_> = show.order().into_iter().map(|film| films[film].path.clone()).collect();
    let said = files(&told);
    // The goodbye leaves out what has just begun.
    let common = got.len();
    assert!(said.len() - common <= 1 && said[..common] == got[..], "said {} got {}", said.len(), common);
    assert!(got.len() > 20, "{} items", got.len());
    assert!(show.worst_offset_ms < 22.0, "{}", show.worst_offset_ms);
    ffmpeg::decodes(&recordings[0]).await;
    book.audit();
}

#[tokio::test]
async fn a_skip_ends_an_item_at_its_next_keyframe_and_a_jump_goes_where_it_says() {
    let nginx = Nginx::start().await;
    let films = mixed(4, 8.0).await;
    let manager = manager().await;
    let stream =
        manager.start(spec("skip", list(&films), Repeat::Once, &nginx.rtmp_url("live"))).await.unwrap();
    live(&stream).await;
    manager.edit("skip", Main, None, [Edit::Jump(ItemId(2))]).await.unwrap();
    until("it has jumped", BOUND, || {
        manager.playlist("skip", Main).unwrap().now.is_some_and(|run| run.item == ItemId(2))
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    manager.edit("skip", Main, None, [Edit::Skip]).await.unwrap();
    until("it has skipped", BOUND, || {
        manager.playlist("skip", Main).unwrap().now.is_some_and(|run| run.item == ItemId(3))
    })
    .await;
    let run = manager.as_run("skip", Main).unwrap();
    assert!(run[..2].iter().all(|run| run.end == Some(ItemEnd::Skipped)), "{run:#?}");
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let recordings = nginx.settled("skip", 1, BOUND).await;
    let show = Show::of(&recordings[0], &films);
    assert_eq!(show.order(), [0, 2, 3]);
    for run in &show.runs[..2] {
        let end = run.first + run.len;
        assert!(films[run.film].video[end].key, "{run:?} does not end before a keyframe");
    }
    assert!(show.worst_offset_ms < 22.0, "{}", show.worst_offset_ms);
    ffmpeg::decodes(&recordings[0]).await;
}

#[tokio::test]
async fn an_edit_that_cannot_join_is_refused_with_the_reason_and_changes_nothing() {
    let nginx = Nginx::start().await;
    let films = mixed(1, 2.0).await;
    let other = Film::of(Clip::new().size(640, 360).make().await).await;
    let manager = manager().await;
    let url = nginx.rtmp_url("live");
    let stream = manager.start(spec("edit", list(&films), Repeat::Forever, &url)).await.unwrap();
    let edits = [Edit::Append(Item::file(&films[0].path)), Edit::Append(Item::file(&other.path))];
    let error = manager.edit("edit", Main, None, edits).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SourceUnsupported);
    assert!(error.detail.contains("640x360") && error.detail.contains("320x180"), "{error}");
    let missing = manager.edit("edit", Main, None, [Edit::Append("nowhere.mp4".into())]).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::SourceUnreadable);
    assert_eq!(manager.playlist("edit", Main).unwrap().version, 0);
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    let single = desk::spec("single", &films[0].path, Repeat::Forever, &url, "single");
    let stream = manager.start(single).await.unwrap();
    let error = manager.edit("single", Main, None, [Edit::Skip]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidSpec);
    stream.stop();
    ends(&stream, Reason::Stopped).await;
}

#[tokio::test]
async fn an_item_with_an_out_point_can_be_skipped_before_it() {
    let nginx = Nginx::start().await;
    let films = mixed(2, 8.0).await;
    let manager = manager().await;
    let items = [Item::file(&films[0].path).ending_at(Duration::from_secs(7)), Item::file(&films[1].path)];
    let wanted = spec("out", Playlist::new(items), Repeat::Once, &nginx.rtmp_url("live"));
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    manager.edit("out", Main, None, [Edit::Skip]).await.unwrap();
    until("it has skipped", BOUND, || manager.as_run("out", Main).unwrap().len() == 2).await;
    let run = manager.as_run("out", Main).unwrap();
    assert_eq!(run[0].end, Some(ItemEnd::Skipped));
    assert!(run[0].played_ms.unwrap() < 6_000, "{run:#?}");
    stream.stop();
    ends(&stream, Reason::Stopped).await;
    assert_eq!(manager.as_run("out", Main).unwrap()[1].end, Some(ItemEnd::Stopped));
}
