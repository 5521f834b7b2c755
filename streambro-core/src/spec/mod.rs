//! What a caller wants: data, checked where it is made.

mod destination;
mod edit;
mod encode;
mod manner;
mod platform;
mod playlist;
mod policy;
mod retry;
mod schedule;
mod stream;
mod times;
mod url;

pub use destination::{Destination, Trust};
pub use edit::{Edit, ItemId, PlaylistKind};
pub(crate) use encode::Size;
pub use encode::{Decode, Encode, Encoder, Fps, Memory, Preset, Profile, Tune};
pub use manner::{Lag, Rotation};
pub use platform::{Band, Origin, Platform, PlatformProfile};
pub(crate) use playlist::check_count;
pub use playlist::{AtEnd, Item, OnFailure, OnMismatch, Order, Playlist};
pub use policy::{AllowRule, DestinationPolicy};
pub use retry::Retry;
pub use schedule::{Airing, MissedStart, Preview, Schedule, Window, WindowEnd};
pub(crate) use stream::MAX_DESTINATIONS;
pub(crate) use stream::Version;
pub use stream::{Repeat, Resume, Source, StreamId, StreamSpec, Video};
pub use times::Times;
pub use url::{IngestUrl, UrlError};
