//! Cron's syntax for when a window begins.

use std::{cmp::Ordering, fmt::Display};

use croner::{
    CivilDateTime, CronDateTime, Resolution, Weekday,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    SignedDuration, ToSpan,
    civil::{DateTime, date},
};

use super::invalid;
use crate::error::Result;

/// From here to the year 5000, where the search ends, are more than the 400 years after which the calendar repeats itself.
const SOME_DAY: DateTime = date(4590, 1, 1).at(0, 0, 0, 0);

/// An expression and what it means.
#[derive(Clone, Debug)]
pub(super) struct Cron {
    text: String,
    pattern: Box<croner::Cron>,
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // Windows that begin each second would be computed for ever.
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let refuse = |why: &dyn Display| {
            let hint =
                "write minute, hour, day of the month, month and day of the week, like \"30 18 * * MON-FRI\"";
            invalid(format!("{text:?} is no cron expression: {why}; {hint}"))
        };
        let pattern = parser.parse(text).map_err(|error| refuse(&error))?;
        let cron = Self { text: text.to_owned(), pattern: Box::new(pattern) };
        if cron.next(SOME_DAY).is_none() {
            return Err(refuse(&"no day is like that"));
        }
        Ok(cron)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time at or after this one; `None` when it never comes.
    pub(super) fn next(&self, from: DateTime) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&Civil(from), true).ok().map(|found| found.0)
    }

    /// Whether it comes so many times more within so long, once it has come.
    pub(super) fn comes_again(&self, times: usize, within: SignedDuration) -> bool {
        let after = |at: &DateTime| self.next(at.checked_add(1.minute()).ok()?);
        let Some(first) = self.next(SOME_DAY) else { return false };
        let begins = std::iter::successors(Some(first), after);
        begins.take_while(|at| at.duration_since(first) < within).nth(times).is_some()
    }
}

/// Civil time without a zone: what a change of the clock means is decided in one place, for all windows.
#[derive(Clone, Copy)]
struct Civil(DateTime);

impl CronDateTime for Civil {
    fn to_civil(&self) -> CivilDateTime {
        let part = |number: i8| u32::from(number.unsigned_abs());
        let Self(at) = self;
        CivilDateTime::from_ymd_hms_opt(
            i32::from(at.year()),
            part(at.month()),
            part(at.day()),
            part(at.hour()),
            part(at.minute()),
            part(at.second()),
        )
        .expect("every civil time of jiff's is one")
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(u32::from(self.0.weekday().to_sunday_zero_offset().unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |number: u32| i8::try_from(number).map_err(|_| CronError::InvalidTime);
        let (date, time) = (civil.date(), civil.time());
        let year = i16::try_from(date.year()).map_err(|_| CronError::InvalidDate)?;
        DateTime::new(
            year,
            part(date.month())?,
            part(date.day())?,
            part(time.hour())?,
            part(time.minute())?,
            part(time.second())?,
            0,
        )
        .map(|at| Resolution::Single(Self(at)))
        .map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
