//! Disks that make one wait, and file systems that cannot tell whether they would.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streambro_core::Phase;
use streambro_tests::ffmpeg::Clip;
use streambro_tests::nginx::Nginx;

use super::rig::{self, SOON, ms};

/// Plays a file of 12 s or less for `laps` laps and compares what arrives with it.
async fn arrives_whole(path: &Path, clip: &Path, seconds: u64) {
    let nginx = Nginx::start().await;
    let manager = rig::manager(rig::times(|_| {})).await;
    let stream = manager
        .start(rig::forever("disk", path, &nginx.rtmp_url("live")))
        .await
        .expect("the file can be played");
    rig::in_phase(&stream, Phase::Live, SOON).await;
    rig::until(2 * SOON, "it has played", || (stream.status().media_ms > 1_000 * seconds).then_some(()))
        .await;
    let status = stream.status();
    println!("{:?}", status.legs[0]);
    assert_eq!((status.phase, status.legs[0].attempts, status.legs[0].skips), (Phase::Live, 1, 0));
    manager.shutdown(SOON).await;
    let recordings = nginx.settled("disk", 1, SOON).await;
    let counted = rig::assert_unbroken(&recordings[0], clip).await;
    assert!(counted.video as u64 >= 29 * (seconds - 1), "{counted:?}");
}

#[tokio::test]
async fn a_file_that_is_driven_out_of_the_cache_again_and_again_arrives_whole() {
    let clip = rig::clip(4_000).await;
    let dir = streambro_tests::scratch();
    let path = dir.path().join("cold.mp4");
    fs::copy(&clip, &path).unwrap();
    // Dirty pages stay in the cache.
    File::open(&path).unwrap().sync_all().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let evictor = {
        let (done, path) = (Arc::clone(&done), path.clone());
        std::thread::spawn(move || {
            let mut times = 0;
            while !done.load(Ordering::Relaxed) {
                // GNU dd: with nocache and a count of 0, the kernel is asked to drop the whole file.
                let argument = format!("if={}", path.display());
                let dd =
                    Command::new("dd").args([&argument, "iflag=nocache", "count=0", "status=none"]).status();
                assert!(dd.expect("dd can be started").success());
                times += 1;
                std::thread::sleep(ms(20));
            }
            times
        })
    };
    arrives_whole(&path, &clip, 8).await;
    done.store(true, Ordering::Relaxed);
    println!("driven out {} times", evictor.join().unwrap());
}

#[tokio::test]
async fn a_file_in_memory_whose_tracks_lie_far_apart_arrives_whole() {
    // One fragment for all: ffmpeg writes each track of a fragment in one piece.
    let whole = ["-movflags", "empty_moov+default_base_moof", "-frag_duration", "60000000"];
    let clip = Clip::new().seconds(6.0).bitrate(3_000).options(&whole).make().await;
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    let path = dir.path().join("apart.mp4");
    fs::copy(&clip, &path).unwrap();
    arrives_whole(&path, &clip, 8).await;
}
