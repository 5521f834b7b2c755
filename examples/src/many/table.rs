//! The table on the terminal, and beneath it what was said last.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{Write as _, stdout};

use serde::Serialize;
use streambro_core::Usage;

/// Lines beneath the table: with it they fit on a terminal of 24 lines.
const NOTES: usize = 7;

/// One stream that somebody wants, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Whose it is.
    pub user: &'static str,
    /// Its name.
    pub id: String,
    /// Its phase; `refused` when its start was.
    pub phase: &'static str,
    /// Why; the limit in the way when its start was refused.
    pub reason: Option<&'static str>,
    /// How far its clock is, in milliseconds.
    pub media_ms: u64,
    /// Bytes handed to sockets.
    pub bytes: u64,
    /// Times it went live again.
    pub reconnects: u64,
    /// What it used over the last second.
    pub usage: Option<Usage>,
}

/// A place to show things: a terminal with a table that changes, or plain lines.
#[derive(Debug)]
pub struct Screen {
    terminal: bool,
    notes: VecDeque<String>,
    /// Lines of the last drawing.
    drawn: usize,
}

impl Screen {
    /// Shows a changing table if this is a terminal, else a line for each thing that happens.
    #[must_use]
    pub fn new(terminal: bool) -> Self {
        Self { terminal, notes: VecDeque::new(), drawn: 0 }
    }

    /// Says something: beneath the table, or in a line of its own.
    pub fn say(&mut self, note: String) {
        if !self.terminal {
            println!("{note}");
            return;
        }
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    /// Draws the table in place of the last one, where there is a terminal.
    pub fn draw(&mut self, rows: &[Row], sum: &str) {
        if !self.terminal {
            return;
        }
        let mut lines = table(rows);
        lines.extend([sum.to_owned(), String::new()]);
        lines.extend(self.notes.iter().cloned());
        let mut text = String::new();
        if self.drawn > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "\x1b[{}A", self.drawn);
        }
        // No line may wrap, or the way back up would be too short.
        text.push_str("\x1b[?7l");
        for line in &lines {
            let _ = writeln!(text, "\x1b[2K{line}");
        }
        text.push_str("\x1b[J\x1b[?7h");
        print!("{text}");
        let _ = stdout().flush();
        self.drawn = lines.len();
    }

    /// Shows the table for the last time.
    pub fn close(&mut self, rows: &[Row], sum: &str) {
        if self.terminal {
            self.draw(rows, sum);
        } else {
            table(rows).iter().for_each(|line| println!("{line}"));
            println!("{sum}");
        }
    }
}

/// The table in lines of 80 columns.
fn table(rows: &[Row]) -> Vec<String> {
    let line = |cells: [&str; 8]| {
        let [user, id, phase, reason, media, rate, cpu, reconnects] = cells;
        format!("{user:<6}{id:<8}{phase:<13}{reason:<17}{media:>7}{rate:>10}{cpu:>8}{reconnects:>11}")
    };
    let head = ["USER", "ID", "PHASE", "REASON", "MEDIA", "BITRATE", "CPU", "RECONNECTS"];
    let mut lines = vec![line(head)];
    lines.extend(rows.iter().map(|row| {
        let rate = row.usage.map(|usage| format!("{} kb/s", usage.bits_per_second / 1_000));
        let cpu = row.usage.map(|usage| {
            let about = if usage.estimated { "~" } else { "" };
            format!("{about}{:.2} %", usage.cpu_percent)
        });
        line([
            row.user,
            &row.id,
            row.phase,
            row.reason.unwrap_or_default(),
            &clock(row.media_ms),
            &rate.unwrap_or_default(),
            &cpu.unwrap_or_default(),
            &row.reconnects.to_string(),
        ])
    }));
    lines
}

fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_has_80_columns() {
        let row = Row {
            user: "carol",
            id: "carol-3".to_owned(),
            phase: "reconnecting",
            reason: Some("streams_per_user"),
            media_ms: 3_723_000,
            bytes: 1,
            reconnects: 12,
            usage: None,
        };
        let lines = table(&[row]);
        assert!(lines.iter().all(|line| line.len() == 80), "{lines:#?}");
        assert!(lines[1].contains("reconnecting streams_per_user 1:02:03"), "{lines:#?}");
    }
}
