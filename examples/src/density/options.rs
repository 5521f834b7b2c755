//! The command line of the benchmark.

use std::path::PathBuf;

/// One line for whoever got it wrong.
pub const USAGE: &str = "usage: density [--streams N] [--seconds S] [--file F] [--distinct] [--tls] [--json]
               [--batch N] [--slow-file F] [--outage S | --stalled]
       density --write-clip F | --write-film F --laps N [--file F]";

/// Starts under way at once, unless told otherwise.
const BATCH: usize = 100;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many streams.
    pub streams: usize,
    /// How long they are measured, once all are live.
    pub seconds: u64,
    /// Starts under way at once, if told.
    batch: Option<usize>,
    /// What they play; without it the bundled clip, padded.
    pub file: Option<PathBuf>,
    /// What stream 0 plays instead.
    pub slow_file: Option<PathBuf>,
    /// Every stream has a file of its own.
    pub distinct: bool,
    /// RTMPS.
    pub tls: bool,
    /// One object as the last line.
    pub json: bool,
    /// For how many seconds the sink goes away, after the measurement.
    pub outage: Option<u64>,
    /// The sink stops reading, after the measurement.
    pub stalled: bool,
    /// Is the sink.
    pub sink: bool,
    /// Writes the padded clip and ends.
    pub write_clip: Option<PathBuf>,
    /// Writes a long film and ends.
    pub write_film: Option<PathBuf>,
    /// How often the long film plays the clip.
    pub laps: u32,
}

impl Options {
    /// Reads the command line, without the program's name.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--streams" => options.streams = number(&arg, &value()?)?,
                "--seconds" => options.seconds = number(&arg, &value()?)?,
                "--batch" => options.batch = Some(number(&arg, &value()?)?),
                "--laps" => options.laps = number(&arg, &value()?)?,
                "--outage" => options.outage = Some(number(&arg, &value()?)?),
                "--file" => options.file = Some(value()?.into()),
                "--slow-file" => options.slow_file = Some(value()?.into()),
                "--distinct" => options.distinct = true,
                "--tls" => options.tls = true,
                "--json" => options.json = true,
                "--stalled" => options.stalled = true,
                "--sink" => options.sink = true,
                "--write-clip" => options.write_clip = Some(value()?.into()),
                "--write-film" => options.write_film = Some(value()?.into()),
                _ => return Err(format!("{arg} is not an option")),
            }
        }
        if options.outage.is_some() && options.stalled {
            return Err("--outage and --stalled are two runs".to_owned());
        }
        if options.slow_file.is_some() && options.streams < 2 {
            return Err("--slow-file needs other streams to look at".to_owned());
        }
        Ok(options)
    }

    /// Starts under way at once.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch.unwrap_or(BATCH)
    }

    /// Streams that start before the others, so that what one stream more takes can be told: a tenth, or none where all
    /// are asked for at once.
    #[must_use]
    pub fn first(&self) -> usize {
        match self.batch {
            Some(batch) if batch >= self.streams => self.streams,
            _ => (self.streams / 10).max(1),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            streams: 1_000,
            seconds: 20,
            batch: None,
            file: None,
            slow_file: None,
            distinct: false,
            tls: false,
            json: false,
            outage: None,
            stalled: false,
            sink: false,
            write_clip: None,
            write_film: None,
            laps: 1,
        }
    }
}

/// A number of which 0 means nothing.
fn number<T: TryFrom<u64>>(name: &str, text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| format!("{name} takes a number from 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn options_that_mean_nothing_are_refused() {
        for args in [
            &["--streams", "0"][..],
            &["--streams"],
            &["--secs", "3"],
            &["--seconds", "x"],
            &["--outage", "0"],
            &["--outage", "5", "--stalled"],
            &["--slow-file", "f", "--streams", "1"],
            &["--laps", "5000000000"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn a_tenth_starts_first_unless_all_are_asked_for_at_once() {
        assert_eq!(parse(&["--streams", "100"]).unwrap().first(), 10);
        assert_eq!(parse(&["--streams", "5"]).unwrap().first(), 1);
        assert_eq!(parse(&["--streams", "100", "--batch", "100"]).unwrap().first(), 100);
        assert_eq!(parse(&["--streams", "100", "--batch", "50"]).unwrap().first(), 10);
    }
}
