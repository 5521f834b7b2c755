use std::{fs, os::unix::fs::MetadataExt};

use super::{
    tests::{all, open, place, put},
    *,
};
use crate::{error::ErrorKind, sys::mount_for_tests::Mount};

#[tokio::test]
async fn a_full_disk_costs_a_commit_and_nothing_that_was_kept() {
    let Some(mount) = Mount::new("160k") else { return };
    let store = open(mount.path()).await.unwrap();
    store.commit(vec![put("first", "1")]).await.unwrap();
    let filler = mount.path().join("filler");
    for round in 0..4 {
        let mut kept = all(&store).await;
        // It takes what is left.
        let mut bytes = vec![0; 160 * 1_024];
        while fs::write(&filler, &bytes).is_err() {
            bytes.truncate(bytes.len() - 4_096);
        }
        let mut failures = 0;
        for n in 0..30 {
            let (key, value) = (format!("round/{round}/{n}"), vec![n; 3_000]);
            match store.commit(vec![put(&key, &value), put("last", [n])]).await {
                Ok(()) => {
                    kept.insert(key, value);
                    kept.insert("last".to_owned(), vec![n]);
                }
                Err(error) => {
                    failures += 1;
                    assert_eq!(error.kind, ErrorKind::Host, "{error}");
                    let path = mount.path().display().to_string();
                    assert!(error.subject == path && error.detail.contains("make room"), "{error}");
                    if failures > 3 {
                        break;
                    }
                }
            }
            // Also right after a failure, and no part of what failed.
            assert!(all(&store).await == kept, "round {round}, {n}");
        }
        assert!(failures > 3, "round {round}: the disk was never full");
        fs::remove_file(&filler).unwrap();
        // Room for the next round as well.
        let gone = kept.keys().filter(|key| key.starts_with("round/")).cloned();
        let gone = gone.map(|key| Change::Remove { key }).collect();
        store.commit(gone).await.unwrap();
        kept.retain(|key, _| !key.starts_with("round/"));
        assert!(all(&store).await == kept, "round {round}");
    }
    let kept = all(&store).await;
    drop(store);
    assert!(all(&open(mount.path()).await.unwrap()).await == kept);
}

#[tokio::test]
async fn a_manager_comes_back_on_a_full_disk_and_says_so_on_a_read_only_one() {
    let Some(mount) = Mount::new("160k") else { return };
    let store = open(mount.path()).await.unwrap();
    store.commit(vec![put("a", "1")]).await.unwrap();
    drop(store);
    mount.set("remount,ro");
    let error = open(mount.path()).await.unwrap_err();
    assert!(error.kind == ErrorKind::Host && error.detail.contains("mount it"), "{error}");
    mount.set("remount,rw");
    let filler = mount.path().join("filler");
    let _ = fs::write(&filler, vec![0; 160 * 1_024]);
    let store = open(mount.path()).await.unwrap();
    assert_eq!(all(&store).await["a"], b"1");
    let error = store.commit(vec![put("b", vec![2; 60_000])]).await.unwrap_err();
    assert!(error.kind == ErrorKind::Host && error.detail.contains("make room"), "{error}");
    fs::remove_file(&filler).unwrap();
    store.commit(vec![put("b", vec![2; 30_000])]).await.unwrap();
    drop(store);
    assert_eq!(all(&open(mount.path()).await.unwrap()).await.len(), 2);
}

#[tokio::test]
async fn a_new_store_on_a_full_disk_is_refused_and_leaves_room_for_another_try() {
    let Some(mount) = Mount::new("64k") else { return };
    let filler = mount.path().join("filler");
    let _ = fs::write(&filler, vec![0; 64 * 1_024]);
    let error = open(mount.path()).await.unwrap_err();
    assert!(error.kind == ErrorKind::Host && error.detail.contains("make room"), "{error}");
    fs::remove_file(&filler).unwrap();
    let store = open(mount.path()).await.unwrap();
    store.commit(vec![put("a", "1")]).await.unwrap();
    drop(store);
    assert_eq!(all(&open(mount.path()).await.unwrap()).await["a"], b"1");
}

#[tokio::test]
async fn a_store_takes_little_of_the_disk_and_stops_growing() {
    let (_parent, dir) = place();
    let used = || {
        let meta = fs::metadata(dir.join("state.redb")).unwrap();
        (meta.len(), meta.blocks() * 512)
    };
    let store = open(&dir).await.unwrap();
    store.commit(vec![put("a", "1")]).await.unwrap();
    let (len, blocks) = used();
    eprintln!("new: {len} bytes, {blocks} of the disk");
    assert!(len <= 72 * 1_024 && blocks <= 72 * 1_024, "{len} {blocks}");
    // Hundreds of streams of 2 KB, over and over again.
    let many = |n: u8| (0..400).map(|key| put(&format!("stream/{key}"), vec![n; 2_000])).collect();
    for n in 0..5 {
        store.commit(many(n)).await.unwrap();
    }
    let (len, _) = used();
    eprintln!("400 streams of 2 KB: {len} bytes");
    for n in 0..100_u8 {
        store.commit(vec![put(&format!("stream/{n}"), vec![n; 2_000])]).await.unwrap();
    }
    assert!(len <= 8 * 1_024 * 1_024 && used().0 <= 2 * len, "{len} {:?}", used());
}
