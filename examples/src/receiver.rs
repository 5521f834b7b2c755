//! A small RTMP server inside the demo: takes publishers, counts what arrives, keeps nothing.
//!
//! The protocol is spoken by a crate that has nothing to do with streambro, so what it counts is what any server
//! would have got. It can refuse keys, and die and come back, to show what streambro makes of that.

mod report;
mod visit;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};

pub use report::{ReceiverReport, StreamReport, TrackReport};

/// Connections that may wait to be accepted: as many as tokio's own listener lets wait.
const BACKLOG: u32 = 1_024;

/// A running receiver. Dropped, it stops listening and closes every connection.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    task: JoinHandle<()>,
    /// While it is dead: its port, so that nobody else gets it. Bound but deaf: whoever knocks is refused.
    deaf: Option<TcpSocket>,
}

#[derive(Debug, Default)]
struct Books {
    report: ReceiverReport,
    by_key: HashMap<String, usize>,
    /// Keys that may not publish.
    refused: HashSet<String>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into())?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let books = Arc::new(Mutex::new(Books::default()));
        let task = tokio::spawn(listen(listener, Arc::clone(&books)));
        Ok(Self { address, books, task, deaf: None })
    }

    /// `rtmp://127.0.0.1:PORT/live`, to be published to under any key that is not refused.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtmp://{}/live", self.address)
    }

    /// What has come so far.
    #[must_use]
    pub fn report(&self) -> ReceiverReport {
        lock(&self.books).report.clone()
    }

    /// Refuses publishers with this key from now on.
    pub fn refuse(&self, key: impl Into<String>) {
        lock(&self.books).refused.insert(key.into());
    }

    /// Closes the port and every connection, as a server that is killed. What was counted stays.
    ///
    /// # Errors
    /// When the port cannot be kept for its return.
    pub async fn die(&mut self) -> io::Result<()> {
        if self.deaf.is_none() {
            self.task.abort();
            // It ends by being aborted, and the listener with it.
            let _ = (&mut self.task).await;
            self.deaf = Some(bind(self.address)?);
        }
        Ok(())
    }

    /// Listens again at the same address. Does nothing while it lives.
    ///
    /// # Errors
    /// When the system refuses to listen.
    pub async fn come_back(&mut self) -> io::Result<()> {
        if let Some(socket) = self.deaf.take() {
            self.task = tokio::spawn(listen(socket.listen(BACKLOG)?, Arc::clone(&self.books)));
        }
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier life may linger on the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn listen(listener: TcpListener, books: Arc<Mutex<Books>>) {
    // Dropped with this task, it closes every connection.
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    lock(&books).report.connections += 1;
                    visits.spawn(visit::serve(stream, Arc::clone(&books)));
                }
                // Accepting fails for want of descriptors, too: then the next try must not spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = visits.join_next() => {}
        }
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    /// Publishes the demo's clip with ffmpeg. `false` when this machine has none.
    async fn publish(url: &str) -> bool {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/media/clip.mp4");
        let mut command = tokio::process::Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-i", clip, "-c", "copy", "-f", "flv", url]);
        match command.kill_on_drop(true).status().await {
            Ok(status) => {
                assert!(status.success());
                true
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => panic!("cannot start ffmpeg: {e}"),
        }
    }

    #[tokio::test]
    async fn counts_a_whole_clip_twice() {
        let receiver = Receiver::start().await.unwrap();
        let url = format!("{}/key", receiver.url());
        if !publish(&url).await {
            eprintln!("skipped: no ffmpeg on this machine");
            return;
        }
        assert!(publish(&url).await);
        tokio::time::timeout(Duration::from_secs(5), async {
            while receiver.report().streams[0].live {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        let report = receiver.report();
        assert_eq!((report.connections, report.protocol_errors, report.streams.len()), (2, 0, 1));
        let stream = &report.streams[0];
        assert_eq!((stream.publishes, stream.reconnects), (2, 1));
        // 240 frames in four groups of pictures, and what ffmpeg puts around them: a header and an end of sequence.
        assert_eq!((stream.video.keyframes, stream.video.headers), (8, 2));
        assert!((480..=484).contains(&stream.video.messages), "{stream:?}");
        assert!((750..=754).contains(&stream.audio.messages), "{stream:?}");
        assert_eq!((stream.video.backwards, stream.audio.backwards), (0, 0));
        assert!(stream.video.longest_step_ms <= 34, "{stream:?}");
    }

    #[tokio::test]
    async fn outlives_nonsense() {
        let receiver = Receiver::start().await.unwrap();
        let address = receiver.address;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(&[0xFF; 8192]).await;
        drop(stream);
        drop(TcpStream::connect(address).await.unwrap());
        tokio::time::timeout(Duration::from_secs(5), async {
            while receiver.report().protocol_errors == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_dead_one_has_closed_its_connections_and_listens_at_the_same_place_when_it_comes_back() {
        let mut receiver = Receiver::start().await.unwrap();
        let address = receiver.address;
        for life in 1..=3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Its first byte: it is being served.
            stream.read_u8().await.unwrap();
            receiver.die().await.unwrap();
            let mut rest = vec![];
            let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
            assert!(closed.is_ok(), "life {life}: the connection is still open");
            assert!(TcpStream::connect(address).await.is_err(), "life {life}: somebody listens");
            receiver.come_back().await.unwrap();
            assert_eq!(receiver.report().connections, life);
        }
    }
}
