//! What cannot be on the air at the same time.

use jiff::Timestamp;

use crate::spec::Airing;

/// Finds the first airings of two plans that overlap and begin before `until`. Plans are in order, and apart in themselves.
pub(crate) fn overlap(
    one: impl Iterator<Item = Airing>,
    other: impl Iterator<Item = Airing>,
    until: Timestamp,
) -> Option<(Airing, Airing)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    loop {
        let (a, b) = (*one.peek()?, *other.peek()?);
        if a.start.max(b.start) >= until {
            return None;
        }
        if a.overlaps(&b) {
            return Some((a, b));
        }
        if a.start < b.start {
            one.next()
        } else {
            other.next()
        };
    }
}

/// Where an airing begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    /// Who ends gives the place to who begins.
    End,
    OwnEnd,
    Begin,
    OwnBegin,
}

/// Finds the first instant before `until` at which a plan would be one of more than `most` on the air.
pub(crate) fn crowding<P: Iterator<Item = Airing>>(
    own: impl Iterator<Item = Airing>,
    others: impl Iterator<Item = P>,
    most: u64,
    until: Timestamp,
) -> Option<Timestamp> {
    let mut edges = vec![];
    let mut add = |plan: &mut dyn Iterator<Item = Airing>, begin, end| {
        for airing in plan.take_while(|airing| airing.start < until) {
            edges.push((airing.start, begin));
            edges.extend(airing.end.map(|at| (at, end)));
        }
    };
    add(&mut { own }, Edge::OwnBegin, Edge::OwnEnd);
    for mut plan in others {
        add(&mut plan, Edge::Begin, Edge::End);
    }
    edges.sort_unstable();
    let (mut on, mut own_is_on) = (0, false);
    for (at, edge) in edges {
        match edge {
            Edge::Begin => on += 1,
            Edge::End => on -= 1,
            Edge::OwnBegin => own_is_on = true,
            Edge::OwnEnd => own_is_on = false,
        }
        if own_is_on && on + 1 > most {
            return Some(at);
        }
    }
    None
}
