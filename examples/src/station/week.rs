//! The schedule as a file.

use std::{
    borrow::Cow,
    env,
    fs::read_to_string,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use streambro_core::{Destination, Playlist, Repeat, Schedule, Source, StreamSpec, jiff::tz::TimeZone};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::Failure;

/// What is in the file.
#[derive(Debug)]
pub struct Week {
    /// The zone of schedules that name none. What happens is told in it.
    pub zone: TimeZone,
    /// So many streams may be on the air at once, if that is said.
    pub max_streams: Option<usize>,
    /// Who is on the air when.
    pub streams: Vec<Programme>,
    /// Where it was read. The names of films are taken from there.
    file: PathBuf,
}

/// What stands beside the streams.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    zone: Option<String>,
    max_streams: Option<usize>,
}

/// One stream of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programme {
    /// Its id.
    pub id: String,
    /// What plays, over and over.
    files: Vec<PathBuf>,
    url: String,
    /// The environment variable that holds the key.
    key_from: String,
    /// When. The very form that it has as JSON.
    pub schedule: Schedule,
}

impl Week {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it: in which line, of which stream.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let name = file.display();
        let text = read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        Self::parse(&text, file).map_err(|why| format!("{name}: {why}").into())
    }

    fn parse(text: &str, file: &Path) -> Result<Self, String> {
        let at = |whose: &str, mut error: toml::de::Error| {
            error.set_input(Some(text));
            format!("{whose}{}", error.to_string().trim_end())
        };
        let mut root = DeTable::parse(text).map_err(|error| at("", error))?;
        root.get_mut().iter_mut().for_each(|(_, value)| quote(value.get_mut()));
        let streams = root.get_mut().remove("streams");
        let span = root.span();
        let head = Spanned::new(span, DeValue::Table(root.into_inner()));
        let Head { zone, max_streams } =
            Head::deserialize(ValueDeserializer::from(head)).map_err(|error| at("", error))?;

        let Some(DeValue::Array(streams)) = streams.map(Spanned::into_inner) else {
            return Err("it has no streams: add a table [[streams]] for each".to_owned());
        };
        let take = |(number, mut stream): (usize, Spanned<DeValue<'_>>)| {
            let id = stream.get_ref().get("id").and_then(|id| id.get_ref().as_str());
            let whose =
                id.map_or_else(|| format!("stream {}: ", number + 1), |id| format!("stream `{id}`: "));
            if let Some(zone) = &zone {
                dwell(stream.get_mut(), zone);
            }
            Programme::deserialize(ValueDeserializer::from(stream)).map_err(|error| at(&whose, error))
        };
        let streams: Vec<_> = streams.into_iter().enumerate().map(take).collect::<Result<_, _>>()?;
        for (at, stream) in streams.iter().enumerate() {
            if streams[..at].iter().any(|other| other.id == stream.id) {
                return Err(format!("stream `{}`: there are two of this id", stream.id));
            }
        }
        let zone = zone.map_or(Ok(TimeZone::UTC), |zone| {
            Schedule::in_zone(&zone).map(|schedule| schedule.zone().clone()).map_err(|error| error.detail)
        })?;
        Ok(Self { zone, max_streams, streams, file: file.to_owned() })
    }

    /// The streams as they are to be, with their keys.
    ///
    /// # Errors
    /// What is missing or wrong, of which stream.
    pub fn specs(&self) -> Result<Vec<StreamSpec>, Failure> {
        let spec = |stream: &Programme| self.spec(stream, &stream.url, key(&stream.key_from)?);
        self.all(spec)
    }

    /// The same for another server, which takes any key.
    ///
    /// # Errors
    /// What is wrong, of which stream.
    pub fn specs_to(&self, url: &str) -> Result<Vec<StreamSpec>, Failure> {
        // Who shares a place with whom there does so here.
        let place = |stream: &Programme| format!("{} at {}", stream.key_from, stream.url);
        self.all(|stream| self.spec(stream, url, place(stream)))
    }

    fn all(
        &self,
        spec: impl Fn(&Programme) -> Result<StreamSpec, String>,
    ) -> Result<Vec<StreamSpec>, Failure> {
        let name = self.file.display();
        let named =
            |stream| spec(stream).map_err(|why| format!("{name}: stream `{}`: {why}", stream.id).into());
        self.streams.iter().map(named).collect()
    }

    fn spec(&self, stream: &Programme, url: &str, key: String) -> Result<StreamSpec, String> {
        if stream.files.is_empty() {
            return Err("files: name at least one".to_owned());
        }
        let destination =
            Destination::new(url, key).map_err(|error| format!("{}: {}", error.subject, error.detail))?;
        let files = stream.files.iter().map(|film| self.file.with_file_name("").join(film));
        let source = Source::playlist(Playlist::new(files)).repeat(Repeat::Forever);
        Ok(StreamSpec::new(&stream.id, source).destination(destination).schedule(stream.schedule.clone()))
    }
}

/// Takes dates and times that stand there as such for what they are as texts: JSON has no others.
fn quote(value: &mut DeValue<'_>) {
    match value {
        DeValue::Datetime(at) => *value = DeValue::String(Cow::Owned(at.to_string())),
        DeValue::Array(items) => items.iter_mut().for_each(|item| quote(item.get_mut())),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, item)| quote(item.get_mut())),
        _ => {}
    }
}

/// Gives a stream's schedule a zone if it names none.
fn dwell(stream: &mut DeValue<'_>, zone: &str) {
    let DeValue::Table(stream) = stream else { return };
    let Some(DeValue::Table(schedule)) = stream.get_mut("schedule").map(Spanned::get_mut) else { return };
    let name = Spanned::new(0..0, Cow::Borrowed("zone"));
    schedule.entry(name).or_insert_with(|| Spanned::new(0..0, DeValue::String(Cow::Owned(zone.to_owned()))));
}

/// The key in a variable.
fn key(variable: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if variable.is_empty() || !variable.chars().all(legal) {
        // Not shown: it may be a key.
        let why = "key_from: write the name of an environment variable there, in capitals, and never the key";
        return Err(why.to_owned());
    }
    env::var(variable).ok().filter(|key| !key.is_empty()).ok_or_else(|| {
        format!(
            "no stream key: run `read -rs {variable} && export {variable}`, paste the key and press Enter"
        )
    })
}
