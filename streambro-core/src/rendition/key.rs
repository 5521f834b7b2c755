//! The name of a rendition.

use super::hash::ContentHash;

/// Part of every name: a new form of renditions does not find the old ones.
const FORM: u32 = 1;

/// What a rendition is of, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    text: String,
    name: String,
}

impl Key {
    /// The rendition of a file with this content under `settings`.
    ///
    /// `settings` is any text that is the same when the result is: the settings as JSON, the encoder that was chosen, the
    /// version of the arguments made from them.
    pub(crate) fn new(content: ContentHash, settings: &str) -> Self {
        let text = format!("{FORM}\n{content}\n{settings}");
        let name = format!("{}.flv", blake3::hash(text.as_bytes()).to_hex());
        Self { text, name }
    }

    /// Everything that went into it, as it stands in the file's record.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The name of its file: 64 hexadecimal digits and `.flv`, whatever the settings say.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
