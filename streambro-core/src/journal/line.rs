//! One line of a log: held as what it says, put into words when somebody reads it.

use std::{fmt, num::NonZeroU32};

use serde::Serialize;

use crate::{
    clock,
    status::{LegPhase, Phase, Reason},
};

/// Bytes of a detail that are kept. With what stands before it a line stays under 1 KiB.
const MAX_DETAIL: usize = 900;

/// A line of a stream's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LogLine {
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// How much it matters.
    pub level: LogLevel,
    /// What happened: at most 1 KiB, in one line, without control characters. Never a key.
    pub message: String,
}

/// How much a line of a log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogLevel {
    /// Things go their way.
    Info,
    /// Something went wrong, and streambro deals with it.
    Warn,
    /// Something went wrong that only a human can mend.
    Error,
}

impl LogLevel {
    /// Returns the name that JSON, C, Python and the documentation use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A line as it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    unix_ms: u64,
    detail: Box<str>,
    what: What,
}

/// What a line is about, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The stream is in another phase.
    Phase(Phase, Option<Reason>),
    /// A destination is in another phase.
    Leg {
        /// Its place in the spec.
        leg: u8,
        /// Where it is.
        phase: LegPhase,
        /// Why.
        reason: Option<Reason>,
        /// How long until the next attempt where it waits for one, how late it is where it lags.
        ms: Option<NonZeroU32>,
    },
    /// ffmpeg says something, or something is said of it.
    Ffmpeg(LogLevel),
    /// An item of a playlist began, or could not be played, which has a reason.
    Item(Option<Reason>),
}

impl Entry {
    /// A line about now.
    pub(crate) fn new(what: What, detail: &str) -> Self {
        Self { unix_ms: clock::unix_ms(), detail: clean(detail), what }
    }

    /// The line as it is shown.
    pub(super) fn line(&self) -> LogLine {
        LogLine { unix_ms: self.unix_ms, level: self.level(), message: self.to_string() }
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.detail.len()
    }

    fn reason(&self) -> Option<Reason> {
        match self.what {
            What::Phase(_, reason) | What::Leg { reason, .. } | What::Item(reason) => reason,
            What::Ffmpeg(_) => None,
        }
    }

    /// How much it matters.
    pub(crate) fn level(&self) -> LogLevel {
        use Reason::{
            AuthRequired, BadApp, BadKey, Finished, NotAllowed, ReconnectRequested, RejectedEarly, Rotated,
            ScheduleEnded, ShutDown, Stopped, TlsFailed,
        };
        let fine = matches!(
            self.reason(),
            None | Some(Stopped | Finished | ShutDown | ScheduleEnded | Rotated | ReconnectRequested)
        );
        let human = matches!(
            self.reason(),
            Some(BadKey | AuthRequired | BadApp | RejectedEarly | NotAllowed | TlsFailed)
        );
        match self.what {
            // Whoever wanted it is told as well.
            What::Phase(Phase::Ended, _) if !fine && self.reason() != Some(Reason::StartFailed) => {
                LogLevel::Error
            }
            What::Leg { phase: LegPhase::Waiting, .. } if human => LogLevel::Error,
            What::Phase(Phase::Degraded | Phase::Reconnecting | Phase::Ended, _)
            | What::Leg { phase: LegPhase::Waiting | LegPhase::Ended, .. }
                if !fine =>
            {
                LogLevel::Warn
            }
            What::Leg { phase: LegPhase::Lagging, .. } => LogLevel::Warn,
            What::Phase(Phase::Holding, _) => LogLevel::Warn,
            What::Ffmpeg(level) => level,
            What::Item(Some(_)) => LogLevel::Warn,
            What::Item(None) => LogLevel::Info,
            What::Phase(..) | What::Leg { .. } => LogLevel::Info,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Phase(phase, _) => f.write_str(phase.name())?,
            What::Leg { leg, phase, ms, .. } => {
                write!(f, "destination {leg}: {}", phase.name())?;
                match (phase, ms) {
                    (LegPhase::Waiting, Some(ms)) => write!(f, ", next attempt in {ms} ms")?,
                    (LegPhase::Lagging, Some(ms)) => write!(f, ", {ms} ms late")?,
                    _ => {}
                }
            }
            What::Ffmpeg(_) => f.write_str("ffmpeg")?,
            What::Item(_) => f.write_str("item")?,
        }
        if let Some(reason) = self.reason() {
            write!(f, " ({reason})")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// Makes foreign words fit for a log: in one line, nothing that moves a cursor or hides, not too long.
pub(super) fn clean(text: &str) -> Box<str> {
    let mut clean = String::with_capacity(text.len().min(MAX_DETAIL));
    for c in text.chars() {
        let before = clean.len();
        if c.is_control() || hides(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
        if clean.len() > MAX_DETAIL {
            clean.truncate(before);
            clean.push('…');
            break;
        }
    }
    clean.into()
}

/// Whether a character is not seen, or turns a line around.
fn hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(phase: LegPhase, reason: Option<Reason>, ms: u32) -> What {
        What::Leg { leg: 31, phase, reason, ms: NonZeroU32::new(ms) }
    }

    #[test]
    fn a_line_says_what_why_and_when_it_goes_on() {
        for (what, detail, line) in [
            (What::Phase(Phase::Live, None), "", "live"),
            (What::Phase(Phase::Ended, Some(Reason::Stopped)), "", "ended (stopped)"),
            (
                leg(LegPhase::Waiting, Some(Reason::BadKey), 512),
                "says no",
                "destination 31: waiting, next attempt in 512 ms (bad_key): says no",
            ),
            (leg(LegPhase::Lagging, None, 2_500), "", "destination 31: lagging, 2500 ms late"),
        ] {
            assert_eq!(Entry::new(what, detail).to_string(), line);
        }
    }

    #[test]
    fn a_line_with_hostile_words_stays_one_line_that_moves_nothing() {
        let hostile = "a\nb\r\x1b[2J\u{9b}31m\u{0}\u{7f}c\u{2028}\u{202e}d\u{feff}";
        let message = Entry::new(What::Phase(Phase::Live, None), hostile).line().message;
        assert!(!message.contains(char::is_control) && !message.contains(hides), "{message:?}");
        assert_eq!(message, r"live: a\nb\r\u{1b}[2J\u{9b}31m\u{0}\u{7f}c\u{2028}\u{202e}d\u{feff}");
    }

    #[test]
    fn a_line_is_at_most_one_kib_and_cut_between_characters() {
        for word in ["x", "ü", "€", "🎈", "\u{1b}"] {
            let what = leg(LegPhase::Waiting, Some(Reason::AlreadyPublishing), u32::MAX);
            for shift in 0..4 {
                let detail = "y".repeat(shift) + &word.repeat(100_000);
                let message = Entry::new(what, &detail).line().message;
                assert!((900..=1_024).contains(&message.len()), "{}", message.len());
                assert!(message.ends_with('…'));
            }
        }
        let whole = "x".repeat(MAX_DETAIL);
        assert_eq!(&*clean(&whole), whole);
    }

    #[test]
    fn what_a_human_must_mend_is_an_error_and_what_mends_itself_a_warning() {
        let level = |what| Entry::new(what, "").level();
        let waiting = |reason| level(leg(LegPhase::Waiting, Some(reason), 0));
        assert_eq!(waiting(Reason::BadKey), LogLevel::Error);
        assert_eq!(waiting(Reason::PeerClosed), LogLevel::Warn);
        assert_eq!(waiting(Reason::Rotated), LogLevel::Info);
        assert_eq!(level(leg(LegPhase::Connecting, Some(Reason::BadKey), 0)), LogLevel::Info);
        assert_eq!(level(leg(LegPhase::Lagging, None, 0)), LogLevel::Warn);
        let phase = |phase, reason| level(What::Phase(phase, Some(reason)));
        assert_eq!(phase(Phase::Reconnecting, Reason::PeerClosed), LogLevel::Warn);
        assert_eq!(phase(Phase::Ended, Reason::Stopped), LogLevel::Info);
        assert_eq!(phase(Phase::Ended, Reason::SourceInvalid), LogLevel::Error);
    }

    #[test]
    fn a_line_is_small() {
        assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
    }
}
