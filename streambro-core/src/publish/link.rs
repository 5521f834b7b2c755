//! A connection to an ingest: plain or encrypted, counted, and honest about what arrived.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use crate::sys;

/// A TCP socket that counts what it takes.
#[derive(Debug)]
pub(crate) struct Counted {
    tcp: TcpStream,
    written: u64,
    since: Instant,
    _open: Arc<()>,
}

/// A connection to an ingest.
#[derive(Debug)]
pub(crate) enum Link {
    /// RTMP.
    Plain(Counted),
    /// RTMPS.
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Counted>>),
}

impl Link {
    /// Reads what has arrived; 0 is the end.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        let done = match self {
            Self::Plain(counted) => Pin::new(counted).poll_read(context, &mut buf),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_read(context, &mut buf),
        };
        ready!(done)?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Writes as much of `buf` as the socket takes.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(counted) => Pin::new(counted).poll_write(context, buf),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_write(context, buf),
        }
    }

    /// Waits until the socket takes bytes again.
    pub(crate) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counted().tcp.poll_write_ready(context)
    }

    /// Passes on what TLS holds back; plain sockets hold nothing.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(counted) => Pin::new(counted).poll_flush(context),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(counted) => Pin::new(counted).poll_shutdown(context),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }

    /// Bytes the socket has taken and bytes of them that the peer's TCP has acknowledged; with TLS, encrypted ones.
    pub(crate) fn progress(&self) -> Progress {
        let counted = self.counted();
        let unacknowledged = sys::unacknowledged(&counted.tcp).unwrap_or(0);
        Progress { written: counted.written, acknowledged: counted.written.saturating_sub(unacknowledged) }
    }

    /// When TCP was there.
    pub(crate) fn since(&self) -> Instant {
        self.counted().since
    }

    /// Whether TLS before 1.3 was negotiated, whose keys wear out.
    pub(crate) fn is_old_tls(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                tls.get_ref().1.protocol_version() != Some(tokio_rustls::rustls::ProtocolVersion::TLSv1_3)
            }
        }
    }

    /// Lets the end of the connection, which must follow, drop what the kernel still holds for it. Closing alone would
    /// keep the queue of a dead peer in kernel memory for minutes.
    pub(crate) fn abort(&self) {
        let _ = socket2::SockRef::from(&self.counted().tcp).set_linger(Some(std::time::Duration::ZERO));
    }

    fn counted(&self) -> &Counted {
        match self {
            Self::Plain(counted) => counted,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// How far a connection is. Bytes since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Taken by the socket.
    pub written: u64,
    /// Acknowledged by the peer's TCP.
    pub acknowledged: u64,
}

impl Counted {
    /// Takes over a socket; `open` is held for as long as it is open.
    pub(super) fn new(tcp: TcpStream, open: Arc<()>) -> Self {
        Self { tcp, written: 0, since: Instant::now(), _open: open }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.tcp).poll_write(context, buf))?;
        self.written += n as u64;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
