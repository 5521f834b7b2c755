//! Rich data as JSON.

use serde::{Serialize, de::DeserializeOwned};
use serde_path_to_error::Segment;
use streambro_core::ErrorKind;

use crate::{Result, fault};

/// Reads what came from another language; `name` is what it is called there.
///
/// # Errors
/// `InvalidSpec`, without the texts that it quotes: a key may stand in a wrong place.
pub fn parse<T: DeserializeOwned>(name: &str, json: &str) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = error.path().iter().map(place).collect::<String>();
        (place, error.into_inner())
    });
    let read = read.and_then(|value| reader.end().map(|()| value).map_err(|error| (String::new(), error)));
    read.map_err(|(place, error)| {
        let says = error.to_string();
        // What a type of ours says against a value is an error of its own, with the field to blame.
        let own = says.strip_prefix("invalid_spec: ").and_then(|says| says.split_once(": "));
        let (field, says) = own.filter(|(field, _)| is_plain(field)).unwrap_or(("", &says));
        let mut place = format!("{name}{place}");
        if !field.is_empty() && !place.ends_with(field) {
            place = format!("{place}.{field}");
        }
        fault(ErrorKind::InvalidSpec, &place, without_values(says))
    })
}

/// Writes something for another language.
///
/// # Errors
/// `Host`.
pub fn write(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| fault(ErrorKind::Host, "json", error.to_string()))
}

/// A step on the way to what is wrong. Names that are none of ours may be keys.
fn place(step: &Segment) -> String {
    match step {
        Segment::Seq { index } => format!("[{index}]"),
        Segment::Map { key } | Segment::Enum { variant: key } if is_plain(key) => format!(".{key}"),
        Segment::Unknown => String::new(),
        _ => ".?".to_owned(),
    }
}

/// Whether it is written like a name of ours.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What a reader of JSON says, without the texts that it quotes.
fn without_values(says: &str) -> String {
    for (opens, closes, instead) in [
        ("string \"", "\", expected", "a string"),
        ("unknown variant `", "`, expected", "an unknown variant"),
        ("unknown field `", "`, expected", "an unknown field"),
    ] {
        if let Some((before, quoted)) = says.split_once(opens) {
            let (text, after) = quoted.rsplit_once(closes).unwrap_or_default();
            // One with a slip of the pen is worth seeing; a key is more than letters.
            if opens.contains("field") && is_plain(text) {
                break;
            }
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
            r#"{"url": "rtmp://127.0.0.1/live", "canary-key": "k"}"#,
            r#"{"rtmp://127.0.0.1/live/`canary": "k"}"#,
        ] {
            let error = parse::<Destination>("destination", json).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let json = r#"{"v": 1, "id": "a", "source": {"file": "x"}, "destinations": "rtmp://a/canary-key"}"#;
        let error = parse::<StreamSpec>("spec", json).unwrap_err();
        let says = "spec.destinations: invalid type: a string, expected a sequence at line 1 column 82";
        assert_eq!(format!("{}: {}", error.subject, error.detail), says);
        let error = parse::<Destination>("destination", r#"{"url": "http://a/b", "key": "k"}"#).unwrap_err();
        assert_eq!(error.subject, "destination.url");
        assert!(!error.detail.contains("invalid_spec"), "{error}");
        let error = parse::<Destination>("destination", "{").unwrap_err();
        assert_eq!(error.subject, "destination");
        let error = parse::<Destination>("destination", r#"{"stream_key": "k"}"#).unwrap_err();
        assert!(error.detail.starts_with("unknown field `stream_key`, expected one of `url`"), "{error}");
    }
}
