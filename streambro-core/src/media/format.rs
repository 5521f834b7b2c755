//! The kinds of files that can be read, here or by ffmpeg.

use serde::Serialize;

/// Boxes that MP4 and QuickTime files begin with (ISO/IEC 14496-12, 6.2.3; QuickTime File Format).
pub(crate) const FIRST_BOXES: [&[u8; 4]; 9] =
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid"];

/// A kind of file, by its first bytes. ffmpeg is told which, so that it never guesses for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// MP4, QuickTime and their relatives.
    Mov,
    /// Matroska and WebM.
    Matroska,
    /// An MPEG transport stream.
    MpegTs,
    /// Flash Video.
    Flv,
}

impl Format {
    /// Every format.
    pub const ALL: &[Self] = &[Self::Mov, Self::Matroska, Self::MpegTs, Self::Flv];

    /// Returns the name of ffmpeg's reader for it, for `-f` and `-format_whitelist`.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::MpegTs => "mpegts",
            Self::Flv => "flv",
        }
    }

    /// Returns its name for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mov => "MP4",
            Self::Matroska => "Matroska",
            Self::MpegTs => "MPEG-TS",
            Self::Flv => "FLV",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_json_are_those_of_ffmpeg_but_for_the_underscore() {
        for format in Format::ALL {
            let name = serde_json::to_value(format).unwrap();
            assert_eq!(name.as_str().unwrap().replace('_', ""), format.demuxer());
        }
    }
}
