//! What the kernel holds on our side for peers that stop reading.

use std::time::Duration;

use serde::Serialize;

use super::{
    Failure,
    fleet::Fleet,
    server::Server,
    sink::Order,
    sockets::{self, Memory},
};

/// Seconds that are watched: the library gives a stalled peer up after 15.
const WATCHED: usize = 12;

/// What was seen, the most of any second.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stall {
    /// Where the memory is from: `ss -m` (skmem), or `/proc/net/tcp`, which knows only the bytes that wait.
    pub source: &'static str,
    /// Connections that were looked at.
    pub sockets: usize,
    /// The most that one of them held, in bytes, all kinds of memory together.
    pub most_held: u64,
    /// The kinds of memory of that one, where they are known.
    pub most: Option<Memory>,
    /// All of them together.
    pub all_held: u64,
    /// The most bytes that waited in one send queue.
    pub most_queued: u64,
    /// Attempts to connect beyond the first while it was watched: the peer was given up too early for this figure.
    pub reconnects: u64,
}

impl Stall {
    /// Makes the sink stop reading, and watches the sockets.
    ///
    /// # Errors
    /// When the sink dies.
    pub async fn run(fleet: &Fleet, server: &mut Server) -> Result<Self, Failure> {
        server.order(Order::Stall).await?;
        let mut seen = Self::default();
        for _ in 0..WATCHED {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seen.look(server.hello.port);
        }
        let attempts = |stream: &streambro_core::Stream| stream.status().legs[0].attempts;
        seen.reconnects = fleet.streams.iter().map(|stream| attempts(stream) - 1).sum();
        Ok(seen)
    }

    fn look(&mut self, port: u16) {
        let queues = sockets::send_queues(port);
        self.sockets = self.sockets.max(queues.len());
        self.most_queued = self.most_queued.max(queues.iter().copied().max().unwrap_or(0));
        match sockets::memory(port) {
            Some(each) => {
                self.source = "ss -m (skmem)";
                self.all_held = self.all_held.max(each.iter().map(Memory::held).sum());
                let most = each.into_iter().max_by_key(Memory::held).unwrap_or_default();
                if most.held() > self.most_held {
                    (self.most_held, self.most) = (most.held(), Some(most));
                }
            }
            None if self.most.is_none() => {
                self.source = "/proc/net/tcp (tx_queue)";
                self.most_held = self.most_queued;
                self.all_held = self.all_held.max(queues.iter().sum());
            }
            None => {}
        }
    }
}
