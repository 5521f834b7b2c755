//! What a server says of a connection or a stream.

use super::target::Target;
use crate::media::amf0::{Object, Reader};
use crate::secret::Secret;

/// Bytes of a redirection that are kept.
const MAX_URL: usize = 2048;

/// The information object of an answer or a status.
#[derive(Default)]
pub(super) struct Status {
    /// It says that there is or will be no stream.
    pub(super) ends: bool,
    pub(super) code: String,
    pub(super) description: String,
    pub(super) tc_url: Option<Secret>,
}

impl Status {
    /// Reads the first object that has a code, a level or a description. Servers differ in what stands before it.
    pub(super) fn find(mut values: Reader<'_>, target: &Target) -> Self {
        while let Ok(Some(value)) = values.next() {
            if let Some(object) = value.as_object()
                && ["code", "level", "description"].iter().any(|name| object.get(name).is_some())
            {
                return Self::read(object, target);
            }
        }
        Self::default()
    }

    fn read(object: Object<'_>, target: &Target) -> Self {
        let text =
            |name| object.get(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let (level, code) = (text("level"), target.clean(&text("code")));
        let tc_url = text("tcUrl");
        Self {
            ends: level.eq_ignore_ascii_case("error") || ends(&code),
            code,
            description: target.clean(&text("description")),
            tc_url: (1..=MAX_URL).contains(&tc_url.len()).then(|| Secret::new(tc_url)),
        }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

/// Whether a code alone, whatever its level, says that there is or will be no stream.
fn ends(code: &str) -> bool {
    const CODES: &[&str] = &[
        "NetConnection.Connect.AppShutdown",
        "NetConnection.Connect.Closed",
        "NetConnection.Connect.Failed",
        "NetConnection.Connect.InvalidApp",
        "NetConnection.Connect.Rejected",
        "NetStream.Publish.BadAuth",
        "NetStream.Publish.BadConnection",
        "NetStream.Publish.BadName",
        "NetStream.Publish.Denied",
        "NetStream.Publish.Failed",
        "NetStream.Publish.Rejected",
        "NetStream.Publish.Unauthorized",
        "NetStream.Unpublish.Success",
    ];
    CODES.iter().any(|other| other.eq_ignore_ascii_case(code))
}
