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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::{self, Authority};
    use crate::ffmpeg::{self, Clip};
    use crate::nginx::Nginx;
    use std::time::Duration;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore};

    fn client(authority: &Authority) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    #[tokio::test]
    async fn a_strict_client_trusts_the_good_one_only_and_sends_the_others_nothing() {
        let authority = Authority::new();
        let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = upstream.local_addr().unwrap();
        for (name, identity, trusted) in [
            ("good", authority.good(), true),
            ("expired", authority.expired(), false),
            ("wrong host", authority.wrong_host(), false),
            ("self-signed", certs::self_signed(), false),
            ("another authority's", Authority::new().good(), false),
        ] {
            for tls in [Tls::V12, Tls::Any] {
                let front = TlsFront::start_with(&identity, tls, address).await;
                let tcp = TcpStream::connect(front.address()).await.unwrap();
                let host = ServerName::try_from("localhost").unwrap();
                let connected = client(&authority).connect(host, tcp).await;
                assert_eq!(connected.is_ok(), trusted, "{name} {tls:?}: {connected:?}");
                let Ok(mut stream) = connected else {
                    tokio::time::timeout(Duration::from_secs(5), async {
                        while front.failed() == 0 {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    })
                    .await
                    .unwrap_or_else(|_| panic!("{name} {tls:?}: the refusal is not noticed"));
                    assert_eq!(front.plaintext(), 0, "{name} {tls:?}");
                    continue;
                };
                let version =
                    if tls == Tls::V12 { ProtocolVersion::TLSv1_2 } else { ProtocolVersion::TLSv1_3 };
                assert_eq!(stream.get_ref().1.protocol_version(), Some(version));
                stream.write_all(b"hello").await.unwrap();
                let (mut server, _) = upstream.accept().await.unwrap();
                let mut got = [0; 5];
                server.read_exact(&mut got).await.unwrap();
                assert_eq!((&got, front.plaintext()), (b"hello", 5));
            }
        }
    }

    #[tokio::test]
    async fn ffmpeg_publishes_through_it_to_nginx() {
        let nginx = Nginx::start().await;
        let upstream = (Ipv4Addr::LOCALHOST, nginx.port()).into();
        let front = TlsFront::start(&Authority::new().good(), upstream).await;
        let clip = Clip::new().seconds(1.0).make().await;
        let url = format!("{}/key", front.rtmps_url("127.0.0.1", "live"));
        ffmpeg::run(&["-re", "-i", clip.to_str().unwrap(), "-c", "copy", "-f", "flv", &url]).await;
        assert_eq!(nginx.settled("key", 1, Duration::from_secs(10)).await.len(), 1);
        assert!(front.plaintext() > 3073 && front.handshakes() == 1);
    }
}
