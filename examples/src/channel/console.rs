//! The keyboard and the screen: a line that changes, and beneath it what is being typed.

use std::{
    io::{ErrorKind, IsTerminal as _, Write as _, stdin, stdout},
    thread,
};

use tokio::sync::mpsc::{Receiver, channel};

/// Reads lines from the standard input. There are none any more once that has ended.
///
/// A thread reads them, and nobody waits for it: tokio's own standard input would hold up the end of the program until
/// somebody presses Enter.
#[must_use]
pub fn lines() -> Receiver<String> {
    let (typed, lines) = channel(16);
    thread::spawn(move || {
        for line in stdin().lines() {
            match line {
                Ok(line) => {
                    if typed.blocking_send(line).is_err() {
                        return;
                    }
                }
                // Not text: the next line may be.
                Err(error) if error.kind() == ErrorKind::InvalidData => {}
                Err(_) => return,
            }
        }
    });
    lines
}

/// Where things are shown: a terminal with a line that changes, or plain lines.
#[derive(Debug)]
pub struct Console {
    terminal: bool,
    /// Whether what is typed can be seen, with the line feed at its end.
    echo: bool,
    /// On a terminal: the line that is there just above the place where somebody types.
    shown: Option<String>,
}

impl Console {
    /// Shows a changing line if this is a terminal, else a line each time.
    #[must_use]
    pub fn new() -> Self {
        Self { terminal: stdout().is_terminal(), echo: stdin().is_terminal(), shown: None }
    }

    /// Shows how things are, in place of how they were.
    pub fn show(&mut self, line: String) {
        if !self.terminal {
            println!("{line}");
            return;
        }
        if self.shown.is_some() {
            // Who types is not disturbed: the cursor comes back. No line may wrap, or it would be too far up.
            put(&format!("\x1b7\x1b[1A\r\x1b[K\x1b[?7l{line}\x1b[?7h\x1b8"));
        } else {
            put(&under(&line));
        }
        self.shown = Some(line);
    }

    /// Says something that stays.
    pub fn say(&self, note: &str) {
        match &self.shown {
            Some(line) => put(&format!("\x1b[1A\r\x1b[J{note}\n{}", under(line))),
            None => println!("{note}"),
        }
    }

    /// Answers a line that was typed: that stays where it is, and the changing line goes beneath the answer.
    pub fn answer(&mut self, answer: &str, line: String) {
        if self.terminal && self.echo {
            self.shown = None;
        }
        self.say(answer);
        if self.terminal {
            self.show(line);
        }
    }

    /// Leaves the changing line as it is.
    pub fn close(&mut self) {
        if self.shown.take().is_some() {
            put("\r\x1b[K");
        }
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

/// The changing line, and the place to type.
fn under(line: &str) -> String {
    format!("\x1b[?7l{line}\x1b[?7h\n> ")
}

fn put(text: &str) {
    print!("{text}");
    // Who has closed the terminal sees nothing of it anyway.
    let _ = stdout().flush();
}
