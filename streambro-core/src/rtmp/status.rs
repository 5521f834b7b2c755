//! What a server says of a connection or a stream.

use super::refusal::{Refusal, RefusalKind, classify};
use super::session::Stage;
use super::target::Target;
use crate::media::amf0::{Object, Reader};
use crate::secret::Secret;

/// Bytes of a redirection that are kept.
const MAX_URL: usize = 2048;

/// The information object of an answer or a status.
///
/// What it means is decided on the text of the wire; only what may be shown is kept. A key such as "Start" would else
/// hide from us that the stream may start.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) meaning: Meaning,
    /// What it is a refusal of, if it is one.
    kind: RefusalKind,
    pub(super) code: String,
    pub(super) description: String,
    pub(super) tc_url: Option<Secret>,
}

/// What a status says, whatever its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The stream may start.
    Start,
    /// There is or will be no stream.
    End,
    /// The connection should be made anew (E-RTMP v2).
    Reconnect,
    /// Something else.
    Other,
}

impl Status {
    /// Reads the first object that has a code, a level or a description. Servers differ in what stands before it.
    pub(super) fn find(mut values: Reader<'_>, stage: Stage, target: &Target) -> Self {
        while let Ok(Some(value)) = values.next() {
            if let Some(object) = value.as_object()
                && ["code", "level", "description"].iter().any(|name| object.get(name).is_some())
            {
                return Self::read(object, stage, target);
            }
        }
        Self {
            meaning: Meaning::Other,
            kind: RefusalKind::Other,
            code: String::new(),
            description: String::new(),
            tc_url: None,
        }
    }

    fn read(object: Object<'_>, stage: Stage, target: &Target) -> Self {
        let text =
            |name| object.get(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let (level, code, description, tc_url) =
            (text("level"), text("code"), text("description"), text("tcUrl"));
        let is = |other: &str| code.eq_ignore_ascii_case(other);
        let meaning = if is("NetConnection.Connect.ReconnectRequest") {
            Meaning::Reconnect
        } else if level.eq_ignore_ascii_case("error") || ENDS.iter().any(|other| is(other)) {
            Meaning::End
        } else if is("NetStream.Publish.Start") {
            Meaning::Start
        } else {
            Meaning::Other
        };
        Self {
            meaning,
            kind: classify(stage, &code, &description),
            code: target.clean(&code),
            description: target.clean(&description),
            tc_url: (1..=MAX_URL).contains(&tc_url.len()).then(|| Secret::new(tc_url)),
        }
    }

    /// Whether its words or its code say why a stream cannot be taken.
    pub(super) fn names_a_cause(&self) -> bool {
        self.kind != RefusalKind::Other
    }

    /// Takes it for a refusal.
    pub(super) fn into_refusal(self) -> Refusal {
        Refusal { kind: self.kind, code: self.code, description: self.description }
    }
}

/// Codes that, whatever their level, say that there is or will be no stream.
const ENDS: &[&str] = &[
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
