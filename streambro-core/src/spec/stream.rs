//! One stream: what plays, for whom, and where it goes.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Destination, Encode, Encoder, OnMismatch, Playlist, Retry, Schedule};
use crate::error::{Error, ErrorKind, Result};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// Destinations beyond this are surely a mistake.
pub(crate) const MAX_DESTINATIONS: usize = 32;

// A line of a log has a byte for a destination's number.
const _: () = assert!(MAX_DESTINATIONS <= u8::MAX as usize);

/// What a caller wants on the air.
///
/// As JSON it carries `"v": 1`, refuses unknown fields and shows keys as `***`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    v: Version,
    /// 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub(crate) id: String,
    /// The user whose limit it counts against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// What plays.
    pub(crate) source: Source,
    /// Where it goes: 1 to 32.
    pub(crate) destinations: Vec<Arc<Destination>>,
    /// What happens to the picture. Default: it is copied.
    #[serde(default)]
    pub(crate) video: Video,
    /// Who goes first when streams wait for a place: higher before lower. Default: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) priority: i32,
    /// How long a destination that fails is tried again. Default: for ever.
    #[serde(default)]
    pub(crate) retry: Retry,
    /// Where the film goes on after an outage. Default: where it was.
    #[serde(default, skip_serializing_if = "Resume::is_default")]
    pub(crate) resume: Resume,
    /// When it is on the air. Default: until it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<Arc<Schedule>>,
}

impl StreamSpec {
    /// Describes a stream called `id` that plays `source`.
    ///
    /// The id has 1 to 64 characters of `A-Z a-z 0-9 . _ -`; `start` refuses any other.
    pub fn new(id: impl Into<String>, source: Source) -> Self {
        Self {
            v: Version,
            id: id.into(),
            user: None,
            source,
            destinations: vec![],
            video: Video::Copy,
            priority: 0,
            retry: Retry::forever(),
            resume: Resume::default(),
            schedule: None,
        }
    }

    /// Names the user whose limit the stream counts against. Without one it counts against the global limit only.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Adds a destination, of which there may be 32. Each has its own connection, phase and retries.
    #[must_use]
    pub fn destination(mut self, destination: Destination) -> Self {
        self.destinations.push(Arc::new(destination));
        self
    }

    /// Lets it play something else.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// Chooses what happens to the picture. Default: [`Video::Copy`].
    #[must_use]
    pub fn video(mut self, video: impl Into<Video>) -> Self {
        self.video = video.into();
        self
    }

    /// Chooses who goes first when streams wait for a place: higher before lower. Default: 0.
    ///
    /// It counts only with [`Admission::Queue`](crate::Admission::Queue), and never takes a place from one that runs.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Chooses how long a destination that fails is tried again. Default: [`Retry::forever`].
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Chooses where the film goes on when no destination was on the air for a while. Default: [`Resume::Position`].
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// Chooses when it is on the air. Default: from its start until it is stopped.
    ///
    /// [`StreamManager::schedule`](crate::StreamManager::schedule) waits for that time;
    /// [`start`](crate::StreamManager::start) begins at once, and ends as the schedule says.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(Arc::new(schedule));
        self
    }

    /// Checks what can be checked without looking at the world.
    pub(crate) fn check(&self) -> Result<StreamId> {
        let invalid = |subject: &str, detail: &str| Error::new(ErrorKind::InvalidSpec, subject, detail);
        let id = StreamId::parse(&self.id)?;
        if let Some(user) = &self.user
            && (user.is_empty() || user.len() > 256 || user.contains(char::is_control))
        {
            return Err(invalid("user", "a user name has 1 to 256 bytes and no control characters"));
        }
        if self.destinations.is_empty() {
            return Err(invalid("destinations", "add at least one destination"));
        }
        if self.destinations.len() > MAX_DESTINATIONS {
            return Err(invalid("destinations", "at most 32 destinations per stream"));
        }
        for (at, destination) in self.destinations.iter().enumerate() {
            if self.destinations[..at].iter().any(|other| other.same_place(destination)) {
                return Err(invalid("destinations", "two destinations have the same URL and key"));
            }
        }
        self.destinations.iter().try_for_each(|destination| destination.check())?;
        self.source.check()?;
        self.retry.check()?;
        if let Some(schedule) = &self.schedule {
            schedule.check()?;
        }
        Ok(id)
    }

    /// The same with these destinations.
    pub(crate) fn going_to(&self, destinations: Vec<Arc<Destination>>) -> Self {
        Self { destinations, ..self.clone() }
    }

    /// The same with the keys of another one, destination by destination.
    pub(crate) fn with_keys_of(&self, other: &Self) -> Self {
        let mut keys = other.destinations.iter().map(|theirs| &theirs.key);
        let with = |own: &Arc<Destination>| match keys.next() {
            Some(key) => Arc::new(own.with_key(key)),
            None => Arc::clone(own),
        };
        self.going_to(self.destinations.iter().map(with).collect())
    }

    /// The first field in which two specs differ, whenever they are on the air.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let fields = [
            ("user", self.user == other.user),
            ("source", self.source == other.source),
            ("destinations", self.destinations == other.destinations),
            ("video", self.video == other.video),
            ("priority", self.priority == other.priority),
            ("retry", self.retry == other.retry),
            ("resume", self.resume == other.resume),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }
}

fn is_zero(priority: &i32) -> bool {
    *priority == 0
}

/// The name of a stream, unique in its manager.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StreamId(Arc<str>);

impl StreamId {
    /// Checks a name.
    ///
    /// # Errors
    /// `InvalidSpec` unless it has 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub fn parse(text: &str) -> Result<Self> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=64).contains(&text.len()) && text.chars().all(legal) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorKind::InvalidSpec,
            "id",
            "a stream id has 1 to 64 characters of A-Z a-z 0-9 . _ -",
        ))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "schema")]
as_text!(StreamId, "StreamId", "1 to 64 characters of `A-Z a-z 0-9 . _ -`.");

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Source {
    pub(crate) media: Media,
    pub(crate) repeat: Repeat,
    /// What is heard instead of its own sound.
    pub(crate) sound: Option<Arc<Playlist>>,
}

/// One file, or many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    File(Arc<Path>),
    List(Arc<Playlist>),
}

impl Source {
    /// Plays an MP4 or FLV file. With a `media_root`, a relative path is taken from there.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { media: Media::File(path.into().into()), repeat: Repeat::default(), sound: None }
    }

    /// Plays files one after the other, on one connection. The list can be changed while it plays.
    pub fn playlist(list: Playlist) -> Self {
        Self { media: Media::List(Arc::new(list)), repeat: Repeat::default(), sound: None }
    }

    /// Lets the sound of other files be heard instead of its own: a short picture that loops over a long list of songs.
    ///
    /// The list plays for ever, at its own pace, and can be changed while it does. The stream ends with its picture.
    #[must_use]
    pub fn sound(mut self, list: Playlist) -> Self {
        self.sound = Some(Arc::new(list));
        self
    }

    /// Chooses how often it plays. Default: once.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// # Errors
    /// `InvalidSpec`.
    fn check(&self) -> Result<()> {
        if self.repeat == Repeat::Times(0) {
            return Err(Error::new(ErrorKind::InvalidSpec, "repeat", "a source plays at least once"));
        }
        if let Media::List(list) = &self.media {
            list.check()?;
        }
        self.sound.as_ref().map_or(Ok(()), |list| list.check())
    }

    /// Its picture as a list: a file that is seen while other files are heard is a list of one.
    pub(crate) fn list(&self) -> Option<Arc<Playlist>> {
        match &self.media {
            Media::List(list) => Some(Arc::clone(list)),
            Media::File(file) => self.sound.is_some().then(|| Arc::new(Playlist::new([&**file]))),
        }
    }

    /// Its one file, if it has no list.
    pub(crate) fn file_alone(&self) -> Option<&Arc<Path>> {
        match &self.media {
            Media::File(file) if self.sound.is_none() => Some(file),
            _ => None,
        }
    }

    /// What becomes of items that do not fit.
    pub(crate) fn on_mismatch(&self) -> OnMismatch {
        match &self.media {
            Media::File(_) => OnMismatch::Refuse,
            Media::List(list) => list.on_mismatch,
        }
    }

    /// The file that it begins with.
    pub(crate) fn first_file(&self) -> &Path {
        match &self.media {
            Media::File(file) => file,
            // A list without one is refused before anyone asks.
            Media::List(list) => list.items.first().map_or_else(|| Path::new(""), |item| &item.file),
        }
    }
}

/// The JSON form of a source.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Wire {
    /// The file that plays. This, or a playlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// What plays one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    playlist: Option<Arc<Playlist>>,
    /// What is heard instead of its own sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sound: Option<Arc<Playlist>>,
    /// How often it plays. Default: once.
    #[serde(default)]
    repeat: Repeat,
}

impl TryFrom<Wire> for Source {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self> {
        let media = match (wire.file, wire.playlist) {
            (Some(file), None) => Media::File(file.into()),
            (None, Some(list)) => Media::List(list),
            _ => {
                let detail = "name either a file or a playlist";
                return Err(Error::new(ErrorKind::InvalidSpec, "source", detail));
            }
        };
        Ok(Self { media, repeat: wire.repeat, sound: wire.sound })
    }
}

impl From<Source> for Wire {
    fn from(source: Source) -> Self {
        let (file, playlist) = match source.media {
            Media::File(file) => (Some(file.to_path_buf()), None),
            Media::List(list) => (None, Some(list)),
        };
        Self { file, playlist, sound: source.sound, repeat: source.repeat }
    }
}

/// How often a source plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repeat {
    /// Once.
    #[default]
    Once,
    /// So many times; at least once.
    Times(u32),
    /// Until it is stopped.
    Forever,
}

impl Repeat {
    /// How many laps there are; `None` is for ever.
    pub(crate) fn laps(self) -> Option<u32> {
        match self {
            Self::Once => Some(1),
            Self::Times(laps) => Some(laps),
            Self::Forever => None,
        }
    }
}

/// Where the film goes on when no destination was on the air for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resume {
    /// Where it was: nothing of it is lost.
    #[default]
    Position,
    /// Where it would be by now: it keeps to the clock.
    WallClock,
    /// At the beginning of the item that was on the air.
    Item,
}

impl Resume {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Video {
    /// It goes out as it is in the file.
    #[default]
    Copy,
    /// It is encoded by ffmpeg.
    Encode(Box<Encode>),
}

impl Video {
    /// How it is encoded, if it is.
    pub(crate) fn encoding(&self) -> Option<&Encode> {
        match self {
            Self::Encode(encode) => Some(encode),
            Self::Copy => None,
        }
    }

    /// Encodes the picture with `encoder`; what is not said stays as it is in the file.
    pub fn encode(encoder: Encoder) -> Encode {
        Encode::new(encoder)
    }
}

/// `"v": 1`, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": VERSION, "description": "The version of this form." })
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => {
                Err(de::Error::custom(format!("version {other} is newer than this library, which reads 1")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> StreamSpec {
        StreamSpec::new("lofi", Source::file("loop.mp4").repeat(Repeat::Forever))
            .user("alice")
            .destination(Destination::new("rtmp://127.0.0.1/live", "canary-key").unwrap())
    }

    #[test]
    fn json_round_trips_but_for_the_key() {
        let json = serde_json::to_string(&spec()).unwrap();
        assert!(!json.contains("canary"), "{json}");
        serde_json::from_str::<StreamSpec>(&json).unwrap_err();
        assert_eq!(serde_json::from_str::<StreamSpec>(&json.replace("***", "canary-key")).unwrap(), spec());
        let urgent = spec().priority(-7);
        let json = serde_json::to_string(&urgent).unwrap().replace("***", "canary-key");
        assert_eq!(serde_json::from_str::<StreamSpec>(&json).unwrap(), urgent);
    }

    #[test]
    fn json_of_another_version_or_with_unknown_fields_is_refused() {
        let json = serde_json::to_string(&spec()).unwrap();
        for broken in [json.replace("\"v\":1", "\"v\":2"), json.replace("\"user\"", "\"usr\"")] {
            serde_json::from_str::<StreamSpec>(&broken).unwrap_err();
        }
    }

    #[test]
    fn ids_that_would_surprise_a_log_or_a_path_are_refused() {
        for id in ["", "a b", "a/b", "ü", &"x".repeat(65), "a\n"] {
            assert_eq!(StreamId::parse(id).unwrap_err().kind, ErrorKind::InvalidSpec, "{id:?}");
        }
        assert_eq!(StreamId::parse("a.B_c-9").unwrap().as_str(), "a.B_c-9");
    }

    #[test]
    fn thirty_two_destinations_are_the_most() {
        let mut wanted = spec();
        for n in 1..MAX_DESTINATIONS {
            let destination = Destination::new("rtmp://127.0.0.1/live", n.to_string()).unwrap();
            wanted = wanted.destination(destination);
        }
        wanted.check().unwrap();
        let more = wanted.destination(Destination::new("rtmp://127.0.0.1/live", "one-more").unwrap());
        let error = more.check().unwrap_err();
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "destinations"));
        assert!(error.detail.contains(&MAX_DESTINATIONS.to_string()), "{error}");
    }

    #[test]
    fn the_same_destination_twice_is_refused() {
        let twice = spec().destination(Destination::new("rtmp://127.0.0.1/live", "canary-key").unwrap());
        let error = twice.check().unwrap_err();
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "destinations"));
        assert!(!error.to_string().contains("canary"));
    }
}
