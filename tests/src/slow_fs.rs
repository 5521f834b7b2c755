//! A file system of one file on a slow disk: FUSE, with a throttle before every read.
//!
//! Reads go through the page cache as on any disk, so a page is slow once. Names and sizes are answered at once, even
//! while reads stall.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, Request,
};
use rustix::mount::{UnmountFlags, unmount};

/// How slow the disk is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes a second of all reads together.
    pub bytes_per_second: u64,
    /// Reads that come later than this are never answered, as on a dead NFS.
    pub stall_after: Option<Duration>,
    /// Reads beyond this place fail, as on a disk with a bad sector.
    pub fails_from: Option<u64>,
}

/// A mounted file system; dropped, it is unmounted, even while its file is open.
#[derive(Debug)]
pub struct Mounted {
    point: PathBuf,
    name: OsString,
    _session: BackgroundSession,
}

impl Mounted {
    /// Mounts `file`, under its own name, at the folder `point`.
    ///
    /// # Errors
    /// Those of the file, and of mounting: without `/dev/fuse`, or without the right to mount.
    pub fn new(point: &Path, file: &Path, pace: Pace) -> io::Result<Self> {
        let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        let film = File::open(file)?;
        let facts = film.metadata()?;
        let (reads, queue) = mpsc::channel();
        thread::Builder::new().name("slow-disk".to_owned()).spawn(move || serve(&film, &queue, pace))?;
        let disk = Disk { name: name.clone(), len: facts.len(), uid: facts.uid(), gid: facts.gid(), reads };
        let mut config = Config::default();
        config.mount_options =
            vec![MountOption::RO, MountOption::NoExec, MountOption::FSName("slow-fs".to_owned())];
        let point = point.canonicalize()?;
        let session = fuser::spawn_mount(disk, &point, &config)?;
        Ok(Self { point, name, _session: session })
    }

    /// Where the file is now.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.point.join(&self.name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Before the session's own: that one fails while the file is open.
        detach(&self.point);
    }
}

/// Unmounts what is mounted at `point`; whoever has files open there gets errors from now on.
pub fn detach(point: &Path) {
    // Nothing mounted is what was wanted.
    let _ = unmount(point, UnmountFlags::DETACH);
}

/// Whether this machine can mount at all.
#[must_use]
pub fn available() -> bool {
    File::options().read(true).write(true).open("/dev/fuse").is_ok() && rustix::process::geteuid().is_root()
}

struct Disk {
    name: OsString,
    len: u64,
    uid: u32,
    gid: u32,
    reads: mpsc::Sender<Read>,
}

struct Read {
    offset: u64,
    len: u32,
    reply: ReplyData,
}

/// Answers reads in their order, each when its turn has come.
fn serve(film: &File, queue: &mpsc::Receiver<Read>, pace: Pace) {
    let began = Instant::now();
    let mut throttle = Throttle { rate: pace.bytes_per_second, free: began };
    // A reply that is dropped answers with an error.
    let mut never = vec![];
    let mut buf = vec![];
    for read in queue {
        buf.resize(read.len as usize, 0);
        let filled = fill(film, &mut buf, read.offset);
        let n = *filled.as_ref().unwrap_or(&0);
        thread::sleep(throttle.take(n as u64, Instant::now()));
        if pace.stall_after.is_some_and(|after| began.elapsed() >= after) {
            never.push(read.reply);
            continue;
        }
        if pace.fails_from.is_some_and(|from| read.offset + u64::from(read.len) > from) {
            read.reply.error(Errno::EIO);
            continue;
        }
        match filled {
            Ok(n) => read.reply.data(&buf[..n]),
            Err(error) => read.reply.error(error.into()),
        }
    }
}

/// Reads until `buf` is full or the file ends: FUSE takes a short read for the end.
fn fill(film: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut n = 0;
    while n < buf.len() {
        match film.read_at(&mut buf[n..], offset + n as u64)? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

/// Spreads bytes over time.
#[derive(Debug)]
struct Throttle {
    rate: u64,
    free: Instant,
}

impl Throttle {
    /// How long `bytes` take that are asked for `now`.
    fn take(&mut self, bytes: u64, now: Instant) -> Duration {
        let took = Duration::from_secs_f64(bytes as f64 / self.rate.max(1) as f64);
        self.free = self.free.max(now) + took;
        self.free - now
    }
}

/// The root is 1 (FUSE says so), the file 2.
const FILE: INodeNo = INodeNo(2);
/// Names and sizes do not change.
const KEPT: Duration = Duration::from_secs(3_600);

impl Disk {
    fn facts(&self, ino: INodeNo) -> Option<FileAttr> {
        let (kind, perm, size) = match ino {
            INodeNo::ROOT => (FileType::Directory, 0o555, 0),
            FILE => (FileType::RegularFile, 0o444, self.len),
            _ => return None,
        };
        let epoch = UNIX_EPOCH;
        Some(FileAttr {
            ino,
            size,
            blocks: size.div_ceil(512),
            atime: epoch,
            mtime: epoch,
            ctime: epoch,
            crtime: epoch,
            kind,
            perm,
            nlink: 1,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: 4_096,
            flags: 0,
        })
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.facts(FILE).filter(|_| parent == INodeNo::ROOT && name == self.name) {
            Some(facts) => reply.entry(&KEPT, &facts, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.facts(ino) {
            Some(facts) => reply.attr(&KEPT, &facts),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        len: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        // Without a reader the reply is dropped, and that answers.
        let _ = self.reads.send(Read { offset, len, reply });
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if ino != INodeNo::ROOT {
            return reply.error(Errno::ENOTDIR);
        }
        let entries = [
            (INodeNo::ROOT, FileType::Directory, OsStr::new(".")),
            (INodeNo::ROOT, FileType::Directory, OsStr::new("..")),
            (FILE, FileType::RegularFile, self.name.as_os_str()),
        ];
        for (at, (ino, kind, name)) in entries.into_iter().enumerate().skip(offset as usize) {
            if reply.add(ino, at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_time_that_the_rate_gives_them() {
        let now = Instant::now();
        let mut throttle = Throttle { rate: 1_000, free: now };
        assert_eq!(throttle.take(500, now), Duration::from_millis(500));
        // The second read waits for the first.
        assert_eq!(throttle.take(500, now), Duration::from_secs(1));
        // What was not used is not saved up.
        assert_eq!(throttle.take(100, now + Duration::from_secs(9)), Duration::from_millis(100));
    }

    #[test]
    fn a_mounted_file_has_the_bytes_of_its_source_and_goes_when_dropped() {
        if !available() {
            eprintln!("skipped: no FUSE here");
            return;
        }
        let folder = crate::scratch();
        let pace = Pace { bytes_per_second: 10_000_000, stall_after: None, fails_from: None };
        let mounted = Mounted::new(folder.path(), &crate::demo_clip(), pace).unwrap();
        let path = mounted.file();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(crate::demo_clip()).unwrap());
        let open = File::open(&path).unwrap();
        drop(mounted);
        assert!(!path.exists());
        drop(open);
    }
}
