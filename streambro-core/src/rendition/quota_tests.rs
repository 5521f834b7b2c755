use std::{
    collections::BTreeMap,
    fs::{self, FileTimes},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use proptest::prelude::*;

use super::{
    tests::{PLENTY, flv, key, media, names, place, put},
    *,
};
use crate::sys::mount_for_tests::Mount;

/// What a rendition takes beside its media.
fn record_size() -> u64 {
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let made = put(&store, &key(1), &flv(1, 1_000)).unwrap();
    store.usage().unwrap().bytes - made.len()
}

fn there(store: &Store, dir: &Path, count: u64) -> Vec<u64> {
    let names = names(dir);
    assert!(store.usage().unwrap().bytes <= store.usage().unwrap().quota);
    (0..count).filter(|n| names.iter().any(|name| name == key(*n).name())).collect()
}

#[test]
fn the_least_recently_used_goes_first_also_after_a_restart() {
    let (_parent, dir) = place();
    let each = 10_000 + record_size();
    let mut store = Store::open(&dir, 4 * each).unwrap();
    for n in 0..4 {
        drop(put(&store, &key(n), &flv(n, 10_000)).unwrap());
    }
    drop(store.find(&key(0)).unwrap().unwrap());
    drop(put(&store, &key(4), &flv(4, 10_000)).unwrap());
    assert_eq!(there(&store, &dir, 9), [0, 2, 3, 4]);
    drop(store.find(&key(2)).unwrap().unwrap());
    drop(store);
    store = Store::open(&dir, 4 * each).unwrap();
    for n in 5..7 {
        drop(put(&store, &key(n), &flv(n, 10_000)).unwrap());
    }
    assert_eq!(there(&store, &dir, 9), [2, 4, 5, 6]);
    // With a smaller quota at once.
    drop(store);
    store = Store::open(&dir, 2 * each).unwrap();
    assert_eq!(there(&store, &dir, 9), [5, 6]);
}

#[test]
fn what_plays_is_never_removed_to_make_room() {
    let (_parent, dir) = place();
    let each = 10_000 + record_size();
    let store = Store::open(&dir, 3 * each).unwrap();
    let held = put(&store, &key(0), &flv(0, 10_000)).unwrap();
    // Also by another manager, and by a copy of the descriptor alone.
    let copy = put(&store, &key(1), &flv(1, 10_000)).unwrap().file().try_clone().unwrap();
    let other = Store::open(&dir, 3 * each).unwrap();
    for n in 2..6 {
        drop(put(&other, &key(n), &flv(n, 10_000)).unwrap());
        assert_eq!(there(&store, &dir, 9), [0, 1, n]);
    }
    let last = other.find(&key(5)).unwrap().unwrap();
    let failure = put(&other, &key(6), &flv(6, 10_000)).unwrap_err();
    assert_eq!((failure.kind, failure.detail.contains("quota")), (FailureKind::OverQuota, true), "{failure}");
    assert_eq!(there(&store, &dir, 9), [0, 1, 5]);
    // Nor when it is opened with less.
    drop(Store::open(&dir, 0).unwrap());
    assert_eq!(names(&dir).len(), 3);
    drop((held, copy, last));
    drop(Store::open(&dir, 0).unwrap());
    assert!(names(&dir).is_empty());
}

#[test]
fn a_draft_that_cannot_fit_is_given_up_and_displaces_nothing_when_its_size_was_known() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, 100_000).unwrap();
    drop(put(&store, &key(0), &flv(0, 50_000)).unwrap());
    assert_eq!(store.create(&key(1), 100_001).unwrap_err().kind, FailureKind::OverQuota);
    let mut draft = store.create(&key(1), 0).unwrap();
    assert_eq!(draft.append(&vec![0; 100_001]).unwrap_err().kind, FailureKind::OverQuota);
    assert_eq!(there(&store, &dir, 9), [0]);
    // It is over: its space is free while it still is held, and it says the same for ever.
    assert_eq!((names(&dir).len(), store.usage().unwrap().drafts), (1, 0));
    assert_eq!(draft.append(b"x").unwrap_err().kind, FailureKind::OverQuota);
    assert_eq!(draft.finish(1).unwrap_err().kind, FailureKind::OverQuota);
    // Where it was not known, the room is made as it grows.
    assert_eq!(put(&store, &key(1), &flv(1, 100_000)).unwrap_err().kind, FailureKind::OverQuota);
    assert!(there(&store, &dir, 9).is_empty());
    drop(put(&store, &key(1), &flv(1, 90_000)).unwrap());
}

#[test]
fn drafts_count_and_two_of_them_do_not_pass_the_quota_together() {
    let (_parent, dir) = place();
    let stores = [Store::open(&dir, 100_000).unwrap(), Store::open(&dir, 100_000).unwrap()];
    let mut drafts = [stores[0].create(&key(0), 0).unwrap(), stores[1].create(&key(1), 0).unwrap()];
    let failure = (0..1_000).find_map(|n| {
        let failure = drafts[n % 2].append(&[0; 1_000]).err();
        assert!(stores[0].usage().unwrap().bytes <= 100_000);
        failure
    });
    assert_eq!(failure.unwrap().kind, FailureKind::OverQuota);
    assert!(drafts[0].len() + drafts[1].len() > 80_000);
    drop(drafts);
    assert_eq!(stores[1].usage().unwrap().bytes, 0);
}

#[test]
fn a_file_from_the_future_is_not_kept_for_ever() {
    let (_parent, dir) = place();
    let each = 10_000 + record_size();
    let store = Store::open(&dir, 2 * each).unwrap();
    for n in 0..2 {
        let made = put(&store, &key(n), &flv(n, 10_000)).unwrap();
        let ahead = Duration::from_secs(86_400 * 365 * (20 - n));
        made.file().set_times(FileTimes::new().set_modified(SystemTime::now() + ahead)).unwrap();
    }
    drop(store);
    let store = Store::open(&dir, 2 * each).unwrap();
    for n in 0..2 {
        let modified = fs::metadata(dir.join(key(n).name())).unwrap().modified().unwrap();
        assert!(modified <= SystemTime::now() + Duration::from_secs(1), "another process would be behind it");
    }
    // Their own order stays.
    drop(put(&store, &key(2), &flv(2, 10_000)).unwrap());
    assert_eq!(there(&store, &dir, 9), [0, 2]);
    drop(put(&store, &key(3), &flv(3, 10_000)).unwrap());
    assert_eq!(there(&store, &dir, 9), [2, 3]);
}

#[test]
fn a_full_disk_costs_the_draft_and_nothing_else() {
    let Some(mount) = Mount::new("64k") else { return };
    let store = Store::open(mount.path(), PLENTY).unwrap();
    let first = put(&store, &key(0), &flv(0, 20_000)).unwrap();
    for n in 1..20 {
        let failure = put(&store, &key(n), &flv(n, 100_000)).unwrap_err();
        assert_eq!(
            (failure.kind, failure.detail.contains("free space")),
            (FailureKind::NoSpace, true),
            "{failure}"
        );
        assert_eq!(names(mount.path()), [key(0).name()]);
    }
    // Also when the last bytes, those of the record, are those that do not fit: 64 KiB less 5 pages.
    let failure = put(&store, &key(1), &flv(1, 65_536 - 5 * 4_096)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NoSpace);
    assert_eq!(media(&first), flv(0, 20_000));
    // And goes on when there is room.
    drop(put(&store, &key(1), &flv(1, 20_000)).unwrap());
    assert_eq!(names(mount.path()).len(), 2);
}

#[test]
fn a_disk_that_became_read_only_still_serves() {
    let Some(mount) = Mount::new("1m") else { return };
    let store = Store::open(mount.path(), PLENTY).unwrap();
    drop(put(&store, &key(0), &flv(0, 20_000)).unwrap());
    mount.set("remount,ro");
    assert_eq!(put(&store, &key(1), &flv(1, 20_000)).unwrap_err().kind, FailureKind::Io);
    assert_eq!(media(&store.find(&key(0)).unwrap().unwrap()), flv(0, 20_000));
    drop(Store::open(mount.path(), PLENTY).unwrap());
    mount.set("remount,rw");
    drop(put(&store, &key(1), &flv(1, 20_000)).unwrap());
}

#[test]
fn stores_of_one_directory_do_not_spoil_each_others_work() {
    let (_parent, dir) = place();
    let quota = 200_000;
    let done = AtomicBool::new(false);
    let (made, found) = thread::scope(|scope| {
        let work = |seed: u64| {
            let dir = &dir;
            move || {
                let store = Store::open(dir, quota).unwrap();
                let (mut made, mut found) = (0, 0);
                for round in 0..60 {
                    let n = (seed * 7 + round * 5) % 11;
                    match store.find(&key(n)).unwrap() {
                        Some(rendition) => {
                            found += 1;
                            assert_eq!(media(&rendition), flv(n, 30_000));
                        }
                        None => match put(&store, &key(n), &flv(n, 30_000)) {
                            Ok(rendition) => {
                                made += 1;
                                assert_eq!(media(&rendition), flv(n, 30_000));
                            }
                            Err(failure) => assert_eq!(failure.kind, FailureKind::OverQuota),
                        },
                    }
                    if round % 20 == 19 {
                        store.clear().unwrap();
                    }
                }
                (made, found)
            }
        };
        let workers: Vec<_> = (0..4).map(|seed| scope.spawn(work(seed))).collect();
        let watcher = scope.spawn(|| {
            let store = Store::open(&dir, quota).unwrap();
            while !done.load(Ordering::Relaxed) {
                let usage = store.usage().unwrap();
                assert!(usage.bytes <= quota, "{usage:?}");
            }
        });
        let ends: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        // Before any of them is looked at: the watcher must end in any case.
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        let sums = ends.into_iter().map(Result::unwrap);
        sums.fold((0, 0), |(a, b), (made, found)| (a + made, b + found))
    });
    assert!(made > 20 && found > 0, "{made} {found}");
    assert!(names(&dir).iter().all(|name| name.ends_with(".flv")));
}

#[test]
fn who_publishes_second_gets_the_first() {
    let (_parent, dir) = place();
    let stores = [Store::open(&dir, PLENTY).unwrap(), Store::open(&dir, PLENTY).unwrap()];
    let drafts = stores.each_ref().map(|store| {
        let mut draft = store.create(&key(1), 0).unwrap();
        draft.append(&flv(1, 30_000)).unwrap();
        draft
    });
    let [first, second] = drafts.map(|draft| draft.finish(60_000).unwrap());
    use std::os::unix::fs::MetadataExt;
    let inode = |rendition: &Rendition| rendition.file().metadata().unwrap().ino();
    assert_eq!(inode(&first), inode(&second));
    assert_eq!(names(&dir), [key(1).name()]);
}

#[derive(Clone, Debug)]
enum Act {
    Put { n: u64, len: usize },
    Find(u64),
    Hold(u64),
    Release(u64),
    Remove(u64),
    Clear,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let n = 0..8_u64;
    prop_oneof![
        6 => (n.clone(), 100..60_000_usize).prop_map(|(n, len)| Act::Put { n, len }),
        3 => n.clone().prop_map(Act::Find),
        2 => n.clone().prop_map(Act::Hold),
        2 => n.clone().prop_map(Act::Release),
        1 => n.prop_map(Act::Remove),
        1 => Just(Act::Clear),
        1 => Just(Act::Reopen),
    ]
}

/// What a store should hold: by number, its size; least recently used first.
#[derive(Default)]
struct Model {
    kept: Vec<(u64, u64)>,
    quota: u64,
}

impl Model {
    fn use_(&mut self, n: u64) -> bool {
        let at = self.kept.iter().position(|kept| kept.0 == n);
        at.map(|at| {
            let kept = self.kept.remove(at);
            self.kept.push(kept);
        })
        .is_some()
    }

    /// Grows to `size` in the steps of the real one. Returns whether it fits.
    fn put(&mut self, n: u64, steps: &[u64], held: &BTreeMap<u64, Arc<Rendition>>) -> bool {
        for &size in steps {
            let others: u64 = self.kept.iter().map(|kept| kept.1).sum();
            let mut short = (others + size).saturating_sub(self.quota);
            let free: Vec<_> = self.kept.iter().filter(|kept| !held.contains_key(&kept.0)).copied().collect();
            if size > self.quota || free.iter().map(|kept| kept.1).sum::<u64>() < short {
                return false;
            }
            for victim in free {
                if short == 0 {
                    break;
                }
                short = short.saturating_sub(victim.1);
                self.kept.retain(|kept| kept.0 != victim.0);
            }
        }
        self.kept.push((n, *steps.last().unwrap()));
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_store_keeps_what_its_model_keeps(
        quota in 50_000..200_000_u64, acts in prop::collection::vec(act(), 1..60),
    ) {
        let (_parent, dir) = place();
        let record = record_size();
        let mut store = Store::open(&dir, quota).unwrap();
        let mut model = Model { quota, ..Model::default() };
        // What is held although it was removed is no longer the store's.
        let mut held = BTreeMap::new();
        for act in acts {
            match act {
                Act::Put { n, len } => {
                    if model.use_(n) {
                        prop_assert!(store.find(&key(n)).unwrap().is_some());
                        continue;
                    }
                    let bytes = flv(n, len);
                    let mut steps: Vec<_> = (7_777..bytes.len() as u64).step_by(7_777).collect();
                    steps.extend([bytes.len() as u64, bytes.len() as u64 + record]);
                    let made = put(&store, &key(n), &bytes).map_err(|failure| failure.kind);
                    if model.put(n, &steps, &held) {
                        prop_assert_eq!(media(&made.unwrap()), bytes);
                    } else {
                        prop_assert_eq!(made.unwrap_err(), FailureKind::OverQuota);
                    }
                }
                Act::Find(n) => {
                    prop_assert_eq!(store.find(&key(n)).unwrap().is_some(), model.use_(n));
                }
                Act::Hold(n) => {
                    let found = store.find(&key(n)).unwrap();
                    prop_assert_eq!(found.is_some(), model.use_(n));
                    held.extend(found.map(|found| (n, found)));
                }
                Act::Release(n) => drop(held.remove(&n)),
                Act::Remove(n) => {
                    let was_there = model.use_(n);
                    model.kept.retain(|kept| kept.0 != n);
                    held.remove(&n);
                    prop_assert_eq!(store.remove(&key(n)).unwrap(), was_there);
                }
                Act::Clear => {
                    held.clear();
                    prop_assert_eq!(store.clear().unwrap(), model.kept.len());
                    model.kept.clear();
                }
                Act::Reopen => store = Store::open(&dir, quota).unwrap(),
            }
            let mut kept: Vec<_> = model.kept.iter().map(|kept| kept.0).collect();
            kept.sort_unstable();
            prop_assert_eq!(there(&store, &dir, 8), kept);
            let usage = store.usage().unwrap();
            prop_assert_eq!(usage.bytes, model.kept.iter().map(|kept| kept.1).sum::<u64>());
            prop_assert_eq!((usage.count, usage.drafts), (model.kept.len(), 0));
        }
    }
}
