//! A TCP proxy that does to a connection what networks do.
//!
//! "Up" is from the client (the publisher) to the server, "down" the way back. Faults that concern bytes act on the
//! way up, where the media goes; cuts act on both sides of every open connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// What happens to bytes on their way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Forward,
    /// They are not read: the client's kernel fills up, as with a peer that has stopped reading.
    Stall,
    /// They pass at this many bytes a second.
    Rate(u64),
    /// They pass one by one, this far apart.
    Dribble(Duration),
    /// They are read and thrown away: the client sees progress, the server sees silence.
    Swallow,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Reset,
    HalfClose,
}

#[derive(Debug)]
struct Shared {
    upstream: watch::Sender<SocketAddr>,
    flow: watch::Sender<Flow>,
    refuse: watch::Sender<bool>,
    cut: broadcast::Sender<Cut>,
    up: AtomicU64,
    down: AtomicU64,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

/// A running proxy. Dropped, it closes its listener and its connections.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and forwards to `upstream`.
    ///
    /// The receive buffer towards the client is 64 KiB, so that a stall is felt soon.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(upstream: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        // Set before listening, it is inherited and turns the kernel's auto-tuning off.
        socket.set_recv_buffer_size(64 << 10).expect("the buffer can be set");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
        let listener = socket.listen(1024).expect("the socket can listen");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            upstream: watch::Sender::new(upstream),
            flow: watch::Sender::new(Flow::Forward),
            refuse: watch::Sender::new(false),
            cut: broadcast::Sender::new(16),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, address, task }
    }

    /// The address to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The RTMP address of an application behind the proxy, without the stream key.
    #[must_use]
    pub fn rtmp_url(&self, app: &str) -> String {
        format!("rtmp://{}/{app}", self.address)
    }

    /// Sends later connections elsewhere.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.upstream.send_replace(upstream);
    }

    /// Changes what happens to bytes on their way up, at once, on open and later connections.
    pub fn set_flow(&self, flow: Flow) {
        self.shared.flow.send_replace(flow);
    }

    /// Resets new connections as soon as they are made.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refuse.send_replace(refuse);
    }

    /// Cuts every open connection with RST on both sides.
    pub fn reset_all(&self) {
        let _ = self.shared.cut.send(Cut::Reset);
    }

    /// Sends FIN to the client on every open connection and goes on reading from it.
    pub fn half_close_all(&self) {
        let _ = self.shared.cut.send(Cut::HalfClose);
    }

    /// Bytes read from clients so far.
    #[must_use]
    pub fn bytes_up(&self) -> u64 {
        self.shared.up.load(Ordering::Relaxed)
    }

    /// Bytes written to clients so far.
    #[must_use]
    pub fn bytes_down(&self) -> u64 {
        self.shared.down.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.shared.cut.send(Cut::Reset);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        if *shared.refuse.borrow() {
            let _ = client.set_zero_linger();
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.open.fetch_add(1, Ordering::Relaxed);
            connection(client, &shared).await;
            shared.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn connection(mut client: TcpStream, shared: &Shared) {
    let mut cut = shared.cut.subscribe();
    let upstream = *shared.upstream.borrow();
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (silence, silenced) = watch::channel(false);
    let reset = {
        let (client_in, client_out) = client.split();
        let (server_in, server_out) = server.split();
        let up = pump_up(client_in, server_out, shared);
        let down = pump_down(server_in, client_out, shared, silenced);
        tokio::pin!(up, down);
        let (mut up_done, mut down_done) = (false, false);
        loop {
            tokio::select! {
                () = &mut up, if !up_done => up_done = true,
                () = &mut down, if !down_done => down_done = true,
                Ok(what) = cut.recv() => match what {
                    Cut::Reset => break true,
                    Cut::HalfClose => {
                        let _ = silence.send(true);
                    }
                },
            }
            if up_done && down_done {
                break false;
            }
        }
    };
    if reset {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

async fn pump_up(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, shared: &Shared) {
    let mut flow = shared.flow.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let now = *flow.borrow_and_update();
        let want = match now {
            Flow::Stall => {
                // Only a change of flow ends a stall; a cut ends the whole connection.
                if flow.changed().await.is_err() {
                    return;
                }
                continue;
            }
            Flow::Dribble(_) => 1,
            // Twenty shares a second.
            Flow::Rate(per_second) => {
                usize::try_from(per_second / 20).unwrap_or(usize::MAX).clamp(1, buffer.len())
            }
            Flow::Forward | Flow::Swallow => buffer.len(),
        };
        let read = tokio::select! {
            read = from.read(&mut buffer[..want]) => read,
            changed = flow.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
        };
        let Ok(read @ 1..) = read else { break };
        shared.up.fetch_add(read as u64, Ordering::Relaxed);
        if now != Flow::Swallow && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        match now {
            Flow::Dribble(gap) => tokio::time::sleep(gap).await,
            #[expect(clippy::cast_precision_loss, reason = "a share is at most 16 KiB")]
            Flow::Rate(per_second) => {
                tokio::time::sleep(Duration::from_secs_f64(read as f64 / per_second.max(1) as f64)).await;
            }
            _ => {}
        }
    }
    let _ = to.shutdown().await;
}

async fn pump_down(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    shared: &Shared,
    mut silenced: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 << 10];
    let mut silent = false;
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            Ok(()) = silenced.changed(), if !silent => {
                silent = true;
                let _ = to.shutdown().await;
                continue;
            }
        };
        let Ok(read @ 1..) = read else { break };
        if silent {
            continue;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        shared.down.fetch_add(read as u64, Ordering::Relaxed);
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::time::Instant;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut r, mut w) = stream.split();
                    let _ = tokio::io::copy(&mut r, &mut w).await;
                });
            }
        });
        address
    }

    async fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
        stream.write_all(bytes).await.unwrap();
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).await.unwrap();
        back
    }

    #[tokio::test]
    async fn forwards_dribbles_and_resets() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, b"hello").await, b"hello");
        assert_eq!((proxy.bytes_up(), proxy.bytes_down(), proxy.accepted(), proxy.open()), (5, 5, 1, 1));
        proxy.set_flow(Flow::Dribble(Duration::from_millis(20)));
        let start = Instant::now();
        assert_eq!(round_trip(&mut stream, b"12345").await, b"12345");
        assert!(start.elapsed() >= Duration::from_millis(80), "{:?}", start.elapsed());
        proxy.reset_all();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_stall_fills_the_client_up_and_ends_when_told() {
        let proxy = Proxy::start(echo().await).await;
        proxy.set_flow(Flow::Stall);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let block = vec![7; 1 << 20];
        let mut sent = 0;
        while let Ok(wrote) = tokio::time::timeout(Duration::from_millis(500), stream.write(&block)).await {
            sent += wrote.unwrap();
            assert!(sent < 64 << 20, "a stalled proxy takes everything");
        }
        assert_eq!(proxy.bytes_up(), 0);
        proxy.set_flow(Flow::Forward);
        let mut left = vec![0; sent];
        stream.read_exact(&mut left).await.unwrap();
    }

    #[tokio::test]
    async fn a_half_close_is_an_end_to_the_client_only() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, b"a").await, b"a");
        proxy.half_close_all();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        stream.write_all(b"still there").await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), async {
            while proxy.bytes_up() < 12 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }
}
