//! Keeps 24/7 live streams of video files on the air over RTMP(S), a thousand of them from one small server.
//!
//! A [`StreamManager`] takes a [`StreamSpec`] and keeps it on the air: it reads the samples where they lie in an MP4 or
//! FLV file, places them on one unbroken timeline and publishes them, without ffmpeg and without holding buffers.
//! What is wanted goes in ([`start`](StreamManager::start), [`stop`](StreamManager::stop)); what happens comes out as
//! numbered [events](Event) that the host pulls.
//!
//! ```no_run
//! use std::time::Duration;
//! use streambro_core::{Destination, Phase, Repeat, Source, StreamManager, StreamSpec};
//!
//! # async fn example(key: String) -> Result<(), streambro_core::Error> {
//! let manager = StreamManager::builder().build().await?;
//! let stream = manager
//!     .start(
//!         StreamSpec::new("lofi", Source::file("loop.mp4").repeat(Repeat::Forever))
//!             .destination(Destination::new("rtmps://a.rtmps.youtube.com/live2", key)?),
//!     )
//!     .await?;
//! stream.wait_for(Phase::Live).await?;
//! manager.shutdown(Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```
//!
//! By default a manager runs 20 streams, 5 for each user; [`Builder`] says otherwise, and lets streams wait for a place
//! instead of refusing them. [`explain`](StreamManager::explain) says beforehand which limit would be in the way, and
//! [`capacity`](StreamManager::capacity) how many more streams fit. RTMPS is the feature `tls`, which
//! is on. The source is an MP4 or FLV file with H.264 and AAC; [`probe`] says what is in the way of any other.
//!
//! # Channels
//! [`Source::playlist`] plays many files on one connection, in order or shuffled, with in and out points; the list can be
//! changed while it plays ([`edit`](StreamManager::edit)), and [`Source::sound`] lets other files be heard than are seen.
//! Destinations come and go while a stream is on the air ([`add_destination`](StreamManager::add_destination)). What cannot
//! be read, or is not there yet, holds the last picture on the same connection.
//!
//! # What cannot be copied
//! With an ffmpeg on the host, files that the native readers do not know (Matroska, MPEG-TS) and sound that is not AAC go
//! through it by themselves, and a spec may ask for more: [`Video::encode`] with an [`Encoder`] that works here
//! ([`encoders`](StreamManager::encoders)), a size, a rate. ffmpeg writes into a pipe; the clock, the connections and the
//! key stay in this process. With [`Builder::renditions`] the first lap of a looped film is kept, and copied ever
//! after; [`prepare`](StreamManager::prepare) makes it ahead of time. [`analyze`](StreamManager::analyze) says what a
//! platform would dislike about a file, and how to mend it.
//!
//! # What it leaves alone
//! The library makes no runtime, installs no signal handler, sets no global logger and writes nothing to standard
//! output. It runs on the tokio runtime on which the manager was built.
//!
//! # How it is built
//! Control: spec → survey (what is in the file) → plan (what it takes) → permit → supervisor (a pure state machine and one task) →
//! session. Media: file → cursor, or ffmpeg → tape, → timeline → leg → RTMP. Modules use lower layers only; a test holds
//! that.

#[cfg(windows)]
compile_error!("streambro runs on Linux and macOS; on Windows use WSL 2.");

#[cfg(feature = "schema")]
#[macro_use]
mod as_text;
mod clock;
mod dice;
mod error;
mod event;
mod ffmpeg;
mod journal;
mod limits;
mod manager;
mod monitor;
mod plan;
mod publish;
mod rendition;
mod schedule;
#[cfg(feature = "schema")]
pub mod schema;
mod secret;
mod session;
mod source;
mod spec;
mod state;
mod status;
mod supervisor;
mod survey;
mod sys;

// Not part of the public face: open to this workspace's tests and fuzzers.
#[cfg(feature = "test-hooks")]
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod media;
#[doc(hidden)]
pub mod rtmp;

pub use clock::Clock;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, EventFilter, EventKind, Subscription};
pub use ffmpeg::{Availability, EncoderReport, Sandbox, command};
/// What instants, civil times and zones of a schedule are made of.
pub use jiff;
pub use journal::{LogLevel, LogLine, RunRecord};
pub use limits::{Admission, Limit, LimitUse};
pub use manager::{
    Audit, AuditFinding, Builder, Check, Diagnosis, Mismatch, Preparation, PrepareOutcome, PrepareProgress,
    PrepareStage, Renditions, Settings, Stream, StreamManager, Upcoming, UserScope,
};
#[cfg(feature = "signals")]
pub use manager::{EndSignal, shutdown_on_signals};
pub use media::error::Unsupported;
pub use media::packet::Track;
pub use media::probe::{AudioInfo, Container, MediaInfo, VideoInfo};
pub use monitor::{AlertAction, Alerts, Host, ProcessSample};
pub use plan::{
    Analysis, Block, Capacity, Cost, Explanation, Finding, FindingKind, Plan, Road, Room, Share, Verdict,
};
pub use publish::Resolver;
pub use rendition::RenditionUsage;
pub use secret::Secret;
pub use session::{RemuxReport, remux};
pub use spec::{Airing, MissedStart, Preview, Schedule, Window, WindowEnd};
pub use spec::{
    AllowRule, AtEnd, Band, Decode, Destination, DestinationPolicy, Edit, Encode, Encoder, Fps, Item, ItemId,
    Lag, Memory, OnFailure, OnMismatch, Order, Origin, Platform, PlatformProfile, Playlist, PlaylistKind,
    Preset, Profile, Repeat, Resume, Retry, Rotation, Source, StreamId, StreamSpec, Trust, Tune, Video,
};
#[doc(hidden)]
pub use spec::{IngestUrl, Times, UrlError};
pub use state::{Change, KeyProvider, Store};
pub use status::{
    AsRun, Encoding, EncodingState, ItemEnd, Lateness, LegPhase, LegStatus, Phase, PlaylistItem,
    PlaylistStatus, Reason, Resource, SandboxLevel, ScheduleStatus, Severity, StreamStatus, Usage,
};
pub use survey::{Probe, probe};
