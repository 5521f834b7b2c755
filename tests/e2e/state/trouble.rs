//! A disk that is full, a second manager, and state that cannot be used.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use streambro_core::{
    Builder, ErrorKind, Event, EventKind, Phase, Playlist, Repeat, Source, StreamManager, StreamSpec,
};
use streambro_tests::{ffmpeg::Clip, nginx::Nginx};

use crate::publish::{
    desk::{BOUND, Book, live, spec, to, until},
    film::Film,
};

fn builder(dir: &Path) -> Builder {
    StreamManager::builder().state_dir(dir).keep_keys_in_clear()
}

/// A file system of 256 KiB.
struct Mount(tempfile::TempDir);

impl Mount {
    /// `None`, with the reason printed, where that is not allowed.
    fn new() -> Option<Self> {
        let dir = streambro_tests::scratch();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"]).arg(dir.path());
        match mount.output() {
            Ok(done) if done.status.success() => Some(Self(dir)),
            Ok(done) => {
                eprintln!("skipped: cannot mount a tmpfs: {}", String::from_utf8_lossy(&done.stderr));
                None
            }
            Err(error) => {
                eprintln!("skipped: no mount here: {error}");
                None
            }
        }
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.path().join("ballast");
        let _ = fs::write(&ballast, vec![0; 256 << 10]);
        assert!(fs::write(self.0.path().join("more"), [0; 8_192]).is_err(), "there is room left");
        ballast
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// What has become of the state: whether it is kept, and why not.
fn states(events: impl IntoIterator<Item = Event>) -> Vec<(bool, String)> {
    let state = |event: Event| match event.kind {
        EventKind::State { saved, detail, .. } => Some((saved, detail)),
        _ => None,
    };
    events.into_iter().filter_map(state).collect()
}

/// A stream with much to be kept of it.
fn long_list(nginx: &Nginx, film: &Film, id: &str) -> StreamSpec {
    let list = Playlist::new((0..600).map(|_| &film.path));
    let source = Source::playlist(list).repeat(Repeat::Forever);
    StreamSpec::new(id, source).destination(to(&nginx.rtmp_url("live"), id))
}

#[tokio::test]
async fn with_a_full_disk_streams_go_on_one_event_says_so_and_another_when_all_is_kept() {
    let Some(mount) = Mount::new() else { return };
    let (nginx, dir) = (Nginx::start().await, mount.0.path().join("state"));
    let film = Film::of(Clip::new().seconds(60.0).gop(30).make().await).await;
    let manager = builder(&dir).build().await.unwrap();
    let book = Book::of(&manager);
    let wanted = spec("film", &film.path, Repeat::Forever, &nginx.rtmp_url("live"), "film");
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    assert_eq!(states(book.events()), []);

    let ballast = mount.fill();
    let asked = Instant::now();
    let list = manager.start(long_list(&nginx, &film, "list")).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    live(&list).await;
    let before = stream.status().media_ms;
    // Three tries.
    until("seven seconds have gone out", BOUND, || stream.status().media_ms > before + 7_000).await;
    let told = states(book.events());
    assert!(told.len() == 1 && !told[0].0 && told[0].1.contains("make room"), "{told:#?}");

    // Whoever comes now finds what had been kept, and is told that nothing more can be.
    manager.shutdown(Duration::from_secs(5)).await;
    drop((manager, stream, list));
    let manager = builder(&dir).build().await.unwrap();
    let book = Book::of(&manager);
    let stream = manager.stream("film");
    assert!(manager.status("film").is_ok() && manager.status("list").is_err(), "{stream:?}");
    until("film is live", BOUND, || manager.status("film").is_ok_and(|s| s.phase == Phase::Live)).await;
    let list = manager.start(long_list(&nginx, &film, "list")).await.unwrap();
    live(&list).await;
    until("it is told", BOUND, || !states(book.events()).is_empty()).await;
    fs::remove_file(&ballast).unwrap();
    until("it is kept", BOUND, || states(book.events()).len() > 1).await;
    let told = states(book.events());
    assert_eq!(told.iter().map(|(saved, _)| *saved).collect::<Vec<_>>(), [false, true], "{told:#?}");
    manager.shutdown(Duration::from_secs(5)).await;
    drop((manager, list));
    let manager = builder(&dir).build().await.unwrap();
    for id in ["film", "list"] {
        until(&format!("{id} is live"), BOUND, || manager.status(id).is_ok_and(|s| s.phase == Phase::Live))
            .await;
    }
    manager.shutdown(Duration::from_secs(5)).await;
    // Each is one run of pictures: the full disk has cost none.
    let recordings = nginx.settled("film", 3, BOUND).await;
    assert_eq!(recordings.len(), 3, "one connection for each manager");
    assert!(film.locate(&recordings[0], 0).len > 30 * 7);
}

#[tokio::test]
async fn a_second_manager_on_the_same_directory_is_refused_at_once_and_harms_nobody() {
    let (nginx, dir) = (Nginx::start().await, streambro_tests::scratch());
    let film = Clip::new().seconds(4.8).gop(24).make().await;
    let state = dir.path().join("state");
    let manager = builder(&state).build().await.unwrap();
    let wanted = spec("film", &film, Repeat::Forever, &nginx.rtmp_url("live"), "film");
    let stream = manager.start(wanted).await.unwrap();
    live(&stream).await;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let since = Instant::now();
        let refused = builder(&state).set_invalid_state_aside().build().await.map(|_| ()).unwrap_err();
        best = best.min(since.elapsed());
        assert_eq!(refused.kind, ErrorKind::StateInUse, "{refused}");
        assert!(refused.subject == state.display().to_string() && refused.detail.contains("fuser"));
    }
    // Bar P24; of several, for other tests run beside this one.
    assert!(best < Duration::from_millis(100), "{best:?}");
    let sent = stream.status().bytes;
    until("it sends", BOUND, || stream.status().bytes > sent).await;
    assert_eq!(stream.status().legs[0].attempts, 1);
    manager.shutdown(Duration::from_secs(5)).await;
    // Whoever still looks at the first one is in nobody's way.
    builder(&state).build().await.unwrap().shutdown(Duration::from_secs(5)).await;
    assert_eq!((manager.history().len(), stream.status().legs[0].attempts), (1, 1));
}

#[tokio::test]
async fn state_that_cannot_be_used_is_refused_as_it_is_or_set_aside_and_nothing_is_lost_in_silence() {
    let (nginx, dir) = (Nginx::start().await, streambro_tests::scratch());
    let film = Clip::new().seconds(4.8).gop(24).make().await;
    let (state, file) = (dir.path().join("state"), dir.path().join("state/state.redb"));
    let manager = builder(&state).build().await.unwrap();
    let wanted = spec("film", &film, Repeat::Forever, &nginx.rtmp_url("live"), "film");
    live(&manager.start(wanted).await.unwrap()).await;
    manager.shutdown(Duration::from_secs(5)).await;
    drop(manager);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&file)), (0o700, 0o600), "bar S17");

    let mut bytes = fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    for byte in bytes.iter_mut().take(half).skip(512) {
        *byte ^= 0x55;
    }
    fs::write(&file, &bytes).unwrap();
    let listing = || {
        let names = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    let before = listing();
    for _ in 0..2 {
        let refused = builder(&state).build().await.map(|_| ()).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::StateInvalid, "{refused}");
        assert_eq!(refused.subject, file.display().to_string());
        assert!(fs::read(&file).unwrap() == bytes && listing() == before, "it was touched");
    }

    let manager = builder(&state).set_invalid_state_aside().build().await.unwrap();
    let book = Book::of(&manager);
    until("somebody is told", BOUND, || !states(book.events()).is_empty()).await;
    let told = states(book.events());
    let aside = listing().into_iter().find(|name| name.starts_with("state.redb.")).expect("it was set aside");
    assert!(told.len() == 1 && told[0].0 && told[0].1.contains(&aside), "{told:#?}");
    assert!(fs::read(state.join(&aside)).unwrap() == bytes, "it is another one");
    assert!(manager.list().is_empty() && manager.history().is_empty());
    manager.shutdown(Duration::from_secs(5)).await;
    drop(manager);
    let manager = builder(&state).build().await.unwrap();
    assert_eq!(listing().iter().filter(|name| name.starts_with("state.redb.")).count(), 1, "once");
    manager.shutdown(Duration::from_secs(5)).await;
}
