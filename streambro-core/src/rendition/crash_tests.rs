use std::{
    env,
    io::Read,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    tests::{PLENTY, flv, key, media, names, place, put},
    *,
};

/// After how many points of [`fault`] a writer dies.
pub(super) const DIES_AT: &str = "STREAMBRO_TEST_RENDITION_DIES_AT";
/// Where a writer writes.
const DIR: &str = "STREAMBRO_TEST_RENDITION_DIR";
/// What a writer does.
const PART: &str = "STREAMBRO_TEST_RENDITION_PART";

const LEN: usize = 40_000;
const QUOTA: u64 = 150_000;

/// This test binary once more, as a writer.
fn writer(dir: &Path, part: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        "--exact",
        "--ignored",
        "--nocapture",
        "rendition::crash_tests::writes_in_a_process_of_its_own",
    ]);
    command.env(DIR, dir).env(PART, part).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
#[ignore = "the process that the other tests start and kill"]
fn writes_in_a_process_of_its_own() {
    let (Ok(dir), Ok(part)) = (env::var(DIR), env::var(PART)) else { return };
    let store = Store::open(Path::new(&dir), QUOTA).unwrap();
    match part.as_str() {
        // Renditions that displace others, replace a broken one, are dropped, found and removed.
        "once" => {
            for n in 1..6 {
                drop(put(&store, &key(n), &flv(n, LEN)).unwrap());
            }
            let mut draft = store.create(&key(9), 0).unwrap();
            draft.append(&flv(9, LEN)).unwrap();
            drop(draft);
            drop(store.find(&key(0)).unwrap());
            store.clear().unwrap();
        }
        "ever" => {
            for n in (0..).map(|n| n % 8) {
                if store.find(&key(n)).unwrap().is_none() {
                    let _ = put(&store, &key(n), &flv(n, LEN));
                }
            }
        }
        _ => {
            let mut draft = store.create(&key(1), 0).unwrap();
            draft.append(&flv(1, LEN)).unwrap();
            let held = put(&store, &key(2), &flv(2, LEN)).unwrap();
            // The parent reads this.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), b"\nready\n");
            loop {
                thread::park();
                let _ = (&draft, &held);
            }
        }
    }
}

/// Everything that a new store finds is whole, and nothing else is there. Returns how many it finds.
fn all_whole(dir: &Path) -> usize {
    let store = Store::open(dir, QUOTA).unwrap();
    let kept = names(dir);
    assert!(kept.iter().all(|name| name.ends_with(".flv")), "{kept:?}");
    assert!(store.usage().unwrap().bytes <= QUOTA);
    let found = (1..10).filter(|n| {
        let found = store.find(&key(*n)).unwrap();
        found.inspect(|found| assert_eq!(media(found), flv(*n, LEN))).is_some()
    });
    let found = found.count();
    assert_eq!(found, names(dir).iter().filter(|name| *name != key(0).name()).count());
    found
}

#[test]
fn a_writer_that_dies_before_any_of_its_calls_leaves_the_old_or_the_new() {
    let (mut drafts, mut whole) = (0, 0);
    let mut points = 0;
    loop {
        let (_parent, dir) = place();
        let store = Store::open(&dir, QUOTA).unwrap();
        drop(put(&store, &key(7), &flv(7, LEN)).unwrap());
        std::fs::write(dir.join(key(0).name()), "broken").unwrap();
        drop(store);
        let mut child = writer(&dir, "once").env(DIES_AT, points.to_string()).spawn().unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9), "at point {points}: {status}");
        drafts += usize::from(names(&dir).iter().any(|name| name.ends_with(".part")));
        whole += all_whole(&dir);
        points += 1;
    }
    // Five renditions of at least 11 points each; most of those in the middle of a draft.
    assert!(points > 55 && drafts > points / 2 && whole > points / 2, "{points} {drafts} {whole}");
}

#[test]
fn a_writer_that_is_killed_at_any_time_leaves_only_whole_renditions() {
    let (_parent, dir) = place();
    let (mut drafts, mut whole) = (0, 0);
    for round in 0..60 {
        let mut child = writer(&dir, "ever").spawn().unwrap();
        // Not before it has begun; then whenever it happens to be.
        let begun = Instant::now();
        while !dir.exists() || round > 0 && names(&dir).iter().all(|name| !name.ends_with(".part")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never begins");
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(round * 397 % 9_000));
        child.kill().unwrap();
        child.wait().unwrap();
        drafts += usize::from(names(&dir).iter().any(|name| name.ends_with(".part")));
        whole += all_whole(&dir);
    }
    assert!(drafts > 0 && whole > 0, "{drafts} {whole}");
}

#[test]
fn a_living_draft_is_left_alone_and_a_dead_one_is_swept() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, QUOTA).unwrap();
    let mut child = Writer(writer(&dir, "wait").spawn().unwrap());
    child.until_ready();
    let parts = || names(&dir).into_iter().filter(|name| name.ends_with(".part")).collect::<Vec<_>>();
    let living = parts();
    assert_eq!(living.len(), 1);
    for _ in 0..3 {
        drop(Store::open(&dir, QUOTA).unwrap());
        drop(store.create(&key(3), 0).unwrap());
        assert_eq!(parts(), living);
    }
    // What it holds is not removed to make room either.
    drop(put(&store, &key(3), &flv(3, LEN)).unwrap());
    drop(put(&store, &key(4), &flv(4, LEN)).unwrap());
    assert!(store.find(&key(2)).unwrap().is_some() && store.find(&key(3)).unwrap().is_none());

    drop(child);
    // By whoever writes next.
    drop(store.create(&key(5), 0).unwrap());
    assert!(parts().is_empty());
    // Nor is what it held kept any more.
    for n in 5..9 {
        drop(put(&store, &key(n), &flv(n, LEN)).unwrap());
    }
    assert!(store.find(&key(2)).unwrap().is_none());
}

#[test]
fn a_directory_that_another_process_keeps_locked_is_an_error_and_not_a_hang() {
    let (_parent, dir) = place();
    let store = Store::open(&dir, PLENTY).unwrap();
    let made = put(&store, &key(1), &flv(1, LEN)).unwrap();
    let lock = std::fs::File::open(&dir).unwrap();
    lock.lock().unwrap();
    let begun = Instant::now();
    // All at once, so that they wait side by side and not one after the other.
    let failures: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| store.create(&key(2), 0).unwrap_err())).collect();
        // What is there is found meanwhile.
        assert!(store.find(&key(1)).unwrap().is_some());
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(failures.iter().all(|failure| failure.kind == FailureKind::Busy), "{failures:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    lock.unlock().unwrap();
    drop((made, store.create(&key(2), 0).unwrap()));
}

/// A process of ours, killed when it is dropped.
struct Writer(Child);

impl Writer {
    fn until_ready(&mut self) {
        let mut said = vec![];
        let mut out = self.0.stdout.take().unwrap();
        while !said.ends_with(b"ready\n") {
            let mut byte = [0];
            out.read_exact(&mut byte).unwrap();
            said.extend(byte);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
