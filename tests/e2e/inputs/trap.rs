//! A file that nobody may open and a port to which nobody may connect.

use std::{
    fs,
    mem::MaybeUninit,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::{
    fd::OwnedFd,
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longer than a connection within this machine takes, shorter than patience.
const BOUND: Duration = Duration::from_secs(10);

/// Watches a canary file and a port.
pub(super) struct Trap {
    /// A film that plays, so that whoever is led to it opens it.
    pub(super) canary: PathBuf,
    pub(super) port: u16,
    opened: OwnedFd,
    connections: Arc<AtomicUsize>,
    /// Connections that have been told of.
    told: usize,
}

impl Trap {
    /// Puts a copy of `film` at `canary`.
    pub(super) async fn set(film: &Path, canary: PathBuf) -> Self {
        fs::copy(film, &canary).expect("the folder can be written");
        let opened = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("Linux has inotify");
        let what = WatchFlags::OPEN | WatchFlags::ACCESS;
        inotify::add_watch(&opened, &canary, what).expect("the canary can be watched");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Self { canary, port, opened, connections, told: 0 }
    }

    /// How often the canary was opened or read, and how many connections were made, since the last time.
    pub(super) async fn caught(&mut self) -> (usize, usize) {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut reader = inotify::Reader::new(&self.opened, &mut buffer);
        let mut opened = 0;
        loop {
            match reader.next() {
                Ok(event) if event.events().intersects(ReadFlags::OPEN | ReadFlags::ACCESS) => opened += 1,
                Ok(event) => panic!("the canary is gone: {:?}", event.events()),
                Err(Errno::WOULDBLOCK) => break,
                Err(error) => panic!("inotify: {error}"),
            }
        }
        // Connections are accepted in their order: with ours, all before it have been.
        let before = self.told;
        let mut ours = TcpStream::connect(("127.0.0.1", self.port)).await.expect("somebody listens");
        let mut byte = [0];
        let _ = timeout(BOUND, ours.read(&mut byte)).await.expect("the listener closes it");
        self.told = self.connections.load(Ordering::SeqCst);
        (opened, self.told - before - 1)
    }
}
