//! The ledger against a model that keeps no sums.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::spec::Encoder;

/// The ledger once more, without any sums: everything is counted anew at each question.
#[derive(Default)]
struct Model {
    limits: [u64; 5],
    max_waiting: usize,
    entries: Vec<Entry>,
    next: u64,
}

#[derive(Clone)]
struct Entry {
    order: (i64, u64),
    demand: Demand,
    granted: bool,
}

impl Model {
    fn fits(&self, demand: &Demand) -> (bool, bool) {
        let running = || self.entries.iter().filter(|entry| entry.granted).map(|entry| &entry.demand);
        let [streams, per_user, per_host, bandwidth, sessions] = self.limits;
        let bits: u64 = running().map(|other| other.bits_per_second).sum();
        let shared = (running().count() as u64) < streams && bits + demand.bits_per_second <= bandwidth;
        let mine = running().filter(|other| demand.user.is_some() && other.user == demand.user).count();
        let at = |host: &String| running().filter_map(|other| other.hosts.get(host)).sum::<u64>();
        let same =
            running().filter(|other| demand.session.is_some() && other.session == demand.session).count();
        let own = (mine as u64) < per_user
            && demand.hosts.iter().all(|(host, n)| at(host) + n <= per_host)
            && (demand.session != LIMITED || (same as u64) < sessions);
        (own, shared)
    }

    /// Who gets the next place, found the slow way.
    fn next_in_turn(&self) -> Option<usize> {
        let mut waiting: Vec<_> = (0..self.entries.len()).filter(|at| !self.entries[*at].granted).collect();
        waiting.sort_by_key(|at| self.entries[*at].order);
        let (mut users, mut hosts): (Vec<&str>, Vec<&str>) = (vec![], vec![]);
        let mut encoder_awaited = false;
        for at in waiting {
            let demand = &self.entries[at].demand;
            let passed = demand.user.as_deref().is_some_and(|user| users.contains(&user))
                || demand.hosts.keys().any(|host| hosts.contains(&host.as_str()))
                || (encoder_awaited && demand.session == LIMITED);
            let (own, shared) = self.fits(demand);
            if !passed && own {
                return shared.then_some(at);
            }
            let alone = Demand { hosts: BTreeMap::new(), session: None, ..demand.clone() };
            if !self.fits(&alone).0 {
                users.extend(demand.user.as_deref());
            }
            for (host, n) in &demand.hosts {
                let alone = Demand { hosts: BTreeMap::from([(host.clone(), *n)]), ..Demand::default() };
                if !self.fits(&alone).0 {
                    hosts.push(host);
                }
            }
            let alone = Demand { session: demand.session, ..Demand::default() };
            encoder_awaited |= !self.fits(&alone).0;
        }
        None
    }

    fn settle(&mut self) {
        while let Some(at) = self.next_in_turn() {
            self.entries[at].granted = true;
        }
    }

    fn never(&self, demand: &Demand) -> bool {
        let [.., per_host, bandwidth, sessions] = self.limits;
        demand.bits_per_second > bandwidth
            || demand.hosts.values().any(|n| *n > per_host)
            || (demand.session == LIMITED && sessions == 0)
    }

    fn admit(&mut self, demand: Demand, priority: i32) -> Option<u64> {
        if self.never(&demand) {
            return None;
        }
        let key = self.next;
        self.next += 1;
        self.entries.push(Entry { order: (-i64::from(priority), key), demand, granted: false });
        let waiting = self.entries.iter().filter(|entry| !entry.granted).count();
        if waiting > self.max_waiting && self.next_in_turn() != Some(self.entries.len() - 1) {
            self.entries.pop();
            return None;
        }
        self.settle();
        Some(key)
    }
}

/// The encoder whose sessions are counted.
const LIMITED: Option<Encoder> = Some(Encoder::Nvenc);

#[derive(Clone, Debug)]
enum Step {
    Admit(Demand, i32),
    Explain(Demand, i32),
    Change(prop::sample::Index, Demand, i32),
    Drop(prop::sample::Index),
}

fn any_demand() -> impl Strategy<Value = Demand> {
    let user = prop::option::of(prop::sample::select(vec!["a", "b"]));
    let hosts = prop::collection::btree_map(prop::sample::select(vec!["x", "y"]), 1..3_u64, 0..3);
    let session = prop::sample::select(vec![None, LIMITED, Some(Encoder::Qsv)]);
    (user, hosts, 0..12_u64, session).prop_map(|(user, hosts, bits_per_second, session)| Demand {
        user: user.map(str::to_owned),
        hosts: hosts.into_iter().map(|(host, n)| (host.to_owned(), n)).collect(),
        bits_per_second,
        session,
        ..Demand::default()
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (any_demand(), -1..2).prop_map(|(demand, priority)| Step::Admit(demand, priority)),
        1 => (any_demand(), -1..2).prop_map(|(demand, priority)| Step::Explain(demand, priority)),
        1 => (index(), any_demand(), -1..2).prop_map(|(at, demand, priority)| Step::Change(at, demand, priority)),
        3 => index().prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn the_ledger_does_what_counting_anew_would_do(
        steps in prop::collection::vec(any_step(), 1..60),
        limits in [1..6_u64, 1..4, 1..4, 5..30, 0..4],
        max_waiting in 0..5_usize,
    ) {
        let [streams, per_user, per_host, bandwidth, sessions] = limits;
        let ledger = Ledger::new(
            Limits {
                streams: Some(streams),
                streams_per_user: Some(per_user),
                streams_per_host: Some(per_host),
                bits_per_second: Some(bandwidth),
                encoder_sessions: BTreeMap::from([(Encoder::Nvenc, sessions)]),
                ..Limits::NONE
            },
            Admission::Queue { max_waiting },
        );
        let mut model = Model { limits, max_waiting, ..Model::default() };
        let mut permits: Vec<(u64, Permit)> = vec![];
        for step in steps {
            match step {
                Step::Admit(demand, priority) => {
                    let outlook = ledger.explain(&demand, priority).prospect;
                    let admitted = ledger.admit(demand.clone(), priority);
                    let expected = model.admit(demand, priority);
                    prop_assert_eq!(admitted.is_ok(), expected.is_some());
                    match (&admitted, outlook) {
                        (Err(refusal), Prospect::Refused(said)) => prop_assert_eq!(refusal, &said),
                        (Ok(permit), Prospect::Granted) => prop_assert!(permit.is_granted()),
                        // Which limit it waits for may have changed: others may pass while it waits.
                        (Ok(permit), Prospect::Waits { position, .. }) => {
                            prop_assert_eq!(permit.position().map(|(position, _)| position), Some(position));
                        }
                        (admitted, outlook) => prop_assert!(false, "{admitted:?} {outlook:?}"),
                    }
                    permits.extend(expected.zip(admitted.ok()));
                }
                Step::Explain(demand, priority) => {
                    ledger.explain(&demand, priority);
                }
                Step::Change(at, demand, priority) if !permits.is_empty() => {
                    let (key, permit) = &permits[at.index(permits.len())];
                    let changed = permit.change(&demand, priority).is_ok();
                    let at = model.entries.iter().position(|entry| entry.order.1 == *key).unwrap();
                    let old = model.entries.remove(at);
                    let fits = model.fits(&demand) == (true, true);
                    let never = model.never(&demand);
                    prop_assert_eq!(changed, !never && (fits || !old.granted));
                    let order = (-i64::from(priority), *key);
                    model.entries.push(if changed { Entry { order, demand, ..old } } else { old });
                    model.settle();
                }
                Step::Drop(at) if !permits.is_empty() => {
                    let (key, permit) = permits.swap_remove(at.index(permits.len()));
                    drop(permit);
                    model.entries.retain(|entry| entry.order.1 != key);
                    model.settle();
                }
                Step::Change(..) | Step::Drop(_) => {}
            }
            for (key, permit) in &permits {
                let entry = model.entries.iter().find(|entry| entry.order.1 == *key).unwrap();
                prop_assert_eq!(permit.is_granted(), entry.granted);
            }
            prop_assert!(permits.iter().filter(|(_, permit)| !permit.is_granted()).count() <= max_waiting);
        }
        drop(permits);
        let book = ledger.book();
        prop_assert_eq!(book.used(), &book::Used::default());
        prop_assert_eq!(book.waiting(), 0);
    }
}
