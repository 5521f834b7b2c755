//! What is kept when things go wrong, with a port where nobody listens.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Keys, record::META, restore::Restored};
use crate::{
    Builder, Change, Destination, Error, ErrorKind, KeyProvider, Playlist, Reason, Repeat, Result, Secret,
    Source, Store, StreamManager, StreamSpec,
    manager::tests::{BOUND, ends, runs, spec},
};

/// A store in memory that several managers have one after the other.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    records: BTreeMap<String, Vec<u8>>,
    trouble: Trouble,
    /// Records without anything in them that it has been given.
    empty: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trouble {
    #[default]
    None,
    /// Nothing is written.
    Full,
    /// Everything is written, and nobody hears of it.
    Lost,
}

impl Disk {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.inside().records.contains_key(name)
    }

    fn names(&self) -> Vec<String> {
        self.inside().records.keys().filter(|name| *name != META).cloned().collect()
    }

    fn suffer(&self, trouble: Trouble) {
        self.inside().trouble = trouble;
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            while !is_so(self) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(BOUND, wait).await.unwrap_or_else(|_| panic!("not {what}: {:?}", self.names()));
    }

    /// Changes what is in a record.
    fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut inside = self.inside();
        let record = inside.records.get_mut(name).unwrap();
        let mut value: Value = serde_json::from_slice(record).unwrap();
        edit(&mut value[1]);
        *record = serde_json::to_vec(&value).unwrap();
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice::<Value>(&self.inside().records[name]).unwrap()[1].clone()
    }

    fn builder(&self) -> Builder {
        StreamManager::builder().store(self.clone())
    }
}

#[async_trait]
impl Store for Disk {
    async fn load(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.inside().records.clone().into_iter().collect())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let mut inside = self.inside();
        if inside.trouble != Trouble::Full {
            for change in changes {
                match change {
                    Change::Put { key, value } => {
                        if value.is_empty() {
                            inside.empty.push(key.clone());
                        }
                        inside.records.insert(key, value);
                    }
                    Change::Remove { key } => drop(inside.records.remove(&key)),
                }
            }
        }
        match inside.trouble {
            Trouble::None => Ok(()),
            _ => Err(Error::new(ErrorKind::Host, "state", "the disk is in trouble")),
        }
    }
}

/// Seals by turning round, unless it is away.
#[derive(Clone, Debug, Default)]
struct Keyring(Arc<AtomicBool>);

#[async_trait]
impl KeyProvider for Keyring {
    async fn seal(&self, key: &Secret) -> Result<Vec<u8>> {
        if self.0.load(SeqCst) {
            return Err(Error::new(ErrorKind::Host, "keyring", "it is away"));
        }
        Ok(key.expose().bytes().rev().collect())
    }

    async fn unseal(&self, sealed: &[u8]) -> Result<Secret> {
        Ok(Secret::new(String::from_utf8(sealed.iter().rev().copied().collect()).unwrap()))
    }
}

fn listed(id: &str) -> StreamSpec {
    let file = spec(id);
    let clip = file.source.first_file().to_owned();
    let list = Playlist::new([clip.clone(), clip]);
    let destination = Destination::new("rtmp://127.0.0.1:1/live", id).unwrap();
    StreamSpec::new(id, Source::playlist(list).repeat(Repeat::Forever)).destination(destination)
}

fn second(spec: StreamSpec) -> StreamSpec {
    spec.destination(Destination::new("rtmp://127.0.0.1:1/live", "second").unwrap())
}

#[tokio::test]
async fn a_playlist_that_gives_way_to_a_file_or_another_list_leaves_no_empty_record() {
    let disk = Disk::default();
    let manager = disk.builder().build().await.unwrap();
    runs(&manager.start(listed("a")).await.unwrap()).await;
    disk.until("its list kept", |disk| disk.has("list/a") && disk.has("place/a")).await;
    for _ in 0..3 {
        let other = second(listed("a"));
        runs(&manager.replace(other).await.unwrap()).await;
        runs(&manager.replace(listed("a")).await.unwrap()).await;
    }
    runs(&manager.replace(spec("a")).await.unwrap()).await;
    disk.until("a place in a file", |disk| disk.has("place/a") && !disk.has("list/a")).await;
    manager.shutdown(BOUND).await;
    assert_eq!(disk.inside().empty, [""; 0]);
    let manager = disk.builder().build().await.unwrap();
    manager.shutdown(BOUND).await;
}

#[tokio::test]
async fn what_was_written_without_anybody_hearing_of_it_is_removed_with_its_stream() {
    let disk = Disk::default();
    let manager = disk.builder().keep_keys_in_clear().build().await.unwrap();
    disk.suffer(Trouble::Lost);
    for spec in [second(listed("a")), spec("b")] {
        runs(&manager.start(spec).await.unwrap()).await;
    }
    disk.until("written", |disk| disk.has("list/a") && disk.has("place/b") && disk.has("key/1/a")).await;
    manager.replace(listed("a")).await.unwrap();
    manager.stop("b").unwrap();
    disk.suffer(Trouble::None);
    disk.until("without the second key", |disk| !disk.has("key/1/a") && disk.has("key/0/a")).await;
    manager.stop("a").unwrap();
    let runs_alone = |disk: &Disk| disk.names().iter().all(|name| name.starts_with("run/"));
    disk.until("gone", runs_alone).await;
    manager.shutdown(BOUND).await;
    assert!(runs_alone(&disk), "{:?}", disk.names());
}

#[tokio::test]
async fn a_keyring_that_is_away_costs_no_key_that_was_sealed_and_is_asked_again() {
    let (disk, keyring) = (Disk::default(), Keyring::default());
    let manager = disk.builder().keys(keyring.clone()).build().await.unwrap();
    runs(&manager.start(spec("a")).await.unwrap()).await;
    assert!(disk.has("key/0/a"));
    keyring.0.store(true, SeqCst);
    runs(&manager.replace(second(spec("a"))).await.unwrap()).await;
    assert!(disk.has("key/0/a") && !disk.has("key/1/a"), "{:?}", disk.names());
    keyring.0.store(false, SeqCst);
    disk.until("sealed", |disk| disk.has("key/1/a")).await;
    manager.shutdown(BOUND).await;
}

#[tokio::test]
async fn a_full_disk_keeps_nobody_from_coming_back_after_a_reboot() {
    let disk = Disk::default();
    disk.suffer(Trouble::Full);
    assert_eq!(disk.builder().build().await.unwrap_err().kind, ErrorKind::Host);
    disk.suffer(Trouble::None);
    let manager = disk.builder().keep_keys_in_clear().build().await.unwrap();
    runs(&manager.start(spec("a")).await.unwrap()).await;
    manager.shutdown(BOUND).await;
    disk.edit(META, |meta| meta["boot"] = json!("another"));
    disk.suffer(Trouble::Full);
    let manager = disk.builder().keep_keys_in_clear().build().await.unwrap();
    assert!(manager.0.memory.as_ref().unwrap().trouble.get().is_some());
    assert_eq!(disk.read(META)["boot"], "another");
    disk.suffer(Trouble::None);
    disk.until("this boot", |disk| disk.read(META)["boot"] != "another").await;
    manager.shutdown(BOUND).await;
}

/// Two streams that ran, and one that has ended.
async fn used() -> Disk {
    let disk = Disk::default();
    let manager = disk.builder().keep_keys_in_clear().build().await.unwrap();
    for spec in [second(spec("a")), listed("b"), spec("c")] {
        runs(&manager.start(spec).await.unwrap()).await;
    }
    disk.until("places", |disk| disk.has("place/a") && disk.has("list/b")).await;
    let c = manager.stream("c").unwrap();
    c.stop();
    ends(&c, Reason::Stopped).await;
    manager.shutdown(BOUND).await;
    assert!(disk.has("run/0000000000000000"), "{:?}", disk.names());
    disk
}

#[tokio::test]
async fn a_place_is_gone_on_from_only_during_its_own_airing() {
    let disk = used().await;
    let comes_back = async || {
        let restored = Restored::load(&disk, &Keys::Clear).await.unwrap();
        restored.streams.iter().find(|(id, ..)| id.as_str() == "a").unwrap().2.is_some()
    };
    assert!(comes_back().await);
    disk.edit("place/a", |place| place["since"] = json!(place["since"].as_i64().unwrap() - 1));
    assert!(!comes_back().await);
}

#[tokio::test]
async fn numbers_that_nobody_has_counted_to_are_refused() {
    let disk = used().await;
    let whole = disk.inside().records.clone();
    let run = whole["run/0000000000000000"].clone();
    let refuses = async |what: &str| {
        let error = disk.builder().build().await.expect_err(what);
        assert_eq!(error.kind, ErrorKind::StateInvalid, "{error}");
        disk.inside().records = whole.clone();
    };
    disk.inside().records.insert("run/ffffffffffffffff".to_owned(), run.clone());
    refuses("a run").await;
    for field in ["laps", "ms"] {
        disk.edit("place/a", |place| place["at"]["file"][field] = json!(u64::MAX));
        refuses(field).await;
    }
    disk.edit("place/b", |place| place["at"]["lists"][0] = json!(u64::MAX));
    refuses("a time in an item").await;
    for field in ["version", "next_id", "laps_done"] {
        disk.edit("list/b", |list| list["lists"]["picture"]["rundown"][field] = json!(u64::MAX));
        refuses(field).await;
    }
    disk.edit("list/b", |list| {
        list["lists"]["picture"]["rundown"]["queue"]["sequential"] = json!(3);
    });
    refuses("beyond the list").await;
    // A gap is none of these.
    disk.inside().records.insert("run/000fffffffffffff".to_owned(), run);
    let manager = disk.builder().history(1).build().await.unwrap();
    disk.until("one run", |disk| !disk.has("run/0000000000000000")).await;
    manager.shutdown(BOUND).await;
}

#[tokio::test]
async fn a_key_stays_with_its_own_destination() {
    let disk = used().await;
    disk.inside().records.remove("key/0/a");
    let restored = Restored::load(&disk, &Keys::Clear).await.unwrap();
    let (_, entry, _) = restored.streams.iter().find(|(id, ..)| id.as_str() == "a").unwrap();
    assert!(entry.waits_for_keys());
    let [first, second] = &entry.spec.destinations[..] else { panic!("two") };
    assert_eq!(second.key.expose(), "second");
    assert_ne!(first.key.expose(), "second");
}

#[tokio::test]
async fn keys_in_clear_text_go_once_they_are_not_to_be_kept_so() {
    let disk = used().await;
    let manager = disk.builder().keys(Keyring::default()).build().await.unwrap();
    let sealed = |disk: &Disk| disk.inside().records["key/1/a"] == b"sdnoces";
    disk.until("sealed", sealed).await;
    manager.shutdown(BOUND).await;
    let disk = used().await;
    let manager = disk.builder().build().await.unwrap();
    disk.until("without keys", |disk| disk.names().iter().all(|name| !name.starts_with("key/"))).await;
    // For this once they are known.
    disk.until("running", |_| manager.stream("a").is_ok()).await;
    manager.shutdown(BOUND).await;
}

#[cfg(feature = "state")]
#[tokio::test]
async fn a_manager_that_is_dropped_lets_another_have_its_directory_at_once() {
    let parent = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let manager = StreamManager::builder().state_dir(parent.path().join("state")).build().await.unwrap();
        drop(manager);
    }
}
