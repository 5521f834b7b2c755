//! Text that must not be seen.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// What stands where a secret would.
const MASK: &str = "***";

/// A stream key or other text that no log, error, event or serialised form may show.
///
/// `Debug`, `Display` and `Serialize` print `***`; the memory is wiped when it is dropped. [`expose`](Self::expose) is
/// the one way to the text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `text` with every occurrence of the secret masked; for text that came from a peer.
    ///
    /// The part of a key before its query string is masked too, for servers that echo only that. Fragments of under
    /// four bytes are left: masking them would garble ordinary words.
    pub fn redact(&self, text: &str) -> String {
        let stem = self.0.split('?').next().unwrap_or_default();
        let mut clean = text.to_owned();
        for part in [self.expose(), stem] {
            if part.len() >= 4 {
                clean = clean.replace(part, MASK);
            }
        }
        clean
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(feature = "schema")]
as_text!(Secret, "Secret", "A stream key. What comes out has `***` in its place.");

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The usual error repeats the value that it did not want: a key of digits alone, without its quotes.
        let text = String::deserialize(deserializer).map_err(|_| {
            de::Error::custom("a secret is a well-formed string, in quotes also when it is all digits")
        })?;
        if text == MASK {
            return Err(de::Error::custom("this secret was masked when it was written; put the real one in"));
        }
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_and_serialises_as_a_mask() {
        let secret = Secret::new("canary-1234");
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "*** *** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
    }

    #[test]
    fn a_key_without_quotes_is_refused_without_repeating_it() {
        assert_eq!(serde_json::from_str::<Secret>("\"12345\"").unwrap().expose(), "12345");
        for number in ["12345", "-12345", "12345.5", "1e300"] {
            let error = serde_json::from_str::<Secret>(number).unwrap_err().to_string();
            assert!(error.contains("in quotes") && !error.contains("2345"), "{error}");
        }
    }

    #[test]
    fn a_mask_is_not_taken_for_a_secret() {
        let error = serde_json::from_str::<Secret>("\"***\"").unwrap_err();
        assert!(error.to_string().contains("masked"), "{error}");
    }

    #[test]
    fn redacting_hides_the_key_with_and_without_its_query() {
        let secret = Secret::new("canary?auth=42");
        assert_eq!(secret.redact("no canary?auth=42, and canary alone"), "no ***, and *** alone");
    }
}
