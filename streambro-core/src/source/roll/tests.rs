use tokio::time::timeout;

use super::*;
use crate::{
    media::index::{Index, Layout, TrackInfo, VideoConfig},
    spec::Order,
    survey::Opened,
};

const SOON: Duration = Duration::from_secs(5);

/// A film of a second, of which nothing is ever read.
fn film() -> Film {
    let video =
        VideoConfig { avcc: [1].into(), width: 64, height: 36, profile: 66, level: 10, nal_length_size: 4 };
    let video = TrackInfo {
        timescale: std::num::NonZeroU32::new(1_000).unwrap(),
        configs: vec![video],
        first_dts: 0,
        first_pts: 0,
        min_composition: 0,
        duration: 1_000,
        samples: 1,
    };
    let index = Index { video: Some(video), audio: None, layout: Layout::default() };
    let program = Arc::new(crate::media::program::Program::new(&index, &index.audio_config()));
    let file = tempfile::tempfile().unwrap();
    let opened = Opened { file, len: 1, device: 0, index: Arc::new(index), program };
    Film { disk: super::super::disk::Disks::default().of(0), opened: Arc::new(opened) }
}

fn show() -> Show {
    let film = film();
    let format = Format::of([&*film.opened.index]);
    let part = Part::whole(&film.opened.index, format.layer());
    Show::Clip(Box::new(Clip::new(film, part, 0, &format)))
}

fn roll(list: &Playlist, repeat: Repeat) -> Roll {
    let format = Format::of([&*film().opened.index]);
    Roll::new(list, Rundown::new(list, repeat), format)
}

fn list(count: usize) -> Playlist {
    assert_eq!(Order::default(), Order::Sequential);
    Playlist::new((0..count).map(|n| format!("{n}.mp4")))
}

/// Hands in what is wanted, and says what that was.
async fn serve(roll: &Roll) -> u64 {
    let (wanted, _) = timeout(SOON, roll.wanted()).await.expect("something is wanted");
    let id = wanted.slot.id.0;
    roll.offer(wanted, show());
    id
}

fn next(roll: &Roll, played: &Arc<Played>, at_ms: u64) -> Option<Arc<Played>> {
    match roll.after(played, at_ms) {
        Follow::Item(next) => Some(next),
        Follow::Dry | Follow::Over => None,
    }
}

#[tokio::test]
async fn whoever_comes_to_an_end_first_decides_what_follows_for_all() {
    let roll = roll(&list(2), Repeat::Forever);
    let root = roll.head();
    assert!(matches!(roll.after(&root, 0), Follow::Dry));
    assert_eq!(serve(&roll).await, 0);
    let first = next(&roll, &root, 0).unwrap();
    assert_eq!(serve(&roll).await, 1);
    let second = next(&roll, &first, 1_000).unwrap();
    // The others get the same, whatever is wanted by now.
    roll.edit(None, &[Edit::ReplaceAll(vec!["other.mp4".into()])]).unwrap();
    assert!(Arc::ptr_eq(&next(&roll, &root, 5).unwrap(), &first));
    assert!(Arc::ptr_eq(&next(&roll, &first, 5).unwrap(), &second));
    let run = roll.as_run();
    assert_eq!(run.iter().map(|run| run.item.0).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((run[0].end.clone(), run[0].played_ms), (Some(ItemEnd::Finished), Some(1_000)));
}

#[tokio::test]
async fn what_is_ready_and_not_wanted_any_more_never_plays() {
    let roll = roll(&list(2), Repeat::Forever);
    let root = roll.head();
    serve(&roll).await;
    let first = next(&roll, &root, 0).unwrap();
    let (wanted, _) = roll.wanted().await;
    roll.edit(None, &[Edit::Remove(ItemId(1))]).unwrap();
    roll.offer(wanted, show());
    assert!(matches!(roll.after(&first, 1_000), Follow::Dry));
    assert_eq!(serve(&roll).await, 0);
    next(&roll, &first, 1_000).unwrap();
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_opened_is_tried_less_and_less_often() {
    let roll = roll(&list(3), Repeat::Forever);
    let mut waits = vec![];
    for _ in 0..12 {
        let (wanted, wait) = timeout(SOON, roll.wanted()).await.unwrap();
        waits.push(wait.as_secs());
        roll.refuse(&wanted, Reason::SourceUnreadable, "it is not there", 0);
    }
    assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30]);
    assert_eq!(roll.trouble().map(|(reason, _)| reason), Some(Reason::SourceUnreadable));
    // One that works makes up for it.
    serve(&roll).await;
    let first = next(&roll, &roll.head(), 0).unwrap();
    serve(&roll).await;
    next(&roll, &first, 1_000).unwrap();
    assert_eq!(roll.wanted().await.1, Duration::ZERO);
}

#[tokio::test]
async fn an_item_that_fails_on_its_way_is_left_or_waited_for_as_the_list_says() {
    for (policy, wanted) in [(OnFailure::Skip, (1, 0)), (OnFailure::Hold, (0, 400))] {
        let roll = roll(&list(2).on_failure(policy), Repeat::Once);
        serve(&roll).await;
        let first = next(&roll, &roll.head(), 0).unwrap();
        // Each leg says so, and only the first counts.
        for _ in 0..2 {
            roll.failed(&first, Reason::SourceTruncated, "it was cut", 400, 400);
        }
        let (after, _) = roll.wanted().await;
        assert_eq!((after.slot.id.0, after.skip_ms), wanted, "{policy:?}");
        let failed = roll.as_run()[0].end.clone();
        assert!(
            matches!(failed, Some(ItemEnd::Failed { reason: Reason::SourceTruncated, .. })),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn the_end_is_the_end_for_all_or_waits_for_more_as_the_list_says() {
    let finish = roll(&list(1), Repeat::Once);
    serve(&finish).await;
    let last = next(&finish, &finish.head(), 0).unwrap();
    assert!(matches!(finish.after(&last, 1_000), Follow::Over));
    let late = finish.edit(None, &[Edit::Append("late.mp4".into())]).unwrap_err();
    assert_eq!(late.kind, ErrorKind::Ended);
    assert!(matches!(finish.after(&last, 1_000), Follow::Over));

    let hold = roll(&list(1).at_end(AtEnd::Hold), Repeat::Once);
    serve(&hold).await;
    let last = next(&hold, &hold.head(), 0).unwrap();
    assert!(matches!(hold.after(&last, 1_000), Follow::Dry));
    assert_eq!(hold.trouble().map(|(reason, _)| reason), Some(Reason::ListEnded));
    hold.edit(None, &[Edit::Append("more.mp4".into())]).unwrap();
    assert_eq!(serve(&hold).await, 1);
    assert!(next(&hold, &last, 9_000).is_some());
    assert_eq!(hold.trouble(), None);
}

#[test]
fn all_legs_cut_an_item_at_the_first_keyframe_that_none_has_passed() {
    let played = Played::new(show());
    assert!(!played.ends_before(1_000));
    assert!(!played.ends_before(2_000));
    played.cut();
    // A leg that is behind goes on to where the one in front is.
    assert!(!played.ends_before(2_000));
    assert!(played.ends_before(3_000));
    assert!(!played.ends_before(2_000));
    assert!(played.ends_before(4_000));
}

#[test]
fn a_chain_of_a_hundred_thousand_items_is_let_go_without_a_deep_stack() {
    let first = Played::new(Show::Nothing);
    let mut last = Arc::clone(&first);
    for _ in 0..100_000 {
        let next = Played::new(Show::Nothing);
        last.next.set(Arc::clone(&next)).unwrap();
        last = next;
    }
    drop(first);
    assert_eq!(Arc::strong_count(&last), 1);
}

#[tokio::test]
async fn a_list_whose_stream_has_ended_is_still_where_it_was() {
    let roll = roll(&list(2), Repeat::Forever);
    let root = roll.head();
    assert_eq!(serve(&roll).await, 0);
    next(&roll, &root, 100).unwrap();
    let place = |at_ms| roll.place(at_ms).playing.map(|playing| (playing.slot.id.0, playing.skip_ms));
    assert_eq!(place(700), Some((0, 600)));
    roll.close(700);
    assert_eq!(place(700), Some((0, 600)));
    assert_eq!(place(5_000), Some((0, 600)), "no matter how much later somebody asks");
}
