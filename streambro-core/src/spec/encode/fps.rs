//! A frame rate as a fraction.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Pictures a second, exactly: `Fps::from(30)` or `Fps::new(30_000, 1_001)`.
///
/// As JSON it is a number when whole, else a text like `"30000/1001"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fps {
    num: u32,
    den: u32,
}

impl Fps {
    /// So many pictures in so many seconds. `start` refuses less than 1 and more than 240 pictures a second.
    pub fn new(pictures: u32, seconds: u32) -> Self {
        Self { num: pictures, den: seconds }
    }

    /// The rate as a number, 0 where it means nothing.
    pub(crate) fn as_f64(self) -> f64 {
        if self.den == 0 { 0.0 } else { f64::from(self.num) / f64::from(self.den) }
    }
}

impl From<u32> for Fps {
    fn from(pictures: u32) -> Self {
        Self::new(pictures, 1)
    }
}

impl fmt::Display for Fps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.den {
            1 => write!(f, "{}", self.num),
            den => write!(f, "{}/{den}", self.num),
        }
    }
}

impl FromStr for Fps {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        match (num.parse(), den.parse()) {
            (Ok(num), Ok(den)) => Ok(Self::new(num, den)),
            _ => Err("a frame rate is a number like 30 or a fraction like 30000/1001"),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Fps {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fps".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["integer", "string"],
            "description": "Pictures a second: a number such as 30, or a fraction such as \"30000/1001\"."
        })
    }
}

impl Serialize for Fps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.den {
            1 => serializer.serialize_u32(self.num),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Fps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Fps;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a frame rate like 30 or \"30000/1001\"")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Fps, E> {
                u32::try_from(value).map(Fps::from).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fps, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
