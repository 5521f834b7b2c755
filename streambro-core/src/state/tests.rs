use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::*;
use crate::error::{Error, ErrorKind, Result};

pub(super) type Map = BTreeMap<String, Vec<u8>>;

/// A directory that is not there yet, in one that goes with it.
pub(super) fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state");
    (parent, dir)
}

pub(super) fn put(key: &str, value: impl AsRef<[u8]>) -> Change {
    Change::Put { key: key.to_owned(), value: value.as_ref().to_vec() }
}

pub(super) fn remove(key: &str) -> Change {
    Change::Remove { key: key.to_owned() }
}

pub(super) async fn open(dir: &Path) -> Result<RedbStore> {
    RedbStore::open(dir, false).await.map(|opened| opened.store)
}

pub(super) async fn all(store: &dyn Store) -> Map {
    let records = store.load().await.unwrap();
    let count = records.len();
    let map = Map::from_iter(records);
    assert_eq!(map.len(), count, "a key twice");
    map
}

/// What a store promises, whichever it is.
async fn keeps_its_promises(store: &dyn Store) {
    assert!(all(store).await.is_empty());
    let big = vec![7; 100_000];
    let every: Vec<u8> = (0..=255).collect();
    store.commit(vec![put("stream/a", &big), put("stream/b", &every), put("c", "")]).await.unwrap();
    store
        .commit(vec![put("stream/a", "1"), remove("c"), put("d", "x"), remove("d"), remove("never")])
        .await
        .unwrap();
    store.commit(vec![]).await.unwrap();
    let wanted = [("stream/a".to_owned(), b"1".to_vec()), ("stream/b".to_owned(), every)];
    assert_eq!(all(store).await, Map::from(wanted));
}

#[tokio::test]
async fn a_directory_keeps_what_a_store_promises() {
    let (_parent, dir) = place();
    let store = open(&dir).await.unwrap();
    keeps_its_promises(&store).await;
    let before = all(&store).await;
    drop(store);
    assert_eq!(all(&open(&dir).await.unwrap()).await, before);
    let store = open(&dir).await.unwrap();
    store.commit(vec![put("e", "5")]).await.unwrap();
    drop(store);
    assert_eq!(all(&open(&dir).await.unwrap()).await.len(), before.len() + 1);
}

#[derive(Debug, Default)]
struct Shelf(Mutex<Map>);

#[async_trait]
impl Store for Shelf {
    async fn load(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.0.lock().unwrap().clone().into_iter().collect())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let mut map = self.0.lock().unwrap();
        for change in changes {
            match change {
                Change::Put { key, value } => map.insert(key, value),
                Change::Remove { key } => map.remove(&key),
            };
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_store_of_the_hosts_serves_as_well() {
    let store: Arc<dyn Store> = Arc::new(Shelf::default());
    keeps_its_promises(&*store).await;
}

#[tokio::test]
async fn commits_take_effect_in_the_order_in_which_they_were_asked_for() {
    let (_parent, dir) = place();
    let store = Arc::new(open(&dir).await.unwrap());
    let mut commits = tokio::task::JoinSet::new();
    for n in 0..50_u8 {
        let store = Arc::clone(&store);
        commits.spawn(async move { store.commit(vec![put("a", [n])]).await });
    }
    while let Some(done) = commits.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(all(&*store).await, Map::from([("a".to_owned(), vec![49])]));
}

#[tokio::test]
async fn a_commit_that_is_dropped_halfway_is_whole_or_not_there() {
    let (_parent, dir) = place();
    let store = open(&dir).await.unwrap();
    for n in 0..20_u8 {
        let dropped = vec![put("a", [n]), put("b", [n])];
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(n) * 100), store.commit(dropped)).await;
        store.commit(vec![put("c", [n])]).await.unwrap();
        let map = all(&store).await;
        assert_eq!((map.get("a"), &map["c"]), (map.get("b"), &vec![n]));
    }
}

#[test]
fn changes_do_not_show_what_they_carry() {
    let changes = vec![put("stream/a", "canary-1234"), remove("stream/b")];
    assert_eq!(format!("{changes:?}"), "[Put(stream/a, 11 bytes), Remove(stream/b)]");
}

/// How long a second manager waits at best, and what it is told.
async fn refused(dir: &Path) -> (Duration, Error) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        let error = open(dir).await.unwrap_err();
        best = best.min(begun.elapsed());
        assert_eq!(error.kind, ErrorKind::StateInUse, "{error}");
    }
    (best, open(dir).await.unwrap_err())
}

#[tokio::test]
async fn a_second_manager_on_one_directory_is_refused_at_once() {
    let (_parent, dir) = place();
    let store = open(&dir).await.unwrap();
    store.commit(vec![put("a", "1")]).await.unwrap();
    let (waited, error) = refused(&dir).await;
    assert!(waited < Duration::from_millis(100), "{waited:?}");
    assert!(error.detail.contains("directory of its own") && error.detail.contains("fuser"), "{error}");
    // Nor is it let in to set something aside, and by another way to the directory.
    symlink(&dir, dir.with_extension("link")).unwrap();
    assert_eq!(
        RedbStore::open(&dir.with_extension("link"), true).await.unwrap_err().kind,
        ErrorKind::StateInUse
    );
    store.commit(vec![put("a", "2")]).await.unwrap();
    drop(store);
    assert_eq!(all(&open(&dir).await.unwrap()).await["a"], b"2");
}

#[tokio::test]
async fn a_manager_in_another_process_is_respected_until_it_is_killed() {
    let (_parent, dir) = place();
    let mut worker = crash_tests::Worker::start(&dir, "hold");
    worker.until_ready();
    let (waited, _) = refused(&dir).await;
    assert!(waited < Duration::from_millis(100), "{waited:?}");
    worker.kill();
    assert_eq!(all(&open(&dir).await.unwrap()).await["a"], b"held");
}

#[tokio::test]
async fn directories_and_files_of_others_are_refused() {
    let (_parent, dir) = place();
    for mode in [0o770, 0o702, 0o777] {
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        let error = open(&dir).await.unwrap_err();
        assert!(error.kind == ErrorKind::NotAllowed && error.detail.contains("chmod"), "{error}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir(&dir).unwrap();
    }
    if rustix::process::geteuid().is_root() {
        fs::create_dir(&dir).unwrap();
        std::os::unix::fs::chown(&dir, Some(65_534), None).unwrap();
        let error = open(&dir).await.unwrap_err();
        assert!(error.kind == ErrorKind::NotAllowed && error.detail.contains("another user"), "{error}");
        fs::remove_dir(&dir).unwrap();
    }
    // A directory, or a link to a file elsewhere, in place of the lock.
    fs::create_dir_all(dir.join("lock")).unwrap();
    assert_eq!(open(&dir).await.unwrap_err().kind, ErrorKind::NotAllowed);
    fs::remove_dir(dir.join("lock")).unwrap();
    let elsewhere = dir.with_extension("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    symlink(&elsewhere, dir.join("lock")).unwrap();
    assert_eq!(open(&dir).await.unwrap_err().kind, ErrorKind::NotAllowed);
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    let mode = fs::metadata(&elsewhere).unwrap().permissions().mode() & 0o777;
    assert_ne!(mode, 0o600, "the file behind the link was touched");
}

#[test]
fn all_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["umask 0", "umask 077", "umask 0777"] {
        let (_parent, dir) = place();
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        // Below it, so that the directory is made too, which a umask of 0777 would not let be opened by anyone but root.
        let dir = if umask == "umask 0777" { dir } else { dir.join("made").join("twice") };
        let mut worker = crash_tests::Worker::start(&dir, umask);
        worker.until_ready();
        worker.kill();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let mut names: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names[1] == "state.redb" && names[2].starts_with("state.redb.refused-"), "{names:?}");
        assert_eq!(mode(&dir), 0o700, "{umask}");
        for name in names {
            assert_eq!(mode(&dir.join(&name)), 0o600, "{umask}: {name}");
        }
    }
}

#[tokio::test]
async fn a_copy_that_others_may_read_is_taken_from_them() {
    let (_parent, dir) = place();
    drop(open(&dir).await.unwrap());
    for name in ["lock", "state.redb"] {
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    drop(open(&dir).await.unwrap());
    for name in ["lock", "state.redb"] {
        assert_eq!(fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}
