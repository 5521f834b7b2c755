//! What a caller wants: data, checked where it is made.

mod destination;
mod encode;
mod platform;
mod policy;
mod retry;
mod stream;
mod times;
mod url;

pub use destination::{Destination, Trust};
pub(crate) use encode::Size;
pub use encode::{Decode, Encode, Encoder, Fps, Memory, Preset, Profile, Tune};
pub use platform::{Band, Origin, Platform, PlatformProfile};
pub use policy::{AllowRule, DestinationPolicy};
pub use retry::Retry;
pub use stream::{Repeat, Source, StreamId, StreamSpec, Video};
pub use times::Times;
pub use url::{IngestUrl, UrlError};
