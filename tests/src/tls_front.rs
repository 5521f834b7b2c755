//! RTMPS in front of a server that speaks plain RTMP, and a count of what came through.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certs::{Identity, Tls};

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    handshakes: AtomicUsize,
    failed: AtomicUsize,
    plaintext: AtomicU64,
}

/// A TLS end in this process. Dropped, it stops listening.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl TlsFront {
    /// Listens on a free port of 127.0.0.1, shows `identity` and forwards the plain text to `upstream`.
    pub async fn start(identity: &Identity, upstream: SocketAddr) -> Self {
        Self::start_with(identity, Tls::Any, upstream).await
    }

    /// The same with a choice of TLS versions.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start_with(identity: &Identity, tls: Tls, upstream: SocketAddr) -> Self {
        let acceptor = TlsAcceptor::from(identity.server(tls));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(client, acceptor.clone(), upstream, Arc::clone(&shared)));
            }
        });
        Self { address, counts, task }
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `rtmps://HOST:PORT/APP`; the certificate decides which host is right.
    #[must_use]
    pub fn rtmps_url(&self, host: &str, app: &str) -> String {
        format!("rtmps://{host}:{}/{app}", self.address.port())
    }

    /// TCP connections so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// TLS handshakes that this side has completed.
    ///
    /// With TLS 1.3 a client that refuses the certificate has not answered yet, so only the plain text proves trust.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.counts.handshakes.load(Ordering::Relaxed)
    }

    /// TLS handshakes that the client has given up.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.counts.failed.load(Ordering::Relaxed)
    }

    /// Decrypted bytes that clients have sent: RTMP, if it is more than none.
    #[must_use]
    pub fn plaintext(&self) -> u64 {
        self.counts.plaintext.load(Ordering::Relaxed)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, acceptor: TlsAcceptor, upstream: SocketAddr, counts: Arc<Counts>) {
    let _ = client.set_nodelay(true);
    let Ok(client) = acceptor.accept(client).await else {
        counts.failed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    counts.handshakes.fetch_add(1, Ordering::Relaxed);
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = server.set_nodelay(true);
    let (mut client_in, mut client_out) = tokio::io::split(client);
    let (mut server_in, mut server_out) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = client_in.read(&mut buffer).await {
            counts.plaintext.fetch_add(read as u64, Ordering::Relaxed);
            if server_out.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
        let _ = server_out.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut server_in, &mut client_out).await;
        let _ = client_out.shutdown().await;
    };
    tokio::join!(up, down);
}
