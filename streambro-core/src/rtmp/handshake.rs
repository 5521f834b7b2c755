//! The simple handshake (5.2).

use super::session::Fault;

/// C1, S1, C2 and S2 each (5.2.3).
const PACKET: usize = 1536;

/// C0, S0 (5.2.2).
const VERSION: u8 = 3;

/// Versions from here on are not RTMP: 20..=23 begin a TLS record, and text begins at 32.
const NOT_RTMP: u8 = 20;

/// Appends C0 and C1.
///
/// Four zero bytes behind the time say that this is the simple handshake, without digests. The random bytes only tell
/// connections apart; they protect nothing.
pub(super) fn hello(nonce: [u8; 8], out: &mut Vec<u8>) {
    out.reserve_exact(1 + PACKET);
    out.push(VERSION);
    out.extend_from_slice(&[0; 8]);
    let mut state = u64::from_be_bytes(nonce);
    for _ in 0..(PACKET - 8) / 8 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        out.extend_from_slice(&(word ^ (word >> 31)).to_be_bytes());
    }
}

/// What the server's half has brought so far. Dropped at its end.
#[derive(Default)]
pub(super) struct Handshake {
    got_version: bool,
    /// S1, kept until it is whole: 5.2.1 lets C2 go out no sooner.
    s1: Vec<u8>,
    /// Bytes of S2, whose content is not looked at: many servers do not echo C1.
    s2: usize,
}

impl Handshake {
    /// Takes bytes of S0, S1 and S2 and appends C2 to `out` when it is due; true at the end of S2.
    pub(super) fn advance(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Fault> {
        if !self.got_version {
            let Some((&version, rest)) = input.split_first() else { return Ok(false) };
            if version >= NOT_RTMP {
                return Err(Fault::NotRtmp { first: version });
            }
            *input = rest;
            self.got_version = true;
            self.s1.reserve_exact(PACKET);
        }
        if self.s1.len() < PACKET {
            self.s1.extend_from_slice(take(input, PACKET - self.s1.len()));
            if self.s1.len() < PACKET {
                return Ok(false);
            }
            // C2 echoes S1 (5.2.4).
            out.extend_from_slice(&self.s1);
        }
        self.s2 += take(input, PACKET - self.s2).len();
        Ok(self.s2 == PACKET)
    }
}

fn take<'a>(input: &mut &'a [u8], at_most: usize) -> &'a [u8] {
    let (head, rest) = input.split_at(input.len().min(at_most));
    *input = rest;
    head
}
