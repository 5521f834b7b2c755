//! What the programs show while they work.

use std::io::{IsTerminal, Write, stdout};

/// Prints a line that the next one replaces, where there is a terminal.
pub fn line(text: &str) {
    if stdout().is_terminal() {
        print!("\r\x1b[K{text}");
        // Who has closed the terminal sees nothing of it anyway.
        let _ = stdout().flush();
    } else {
        println!("{text}");
    }
}

/// Ends the line that would be replaced.
pub fn end_line() {
    if stdout().is_terminal() {
        println!();
    }
}

/// A bar of `width` cells for a part of 1.
#[must_use]
pub fn bar(part: f64, width: usize) -> String {
    let full = ((part * width as f64) as usize).min(width);
    format!("[{}{}]", "=".repeat(full), " ".repeat(width - full))
}

/// Hours, minutes and seconds.
#[must_use]
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_it_should_be_whatever_the_part() {
        assert_eq!(bar(0.5, 4), "[==  ]");
        for (part, full) in [(-1.0, 0), (0.0, 0), (1.0, 10), (7.0, 10), (f64::NAN, 0)] {
            let bar = bar(part, 10);
            assert_eq!((bar.len(), bar.matches('=').count()), (12, full), "{part}");
        }
    }

    #[test]
    fn a_clock_counts_beyond_a_day() {
        assert_eq!((clock(59_999).as_str(), clock(90_061_000).as_str()), ("0:00:59", "25:01:01"));
    }
}
