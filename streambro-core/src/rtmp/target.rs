//! What is published where.

use std::fmt;

use crate::secret::Secret;
use crate::spec::IngestUrl;

/// Characters of a server's text that are kept.
const MAX_TEXT: usize = 200;

/// An application on a server, and a stream key.
#[derive(Clone)]
pub struct Target {
    /// The application, with its query string.
    pub app: String,
    /// `scheme://host[:port]/app`.
    pub tc_url: String,
    /// The stream key.
    pub name: Secret,
}

impl Target {
    /// Publishes `name` at `url`.
    pub fn new(url: &IngestUrl, name: Secret) -> Self {
        Self { app: url.app().to_owned(), tc_url: url.tc_url(), name }
    }

    /// Returns a text from the server that may be shown.
    pub(super) fn clean(&self, text: &str) -> String {
        let printable: String = text.chars().filter(|&c| prints(c)).collect();
        let mut clean = self.name.redact(&printable);
        // Tokens may stand in either query string and behind the first segment of the application.
        for part in
            self.app.split(['/', '?', '&']).skip(1).chain(self.name.expose().split(['?', '&']).skip(1))
        {
            let value = part.split_once('=').map_or(part, |(_, value)| value);
            clean = Secret::new(value).redact(&clean);
        }
        clean.chars().take(MAX_TEXT).collect()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let app = self.app.split(['/', '?']).next().unwrap_or_default();
        f.debug_struct("Target").field("app", &app).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether a character is seen. Invisible ones could break a key in two, and turn a line of a log around.
fn prints(c: char) -> bool {
    let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !invisible
}
