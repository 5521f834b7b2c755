//! How many more streams fit.

use serde::Serialize;

use super::cost::Cost;
use crate::limits::{Demand, Limit, LimitUse};

/// One kind of stream in a mix: what it takes, whose it is, where it goes, and how often it comes.
///
/// [`Explanation::share`](super::Explanation::share) makes one of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "pass it to `capacity`"]
pub struct Share {
    cost: Cost,
    demand: Demand,
    weight: u32,
}

impl Share {
    /// A kind of stream that takes so much, of no user and to no particular host.
    pub fn new(cost: Cost) -> Self {
        let demand = Demand {
            bits_per_second: cost.bits_per_second,
            memory_bytes: cost.host_bytes(),
            process_bytes: cost.process_bytes(),
            microcores: cost.microcores,
            session: cost.session,
            ..Demand::default()
        };
        Self::of(cost, demand)
    }

    pub(super) fn of(cost: Cost, demand: Demand) -> Self {
        Self { cost, demand, weight: 1 }
    }

    /// How many streams of this kind there are in each round of the mix. Default: 1. At 0 it does not count.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Whose streams they are, so that the user's limit counts.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.demand.user = Some(user.into());
        self
    }

    /// Whether it stands for no stream at all.
    pub(crate) fn is_nothing(&self) -> bool {
        self.weight == 0
    }

    pub(crate) fn demand(&self) -> &Demand {
        &self.demand
    }
}

/// How many more streams fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Capacity {
    /// So many, all kinds of the mix together; `u64::MAX` when nothing is in the way.
    pub streams: u64,
    /// What is in the way of one more.
    pub binding: Option<Limit>,
    /// The user, the host or the encoder whose limit that is.
    pub of: Option<String>,
    /// Every limit that counts, the tightest first.
    pub limits: Vec<Room>,
}

/// How much of a limit is free, and how many streams that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Room {
    /// Which.
    pub limit: Limit,
    /// The user, the host or the encoder whose limit it is; `None` for one of the manager or the machine.
    pub of: Option<String>,
    /// What is free, in [units of the limit](Limit::unit).
    pub free: u64,
    /// So many streams fit into that.
    pub streams: u64,
}

/// A machine as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Memory that can be had without swapping, in bytes.
    pub memory_available: u64,
    /// CPU, in millionths of one core.
    pub microcores: u64,
    /// How much of it is in use.
    pub microcores_used: u64,
    /// What can still be sent, in bits per second. `None`: not known.
    pub bandwidth_free: Option<u64>,
    /// File descriptors the process may have open (RLIMIT_NOFILE, soft). `None`: as many as it likes.
    pub descriptors: Option<u64>,
    /// File descriptors it has open.
    pub descriptors_used: u64,
}

/// Something of which there is only so much, and what a stream of each kind takes of it.
struct Resource {
    limit: Limit,
    of: Option<String>,
    free: u64,
    asked: Vec<u64>,
}

/// Counts how many more streams fit when kinds come in rounds, each as often as its weight says.
///
/// `uses` are the limits of the manager as each kind sees them, in the same order; `reserve` is memory to be left alone,
/// in bytes.
pub(crate) fn capacity(host: &Machine, reserve: u64, mix: &[Share], uses: &[Vec<LimitUse>]) -> Capacity {
    let mut limits: Vec<_> = machine(host, reserve, mix)
        .into_iter()
        .chain(own(mix, uses))
        .filter_map(|resource| {
            let streams = count(&resource, mix)?;
            Some(Room { limit: resource.limit, of: resource.of, free: resource.free, streams })
        })
        .collect();
    limits.sort_by_key(|room| room.streams);
    let tightest = limits.first();
    Capacity {
        streams: tightest.map_or(u64::MAX, |room| room.streams),
        binding: tightest.map(|room| room.limit),
        of: tightest.and_then(|room| room.of.clone()),
        limits,
    }
}

/// What the machine has.
fn machine(host: &Machine, reserve: u64, mix: &[Share]) -> Vec<Resource> {
    let asked = |of: fn(&Cost) -> u64| mix.iter().map(|share| of(&share.cost)).collect();
    let resource = |limit, free, asked| Resource { limit, of: None, free, asked };
    let memory = host.memory_available.saturating_sub(reserve);
    let idle = host.microcores.saturating_sub(host.microcores_used);
    let descriptors = host.descriptors.map(|all| all.saturating_sub(host.descriptors_used));
    let mut found = vec![
        resource(Limit::HostMemory, memory, asked(Cost::host_bytes)),
        resource(Limit::HostCpu, idle, asked(|cost| cost.microcores)),
    ];
    found.extend(
        host.bandwidth_free
            .map(|free| resource(Limit::HostBandwidth, free, asked(|cost| cost.bits_per_second))),
    );
    found.extend(descriptors.map(|free| resource(Limit::Descriptors, free, asked(|cost| cost.descriptors))));
    found
}

/// What the manager allows.
fn own(mix: &[Share], uses: &[Vec<LimitUse>]) -> Vec<Resource> {
    let mut found: Vec<Resource> = vec![];
    for (at, uses) in uses.iter().enumerate() {
        for line in uses {
            let Some(max) = line.max else { continue };
            let same = |known: &Resource| known.limit == line.limit && known.of == line.of;
            let known = found.iter().position(same).unwrap_or_else(|| {
                let free = max.saturating_sub(line.used);
                found.push(Resource {
                    limit: line.limit,
                    of: line.of.clone(),
                    free,
                    asked: vec![0; mix.len()],
                });
                found.len() - 1
            });
            found[known].asked[at] = line.asked;
        }
    }
    found
}

/// How many streams of the mix fit into one resource; `None` when they take nothing of it.
fn count(resource: &Resource, mix: &[Share]) -> Option<u64> {
    let kinds = || mix.iter().zip(&resource.asked).map(|(share, asked)| (share.weight, *asked));
    let round: u128 = kinds().map(|(weight, asked)| u128::from(weight) * u128::from(asked)).sum();
    if round == 0 {
        return None;
    }
    let streams: u128 = kinds().map(|(weight, _)| u128::from(weight)).sum();
    let mut free = u128::from(resource.free);
    let mut fit = free / round * streams;
    free %= round;
    // The round that does not fit whole.
    for (weight, asked) in kinds() {
        let wanted = u128::from(weight);
        let got = free.checked_div(asked.into()).map_or(wanted, |got| got.min(wanted));
        fit += got;
        free -= got * u128::from(asked);
        if got < wanted {
            break;
        }
    }
    Some(u64::try_from(fit).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// The machine of the memory guide: 4 GB, nothing else running.
    fn small() -> Machine {
        Machine {
            memory_available: 4_000 * MB,
            microcores: 100_000_000,
            descriptors: Some(1_024),
            descriptors_used: 24,
            ..Machine::default()
        }
    }

    fn of_memory(bytes: u64) -> Share {
        Share::new(Cost { memory_bytes: bytes, ..Cost::default() })
    }

    fn fit(host: &Machine, mix: &[Share]) -> (u64, Option<Limit>) {
        let found = capacity(host, 500 * MB, mix, &[]);
        (found.streams, found.binding)
    }

    #[test]
    fn the_memory_guides_costs_give_seventeen_copies_or_eleven_encodes_on_four_gigabytes() {
        assert_eq!(fit(&small(), &[of_memory(200 * MB)]), (17, Some(Limit::HostMemory)));
        assert_eq!(fit(&small(), &[of_memory(300 * MB)]), (11, Some(Limit::HostMemory)));
    }

    #[test]
    fn a_mix_fills_up_in_rounds() {
        // 700 MB a round of three: five rounds in 3,500 MB.
        let mix = [of_memory(200 * MB).weight(2), of_memory(300 * MB)];
        assert_eq!(fit(&small(), &mix), (15, Some(Limit::HostMemory)));
        // 400 MB more: two of the sixth round.
        let larger = Machine { memory_available: 4_400 * MB, ..small() };
        assert_eq!(fit(&larger, &mix), (17, Some(Limit::HostMemory)));
        assert_eq!(fit(&small(), &[of_memory(200 * MB), of_memory(MB).weight(0)]).0, 17);
    }

    #[test]
    fn native_copies_are_bound_by_the_port_where_it_is_known() {
        let copy = Share::new(Cost::copy(4_200_000, false));
        let host = Machine { bandwidth_free: Some(1_000 * MB), ..small() };
        assert_eq!(fit(&host, std::slice::from_ref(&copy)), (238, Some(Limit::HostBandwidth)));
        assert_eq!(fit(&small(), &[copy]), (500, Some(Limit::Descriptors)));
    }

    #[test]
    fn the_managers_own_limits_count_and_are_named() {
        let share = of_memory(200 * MB).user("alice");
        let line = |limit, of, used, max| LimitUse::new(limit, of, used, 1, max);
        let uses = [vec![
            line(Limit::Streams, None, 2, Some(20)),
            line(Limit::StreamsPerUser, Some("alice"), 2, Some(5)),
            line(Limit::Bandwidth, None, 2, None),
        ]];
        let found = capacity(&small(), 500 * MB, &[share], &uses);
        assert_eq!((found.streams, found.binding), (3, Some(Limit::StreamsPerUser)));
        assert_eq!(found.of.as_deref(), Some("alice"));
        let counts: Vec<_> = found.limits.iter().map(|room| (room.limit, room.streams)).collect();
        let expected = [(Limit::StreamsPerUser, 3), (Limit::HostMemory, 17), (Limit::Streams, 18)];
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_full_machine_takes_nothing_and_a_free_stream_fits_for_ever() {
        let full = Machine { memory_available: 400 * MB, ..small() };
        assert_eq!(fit(&full, &[of_memory(1)]), (0, Some(Limit::HostMemory)));
        assert_eq!(fit(&small(), &[Share::new(Cost::default())]), (u64::MAX, None));
    }
}
