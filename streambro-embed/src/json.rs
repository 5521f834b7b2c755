//! Rich data as JSON.

use serde::{Serialize, de::DeserializeOwned};
use streambro_core::ErrorKind;

use crate::{Result, fault};

/// Reads what came from another language; `name` is what it is called there.
///
/// # Errors
/// `InvalidSpec`, without the texts that it quotes: a key may stand in a wrong place.
pub fn parse<T: DeserializeOwned>(name: &str, json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| fault(ErrorKind::InvalidSpec, name, without_values(&error.to_string())))
}

/// Writes something for another language.
///
/// # Errors
/// `Host`.
pub fn write(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| fault(ErrorKind::Host, "json", error.to_string()))
}

/// What a reader of JSON says, without the texts that it quotes.
fn without_values(says: &str) -> String {
    for (opens, closes, instead) in [
        ("string \"", "\", expected", "a string"),
        ("unknown variant `", "`, expected", "an unknown variant"),
    ] {
        if let Some((before, quoted)) = says.split_once(opens) {
            let after = quoted.rsplit_once(closes).map_or("", |(_, after)| after);
            return format!("{before}{instead}, expected{after}");
        }
    }
    says.to_owned()
}

#[cfg(test)]
mod tests {
    use streambro_core::{Destination, StreamSpec};

    use super::*;

    #[test]
    fn a_key_in_a_wrong_place_is_in_no_error() {
        for json in [
            r#""canary-key""#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": "k", "backup": ["canary-key"]}"#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": 7}"#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": "k", "trust": "canary-key"}"#,
            r#"{"url": "rtmp://127.0.0.1/live", "key": "k", "lag": "canary-key\", expected nothing"}"#,
        ] {
            let error = parse::<Destination>("destination", json).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let json = r#"{"v": 1, "id": "a", "source": {"file": "x"}, "destinations": "rtmp://a/canary-key"}"#;
        let error = parse::<StreamSpec>("spec", json).unwrap_err();
        assert_eq!(error.detail, "invalid type: a string, expected a sequence at line 1 column 82");
    }
}
