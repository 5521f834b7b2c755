//! What happened: numbered events, pulled by whoever wants them.

mod bell;
mod bus;
mod filter;
mod ring;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer, ser::SerializeStruct};

pub(crate) use bus::Bus;
pub use filter::EventFilter;
pub use subscription::Subscription;

use crate::{
    error::ErrorKind,
    spec::{Airing, Encoder, StreamId},
    status::{AsRun, LegPhase, Phase, Reason, Resource},
};

/// The version of the JSON of events.
const VERSION: u32 = 1;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Its number in this manager, from 0. What a reader lost is told by [`EventKind::Missed`]: a gap in the numbers may
    /// as well be what the reader's [`EventFilter`] kept away.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Which stream; `None` for what concerns none: `Missed`, and alerts about the process.
    pub stream: Option<StreamId>,
    /// Whose stream it is, if it was given a user.
    pub user: Option<String>,
    /// What.
    pub kind: EventKind,
}

/// The JSON form of an event, for its schema.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename = "Event", description = "Something that happened.")]
#[expect(dead_code, reason = "only its shape is looked at")]
struct Form {
    v: crate::spec::Version,
    /// Its number in its manager, from 0.
    seq: u64,
    /// When, in milliseconds since 1970.
    unix_ms: u64,
    /// Which stream, if it concerns one.
    stream: Option<StreamId>,
    /// Whose stream it is, if it was given a user.
    user: Option<String>,
    kind: EventKind,
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Event {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Form::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Form::json_schema(generator)
    }
}

impl Serialize for Event {
    /// As JSON it says which version of the format it is: `"v": 1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { seq, unix_ms, stream, user, kind } = self;
        let mut event = serializer.serialize_struct("Event", 6)?;
        event.serialize_field("v", &VERSION)?;
        event.serialize_field("seq", seq)?;
        event.serialize_field("unix_ms", unix_ms)?;
        event.serialize_field("stream", stream)?;
        event.serialize_field("user", user)?;
        event.serialize_field("kind", kind)?;
        event.end()
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum EventKind {
    /// The stream is in another phase. One event per change.
    #[non_exhaustive]
    Phase {
        /// Where it was.
        from: Phase,
        /// Where it is.
        to: Phase,
        /// Why, where that is not obvious.
        reason: Option<Reason>,
        /// The same in words. Never a key.
        detail: String,
    },
    /// A destination is in another phase. One event per change.
    #[non_exhaustive]
    Leg {
        /// Its number, as in [`LegStatus`](crate::LegStatus).
        leg: usize,
        /// Where it is.
        phase: LegPhase,
        /// Why, where that is not obvious.
        reason: Option<Reason>,
        /// The same in words. Never a key.
        detail: String,
        /// When the next attempt is, in milliseconds from now.
        retry_in_ms: Option<u64>,
    },
    /// ffmpeg begins to make the stream, or goes on with another encoder.
    #[non_exhaustive]
    Encoder {
        /// What encodes the picture; `None` where it is copied.
        encoder: Option<Encoder>,
        /// What encoded it until now.
        instead_of: Option<Encoder>,
        /// Why it is that one, and why ffmpeg is needed at all.
        detail: String,
    },
    /// ffmpeg ended before its time; it is started again where it was, unless the stream ends. Viewers notice only if
    /// [`Phase::Holding`] follows.
    #[non_exhaustive]
    EncoderFailed {
        /// Why.
        reason: Reason,
        /// The same in words, with what ffmpeg said last.
        detail: String,
        /// How far it was in the film, in milliseconds.
        reached_ms: u64,
    },
    /// What ffmpeg made of the source is kept, and copied from now on; or it is not.
    #[non_exhaustive]
    Rendition {
        /// Whether it is.
        kept: bool,
        /// The same in words.
        detail: String,
    },
    /// An item of a playlist began, ended, or could not be played.
    #[non_exhaustive]
    Item {
        /// What became of it so far.
        run: AsRun,
    },
    /// What is planned of a stream has changed, or another airing has begun.
    #[non_exhaustive]
    Schedule {
        /// What is on.
        now: Option<Airing>,
        /// What comes next.
        next: Option<Airing>,
    },
    /// A stream could not be started when its time had come.
    #[non_exhaustive]
    StartFailed {
        /// The class of the failure.
        error: ErrorKind,
        /// What went wrong, in words. Never a key.
        detail: String,
        /// When that is tried again, in milliseconds from now; `None` when its time is over.
        retry_in_ms: Option<u64>,
    },
    /// What the manager should remember cannot be kept, or can be again. Streams go on meanwhile, and what they are is tried
    /// again every other second. One event at the begin and one at the end; with a stream's name it is about its key alone.
    #[non_exhaustive]
    State {
        /// Whether everything is kept.
        saved: bool,
        /// Why not, in words; with `saved` where that is what [could not be used](crate::Builder::set_invalid_state_aside).
        /// Never a key.
        detail: String,
    },
    /// Something uses too much, or no longer does. One event at the begin and one at the end; the end of a stream ends
    /// its alerts without another word.
    #[non_exhaustive]
    Alert {
        /// What of.
        what: Resource,
        /// How much: percent of one core, or bytes.
        value: f64,
        /// What is allowed, in the same unit.
        threshold: f64,
        /// Whether it begins; else it has ended.
        began: bool,
    },
    /// The reader was slow: the oldest events are lost. Comes before the oldest that is left, with the number of the
    /// last one lost.
    #[non_exhaustive]
    Missed {
        /// How many of those that the reader wanted.
        count: u64,
    },
}
