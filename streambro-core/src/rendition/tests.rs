use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::{
        self,
        fs::{FileExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
};

use rustix::fs::{CWD, FileType, Mode};
use tempfile::TempDir;

use super::{record::Keyframe, *};
use crate::{
    error::ErrorKind,
    media::cursor::{self, Cursor},
};

pub(super) const PLENTY: u64 = 1 << 30;

/// The key of the rendition with this number.
pub(super) fn key(n: u64) -> Key {
    Key::new(hash::of(&n.to_be_bytes()), r#"{"encoder":"x264"}"#)
}

/// FLV whose bytes follow from `n`, and whose length is `len` or, up to 14 bytes, less than a tag more.
pub(super) fn flv(n: u64, len: usize) -> Vec<u8> {
    let mut bytes = b"FLV\x01\x04\0\0\0\x09\0\0\0\0".to_vec();
    let mut state = n;
    while bytes.len() < len {
        let size = (len - bytes.len()).saturating_sub(15).clamp(1, 4_000);
        let [_, s0, s1, s2] = (size as u32).to_be_bytes();
        bytes.extend([8, s0, s1, s2, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend((0..size).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        }));
        bytes.extend((size as u32 + 11).to_be_bytes());
    }
    bytes
}

/// Makes a whole rendition.
pub(super) fn put(store: &Arc<Store>, key: &Key, bytes: &[u8]) -> Result<Arc<Rendition>, Failure> {
    let mut draft = store.create(key, 0)?;
    for chunk in bytes.chunks(7_777) {
        draft.append(chunk)?;
    }
    draft.mark_key(0, 13);
    draft.finish(60_000)
}

/// Its media, read back.
pub(super) fn media(rendition: &Rendition) -> Vec<u8> {
    let mut bytes = vec![0; rendition.len() as usize];
    rendition.file().read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Names in a directory, sorted.
pub(super) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A directory that does not exist yet, in one that goes with the test.
pub(super) fn place() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state/renditions");
    (parent, dir)
}

#[test]
fn a_rendition_is_found_as_it_was_written_also_after_a_restart() {
    let (_parent, dir) = place();
    let bytes = flv(1, 100_000);
    let store = Store::open(&dir, PLENTY).unwrap();
    assert!(store.find(&key(1)).unwrap().is_none());
    let mut draft = store.create(&key(1), 100_000).unwrap();
    draft.append(&bytes).unwrap();
    for (ms, offset) in [(0, 13), (2_000, 4_028), (4_000, 8_043)] {
        draft.mark_key(ms, offset);
    }
    assert!(store.find(&key(1)).unwrap().is_none(), "nobody sees a draft");
    let made = draft.finish(60_000).unwrap();
    drop((made, store));

    let store = Store::open(&dir, PLENTY).unwrap();
    let found = store.find(&key(1)).unwrap().unwrap();
    assert_eq!((media(&found), found.duration_ms()), (bytes, 60_000));
    assert_eq!(found.keyframe(0), Some(Keyframe { ms: 0, offset: 13 }));
    assert_eq!(found.keyframe(3_999), Some(Keyframe { ms: 2_000, offset: 4_028 }));
    assert_eq!(found.keyframe(u64::MAX), Some(Keyframe { ms: 4_000, offset: 8_043 }));
    assert!(store.find(&key(2)).unwrap().is_none());
    assert!(Arc::ptr_eq(&found, &store.find(&key(1)).unwrap().unwrap()), "streams share one index");
    let usage = store.usage().unwrap();
    assert_eq!((usage.count, usage.drafts, usage.quota), (1, 0, PLENTY));
    assert_eq!(usage.bytes, fs::metadata(found.path()).unwrap().len());
}

#[test]
fn the_same_content_under_other_settings_is_another_rendition() {
    let (parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let hash_of = |content: &[u8]| {
        let path = parent.path().join("source");
        fs::write(&path, content).unwrap();
        let (stop, progress) = (AtomicBool::new(false), AtomicU64::new(0));
        let hash = store.hash(&fs::File::open(path).unwrap(), &stop, &progress).unwrap().unwrap();
        assert_eq!(progress.into_inner(), content.len() as u64);
        hash
    };
    let film = hash_of(b"film");
    assert_eq!(film, hash_of(b"film"));
    drop(put(&store, &Key::new(film, "a"), &flv(1, 5_000)).unwrap());
    assert!(store.find(&Key::new(hash_of(b"film"), "a")).unwrap().is_some());
    assert!(store.find(&Key::new(film, "b")).unwrap().is_none());
    assert!(store.find(&Key::new(hash_of(b"fimm"), "a")).unwrap().is_none());
}

#[test]
fn directory_and_files_are_for_their_owner_alone() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let draft = store.create(&key(1), 0).unwrap();
    let made = put(&store, &key(2), &flv(2, 1_000)).unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7777, 0o700);
    for name in names(&dir) {
        assert_eq!(fs::metadata(dir.join(&name)).unwrap().mode() & 0o7777, 0o600, "{name}");
    }
    assert_eq!(names(&dir).len(), 2);
    drop((draft, made));
}

#[test]
fn a_draft_that_is_dropped_or_cut_leaves_nothing() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let mut draft = store.create(&key(1), 0).unwrap();
    draft.append(&flv(1, 50_000)).unwrap();
    assert_eq!((names(&dir).len(), draft.len() >= 50_000), (1, true));
    drop(draft);
    assert!(names(&dir).is_empty());
    let whole = flv(1, 50_000);
    for wrong in
        [&whole[..49_000], &whole[..0], &whole[..3], &whole[1..], b"no FLV at all, but as long as one"]
    {
        let failure = put(&store, &key(1), wrong).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Malformed);
        assert!(names(&dir).is_empty());
    }
    let long = Key::new(hash::of(b""), &"x".repeat(1 << 20));
    assert_eq!(put(&store, &long, &whole).unwrap_err().kind, FailureKind::Malformed);
    assert!(names(&dir).is_empty());
}

#[test]
fn what_is_cut_damaged_or_of_something_else_is_refused_and_removed() {
    let (_parent, dir) = place();
    let bytes = flv(1, 20_000);
    type Damage = (&'static str, &'static dyn Fn(&Path));
    let damage: &[Damage] = &[
        ("cut by a byte", &|path| cut(path, |len| len - 1)),
        ("cut in the middle", &|path| cut(path, |len| len / 2)),
        ("cut to the media", &|path| cut(path, |_| 20_000)),
        ("empty", &|path| cut(path, |_| 0)),
        ("longer", &|path| cut(path, |len| len + 1)),
        ("zeros", &|path| fs::write(path, [0; 30_000]).unwrap()),
        ("a plain FLV file", &|path| fs::write(path, flv(1, 20_000)).unwrap()),
        ("another beginning", &|path| {
            fs::File::options().write(true).open(path).unwrap().write_all(b"x").unwrap();
        }),
        ("a bit of the record", &|path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.write_all_at(b"?", 20_000 + 60).unwrap();
        }),
        ("a record that claims 4 GB", &|path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.write_all_at(&[0xff; 4], fs::metadata(path).unwrap().len() - 4).unwrap();
        }),
    ];
    for (what, damage) in damage {
        let store = Store::open(&dir, PLENTY).unwrap();
        let made = put(&store, &key(1), &bytes).unwrap();
        assert_eq!(made.len(), 20_000);
        let path = made.path().to_owned();
        drop(made);
        damage(&path);
        assert!(store.find(&key(1)).unwrap().is_none(), "{what}");
        assert!(names(&dir).is_empty(), "{what}");
    }
    // Under another's name.
    let store = Store::open(&dir, PLENTY).unwrap();
    let made = put(&store, &key(1), &bytes).unwrap();
    fs::rename(made.path(), dir.join(key(2).name())).unwrap();
    assert!(store.find(&key(2)).unwrap().is_none());
    assert!(names(&dir).is_empty());
}

fn cut(path: &Path, len: impl Fn(u64) -> u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(len(file.metadata().unwrap().len())).unwrap();
}

#[test]
fn what_is_cut_or_removed_while_it_is_open_is_not_found_again() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let made = put(&store, &key(1), &flv(1, 20_000)).unwrap();
    cut(made.path(), |len| len - 1);
    assert!(store.find(&key(1)).unwrap().is_none());
    let again = put(&store, &key(1), &flv(1, 20_000)).unwrap();
    fs::remove_file(again.path()).unwrap();
    assert!(store.find(&key(1)).unwrap().is_none());
    assert_eq!(media(&again), flv(1, 20_000), "whoever plays it plays on");
}

#[test]
fn links_pipes_and_directories_under_our_names_are_never_followed() {
    let (parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let canary = parent.path().join("canary");
    drop(put(&store, &key(9), &flv(9, 5_000)).unwrap());
    fs::rename(dir.join(key(9).name()), &canary).unwrap();
    let before = fs::read(&canary).unwrap();

    let hostile: &[&dyn Fn(&Path)] = &[
        // Even to what would be whole.
        &|path| unix::fs::symlink(&canary, path).unwrap(),
        &|path| unix::fs::symlink("/nowhere", path).unwrap(),
        &|path| rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        &|path| drop(unix::net::UnixListener::bind(path).unwrap()),
        &|path| fs::create_dir(path).unwrap(),
    ];
    for (n, make) in hostile.iter().enumerate() {
        for name in [key(9).name(), "1-0.part", "1-1.part"] {
            make(&short(&dir, name));
        }
        // In a store that is open, and in one that is opened then.
        assert!(store.find(&key(9)).unwrap().is_none(), "{n}");
        assert_eq!(store.usage().unwrap().bytes, 0, "{n}");
        let made = match n % 2 {
            0 => put(&store, &key(9), &flv(9, 5_000)).unwrap(),
            _ => put(&Store::open(&dir, PLENTY).unwrap(), &key(9), &flv(9, 5_000)).unwrap(),
        };
        assert_eq!(media(&made), flv(9, 5_000));
        assert_eq!(names(&dir), [key(9).name()], "{n}");
        assert!(fs::symlink_metadata(made.path()).unwrap().is_file());
        assert!(store.remove(&key(9)).unwrap());
    }
    assert_eq!(fs::read(&canary).unwrap(), before);

    // With something in it, it is not ours to remove, and only that one rendition cannot be kept.
    fs::create_dir_all(dir.join(key(9).name()).join("x")).unwrap();
    let store = Store::open(&dir, PLENTY).unwrap();
    assert_eq!(put(&store, &key(9), &flv(9, 5_000)).unwrap_err().kind, FailureKind::Io);
    drop(put(&store, &key(8), &flv(8, 5_000)).unwrap());
    assert_eq!(names(&dir).len(), 2);
}

/// A path short enough for a socket.
fn short(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    assert!(path.as_os_str().len() < 200);
    path
}

#[test]
fn what_has_other_names_is_left_alone() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, 10).unwrap();
    let upper = key(1).name().to_uppercase();
    let others = ["notes.txt", "film.flv", "x.part", "-.part.flv", &upper, "clip.part"];
    for name in others {
        fs::write(dir.join(name), [0; 1_000]).unwrap();
    }
    assert_eq!(store.usage().unwrap().bytes, 0);
    assert_eq!(store.clear().unwrap(), 0);
    drop(Store::open(&dir, 0).unwrap());
    assert_eq!(names(&dir).len(), others.len());
}

#[test]
fn a_directory_of_others_is_refused() {
    let (_parent, dir) = place();
    fs::create_dir_all(&dir).unwrap();
    for mode in [0o777, 0o1777, 0o770, 0o702] {
        fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
        assert_eq!(Store::open(&dir, PLENTY).unwrap_err().kind, ErrorKind::NotAllowed, "{mode:o}");
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    drop(Store::open(&dir, PLENTY).unwrap());
    if rustix::process::geteuid().is_root() {
        unix::fs::chown(&dir, Some(12_345), None).unwrap();
        assert_eq!(Store::open(&dir, PLENTY).unwrap_err().kind, ErrorKind::NotAllowed);
    } else {
        eprintln!("skipped: only root can give a directory away");
    }
    fs::write(dir.with_file_name("file"), "").unwrap();
    let error = Store::open(&dir.with_file_name("file"), PLENTY).unwrap_err();
    assert_eq!((error.kind, error.subject.ends_with("file")), (ErrorKind::Host, true));
}

#[test]
fn removed_and_cleared_renditions_are_gone_and_drafts_stay() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let held = put(&store, &key(1), &flv(1, 9_000)).unwrap();
    for n in 2..=4 {
        drop(put(&store, &key(n), &flv(n, 9_000)).unwrap());
    }
    assert!(store.remove(&key(2)).unwrap() && !store.remove(&key(2)).unwrap());
    let mut draft = store.create(&key(5), 0).unwrap();
    draft.append(&flv(5, 9_000)).unwrap();
    assert_eq!(store.clear().unwrap(), 3);
    assert!((1..=4).all(|n| store.find(&key(n)).unwrap().is_none()));
    assert_eq!(media(&held), flv(1, 9_000));
    drop(draft.finish(1).unwrap());
    assert!(store.find(&key(5)).unwrap().is_some());
}

#[test]
fn to_ffmpeg_and_to_our_own_reader_a_rendition_is_plain_flv() {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i", clip, "-c", "copy", "-f", "flv", "pipe:1"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let mut draft = store.create(&key(1), 0).unwrap();
    draft.append(&made.stdout).unwrap();
    let rendition = draft.finish(8_000).unwrap();

    let probe = |path: &Path| {
        let found = Command::new("ffprobe")
            .args(["-v", "error", "-count_packets", "-of", "csv=p=0"])
            .args(["-show_entries", "format=duration:stream=codec_name,nb_read_packets"])
            .arg(path)
            .output()
            .unwrap();
        (String::from_utf8(found.stdout).unwrap(), String::from_utf8(found.stderr).unwrap())
    };
    let plain = dir.with_file_name("plain.flv");
    fs::write(&plain, &made.stdout).unwrap();
    let (found, complaints) = probe(rendition.path());
    assert_eq!((found.lines().count(), complaints.as_str()), (3, ""), "{found}");
    let packets = |text: &str| text.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(packets(&found), packets(&probe(&plain).0));
    assert!(found.ends_with("8.000000\n"), "{found}");

    // Also whoever reads the whole file, not only its media.
    let count = |len| {
        let mut cursor = Cursor::new(Arc::new(cursor::open(rendition.file(), len).unwrap()));
        let mut count = 0;
        while cursor.peek(rendition.file()).unwrap().is_some() {
            cursor.advance();
            count += 1;
        }
        count
    };
    let whole = count(fs::metadata(rendition.path()).unwrap().len());
    assert_eq!(count(rendition.len()), whole);
    assert!(whole > 500, "{whole}");
}
