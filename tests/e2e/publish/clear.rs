//! Everything ended at once, with real servers that see who leaves.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use streambro_core::{Admission, ErrorKind, LegPhase, Phase, Reason, Repeat, Stream, StreamManager};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::nginx::Nginx;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::desk::{BOUND, Book, ends, live, reach, spec, until};

/// A disk that answers no read, in a process of its own: with the end of that, those who read get an error.
struct DeadDisk {
    disk: Child,
    file: PathBuf,
    /// Where it is mounted. After the process in the order of drops.
    _point: tempfile::TempDir,
}

impl DeadDisk {
    /// `None` where this machine cannot mount.
    async fn with(clip: &Path) -> Option<Self> {
        let point = streambro_tests::scratch();
        let mut disk = Command::new(env!("CARGO_BIN_EXE_slow-fs"))
            .args([point.path(), clip])
            .args(["--bytes-per-second", "1000000", "--stall-after", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it was built with this test");
        let mut lines = BufReader::new(disk.stdout.take().expect("it is piped")).lines();
        let line = timeout(BOUND, lines.next_line()).await.expect("it mounts in time");
        let file = PathBuf::from(line.expect("it can be read")?);
        Some(Self { disk, file, _point: point })
    }

    async fn end(mut self) {
        drop(self.disk.stdin.take());
        timeout(BOUND, self.disk.wait())
            .await
            .expect("it ends with its input")
            .expect("it is a child of ours");
    }
}

#[tokio::test]
async fn clear_all_ends_what_runs_waits_and_opens_its_source_and_the_keys_are_free_at_once() {
    let nginx = Nginx::start().await;
    let silent = Hostile::start(Attack::Silent, Stage::Connected).await;
    let clip = Clip::new().seconds(4.0).make().await;
    let disk = DeadDisk::with(&clip).await;
    let admission = Admission::Queue { max_waiting: 8 };
    let manager = StreamManager::builder().max_streams(4).admission(admission).build().await.unwrap();
    let book = Book::of(&manager);
    let of_file = |user: &str, id: &str, file: &Path| {
        spec(id, file, Repeat::Forever, &nginx.rtmp_url("live"), id).user(user)
    };
    let of = |user: &str, id: &str| of_file(user, id, &clip);

    let ended = manager.start(of("alice", "ended")).await.unwrap();
    live(&ended).await;
    ended.stop();
    ends(&ended, Reason::Stopped).await;
    let alices =
        [manager.start(of("alice", "a")).await.unwrap(), manager.start(of("alice", "b")).await.unwrap()];
    let bobs = manager.start(of("bob", "c")).await.unwrap();
    for stream in alices.iter().chain([&bobs]) {
        live(stream).await;
    }
    let wanted = spec("silent", &clip, Repeat::Forever, &silent.url(), "k").user("bob");
    let connecting = manager.start(wanted).await.unwrap();
    silent.until(BOUND, |visits| visits.iter().any(|visit| visit.attacked_after.is_some())).await;
    let carols = manager.start(of("carol", "d")).await.unwrap();
    reach(&carols, Phase::Queued).await;
    let opening = disk.as_ref().map(|disk| {
        let (manager, wanted) = (manager.clone(), of_file("dave", "slow", &disk.file));
        tokio::spawn(async move { manager.start(wanted).await })
    });
    match &opening {
        None => eprintln!("without FUSE: no source is slow to open"),
        Some(_) => {
            let opens = || manager.status("slow").is_ok_and(|status| status.phase == Phase::Preparing);
            until("it opens its source", BOUND, opens).await;
        }
    }

    // Alice's, and nobody else's. Who waits goes on in her place.
    assert_eq!(manager.as_user("alice").clear_all(), 2);
    for stream in &alices {
        ends(stream, Reason::Stopped).await;
    }
    assert_eq!(manager.status("ended").unwrap_err().kind, ErrorKind::NotFound);
    live(&carols).await;
    assert_eq!((bobs.status().phase, bobs.status().legs[0].attempts), (Phase::Live, 1));

    let all = 3 + usize::from(opening.is_some());
    assert_eq!((manager.clear_all(), manager.clear_all()), (all, 0));
    let mut over: Vec<Stream> = vec![bobs, connecting, carols];
    if let Some(opening) = opening {
        // Although the disk has not answered, and never will.
        over.push(timeout(BOUND, opening).await.expect("it does not wait").unwrap().unwrap());
    }
    for stream in &over {
        assert_eq!(ends(stream, Reason::Stopped).await.legs[0].phase, LegPhase::Ended);
    }
    silent.until(BOUND, |visits| visits.iter().all(|visit| visit.closed_after.is_some())).await;
    let audit = manager.audit().await;
    assert_eq!((audit.streams, audit.places, audit.connections, audit.findings), (0, 0, 0, vec![]));
    assert_eq!((manager.clear_all(), manager.list().len()), (0, 0));
    assert_eq!(manager.history().len(), 3 + all);

    // The servers saw them leave: nobody is told that a key is in use.
    for id in ["a", "c", "d"] {
        let again = manager.start(of("alice", id)).await.unwrap();
        live(&again).await;
        assert_eq!(again.status().legs[0].attempts, 1, "{id}");
        assert!(manager.logs(id).unwrap().iter().all(|line| !line.message.contains("stopped")), "{id}");
    }
    book.audit();
    if let Some(disk) = disk {
        disk.end().await;
    }
}
