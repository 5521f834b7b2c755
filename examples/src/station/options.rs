//! What is said on the command line.

use std::{path::PathBuf, time::Duration};

use streambro_core::jiff::{Timestamp, ZonedDateTime};

/// How the program is called.
pub const USAGE: &str = "usage: station [FILE] [--preview [N]] [--at INSTANT] [--speed X] [--state DIR] [--demo] [--seconds N] [--json]";

/// The bundled week.
pub const WEEK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/media/week.toml");
/// Ten seconds before something ends and something else begins, on a Sunday on which 02:30 does not exist.
const DEMO_AT: &str = "2027-03-28T03:29:50+02:00";
const DEMO_SECONDS: u64 = 20;

/// Rows of a preview, if nothing is said.
const ROWS: usize = 20;

/// What is wanted.
#[derive(Debug)]
pub struct Options {
    /// The schedule.
    pub file: PathBuf,
    /// Says what will be, in so many rows, and does nothing.
    pub preview: Option<usize>,
    /// When it is, if not now.
    pub at: Option<Timestamp>,
    /// Seconds that the clock goes on in one.
    pub speed: f64,
    /// Where state is kept.
    pub state: Option<PathBuf>,
    /// Sends to a server inside the program instead, which needs no keys.
    pub demo: bool,
    /// Ends after that.
    pub length: Option<Duration>,
    /// Prints a summary.
    pub json: bool,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut file, mut seconds) = (None, None);
        let mut options = Self {
            file: WEEK.into(),
            preview: None,
            at: None,
            speed: 1.0,
            state: None,
            demo: false,
            length: None,
            json: false,
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            if arg == "--preview" {
                let rows = args.next_if(|next| next.parse::<usize>().is_ok());
                options.preview = Some(rows.and_then(|rows| rows.parse().ok()).unwrap_or(ROWS));
                continue;
            }
            let mut value = |what| args.next().ok_or_else(|| format!("{arg} needs {what}"));
            match arg.as_str() {
                "--at" => options.at = Some(instant(&value("an instant")?)?),
                "--speed" => {
                    let text = value("a number")?;
                    let speed = text.parse().ok().filter(|speed| (0.01..=10_000.0).contains(speed));
                    options.speed =
                        speed.ok_or_else(|| format!("{text} is no speed between 0.01 and 10000"))?;
                }
                "--state" => options.state = Some(value("a directory")?.into()),
                "--demo" => options.demo = true,
                "--json" => options.json = true,
                "--seconds" => {
                    let text = value("a number")?;
                    let number = text.parse().ok().filter(|seconds| *seconds > 0);
                    seconds = Some(number.ok_or_else(|| format!("{text} is not a number of seconds"))?);
                }
                flag if flag.starts_with("--") => return Err(format!("there is no option {flag}")),
                _ if file.is_some() => return Err("give one file, or none for the demo".to_owned()),
                _ => file = Some(PathBuf::from(arg)),
            }
        }
        if file.is_none() {
            options.demo = true;
        }
        if file.is_none() && options.preview.is_none() {
            if options.at.is_none() {
                options.at = Some(instant(DEMO_AT)?);
            }
            seconds = seconds.or(Some(DEMO_SECONDS));
        }
        options.length = seconds.map(Duration::from_secs);
        options.file = file.unwrap_or(options.file);
        Ok(options)
    }
}

/// An instant as people write it.
fn instant(text: &str) -> Result<Timestamp, String> {
    let zoned = || text.parse::<ZonedDateTime>().map(|zoned| zoned.timestamp());
    text.parse().or_else(|_| zoned()).map_err(|_| {
        format!(
            "{text} is no instant; write it like 2027-03-28T02:30:00+01:00 or 2027-03-28T02:30[Europe/Berlin]"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(args.iter().map(ToString::to_string))
    }

    #[test]
    fn a_number_behind_preview_is_one_of_rows_and_anything_else_is_not() {
        let rows = |args: &[&str]| parse(args).map(|options| (options.preview, options.file));
        assert_eq!(rows(&["--preview", "7", "a.toml"]), Ok((Some(7), "a.toml".into())));
        assert_eq!(rows(&["--preview", "a.toml"]), Ok((Some(ROWS), "a.toml".into())));
        assert_eq!(rows(&["a.toml", "--preview"]), Ok((Some(ROWS), "a.toml".into())));
    }

    #[test]
    fn an_instant_may_name_its_zone_or_its_offset_but_has_one() {
        let at = |text: &str| parse(&["a", "--at", text]).map(|options| options.at.map(Timestamp::as_second));
        assert_eq!(at("2027-03-28T03:30+02:00"), at("2027-03-28T02:30[Europe/Berlin]"));
        let error = at("2027-03-28T02:30").err();
        assert!(error.is_some_and(|error| error.contains("[Europe/Berlin]")));
    }
}
