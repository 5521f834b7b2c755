//! Whatever a path leads to, the answer is a typed error that names it: soon, without a panic, in little memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use streambro_core::{
    Destination, Error, ErrorKind, Repeat, Source, StreamManager, StreamSpec, probe, remux,
};
use streambro_tests::ffmpeg::Clip;
use streambro_tests::rewrite::{At, Mp4};
use streambro_tests::{mem, net, process};

/// For a debug build on a busy machine; what hangs, hangs for ever.
const BOUND: Duration = Duration::from_secs(10);
/// What the process may grow by at its peak.
const MEMORY: u64 = 64 << 20;

/// Asks the three doors of the library about one path, and holds each to its time.
async fn ask(manager: &StreamManager, path: &Path) -> [Result<(), Error>; 3] {
    let (for_probe, for_remux) = (path.to_owned(), path.to_owned());
    let probed = door(path, tokio::task::spawn_blocking(move || probed(&for_probe))).await;
    let work = move || remux(&for_remux, std::io::sink(), Repeat::Once).map(drop);
    let remuxed = door(path, tokio::task::spawn_blocking(work)).await;
    // Nobody listens there: a stream that starts has nothing to talk to.
    let url = format!("rtmp://127.0.0.1:{}/live", net::free_port());
    let destination = Destination::new(&url, "key").expect("the URL is sound");
    let spec = StreamSpec::new("hostile", Source::file(path)).destination(destination);
    let manager = manager.clone();
    let start = async move {
        let stream = manager.start(spec).await?;
        stream.stop();
        stream.ended().await;
        Ok(())
    };
    let started = door(path, tokio::spawn(start)).await;
    [probed, remuxed, started]
}

/// What `probe` says as the other doors say it: obstacles are why they refuse.
fn probed(path: &Path) -> Result<(), Error> {
    let obstacles = probe(path)?.obstacles;
    if obstacles.is_empty() {
        return Ok(());
    }
    let detail = obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(Error { kind: ErrorKind::SourceUnsupported, subject: path.display().to_string(), detail })
}

async fn door(path: &Path, task: tokio::task::JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    let begin = Instant::now();
    let answer = tokio::time::timeout(BOUND, task).await;
    let answer = answer.unwrap_or_else(|_| panic!("{}: no answer within {BOUND:?}", path.display()));
    let answer = answer.unwrap_or_else(|panic| panic!("{}: {panic}", path.display()));
    if begin.elapsed() > Duration::from_secs(1) {
        println!("{} took {:?}", path.display(), begin.elapsed());
    }
    if let Err(error) = &answer {
        // A sentence about this file, of a kind that is about files.
        assert_eq!(error.subject, path.display().to_string(), "{error}");
        assert!(error.detail.len() > 8 && error.to_string().contains(&error.subject), "{error}");
        let about_files =
            [ErrorKind::SourceUnreadable, ErrorKind::SourceInvalid, ErrorKind::SourceUnsupported];
        assert!(about_files.contains(&error.kind), "{error}");
    }
    answer
}

/// Each door gives this error.
async fn refused(manager: &StreamManager, path: &Path, kind: ErrorKind, words: &str) {
    for answer in ask(manager, path).await {
        let error = answer.expect_err(&format!("{} is refused", path.display()));
        println!("{error}");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.detail.contains(words), "{error}: nothing about {words:?}");
    }
}

async fn manager() -> StreamManager {
    StreamManager::builder().build().await.expect("a manager")
}

/// Runs in a process of its own and holds its peak of memory.
fn in_little_memory<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if !process::alone(name) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let before = mem::own().resident;
    runtime.expect("a runtime").block_on(test());
    let grown = mem::peak().saturating_sub(before);
    println!("the process grew by {} KiB", grown >> 10);
    assert!(grown < MEMORY, "{grown} bytes");
}

/// Files are made sparse or by other processes, so that making them is not what is measured.
fn file(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).expect("the folder can be written");
    path
}

/// A file of `len` bytes, of which only the beginning is not zero.
fn sparse(dir: &Path, name: &str, begin: &[u8], len: u64) -> PathBuf {
    let path = file(dir, name, begin);
    File::options().write(true).open(&path).and_then(|file| file.set_len(len)).expect("a sparse file");
    path
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(8 + body.len()).expect("a small box");
    [&len.to_be_bytes()[..], kind, body].concat()
}

const FTYP: &[u8] = b"\0\0\0\x14ftypisom\0\0\x02\0isom";

#[test]
fn what_is_no_file_is_refused_and_blocks_nobody() {
    in_little_memory(concat!(module_path!(), "::what_is_no_file_is_refused_and_blocks_nobody"), || async {
        let dir = streambro_tests::scratch();
        let manager = manager().await;
        let fifo = dir.path().join("pipe.mp4");
        let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo can be started");
        assert!(made.success(), "mkfifo: {made}");
        let socket = dir.path().join("socket.mp4");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket can be made");
        let invalid = ErrorKind::SourceInvalid;
        refused(&manager, dir.path(), invalid, "a directory").await;
        refused(&manager, &fifo, invalid, "a pipe").await;
        refused(&manager, Path::new("/dev/zero"), invalid, "a device").await;
        refused(&manager, Path::new("/dev/null"), invalid, "a device").await;
        refused(&manager, &file(dir.path(), "empty.mp4", b""), invalid, "empty").await;
        let unreadable = ErrorKind::SourceUnreadable;
        refused(&manager, &dir.path().join("missing.mp4"), unreadable, "No such file").await;
        refused(&manager, &socket, unreadable, "No such device").await;
    });
}

#[test]
fn what_is_no_media_is_refused() {
    in_little_memory(concat!(module_path!(), "::what_is_no_media_is_refused"), || async {
        let dir = streambro_tests::scratch();
        let manager = manager().await;
        // What it is, and what a film would be.
        let (container, list) = ("a film is an MP4", "a text, not a film");
        let unsupported = ErrorKind::SourceUnsupported;
        let text = "This is a shopping list.\n".repeat(1_000);
        refused(&manager, &file(dir.path(), "text.mp4", text.as_bytes()), unsupported, list).await;
        refused(&manager, &file(dir.path(), "one-byte.flv", b"F"), unsupported, list).await;
        refused(&manager, &sparse(dir.path(), "zeros.mp4", b"", 1 << 40), unsupported, container).await;
        let own = std::env::current_exe().expect("a process knows its program");
        refused(&manager, &own, unsupported, container).await;
    });
}

#[test]
fn boxes_that_lie_are_refused() {
    in_little_memory(concat!(module_path!(), "::boxes_that_lie_are_refused"), || async {
        let dir = streambro_tests::scratch();
        let manager = manager().await;
        let (dir, invalid) = (dir.path(), ErrorKind::SourceInvalid);
        let claim = [FTYP, &[0xff, 0xff, 0xff, 0xff], b"moov", &[0; 100]].concat();
        refused(&manager, &file(dir, "4-gib-claimed.mp4", &claim), invalid, "ends before").await;
        let long_claim = [FTYP, &[0, 0, 0, 1], b"moov", &[0xff; 8], &[0; 100]].concat();
        refused(&manager, &file(dir, "2-64-claimed.mp4", &long_claim), invalid, "ends before").await;
        // Now the 4 GiB are there, and zero.
        let there = [FTYP, &[0xff, 0xff, 0xff, 0xff], b"moov"].concat();
        let unsupported = ErrorKind::SourceUnsupported;
        refused(&manager, &sparse(dir, "4-gib-there.mp4", &there, 5 << 30), unsupported, "no track").await;
        // A box that would hold itself for ever: each one's size leads nowhere.
        for size in [1u32, 2, 7] {
            let looped = [FTYP, &size.to_be_bytes(), b"moov", &[0; 64]].concat();
            refused(&manager, &file(dir, &format!("loop-{size}.mp4"), &looped), invalid, "").await;
        }
        let empty_boxes = [FTYP, &boxed(b"free", b"").repeat(200_000)].concat();
        refused(&manager, &file(dir, "only-empty-boxes.mp4", &empty_boxes), invalid, "").await;
        let nested = (0..20_000)
            .fold(vec![], |inside, _| if inside.len() < 1 << 17 { boxed(b"moov", &inside) } else { inside });
        let nested = [FTYP, &nested].concat();
        refused(&manager, &file(dir, "nested.mp4", &nested), ErrorKind::SourceUnsupported, "no track").await;
    });
}

#[test]
fn ten_thousand_tracks_are_refused() {
    if !process::alone(concat!(module_path!(), "::ten_thousand_tracks_are_refused")) {
        return;
    }
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let dir = streambro_tests::scratch();
        let clip = Clip::new().size(160, 90).seconds(1.0).make().await;
        let path = dir.path().join("tracks.mp4");
        Mp4::read(&clip).tracks(10_000).write(&path);
        // Not what it took to write the file.
        mem::forget_peak();
        let before = mem::own().resident;
        refused(&manager().await, &path, ErrorKind::SourceUnsupported, "64 tracks").await;
        let grown = mem::peak().saturating_sub(before);
        println!("10,000 tracks cost {} KiB", grown >> 10);
        assert!(grown < MEMORY, "{grown} bytes");
    });
}

/// Tables that are really there, hundreds of megabytes of zeros: as many samples as are allowed, none with a byte.
#[test]
fn tables_without_end_are_refused_in_time() {
    in_little_memory(concat!(module_path!(), "::tables_without_end_are_refused_in_time"), || async {
        let dir = streambro_tests::scratch();
        let clip = Clip::new().size(160, 90).seconds(1.0).video_only().make().await;
        let mut bytes = Mp4::read(&clip).repeat(1).moov(At::Front).bytes();
        // Every box around the sizes, which come last, is stretched over the rest of the file.
        let len = 600u64 << 20;
        let find = |bytes: &[u8], kind: &[u8; 4]| {
            bytes.windows(4).position(|found| found == kind).expect("the box is there") - 4
        };
        for kind in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"] {
            let start = find(&bytes, kind);
            let size = u32::try_from(len - start as u64).expect("below 4 GiB");
            bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
        }
        // And the first chunk has room for all.
        let (stsc, stsz) = (find(&bytes, b"stsc"), find(&bytes, b"stsz"));
        bytes[stsc + 20..stsc + 24].copy_from_slice(&u32::MAX.to_be_bytes());
        let manager = manager().await;
        for count in [1u32 << 26, u32::MAX] {
            bytes[stsz + 16..stsz + 20].copy_from_slice(&count.to_be_bytes());
            let path = sparse(dir.path(), &format!("{count}-samples.mp4"), &bytes[..stsz + 20], len);
            for answer in ask(&manager, &path).await {
                println!("{count} samples: {:?}", answer.expect_err("there is nothing to play"));
            }
        }
    });
}

/// What is left of a file that was cut plays as far as it goes, or is refused; nothing else.
#[test]
fn files_that_were_cut_anywhere_play_or_are_refused() {
    in_little_memory(
        concat!(module_path!(), "::files_that_were_cut_anywhere_play_or_are_refused"),
        || async {
            let dir = streambro_tests::scratch();
            let clip = Clip::new().size(160, 90).seconds(1.0);
            let end = clip.make().await;
            let fragmented = clip.clone().options(&["-movflags", "frag_keyframe+empty_moov"]).make().await;
            let flash = clip.container("flv").make().await;
            let front = dir.path().join("front.mp4");
            Mp4::read(&end).moov(At::Front).write(&front);
            let manager = manager().await;
            for (name, whole) in
                [("end", end), ("front", front), ("fragmented", fragmented), ("flash", flash)]
            {
                let bytes = fs::read(whole).expect("the clip can be read");
                // Every length near the beginning, where headers are, and 60 all over the file.
                let lengths = (1..40).chain((1..60).map(|part| bytes.len() * part / 60));
                let (mut played, mut refusals) = (0, 0);
                for len in lengths {
                    let path = file(dir.path(), &format!("{name}-{len}"), &bytes[..len]);
                    let [probed, remuxed, started] = ask(&manager, &path).await;
                    match (&probed, &remuxed) {
                        (Err(_), Err(error)) => {
                            refusals += 1;
                            assert_eq!(
                                started.as_ref().map_err(|error| error.kind),
                                Err(error.kind),
                                "{error}"
                            );
                        }
                        // The end is missing: said by `remux`, which needs it; known to `probe`, which does not.
                        (Ok(()), Err(error)) => {
                            played += 1;
                            assert_eq!(error.kind, ErrorKind::SourceInvalid, "{error}");
                            assert!(error.detail.contains("ends before"), "{error}");
                        }
                        (Ok(()), Ok(())) => played += 1,
                        (Err(error), Ok(())) => {
                            panic!("{name}, {len} bytes: remuxed, but not probed: {error}")
                        }
                    }
                    fs::remove_file(path).expect("the file is there");
                }
                println!("{name}: {played} play, {refusals} are refused");
                assert!(
                    refusals > 0 && (played > 0 || name == "end"),
                    "{name}: {played} play, {refusals} are refused"
                );
            }
        },
    );
}

#[test]
fn random_bytes_are_refused_or_play_but_never_break_anything() {
    const SEED: u64 = 0x5eed_cafe_f00d_0001;
    in_little_memory(
        concat!(module_path!(), "::random_bytes_are_refused_or_play_but_never_break_anything"),
        || async {
            println!("seed {SEED:#x}");
            let mut state = SEED;
            let mut random = move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state
            };
            let dir = streambro_tests::scratch();
            let manager = manager().await;
            let signatures: [&[u8]; 4] = [b"", FTYP, b"FLV\x01\x05\0\0\0\x09\0\0\0\0", b"\0\x01\0\0moov"];
            for round in 0..80 {
                let noise: Vec<u8> = (0..random() % 65_536).map(|_| random() as u8).collect();
                let bytes = [signatures[round % 4], &noise].concat();
                let path = file(dir.path(), &format!("noise-{round}"), &bytes);
                for answer in ask(&manager, &path).await {
                    let _ = answer.expect_err("noise is no film");
                }
            }
            // A sound film with a few wild bytes in its header may play, or not.
            let clip =
                Clip::new().size(160, 90).seconds(1.0).options(&["-movflags", "+faststart"]).make().await;
            let sound = fs::read(clip).expect("the clip can be read");
            let header = sound.windows(4).position(|kind| kind == b"mdat").expect("there is media") as u64;
            let mut refusals = 0;
            for round in 0..120 {
                let mut bytes = sound.clone();
                for _ in 0..1 + random() % 4 {
                    bytes[(random() % header) as usize] = random() as u8;
                }
                let path = file(dir.path(), &format!("damaged-{round}"), &bytes);
                refusals += ask(&manager, &path).await.iter().filter(|answer| answer.is_err()).count();
                fs::remove_file(path).expect("the file is there");
            }
            println!("{refusals} of 360 answers to damaged films are refusals");
        },
    );
}
