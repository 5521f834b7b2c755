//! What the kernel holds for the sockets on our side.

use std::{fs, process::Command};

use serde::Serialize;

/// The memory of one socket, in bytes (`ss -m`, skmem).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Received and not read (r).
    pub received: u64,
    /// In the send queue, with the kernel's own overhead (w).
    pub queued: u64,
    /// Of that, on its way through the network (t).
    pub in_transit: u64,
    /// Set aside for it and not used yet (f).
    pub reserved: u64,
    /// Options (o) and the backlog (bl).
    pub other: u64,
}

impl Memory {
    /// All that it holds. What is in transit is in the queue too.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.received + self.queued + self.reserved + self.other
    }

    /// Reads `skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0)`.
    fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.split_once("skmem:(")?;
        let mut memory = Self::default();
        for field in fields.split_once(')')?.0.split(',') {
            let digits = field.find(|letter: char| letter.is_ascii_digit())?;
            let value = field[digits..].parse().ok()?;
            match &field[..digits] {
                "r" => memory.received = value,
                "w" => memory.queued = value,
                "t" => memory.in_transit = value,
                "f" => memory.reserved = value,
                "o" | "bl" => memory.other += value,
                // rb and tb are limits, d is drops.
                _ => {}
            }
        }
        Some(memory)
    }
}

/// The memory of each TCP connection to `port`; `None` where `ss` is missing or does not tell.
#[must_use]
pub fn memory(port: u16) -> Option<Vec<Memory>> {
    let out =
        Command::new("ss").args(["-H", "-t", "-m", "-n", "-O", &format!("dport = :{port}")]).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let each: Option<Vec<_>> = text.lines().map(Memory::parse).collect();
    each.filter(|each| !each.is_empty())
}

/// Bytes in the send queue of each TCP connection to `port`, without the kernel's overhead (`/proc/net/tcp`).
#[must_use]
pub fn send_queues(port: u16) -> Vec<u64> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(|line| queue(line, port)).collect()
}

fn queue(line: &str, port: u16) -> Option<u64> {
    let mut fields = line.split_whitespace().skip(2);
    let (remote, queues) = (fields.next()?, fields.nth(1)?);
    let to = u16::from_str_radix(remote.rsplit(':').next()?, 16).ok()?;
    let queued = u64::from_str_radix(queues.split(':').next()?, 16).ok()?;
    (to == port).then_some(queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_that_of_the_port() {
        let line =
            "   1: 0100007F:9C40 0100007F:1F90 01 00000A00:00000000 01:00000014 00000000     0        0 1 1";
        assert_eq!(queue(line, 8_080), Some(0xa00));
        assert_eq!(queue(line, 8_081), None);
        assert_eq!(queue("short", 8_080), None);
    }

    #[test]
    fn what_ss_says_is_read_by_its_letters() {
        let line =
            "ESTAB 0 5 127.0.0.1:1 127.0.0.1:2 \t skmem:(r10,rb131072,t512,tb87040,f3,w2304,o4,bl5,d9)";
        let memory = Memory::parse(line).unwrap();
        let wanted = Memory { received: 10, queued: 2_304, in_transit: 512, reserved: 3, other: 9 };
        assert_eq!(memory, wanted);
        assert_eq!(memory.held(), 10 + 2_304 + 3 + 9);
        assert_eq!(Memory::parse("ESTAB 0 5"), None);
    }

    #[test]
    fn a_connection_that_nobody_reads_holds_what_was_written() {
        use std::{
            io::Write as _,
            net::{TcpListener, TcpStream},
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[0; 65_536]).is_ok() {}
        assert!(cfg!(not(target_os = "linux")) || send_queues(port).iter().sum::<u64>() > 0);
        if let Some(each) = memory(port) {
            assert!(each.len() == 1 && each[0].queued > 0, "{each:?}");
        }
    }
}
