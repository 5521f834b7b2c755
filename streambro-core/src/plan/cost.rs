//! What a stream takes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::explain::Plan;
use crate::{
    limits::Demand,
    spec::{Encoder, StreamSpec},
};

/// Private memory of one destination, in bytes: 15.7 KB by slope at 1,000 streams (docs/density.md).
const PLAIN_BYTES: u64 = 16_000;

/// The same with TLS: 25.3 KB at 500 streams (docs/density.md), and room for a slow peer.
const TLS_BYTES: u64 = 32_000;

/// Send buffer of one destination, in bytes: what is not sent yet is held to 64 KB (TCP_NOTSENT_LOWAT), and as much may
/// be under way.
const KERNEL_BYTES: u64 = 128_000;

/// CPU of one destination, in microcores for each Mb/s: 0.037 % of a core at 4.2 Mb/s (docs/density.md), rounded up to
/// 0.04 %.
const MICROCORES_PER_MBIT: u64 = 95;

/// A stream of next to no bits still has ten ticks a second: half of the cost at 4.2 Mb/s.
const LEAST_MICROCORES: u64 = 200;

/// Encrypting doubles it: 0.07 % with TLS (docs/density.md).
const TLS_FACTOR: u64 = 2;

/// No stream takes more than this of anything; a broken file may say so. A thousand thousand of them add up in 64 bits.
const MOST: u64 = 1 << 40;

/// Memory that an ffmpeg that copies has written to, in bytes: 11.6 MB (docs/encoding.md). The pages of its libraries, 40 MB,
/// are there once for all.
const COPYING_BYTES: u64 = 12_000_000;

/// CPU of an ffmpeg that copies, in microcores: 0.6 to 1.05 % of a core at 4 to 6 Mb/s (docs/encoding.md, DESIGN 7).
const COPYING_MICROCORES: u64 = 10_500;

/// Memory that an ffmpeg that encodes has written to, in bytes, and for each pixel of the picture: 39 MB for 360p, 104 MB
/// for 720p, 201 MB for 1080p with libx264 veryfast and one thread (docs/encoding.md). Faster presets take less than half.
const ENCODING_BYTES: u64 = 18_000_000;
const ENCODING_BYTES_PER_PIXEL: u64 = 90;

/// CPU of libx264 veryfast with its decoder, in microcores for each million pixels a second: between a film that is easy to
/// encode, 20,000, and a hard one that is scaled down as well, 37,000 (docs/encoding.md).
const MICROCORES_PER_MPIXEL: u64 = 29_000;

/// What ffmpeg has made is held in memory for so many seconds: the eight that it is ahead, and the pictures since the last
/// keyframe; 16 MB at most.
const TAPE_SECONDS: u64 = 10;
const TAPE_BYTES: u64 = 16 << 20;

/// A hardware encoder leaves about a fifth of it to the processor. Not measured: no device here.
const HARDWARE_SHARE: u64 = 5;

/// Descriptors of a child: its pipes, its handle, the film.
const CHILD_DESCRIPTORS: u64 = 6;

/// How a stream is made, as far as its cost depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// How it is sent.
    pub plan: Plan,
    /// What one destination is sent.
    pub bits_per_second: u64,
    /// Pixels of the encoded picture, and how many of them a second.
    pub pixels: u64,
    pub pixels_per_second: u64,
    /// What encodes the picture, as far as that is known; `None` where it is copied.
    pub encoder: Option<Encoder>,
}

/// What a stream takes while it runs. An estimate from measurements, not a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Cost {
    /// What it sends to all of its destinations, in bits per second, RTMP's overhead included. TCP and IP add about 3 %.
    pub bits_per_second: u64,
    /// Private memory of the process and its children, in bytes.
    pub memory_bytes: u64,
    /// How much of it is the children's.
    pub child_bytes: u64,
    /// Socket buffers, in bytes: memory of the host that no process shows.
    pub kernel_bytes: u64,
    /// CPU, in millionths of one core: 10,000 are 1 %.
    pub microcores: u64,
    /// File descriptors.
    pub descriptors: u64,
    /// The hardware encoder of which it takes a session; `None` for the processor, and for what is copied.
    pub session: Option<Encoder>,
}

impl Cost {
    /// Estimates a stream that is copied natively to one destination at so many bits per second.
    pub fn copy(bits_per_second: u64, tls: bool) -> Self {
        Self::native(bits_per_second, [tls])
    }

    /// Estimates a native stream with these destinations; `true` stands for one with TLS.
    pub(crate) fn native(bits_per_second: u64, destinations: impl IntoIterator<Item = bool>) -> Self {
        // The file. Streams that play the same one share it.
        let mut cost = Self { descriptors: 1, ..Self::default() };
        let bits_per_second = bits_per_second.min(MOST);
        for tls in destinations {
            let factor = if tls { TLS_FACTOR } else { 1 };
            let microcores = (bits_per_second * MICROCORES_PER_MBIT / 1_000_000).max(LEAST_MICROCORES);
            cost.bits_per_second += bits_per_second;
            cost.memory_bytes += if tls { TLS_BYTES } else { PLAIN_BYTES };
            cost.kernel_bytes += KERNEL_BYTES;
            cost.microcores += microcores * factor;
            cost.descriptors += 1;
        }
        cost
    }

    /// Estimates a stream that is made like this; `true` stands for a destination with TLS.
    pub(crate) fn of(work: &Work, destinations: impl IntoIterator<Item = bool>) -> Self {
        let mut cost = Self::native(work.bits_per_second, destinations);
        let (memory, microcores) = match work.plan {
            Plan::Copy => return cost,
            Plan::Remux | Plan::EncodeAudio => (COPYING_BYTES, COPYING_MICROCORES),
            Plan::Encode => {
                cost.session = work.encoder.filter(|encoder| encoder.is_hardware());
                let share = if cost.session.is_some() { HARDWARE_SHARE } else { 1 };
                let work_of =
                    work.pixels_per_second.saturating_mul(MICROCORES_PER_MPIXEL) / 1_000_000 / share;
                (ENCODING_BYTES.saturating_add(work.pixels.saturating_mul(ENCODING_BYTES_PER_PIXEL)), work_of)
            }
        };
        let tape = (work.bits_per_second.min(MOST) / 8 * TAPE_SECONDS).min(TAPE_BYTES);
        cost.child_bytes = memory.min(MOST);
        cost.memory_bytes = cost.memory_bytes.saturating_add(tape).saturating_add(cost.child_bytes);
        cost.microcores = cost.microcores.saturating_add(microcores).min(MOST);
        cost.descriptors += CHILD_DESCRIPTORS;
        cost
    }

    /// Returns the CPU in percent of one core.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn cpu_percent(&self) -> f64 {
        self.microcores as f64 / 10_000.0
    }

    /// What of it shows in this process.
    pub(super) fn process_bytes(&self) -> u64 {
        self.memory_bytes.saturating_sub(self.child_bytes)
    }

    /// What it takes of the host's memory.
    pub(super) fn host_bytes(&self) -> u64 {
        self.memory_bytes.saturating_add(self.kernel_bytes)
    }
}

/// What a stream of this spec and cost asks of the ledger.
pub(crate) fn demand(spec: &StreamSpec, cost: &Cost) -> Demand {
    let mut hosts = BTreeMap::new();
    for destination in &spec.destinations {
        *hosts.entry(destination.url.host().to_owned()).or_default() += 1;
    }
    Demand {
        user: spec.user.clone(),
        hosts,
        bits_per_second: cost.bits_per_second.min(MOST),
        memory_bytes: cost.host_bytes().min(MOST),
        process_bytes: cost.process_bytes().min(MOST),
        microcores: cost.microcores.min(MOST),
        session: cost.session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_costs_what_was_measured() {
        let plain = Cost::copy(4_200_000, false);
        assert_eq!((plain.memory_bytes, plain.descriptors), (16_000, 2));
        assert!((plain.cpu_percent() - 0.04).abs() < 0.001, "{plain:?}");
        let tls = Cost::copy(4_200_000, true);
        assert_eq!((tls.memory_bytes, tls.microcores), (32_000, plain.microcores * 2));
    }

    #[test]
    fn each_destination_is_paid_for_and_few_bits_are_not_free() {
        let two = Cost::native(1_000, [false, false]);
        assert_eq!((two.bits_per_second, two.descriptors), (2_000, 3));
        assert_eq!(two.microcores, 2 * LEAST_MICROCORES);
    }

    #[test]
    fn encoding_costs_by_the_picture_and_copying_through_ffmpeg_little() {
        let work = |plan, encoder| Work {
            plan,
            bits_per_second: 3_000_000,
            pixels: 1_280 * 720,
            pixels_per_second: 1_280 * 720 * 30,
            encoder,
        };
        let cost = |plan, encoder| Cost::of(&work(plan, encoder), [false]);
        assert_eq!(cost(Plan::Copy, None), Cost::copy(3_000_000, false));
        let encoded = cost(Plan::Encode, Some(Encoder::X264));
        assert!((100_000_000..110_000_000).contains(&encoded.memory_bytes), "{encoded:?}");
        assert!((59.0..103.0).contains(&encoded.cpu_percent()), "{encoded:?}");
        // What ffmpeg has made for the next seconds is in this process, ffmpeg is not.
        assert!((3_000_000..5_000_000).contains(&encoded.process_bytes()), "{encoded:?}");
        let hardware = cost(Plan::Encode, Some(Encoder::Nvenc));
        assert!(hardware.microcores < encoded.microcores / 4);
        assert_eq!((encoded.session, hardware.session), (None, Some(Encoder::Nvenc)));
        assert!(cost(Plan::Remux, None).cpu_percent() < 1.5);
        let absurd = Work { pixels: u64::MAX, pixels_per_second: u64::MAX, ..work(Plan::Encode, None) };
        assert!(Cost::of(&absurd, [true; 32]).memory_bytes <= 2 * MOST);
    }

    #[test]
    fn a_rate_that_no_file_has_does_not_overflow() {
        assert_eq!(Cost::native(u64::MAX, [true; 32]).bits_per_second, 32 << 40);
    }
}
