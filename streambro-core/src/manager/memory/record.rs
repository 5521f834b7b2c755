//! The records that a manager keeps: JSON, each with the version of its form.
//!
//! | key | what it holds |
//! |---|---|
//! | `meta` | the boot during which it was last used, and the mark of its children |
//! | `spec/ID` | what is wanted of a stream, with masked keys |
//! | `key/N/ID` | the key of its Nth destination, sealed, or in clear text |
//! | `plan/ID` | what of its schedule has been dealt with |
//! | `list/ID` | its playlists as they are by now |
//! | `place/ID` | where it is in its media, and during which airing |
//! | `run/N` | a run that has ended |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
    source::{FilePlace, ListPlace, ListPlaces, Place},
    spec::{StreamId, StreamSpec},
};

/// The version of all records that this streambro writes.
const VERSION: u64 = 1;

/// Numbers of a place beyond this were never counted.
const MOST: u64 = 1 << 53;

/// What stands for a key that is not kept.
const NO_KEY: &str = "the key is not kept";

const TOO_FAR: &str = "it is of a place where no stream has ever been";

pub(super) const META: &str = "meta";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manager) struct Meta {
    /// The boot of the machine, if it tells.
    #[serde(default)]
    pub(super) boot: Option<String>,
    /// What its children carry in their environment.
    pub(super) cookie: String,
}

/// Where a stream was, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlaceRecord {
    pub(super) unix_ms: u64,
    /// When the airing began that it belongs to, in milliseconds since 1970.
    pub(super) since: i64,
    pub(super) at: At,
    /// Destinations of the spec that are not to be on the air.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resting: Vec<usize>,
}

/// A place without what it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum At {
    File(FilePlace),
    /// How far into the item of each list, in milliseconds.
    Lists(Vec<u64>),
}

impl At {
    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::File(place) => Self::File(*place),
            Place::Lists(lists) => {
                let ms = |list: &ListPlace| list.playing.as_ref().map_or(0, |playing| playing.skip_ms);
                Self::Lists(lists.each().map(ms).collect())
            }
        }
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::File(FilePlace { laps, ms }) => [laps, ms].iter().all(|number| **number <= MOST),
            Self::Lists(ms) => ms.iter().all(|ms| *ms <= MOST),
        }
    }

    /// The whole place, with the lists that were kept beside it.
    pub(super) fn within(self, lists: Option<Place>) -> Option<Place> {
        match (self, lists) {
            (Self::File(place), None) => Some(Place::File(place)),
            (Self::Lists(ms), Some(Place::Lists(lists))) => Some(Place::Lists(Box::new(lists.at(ms)))),
            _ => None,
        }
    }
}

/// The lists of a place at the beginning of what plays: they are kept only when they change.
pub(super) fn lists_alone(place: Place) -> Option<Place> {
    let Place::Lists(lists) = place else { return None };
    Some(Place::Lists(Box::new(ListPlaces::at(*lists, [0, 0]))))
}

/// The key of a destination, as it is kept.
#[derive(Debug)]
pub(super) enum KeptKey {
    Sealed(Vec<u8>),
    Clear(Secret),
}

impl KeptKey {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (tag, bytes) = match self {
            Self::Sealed(bytes) => (b's', bytes.as_slice()),
            Self::Clear(key) => (b'c', key.expose().as_bytes()),
        };
        [&[tag], bytes].concat()
    }

    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self> {
        match bytes.split_first() {
            Some((b's', sealed)) => Ok(Self::Sealed(sealed.to_vec())),
            Some((b'c', key)) => match str::from_utf8(key) {
                Ok(key) => Ok(Self::Clear(Secret::new(key))),
                Err(_) => Err(invalid(name, "it is no text")),
            },
            _ => Err(invalid(name, "it is of a kind that this streambro does not know")),
        }
    }
}

pub(super) fn encode(body: &impl Serialize) -> Vec<u8> {
    // Maps have texts for keys, and nothing here refuses to be written.
    serde_json::to_vec(&(VERSION, body)).unwrap_or_default()
}

/// # Errors
/// `StateInvalid` when it is not what was written, or was written by a newer version.
pub(super) fn decode<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T> {
    let not_ours = |error: serde_json::Error| invalid(name, &error.to_string());
    let (version, body): (u64, Value) = serde_json::from_slice(bytes).map_err(not_ours)?;
    if version > VERSION {
        let detail = format!(
            "its form is {version}, and this streambro knows {VERSION}: it was written by a newer one; use that"
        );
        return Err(invalid(name, &detail));
    }
    serde_json::from_value(body).map_err(not_ours)
}

/// A place from its record.
///
/// # Errors
/// `StateInvalid`.
pub(super) fn decode_place(name: &str, bytes: &[u8]) -> Result<PlaceRecord> {
    let place: PlaceRecord = decode(name, bytes)?;
    if place.at.is_sound() { Ok(place) } else { Err(invalid(name, TOO_FAR)) }
}

/// The playlists of a place from their record.
///
/// # Errors
/// `StateInvalid`.
pub(super) fn decode_list(name: &str, bytes: &[u8]) -> Result<Place> {
    let place: Place = decode(name, bytes)?;
    let is_sound = match &place {
        Place::File(_) => false,
        Place::Lists(lists) => lists.each().all(|list| {
            let skips = list.playing.as_ref().map_or(0, |playing| playing.skip_ms);
            list.rundown.is_sound(MOST) && skips <= MOST
        }),
    };
    if is_sound { Ok(place) } else { Err(invalid(name, TOO_FAR)) }
}

/// A spec from its record, with these keys; where one is missing something stands in its place that no other destination has.
///
/// # Errors
/// `StateInvalid`.
pub(super) fn decode_spec(name: &str, bytes: &[u8], keys: &BTreeMap<usize, Secret>) -> Result<StreamSpec> {
    let mut spec: Value = decode(name, bytes)?;
    let destinations = spec.get_mut("destinations").and_then(Value::as_array_mut);
    for (at, destination) in destinations.into_iter().flatten().enumerate() {
        let key = keys.get(&at).map(|key| key.expose().to_owned());
        if let Some(masked) = destination.get_mut("key") {
            // Keys that nobody knows are not the same: two of one stream, or of two, may be for one server.
            *masked = Value::from(key.unwrap_or_else(|| format!("{NO_KEY}: {at} of {name}")));
        }
    }
    let spec: StreamSpec = serde_json::from_value(spec).map_err(|error| invalid(name, &error.to_string()))?;
    spec.check().map_err(|error| invalid(name, &error.detail))?;
    Ok(spec)
}

/// The id in a key such as `spec/lofi`.
///
/// # Errors
/// `StateInvalid`.
pub(super) fn id_in(name: &str, id: &str) -> Result<StreamId> {
    StreamId::parse(id).map_err(|_| invalid(name, "its name is none of ours"))
}

pub(super) fn invalid(name: &str, why: &str) -> Error {
    let detail = format!(
        "the record `{name}` cannot be used: {why}; nothing was changed. Restore it from a copy, or let it be set aside"
    );
    Error::new(ErrorKind::StateInvalid, "state", detail)
}
