//! Opens connections: name, policy, TCP, TLS.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::{Link, Resolver, link::Counted};
use crate::{
    spec::{Destination, DestinationPolicy, Times},
    sys,
};

/// How long one address may take before the next is tried beside it (RFC 8305, 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Addresses tried for one connection; a name with thousands is an attack.
const MAX_ADDRESSES: usize = 8;

/// Unsent bytes the kernel may hold. A peer that stops reading would otherwise pin 4 MB each (measured).
const NOT_SENT: u32 = 64 * 1_024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The name has no address, or the resolver failed.
    #[error("the name {0} could not be resolved: {1}")]
    Unresolved(String, String),
    /// The policy allows none of the addresses.
    #[error("the destination policy does not allow {0}")]
    NotAllowed(String),
    /// No address answered.
    #[error("no connection to {0}: {1}")]
    Unreachable(String, io::Error),
    /// The host lacks what a connection needs.
    #[error("no connection to {0}: {1}: {2}")]
    Host(String, io::Error, &'static str),
    /// Resolution and TCP took too long.
    #[error("no connection within {} s", .0.as_secs())]
    Late(Duration),
    /// TLS failed: a certificate that does not verify, or no TLS at all.
    #[cfg(feature = "tls")]
    #[error("{0}")]
    Tls(io::Error),
    /// The connection ended during the handshake: a server that restarts, or one that does not speak TLS.
    #[cfg(feature = "tls")]
    #[error("the connection ended during the TLS handshake ({0}); does this port speak RTMPS?")]
    TlsCut(io::Error),
    /// TLS took too long.
    #[cfg(feature = "tls")]
    #[error("no TLS session within {} s; does this port speak RTMPS?", .0.as_secs())]
    TlsLate(Duration),
}

/// Opens connections for all streams of a manager.
#[derive(Debug)]
pub(crate) struct Dialer {
    resolver: Arc<dyn Resolver>,
    policy: DestinationPolicy,
    times: Times,
    /// Held by every connection.
    open: Arc<()>,
    #[cfg(feature = "tls")]
    tls: super::tls::Tls,
}

impl Dialer {
    /// Creates a dialer that asks `resolver` and obeys `policy`.
    pub(crate) fn new(resolver: Arc<dyn Resolver>, policy: DestinationPolicy, times: Times) -> Self {
        Self {
            resolver,
            policy,
            times,
            open: Arc::default(),
            #[cfg(feature = "tls")]
            tls: super::tls::Tls::default(),
        }
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        Arc::strong_count(&self.open).saturating_sub(1)
    }

    /// Checks what of a destination only people can mend, without contacting anyone.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn check(&self, destination: &Destination) -> Result<(), String> {
        #[cfg(feature = "tls")]
        if matches!(destination.trust, crate::spec::Trust::Roots(_)) {
            self.tls.config(&destination.trust).map_err(|error| error.to_string())?;
        }
        let _ = destination;
        Ok(())
    }

    /// Connects to a destination.
    ///
    /// Every allowed address of the name gets a try. Cancel safe: nothing is left behind.
    ///
    /// # Errors
    /// A [`DialError`], within the time table's bounds.
    pub(crate) async fn dial(&self, destination: &Destination) -> Result<Link, DialError> {
        let bound = self.times.connect;
        let deadline = Instant::now() + bound;
        let addresses = timeout_at(deadline, self.resolve(destination)).await.unwrap_or_else(|_| {
            let host = destination.url.host().to_owned();
            Err(DialError::Unresolved(host, format!("no answer within {} s", bound.as_secs())))
        })?;
        let (host, port) = (destination.url.host(), destination.url.port());
        let tcp = timeout_at(deadline, self.race(&addresses, port)).await;
        let unreachable = |error| {
            let place = format!("{host} port {port}");
            match sys::lack(&error) {
                Some(lack) => DialError::Host(place, error, lack),
                None => DialError::Unreachable(place, error),
            }
        };
        let tcp = tcp.map_err(|_| DialError::Late(bound))?.map_err(unreachable)?;
        let counted = Counted::new(tcp, Arc::clone(&self.open));
        #[cfg(feature = "tls")]
        if destination.url.is_tls() {
            if destination.trust == crate::spec::Trust::DangerAnyCertificate {
                tracing::warn!(destination = %destination.url, "the server's certificate is not verified");
            }
            let bound = self.times.handshake;
            let connect = self.tls.connect(counted, destination.url.host(), &destination.trust);
            let tls = timeout(bound, Box::pin(connect)).await.map_err(|_| DialError::TlsLate(bound))?;
            return tls.map(|tls| Link::Tls(Box::new(tls))).map_err(|error| match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                    DialError::TlsCut(error)
                }
                _ => DialError::Tls(error),
            });
        }
        Ok(Link::Plain(counted))
    }

    /// The addresses to try, in order.
    async fn resolve(&self, destination: &Destination) -> Result<Vec<IpAddr>, DialError> {
        let host = destination.url.host();
        let unresolved = |why: String| DialError::Unresolved(host.to_owned(), why);
        let found =
            self.resolver.resolve(host).await.map_err(|error| match sys::lack_of_threads(&error) {
                Some(lack) => DialError::Host(host.to_owned(), error, lack),
                None => unresolved(error.to_string()),
            })?;
        if found.is_empty() {
            return Err(unresolved("it has no address".to_owned()));
        }
        let allowed: Vec<IpAddr> =
            found.iter().copied().filter(|address| self.policy.permits(host, *address)).collect();
        if allowed.is_empty() {
            return Err(DialError::NotAllowed(format!("{host} ({})", found[0])));
        }
        Ok(alternate(&allowed))
    }

    /// Tries the addresses one after the other, without waiting long for any.
    async fn race(&self, addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
        let mut tries = JoinSet::new();
        let mut waiting = addresses.iter().take(MAX_ADDRESSES);
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        loop {
            let next = waiting.next();
            match next {
                Some(address) => {
                    tries.spawn(TcpStream::connect(SocketAddr::new(*address, port)));
                }
                None if tries.is_empty() => return Err(failure),
                None => {}
            }
            let patience = if next.is_some() { NEXT_ADDRESS } else { self.times.connect };
            match timeout(patience, tries.join_next()).await {
                Ok(Some(Ok(Ok(tcp)))) => {
                    self.tune(&tcp)?;
                    return Ok(tcp);
                }
                Ok(Some(Ok(Err(error)))) => failure = error,
                Ok(Some(Err(_)) | None) | Err(_) => {}
            }
        }
    }

    fn tune(&self, tcp: &TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let socket = SockRef::from(tcp);
        let alive =
            TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
        socket.set_tcp_keepalive(&alive)?;
        #[cfg(target_os = "linux")]
        {
            socket.set_tcp_user_timeout(Some(self.times.tcp_user))?;
            socket.set_tcp_notsent_lowat(NOT_SENT)?;
        }
        Ok(())
    }
}

/// Takes turns between the families, in the resolver's order: IPv6 that leads nowhere costs 250 ms, not all the time.
fn alternate(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (ours, theirs): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_v6);
    let turns = ours.len().max(theirs.len());
    (0..turns).flat_map(|turn| [ours.get(turn), theirs.get(turn)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses: Vec<IpAddr> =
            ["::1", "::2", "::3", "127.0.0.1"].map(|address| address.parse().unwrap()).into();
        let mixed: Vec<_> = alternate(&addresses).iter().map(ToString::to_string).collect();
        assert_eq!(mixed, ["::1", "127.0.0.1", "::2", "::3"]);
    }
}
