//! What schedules mean, found by walking: nothing here asks jiff for more than the offset at an instant.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

const DAY: i64 = 86_400;

/// Seconds since 1970; civil ones are those that a clock on the wall would count.
pub(super) type Seconds = i64;

/// Zones whose clocks change in every way that is in use, or never.
pub(super) const ZONES: [&str; 22] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Lisbon",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
    "Pacific/Chatham",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Nuuk",
    "Antarctica/Troll",
];

/// A zone as stretches of time with one offset each.
pub(super) struct Clock {
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy)]
struct Stretch {
    from: Seconds,
    to: Seconds,
    offset: Seconds,
}

impl Clock {
    /// The zone's clock between two days, found by looking at it.
    pub(super) fn watch(zone: &str, from_day: i64, to_day: i64) -> Self {
        let zone = TimeZone::get(zone).unwrap();
        let offset = |at| i64::from(zone.to_offset(Timestamp::from_second(at).unwrap()).seconds());
        let mut stretches = vec![];
        let (mut from, end) = (from_day * DAY, to_day * DAY);
        let mut at = from;
        while at < end {
            // No clock changes twice within so little.
            let later = (at + DAY / 4).min(end);
            if offset(later) != offset(at) {
                let change = (at..=later).step_by(60).find(|then| offset(*then) != offset(at)).unwrap();
                stretches.push(Stretch { from, to: change, offset: offset(at) });
                from = change;
            }
            at = later;
        }
        stretches.push(Stretch { from, to: end, offset: offset(from) });
        Self { stretches }
    }

    /// The instants at which the clock changes.
    pub(super) fn changes(&self) -> impl Iterator<Item = Seconds> {
        self.stretches.iter().skip(1).map(|stretch| stretch.from)
    }

    /// What the clock on the wall shows.
    pub(super) fn civil(&self, at: Seconds) -> Seconds {
        at + self.stretches.iter().find(|stretch| (stretch.from..stretch.to).contains(&at)).unwrap().offset
    }

    /// The first instant at which the clock shows this. Where it jumps over that, as much later as it jumps.
    pub(super) fn instant(&self, civil: Seconds) -> Seconds {
        let shown = self
            .stretches
            .iter()
            .find(|Stretch { from, to, offset }| (*from..*to).contains(&(civil - offset)));
        if let Some(stretch) = shown {
            return civil - stretch.offset;
        }
        let mut pairs = self.stretches.iter().zip(self.stretches.iter().skip(1));
        let (before, after) = pairs
            .find(|(before, after)| before.to + before.offset <= civil && civil < after.from + after.offset)
            .expect("the clock is watched for longer than it is asked about");
        let would_show_next = after.from + after.offset;
        let late = civil - (before.to + before.offset);
        would_show_next + late - after.offset
    }
}

/// When something ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ends {
    /// At this second of a day.
    Until(Seconds),
    After(Seconds),
}

/// What begins at these civil times, as stretches of instants: those that touch are one, and those that are none are left out.
pub(super) fn airings(
    clock: &Clock,
    begins: impl IntoIterator<Item = Seconds>,
    ends: Ends,
) -> Vec<(Seconds, Seconds)> {
    let stretch = |begin: Seconds| {
        let start = clock.instant(begin);
        let end = match ends {
            Ends::After(seconds) => start + seconds,
            Ends::Until(time) => {
                let today = begin - begin.rem_euclid(DAY) + time;
                clock.instant(if today > begin { today } else { today + DAY })
            }
        };
        (start, end)
    };
    join(begins.into_iter().map(stretch).collect())
}

/// Makes those that touch one, and leaves out those that are none.
pub(super) fn join(mut all: Vec<(Seconds, Seconds)>) -> Vec<(Seconds, Seconds)> {
    all.retain(|(start, end)| start < end);
    all.sort_unstable();
    let mut joined: Vec<(Seconds, Seconds)> = vec![];
    for (start, end) in all {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

/// The civil times of these days at this second of each, of those whose day of the week is wanted; 0 is Monday.
pub(super) fn days(
    from_day: i64,
    to_day: i64,
    wanted: &[i64],
    second: Seconds,
) -> impl Iterator<Item = Seconds> {
    // 1970 began on a Thursday.
    (from_day..to_day)
        .filter(move |day| wanted.contains(&(day + 3).rem_euclid(7)))
        .map(move |day| day * DAY + second)
}

/// What was computed, to compare with: from one instant to another.
pub(super) fn computed(schedule: &super::Schedule, from: Seconds, to: Seconds) -> Vec<(Seconds, Seconds)> {
    let at = |at: Seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(at);
    let airings = schedule.airings(at(from), at(from)).take_while(|airing| airing.start < at(to));
    airings.map(|airing| (airing.start.as_second(), airing.end.unwrap().as_second())).collect()
}

/// Those that are not over at one instant and begin before another.
pub(super) fn between(
    airings: Vec<(Seconds, Seconds)>,
    from: Seconds,
    to: Seconds,
) -> Vec<(Seconds, Seconds)> {
    airings.into_iter().filter(|(start, end)| *end > from && *start < to).collect()
}

/// The number of a day since 1970.
pub(super) fn day(text: &str) -> i64 {
    format!("{text}T00:00:00Z").parse::<Timestamp>().unwrap().as_second() / DAY
}
