//! A disk that is full when a rendition is to be kept.

use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use streambro_core::{EventKind, Phase, Reason, Repeat, StreamManager};
use streambro_tests::{ffmpeg::Clip, nginx::Nginx, scratch};

use super::desk::{BOUND, EVEN, ends_watched, goes_on, small, spec};

/// A small disk of its own, gone when it is dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    /// `None` where nobody may mount.
    fn mount(at: &'a Path, kib: u32) -> Option<Self> {
        let options = std::ffi::CString::new(format!("size={kib}k,mode=700")).unwrap();
        match mount("tmpfs", at, "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => Some(Self(at)),
            Err(error) => {
                println!("skipped: a small disk cannot be mounted here ({error}); root can");
                None
            }
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = unmount(self.0, UnmountFlags::DETACH);
    }
}

#[tokio::test]
async fn a_full_disk_costs_the_rendition_and_nothing_else() {
    let dir = scratch();
    // A lap is about 210 KiB.
    let Some(_disk) = Disk::mount(dir.path(), 128) else { return };
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(4.0).bitrate(2_000).make().await;
    let manager = StreamManager::builder().renditions(dir.path(), 100_000_000).build().await.unwrap();
    let mut events = manager.subscribe(256);
    let spec = spec(&film, Repeat::Times(2), &nginx.rtmp_url("live"), "full").video(small());
    let stream = manager.start(spec).await.unwrap();
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    assert_eq!((status.laps, status.legs[0].attempts, status.encoding.unwrap().runs), (1, 1, 2));
    let mut told = vec![];
    while let Some(event) = events.try_next() {
        match event.kind {
            EventKind::Rendition { kept, detail, .. } => told.push((kept, detail)),
            EventKind::Phase { to: Phase::Holding, .. } => assert!(want.is_long(), "{want:?}"),
            EventKind::Phase { to, .. } => assert_ne!(to, Phase::Reconnecting),
            _ => {}
        }
    }
    println!("{told:?}");
    assert!(!told.is_empty() && told.iter().all(|(kept, _)| !kept));
    assert!(told[0].1.contains("No space left"), "{}", told[0].1);
    // Nothing of it is left in the way.
    let left: u64 =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(left < 64 << 10, "{left} bytes");
    let files = nginx.settled("full", 1, BOUND).await;
    goes_on(&files[0], want, EVEN, 240..=240).await;
}
