//! What will be, as a table.

use streambro_core::{
    Preview,
    jiff::{SignedDuration, Timestamp, ZonedDateTime},
};

use super::week::{Programme, Week};

/// The next airings of all streams, as seen from an instant, in lines.
#[must_use]
pub fn table(week: &Week, from: Timestamp, rows: usize) -> Vec<String> {
    let of = |stream: &'_ Programme| {
        let id = stream.id.clone();
        stream.schedule.preview(from, rows).into_iter().map(move |airing| (airing, id.clone()))
    };
    let mut all: Vec<_> = week.streams.iter().flat_map(of).collect();
    all.sort_by_cached_key(|(airing, id)| (airing.start.timestamp(), id.clone()));
    all.truncate(rows);
    let cells = all.iter().map(|(airing, id)| row(airing, id));
    let head = ["BEGINS", "ENDS", "LASTS", "STREAM", "NOTE"].map(str::to_owned);
    align([head].into_iter().chain(cells).collect())
}

fn row(airing: &Preview, id: &str) -> [String; 5] {
    let (start, end) = (&airing.start, airing.end.as_ref());
    let until = end.map_or_else(|| "never".to_owned(), |end| until(start, end));
    let lasts = end.map_or_else(String::new, |end| length(end.duration_since(start)));
    let note = airing.note.clone().unwrap_or_default();
    [start.strftime(&format!("%a %F {}", clock(start))).to_string(), until, lasts, id.to_owned(), note]
}

/// An end: a time of day if it is clear of which day, else with its date.
fn until(start: &ZonedDateTime, end: &ZonedDateTime) -> String {
    let day = if end.date() == start.date() {
        ""
    } else if end.duration_since(start) < SignedDuration::from_hours(6 * 24) {
        "%a "
    } else {
        "%a %F "
    };
    end.strftime(&format!("{day}{}", clock(end))).to_string()
}

/// How a time of day is shown: the name of the zone tells summer time from the other.
fn clock(at: &ZonedDateTime) -> &'static str {
    if at.second() == 0 { "%H:%M %Z" } else { "%H:%M:%S %Z" }
}

fn length(time: SignedDuration) -> String {
    let (hours, minutes, seconds) = (time.as_hours(), time.as_mins() % 60, time.as_secs() % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let said: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    said.join(" ")
}

fn align(rows: Vec<[String; 5]>) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
