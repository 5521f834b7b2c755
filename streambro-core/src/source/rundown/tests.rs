use proptest::prelude::*;

use super::*;

fn list(count: usize) -> Playlist {
    Playlist::new((0..count).map(|n| format!("{n}.mp4")))
}

fn played(rundown: &mut Rundown, count: usize) -> Vec<u64> {
    (0..count).map_while(|_| rundown.advance().map(|slot| slot.id.0)).collect()
}

fn id(n: u64) -> ItemId {
    ItemId(n)
}

#[test]
fn a_list_plays_as_often_as_it_is_asked_to() {
    let mut twice = Rundown::new(&list(3), Repeat::Times(2));
    assert_eq!(played(&mut twice, 9), [0, 1, 2, 0, 1, 2]);
    assert_eq!((twice.laps_done(), twice.upcoming()), (1, None));
    let mut for_ever = Rundown::new(&list(2), Repeat::Forever);
    assert_eq!(played(&mut for_ever, 5), [0, 1, 0, 1, 0]);
    assert_eq!(for_ever.laps_done(), 2);
}

#[test]
fn a_shuffled_list_plays_each_item_once_a_lap_and_none_twice_in_a_row() {
    for seed in 0..200 {
        let mut rundown = Rundown::new(&list(4).shuffle(seed), Repeat::Times(50));
        let order = played(&mut rundown, 1_000);
        assert_eq!(order.len(), 200);
        assert!(order.windows(2).all(|pair| pair[0] != pair[1]), "{seed}: {order:?}");
        for lap in order.chunks(4) {
            let mut lap = lap.to_vec();
            lap.sort_unstable();
            assert_eq!(lap, [0, 1, 2, 3]);
        }
        assert_eq!(rundown.laps_done(), 49);
        let mut again = Rundown::new(&list(4).shuffle(seed), Repeat::Times(50));
        assert_eq!(played(&mut again, 1_000), order);
    }
}

#[test]
fn edits_do_what_they_say_and_what_plays_goes_on() {
    let mut rundown = Rundown::new(&list(4), Repeat::Forever);
    assert_eq!(played(&mut rundown, 2), [0, 1]);
    let item = Item::file("new.mp4");
    let edits = [
        // What plays now leaves the list, and what follows is the same.
        Edit::Remove(id(1)),
        Edit::Insert { before: id(2), item: item.clone() },
        Edit::Append(item),
        Edit::Move { id: id(0), before: None },
    ];
    assert_eq!(rundown.edit(Some(0), &edits).unwrap(), 1);
    let order: Vec<_> = rundown.slots().iter().map(|slot| slot.id.0).collect();
    assert_eq!(order, [4, 2, 3, 5, 0]);
    assert_eq!(rundown.current, Some(id(1)));
    assert_eq!(played(&mut rundown, 7), [4, 2, 3, 5, 0, 4, 2]);
    rundown.edit(None, &[Edit::Cue(id(5))]).unwrap();
    assert_eq!(played(&mut rundown, 3), [5, 0, 4]);
    // What plays is moved: what follows it is what stands behind it now.
    rundown.edit(None, &[Edit::Move { id: id(4), before: Some(id(0)) }]).unwrap();
    assert_eq!(played(&mut rundown, 2), [0, 2]);
    rundown.edit(None, &[Edit::ReplaceAll(vec!["a".into(), "b".into()])]).unwrap();
    assert_eq!(played(&mut rundown, 3), [6, 7, 6]);
}

#[test]
fn an_edit_of_another_version_or_of_what_is_not_there_changes_nothing() {
    let mut rundown = Rundown::new(&list(2), Repeat::Forever);
    rundown.edit(Some(0), &[Edit::Remove(id(0))]).unwrap();
    let before = format!("{rundown:?}");
    let refused =
        |rundown: &mut Rundown, expected, edits: &[Edit]| rundown.edit(expected, edits).unwrap_err().kind;
    assert_eq!(refused(&mut rundown, Some(0), &[Edit::Skip]), ErrorKind::Conflict);
    // The first of them is sound.
    let edits = [Edit::Append("a".into()), Edit::Remove(id(0))];
    assert_eq!(refused(&mut rundown, Some(1), &edits), ErrorKind::NotFound);
    assert_eq!(format!("{rundown:?}"), before);
}

#[test]
fn what_is_added_to_a_list_that_has_ended_plays() {
    for list in [list(1), list(1).shuffle(1)] {
        let mut rundown = Rundown::new(&list, Repeat::Once);
        assert_eq!(played(&mut rundown, 9), [0]);
        rundown.edit(None, &[Edit::Append("a".into())]).unwrap();
        assert_eq!(played(&mut rundown, 9), [1]);
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    let any = || (0..12_u64).prop_map(ItemId);
    prop_oneof![
        Just(Edit::Append("a".into())),
        any().prop_map(|before| Edit::Insert { before, item: "b".into() }),
        any().prop_map(Edit::Remove),
        (any(), proptest::option::of(any())).prop_map(|(id, before)| Edit::Move { id, before }),
        any().prop_map(Edit::Cue),
        any().prop_map(|id| Edit::Replace { id, item: "c".into() }),
        Just(Edit::ReplaceAll(vec!["d".into(), "e".into()])),
    ]
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_list_what_comes_next_is_in_it(
        shuffle in proptest::option::of(any::<u64>()),
        steps in proptest::collection::vec(proptest::option::of(edits()), 1..60),
    ) {
        let list = match shuffle {
            Some(seed) => list(3).shuffle(seed),
            None => list(3),
        };
        let mut rundown = Rundown::new(&list, Repeat::Forever);
        for step in steps {
            match step {
                // Refused where the number is not there.
                Some(edit) => drop(rundown.edit(None, &[edit])),
                None => {
                    let next = rundown.upcoming().cloned();
                    prop_assert_eq!(rundown.advance(), next);
                }
            }
            let upcoming = rundown.upcoming().cloned();
            prop_assert_eq!(upcoming.is_some(), !rundown.slots().is_empty());
            prop_assert!(upcoming.is_none_or(|slot| rundown.slots().contains(&slot)));
        }
    }
}

#[test]
fn a_list_that_has_come_to_its_end_begins_anew_when_it_is_rewound_and_others_stay() {
    let list = Playlist::new(["a.mp4", "b.mp4"]);
    for list in [list.clone(), list.shuffle(7)] {
        let mut rundown = Rundown::new(&list, Repeat::Once);
        rundown.advance();
        assert_eq!(rundown.rewound().upcoming(), rundown.upcoming());
        rundown.advance();
        assert_eq!(rundown.upcoming(), None);
        assert!(rundown.rewound().upcoming().is_some());
    }
}
