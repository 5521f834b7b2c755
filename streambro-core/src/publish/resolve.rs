//! Names to addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};

/// Look-ups under way at once; each holds a thread until the system's resolver answers.
const MAX_LOOKUPS: usize = 64;

/// How host names become addresses; a host may bring its own.
///
/// It is asked anew at every connection: an address pinned for weeks goes stale.
#[async_trait]
pub trait Resolver: Send + Sync + std::fmt::Debug + 'static {
    /// Returns the addresses of `host`, best first. `host` may also be an address written out.
    ///
    /// # Errors
    /// Whatever says why there is none. The caller bounds the time.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver, asked on threads of its own: a resolver that hangs takes no place in the host's
/// blocking pool.
#[derive(Debug)]
pub(crate) struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LOOKUPS)))
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let place = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
        let (reply, answer) = oneshot::channel();
        let host = host.to_owned();
        std::thread::Builder::new().name("streambro-dns".to_owned()).spawn(move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            let _ = reply.send(found.map(|found| found.map(|address: SocketAddr| address.ip()).collect()));
            drop(place);
        })?;
        answer.await.map_err(|_| io::Error::other("the resolver's thread died"))?
    }
}
