//! A schedule for people to look at.

use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use serde::Serialize;

use super::{Schedule, airing::Show, window::Change};

/// When a stream is on the air, as a clock on the wall shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Preview {
    /// When it begins.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub start: ZonedDateTime,
    /// When it is over, if it ever is.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub end: Option<ZonedDateTime>,
    /// What a change of the clock does to it.
    pub note: Option<String>,
}

impl Schedule {
    /// Returns the next `count` times at which the stream is on the air, as seen `from` an instant: what is on then included.
    ///
    /// Pure. Where nothing else is said, a schedule begins at that instant.
    pub fn preview(&self, from: Timestamp, count: usize) -> Vec<Preview> {
        self.shows(from, from).take(count).map(|show| self.describe(&show)).collect()
    }

    fn describe(&self, show: &Show) -> Preview {
        let zoned = |at: Timestamp| at.to_zoned_datetime(self.zone.clone());
        let (start, end) = (zoned(show.airing.start), show.airing.end.map(zoned));
        let begin = show.turn.map(|turn| turn.begin.time());
        let note = match (show.change(), begin, &end) {
            (Some(Change::LeftOut), Some(begin), _) => {
                Some(format!("the clocks go forward: begins at {} instead of {begin}", start.time()))
            }
            (Some(Change::Twice), Some(begin), _) => {
                Some(format!("the clocks go back: {begin} comes twice, and the first counts"))
            }
            (_, _, Some(end)) if end.offset() != start.offset() => {
                let which = if end.offset() > start.offset() { "forward" } else { "back" };
                let lasts = length(end.duration_since(&start));
                Some(format!("the clocks go {which} meanwhile: it lasts {lasts}"))
            }
            _ => None,
        };
        Preview { start, end, note }
    }
}

fn length(time: SignedDuration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
