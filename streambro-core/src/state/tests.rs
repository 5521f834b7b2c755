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
