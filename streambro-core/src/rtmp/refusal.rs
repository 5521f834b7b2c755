//! Why a server will not take a stream.

use std::fmt;

use super::session::Stage;

/// The kind of a refusal. Servers say it in words; this is the best reading of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The stream key is not known, or not allowed now.
    BadKey,
    /// Somebody publishes under this key: often our own connection of a moment ago, which the server still holds.
    AlreadyPublishing,
    /// The server wants a login that the key is not.
    Auth,
    /// The server has no such application.
    App,
    /// Anything else.
    Other,
}

/// A server's answer that it will not take the stream.
///
/// The texts are the server's, without the stream key and without anything that does not print, at most 200
/// characters each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// What it most probably means.
    pub kind: RefusalKind,
    /// The code, such as `NetStream.Publish.BadName`. May be empty.
    pub code: String,
    /// The explanation. May be empty.
    pub description: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RefusalKind::BadKey => "the server refuses the stream key",
            RefusalKind::AlreadyPublishing => "the server says that this stream is already being published",
            RefusalKind::Auth => "the server demands a login",
            RefusalKind::App => "the server does not know the application",
            RefusalKind::Other => "the server refuses the stream",
        };
        match (self.code.as_str(), self.description.as_str()) {
            ("", "") => f.write_str(kind),
            (text, "") | ("", text) => write!(f, "{kind} ({text})"),
            (code, description) => write!(f, "{kind} ({code}: {description})"),
        }
    }
}

/// Words of servers that name the fault better than any code, in the order in which they decide.
///
/// nginx-rtmp: "Already publishing". node-media-server: "Stream already publishing", "Authorization required.".
/// Wowza and Akamai: "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ]", "Application (x) is not
/// defined". Red5: "already exists".
const WORDS: &[(&str, RefusalKind)] = &[
    ("already", RefusalKind::AlreadyPublishing),
    ("in use", RefusalKind::AlreadyPublishing),
    ("being published", RefusalKind::AlreadyPublishing),
    ("duplicate", RefusalKind::AlreadyPublishing),
    ("authmod", RefusalKind::Auth),
    ("need auth", RefusalKind::Auth),
    ("needauth", RefusalKind::Auth),
    ("stream key", RefusalKind::BadKey),
    ("streamkey", RefusalKind::BadKey),
    ("invalid key", RefusalKind::BadKey),
    ("stream name", RefusalKind::BadKey),
    ("authori", RefusalKind::Auth),
    ("authentic", RefusalKind::Auth),
    ("password", RefusalKind::Auth),
    ("application", RefusalKind::App),
    ("invalid app", RefusalKind::App),
];

/// Endings of codes, for answers without telling words.
const CODES: &[(&str, RefusalKind)] = &[
    // node-media-server: the connection, not the name, publishes already.
    (".badconnection", RefusalKind::AlreadyPublishing),
    (".unauthorized", RefusalKind::Auth),
    (".badauth", RefusalKind::Auth),
    (".invalidapp", RefusalKind::App),
    (".badname", RefusalKind::BadKey),
    ("publish.denied", RefusalKind::BadKey),
    ("publish.rejected", RefusalKind::BadKey),
    // brpc answers a publisher with it, as every client understands it.
    (".streamnotfound", RefusalKind::BadKey),
];

/// Reads an answer that was given at `stage`.
pub(super) fn classify(stage: Stage, code: &str, description: &str) -> RefusalKind {
    let (code, description) = (code.to_ascii_lowercase(), description.to_ascii_lowercase());
    let by_words = WORDS.iter().find(|(word, _)| description.contains(word));
    let by_code = CODES.iter().find(|(ending, _)| code.ends_with(ending));
    match by_words.or(by_code) {
        // An application that rejects a name is a matter of the name.
        Some((_, RefusalKind::App)) if stage != Stage::Connect && !code.ends_with("app") => {
            by_code.map_or(RefusalKind::Other, |(_, kind)| *kind)
        }
        Some((_, kind)) => *kind,
        None => RefusalKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_habits_of_real_servers_are_understood() {
        use RefusalKind::*;
        for (code, description, kind) in [
            ("NetStream.Publish.BadName", "Already publishing", AlreadyPublishing),
            ("NetStream.Publish.BadName", "Stream already publishing", AlreadyPublishing),
            ("NetStream.Publish.BadConnection", "Connection already publishing", AlreadyPublishing),
            ("NetStream.Publish.BadName", "Stream name is in use", AlreadyPublishing),
            ("NetStream.Publish.BadConnection", "", AlreadyPublishing),
            ("NetStream.Publish.BadName", "", BadKey),
            ("NetStream.Publish.Denied", "not today", BadKey),
            ("NetStream.Publish.Rejected", "", BadKey),
            ("NetStream.Publish.Unauthorized", "Authentication failed: invalid stream key", BadKey),
            ("NetStream.Play.StreamNotFound", "", BadKey),
            ("NetStream.publish.Unauthorized", "Authorization required.", Auth),
            ("NetStream.Publish.BadAuth", "", Auth),
            ("NetStream.Publish.BadName", "Application rejects the name", BadKey),
            ("NetStream.Publish.Failed", "disk full", Other),
            ("", "", Other),
        ] {
            assert_eq!(classify(Stage::Publish, code, description), kind, "{code} {description}");
        }
        for (code, description, kind) in [
            (
                "NetConnection.Connect.Rejected",
                "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
                Auth,
            ),
            (
                "NetConnection.Connect.Rejected",
                "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (live9) is not defined.",
                App,
            ),
            ("NetConnection.Connect.InvalidApp", "", App),
            ("NetConnection.Connect.Rejected", "Invalid authorized key", Auth),
            ("NetConnection.Connect.Rejected", "", Other),
        ] {
            assert_eq!(classify(Stage::Connect, code, description), kind, "{code} {description}");
        }
    }
}
