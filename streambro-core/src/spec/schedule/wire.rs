//! The JSON form of a schedule.

use jiff::{
    SignedDuration, Timestamp, ZonedDateTime,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{End, MissedStart, Window, WindowEnd, cron::Cron, invalid, window::Begins, zone};
use crate::error::{Error, Result};

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    /// The IANA zone of its civil times, such as `Europe/Berlin`. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// When it begins. Default: when it is handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Moment>,
    /// When it ends for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<Moment>,
    /// How long it lasts from its start, in milliseconds. In place of an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    for_ms: Option<i64>,
    /// What the clock shows when it ends for good. In place of an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<OnTheWall>,
    /// When it is on the air in between. Default: all the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windows: Vec<Turns>,
    /// What happens to a start that was missed.
    #[serde(default)]
    missed: MissedStart,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Turns {
    /// On which days. Default: on every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<Day>,
    /// When a window begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<OnTheWall>,
    /// The same in the syntax of cron. In place of days and a begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// When a window ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<OnTheWall>,
    /// How long a window lasts, in milliseconds. In place of an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    for_ms: Option<i64>,
}

/// An instant as a text, with an offset and perhaps a zone.
struct Moment(Timestamp);

#[cfg(feature = "schema")]
as_text!(
    Moment,
    "Moment",
    "An instant as in RFC 3339, such as `2026-12-24T18:00:00+01:00`, or with a zone, such as `2026-12-24T18:00[Europe/Berlin]`."
);

#[cfg(feature = "schema")]
as_text!(OnTheWall, "CivilTime", "What a clock on the wall shows: `22:00` or `22:00:30`.");

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let zoned = || text.parse::<ZonedDateTime>().map(|zoned| zoned.timestamp());
        text.parse().or_else(|_| zoned()).map(Self).map_err(|_| {
            de::Error::custom(format!(
                "{text:?} is no instant; write it like \"2026-12-24T18:00:00+01:00\" or \
                 \"2026-12-24T18:00[Europe/Berlin]\""
            ))
        })
    }
}

/// A civil time.
#[derive(Serialize)]
#[serde(transparent)]
struct OnTheWall(Time);

impl<'de> Deserialize<'de> for OnTheWall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A date or a zone would be passed over.
        let is_plain =
            text.get(2..3) == Some(":") && text.chars().all(|c| matches!(c, '0'..='9' | ':' | '.'));
        text.parse().ok().filter(|_| is_plain).map(Self).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no time of day; write it like \"22:00\" or \"22:00:30\""))
        })
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

const DAYS: [(Day, Weekday); 7] = [
    (Day::Mon, Weekday::Monday),
    (Day::Tue, Weekday::Tuesday),
    (Day::Wed, Weekday::Wednesday),
    (Day::Thu, Weekday::Thursday),
    (Day::Fri, Weekday::Friday),
    (Day::Sat, Weekday::Saturday),
    (Day::Sun, Weekday::Sunday),
];

impl TryFrom<Schedule> for super::Schedule {
    type Error = Error;

    fn try_from(wire: Schedule) -> Result<Self> {
        let end = match (wire.end, wire.for_ms, wire.until) {
            (None, None, None) => None,
            (Some(at), None, None) => Some(End::At(at.0)),
            (None, Some(ms), None) if ms < 0 => return Err(invalid("`for_ms` is 0 or more")),
            (None, Some(ms), None) => Some(End::After(SignedDuration::from_millis(ms))),
            (None, None, Some(time)) => Some(End::Until(time.0)),
            _ => return Err(invalid("name one of `end`, `for_ms` and `until`")),
        };
        let windows = wire.windows.into_iter().map(Window::try_from).collect::<Result<_>>()?;
        let schedule = Self {
            start: wire.start.map(|at| at.0),
            end,
            zone: wire.zone.map_or(Ok(TimeZone::UTC), |name| zone(&name))?,
            windows,
            missed: wire.missed,
        };
        schedule.check()?;
        Ok(schedule)
    }
}

impl From<super::Schedule> for Schedule {
    fn from(schedule: super::Schedule) -> Self {
        let zone = (schedule.zone != TimeZone::UTC).then(|| schedule.zone.iana_name().map(str::to_owned));
        Self {
            zone: zone.flatten(),
            start: schedule.start.map(Moment),
            end: match schedule.end {
                Some(End::At(at)) => Some(Moment(at)),
                _ => None,
            },
            for_ms: match schedule.end {
                Some(End::After(time)) => Some(millis(time)),
                _ => None,
            },
            until: match schedule.end {
                Some(End::Until(time)) => Some(OnTheWall(time)),
                _ => None,
            },
            windows: schedule.windows.into_iter().map(Turns::from).collect(),
            missed: schedule.missed,
        }
    }
}

impl TryFrom<Turns> for Window {
    type Error = Error;

    fn try_from(wire: Turns) -> Result<Self> {
        let end = match (wire.until, wire.for_ms) {
            (Some(time), None) => WindowEnd::Until(time.0),
            (None, Some(ms)) => WindowEnd::For(SignedDuration::from_millis(ms)),
            _ => return Err(invalid("a window has either `until` or `for_ms`")),
        };
        let weekday = |day: &Day| DAYS[*day as usize].1;
        match (wire.from, wire.cron) {
            (Some(from), None) => Ok(Self::weekly(wire.days.iter().map(weekday), from.0, end)),
            (None, Some(text)) if wire.days.is_empty() => {
                Ok(Self { begins: Begins::Cron(Cron::parse(&text)?), end })
            }
            _ => Err(invalid("a window has either `from`, with `days` or without, or `cron`")),
        }
    }
}

impl From<Window> for Turns {
    fn from(window: Window) -> Self {
        let (until, for_ms) = match window.end {
            WindowEnd::Until(time) => (Some(OnTheWall(time)), None),
            WindowEnd::For(time) => (None, Some(millis(time))),
        };
        match window.begins {
            Begins::Days(days, from) => {
                let day = |day: Weekday| DAYS[usize::from(day.to_monday_zero_offset().unsigned_abs())].0;
                Self {
                    days: days.into_iter().map(day).collect(),
                    from: Some(OnTheWall(from)),
                    cron: None,
                    until,
                    for_ms,
                }
            }
            Begins::Cron(cron) => {
                let cron = Some(cron.as_str().to_owned());
                Self { days: vec![], from: None, cron, until, for_ms }
            }
        }
    }
}

fn millis(time: SignedDuration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
