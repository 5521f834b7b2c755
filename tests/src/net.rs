//! Ports of this machine.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use crate::process::Guard;

/// A TCP port on 127.0.0.1 that was free a moment ago.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Whether something listens on the port, read from the kernel's table.
///
/// No connection is made: a server that takes exactly one (`ffmpeg -listen 1`) keeps it for the test.
#[must_use]
pub fn listening(port: u16) -> bool {
    let suffix = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        std::fs::read_to_string(table).unwrap_or_default().lines().skip(1).any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().unwrap_or_default();
            // 0A is LISTEN.
            local.ends_with(&suffix) && fields.nth(1) == Some("0A")
        })
    })
}

/// Waits until the port is listened on. Returns `false` as soon as the server has ended.
///
/// # Panics
/// When neither has happened after 20 s.
pub async fn wait_listening(port: u16, server: &mut Guard) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !listening(port) {
        if server.ended().is_some() {
            return false;
        }
        assert!(Instant::now() < deadline, "nothing listens on port {port} after 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}
