use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{
    tests::{Map, all, open, place, put, remove},
    *,
};
use crate::{dice::Dice, error::ErrorKind};

/// Set, every bit of the header is tried.
const HEADER: &str = "STREAMBRO_TEST_STATE_HEADER";

/// A state of a few commits, as it is when its manager has ended, and as it is when that was killed.
async fn states() -> (Map, Vec<u8>, Vec<u8>) {
    let (_parent, dir) = place();
    let store = open(&dir).await.unwrap();
    for n in 0..12_u8 {
        let changes = (0..10_u8).map(|key| put(&format!("stream/{key}"), vec![n ^ key; 500]));
        store.commit(changes.collect()).await.unwrap();
        store.commit(vec![put(&format!("once/{n}"), "x"), remove("once/3")]).await.unwrap();
    }
    let killed = fs::read(dir.join("state.redb")).unwrap();
    let map = all(&store).await;
    drop(store);
    (map, fs::read(dir.join("state.redb")).unwrap(), killed)
}

/// Puts bytes where the state is kept: they are refused and left alone, or give exactly what was stored. Whether they were
/// refused.
async fn refused(dir: &Path, bytes: &[u8], wanted: &Map, what: &str, commit: bool) -> bool {
    let file = dir.join("state.redb");
    fs::write(&file, bytes).unwrap();
    match open(dir).await {
        Err(error) => {
            assert_eq!(
                (error.kind, error.subject.ends_with("state.redb")),
                (ErrorKind::StateInvalid, true),
                "{error}"
            );
            assert!(fs::read(&file).unwrap() == bytes, "{what}: the file was touched");
            true
        }
        Ok(store) => {
            assert!(all(&store).await == *wanted, "{what}: something else came back");
            if !commit {
                return false;
            }
            // Also once redb has it in its hands.
            store.commit(vec![put("new", "1")]).await.unwrap();
            let mut wanted = wanted.clone();
            wanted.insert("new".to_owned(), b"1".to_vec());
            assert!(all(&store).await == wanted, "{what}: something else came back after a commit");
            drop(store);
            assert!(all(&open(dir).await.unwrap()).await == wanted, "{what}: something else was kept");
            false
        }
    }
}

#[tokio::test]
async fn bytes_changed_anywhere_are_refused_or_do_not_matter() {
    let (map, ended, killed) = states().await;
    let (_parent, dir) = place();
    let mut dice = Dice::new(11);
    let mut count = 0;
    assert!(!refused(&dir_of(&dir), &ended, &map, "as it was", true).await);
    assert!(!refused(&dir, &killed, &map, "as the kill left it", true).await);
    for case in 0..200 {
        let mut bytes = if case % 2 == 0 { ended.clone() } else { killed.clone() };
        let mut what = format!("case {case}:");
        // Half of them at the beginning, where everything hangs.
        let end = if case % 4 < 2 { bytes.len() } else { 320 };
        for _ in 0..1 + dice.below(3) {
            let (at, bit) = (dice.below(end), dice.below(8));
            bytes[at] ^= 1 << bit;
            what += &format!(" {at}.{bit}");
        }
        count += usize::from(refused(&dir, &bytes, &map, &what, case % 8 < 2).await);
    }
    assert!((20..200).contains(&count), "{count} refused");
}

/// The directory, made.
fn dir_of(dir: &Path) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().mode(0o700).create(dir).unwrap();
    dir.to_owned()
}

#[tokio::test]
async fn every_bit_that_says_where_to_begin_is_refused_or_does_not_matter() {
    let (map, ended, killed) = states().await;
    let (_parent, dir) = place();
    dir_of(&dir);
    // The magic and what comes right after it; the rest of the header by chance, above, or if asked for.
    let end = env::var(HEADER).map_or(16, |_| 320);
    let mut before = map.clone();
    before.remove("once/11");
    for (state, bytes) in [("ended", &ended), ("killed", &killed)] {
        for (at, bit) in (0..end).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            // Which commit is the last is one bit. With it wrong after a kill, it is the one before, whole.
            let wanted = if (state, at, bit) == ("killed", 9, 0) { &before } else { &map };
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            refused(&dir, &bytes, wanted, &format!("{state}: {at}.{bit}"), at == 9).await;
        }
    }
}

#[tokio::test]
async fn a_state_that_was_cut_off_is_refused() {
    let (map, ended, killed) = states().await;
    let (_parent, dir) = place();
    dir_of(&dir);
    for (state, bytes) in [("ended", ended), ("killed", killed)] {
        let mut count = 0;
        for len in (0..bytes.len()).step_by(4_096).chain([1, 8, 9, 64, 319, 320, bytes.len() - 1]) {
            count += usize::from(refused(&dir, &bytes[..len], &map, &format!("{state}: {len}"), true).await);
        }
        assert!(count > 7, "{state}: {count} refused");
        // And longer.
        for more in [1, 4_095, 4_096, 65_536] {
            let mut bytes = bytes.clone();
            bytes.resize(bytes.len() + more, 0);
            refused(&dir, &bytes, &map, &format!("{state}: {more} more"), true).await;
        }
    }
}

fn redb_file(path: &Path, format: Option<u64>) {
    let database = redb::Database::create(path).unwrap();
    let write = database.begin_write().unwrap();
    {
        let other = redb::TableDefinition::<&str, &str>::new("records");
        write.open_table(other).unwrap().insert("a", "b").unwrap();
        if let Some(format) = format {
            let meta = redb::TableDefinition::<&str, u64>::new("streambro");
            write.open_table(meta).unwrap().insert("format", format).unwrap();
        }
    }
    write.commit().unwrap();
}

#[tokio::test]
async fn what_is_no_state_of_ours_is_refused_and_set_aside_only_on_demand() {
    type Case = (&'static str, &'static str, fn(&Path));
    let words: [Case; 8] = [
        ("empty", "cut off", |path| fs::write(path, "").unwrap()),
        ("text", "no state of streambro", |path| fs::write(path, "key = value\n".repeat(500)).unwrap()),
        ("zeros", "no state of streambro", |path| fs::write(path, vec![0; 70_000]).unwrap()),
        ("foreign", "another program", |path| redb_file(path, None)),
        ("newer", "newer streambro (format 2;", |path| redb_file(path, Some(2))),
        ("other tables", "damaged", |path| redb_file(path, Some(1))),
        ("directory", "no file", |path| fs::create_dir(path).unwrap()),
        ("link", "no file", |path| {
            fs::write(path.with_extension("there"), "mine").unwrap();
            symlink(path.with_extension("there"), path).unwrap();
        }),
    ];
    for (name, says, make) in words {
        let (_parent, dir) = place();
        let file = dir_of(&dir).join("state.redb");
        make(&file);
        let bytes = || fs::read(&file).ok();
        let before = bytes();
        for _ in 0..2 {
            let error = open(&dir).await.unwrap_err();
            assert!(error.kind == ErrorKind::StateInvalid && error.detail.contains(says), "{name}: {error}");
            assert!(bytes() == before, "{name}: it was touched");
        }
        let opened = RedbStore::open(&dir, true).await.unwrap();
        let (path, why) = opened.set_aside.unwrap();
        assert!(why.contains(says), "{name}: {why}");
        let kept = path.file_name().unwrap().to_str().unwrap();
        assert!(path.parent() == Some(&dir) && kept.starts_with("state.redb.refused-"), "{kept}");
        assert!(fs::read(&path).ok() == before, "{name}: it was touched when it was set aside");
        assert!(all(&opened.store).await.is_empty());
        opened.store.commit(vec![put("a", "1")]).await.unwrap();
        drop(opened.store);
        // Once.
        let opened = RedbStore::open(&dir, true).await.unwrap();
        assert!(opened.set_aside.is_none());
        assert_eq!(all(&opened.store).await.len(), 1);
        if name == "link" {
            assert_eq!(fs::read(dir.join("state.there")).unwrap(), b"mine");
        }
    }
}

#[tokio::test]
async fn several_states_are_set_aside_side_by_side() {
    let (_parent, dir) = place();
    dir_of(&dir);
    for n in 0..5 {
        fs::write(dir.join("state.redb"), format!("broken {n}")).unwrap();
        assert!(RedbStore::open(&dir, true).await.unwrap().set_aside.is_some());
    }
    let aside = fs::read_dir(&dir).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("state.redb.refused-")
    });
    assert_eq!(aside.count(), 5);
}

#[tokio::test]
async fn a_draft_that_a_kill_has_left_is_replaced() {
    let (_parent, dir) = place();
    fs::write(dir_of(&dir).join("state.redb.new"), "half of it").unwrap();
    let store = open(&dir).await.unwrap();
    assert!(all(&store).await.is_empty() && !dir.join("state.redb.new").exists());
}
