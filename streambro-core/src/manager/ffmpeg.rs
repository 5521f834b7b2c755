//! Whether there is an ffmpeg, and which.

use super::doctor::{Check, check};
use crate::{
    ffmpeg::tools::{FLOOR, Lack, Toolbox, Tools},
    status::Severity,
};

const NAME: &str = "ffmpeg";

/// Asks the `ffmpeg` on the path. Blocks for at most 4 s.
pub(super) fn look() -> Check {
    judge(Toolbox::default().look())
}

fn judge(found: Result<Tools, Lack>) -> Check {
    let newer = format!("install ffmpeg {}.{} or newer", FLOOR.0, FLOOR.1);
    match found.map(|tools| tools.version) {
        Err(Lack::Missing(_)) => {
            let what = "there is no ffmpeg on the path; copying needs none, encoding does";
            check(NAME, Severity::Note, what, newer)
        }
        Err(lack) => check(NAME, Severity::Note, lack.what(), newer),
        Ok(Some((major, minor))) if (major, minor) < FLOOR => {
            let what = format!("ffmpeg is {major}.{minor}, older than what is tested");
            check(NAME, Severity::Note, what, newer)
        }
        Ok(Some((major, minor))) => check(NAME, Severity::Fine, format!("ffmpeg is {major}.{minor}"), ""),
        Ok(None) => {
            let what = "ffmpeg does not say its version in a known form; a build from its sources does that";
            check(NAME, Severity::Note, what, "")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn an_old_one_or_none_is_a_note_and_a_new_one_is_fine() {
        let here = Toolbox::default().look().unwrap();
        let severity = |version| judge(Ok(Tools { version, ..here.clone() })).severity;
        assert_eq!(severity(Some((4, 4))), Severity::Note);
        assert_eq!(severity(Some((5, 1))), Severity::Fine);
        assert_eq!(severity(None), Severity::Note);
        let missing = judge(Toolbox::new(Some(PathBuf::from("/no/such/ffmpeg"))).look());
        assert_eq!(
            (missing.severity, missing.remedy.as_str()),
            (Severity::Note, "install ffmpeg 5.1 or newer")
        );
        let mute = judge(Err(Lack::Mute(PathBuf::from("/x/ffmpeg"), "it ended with 3".to_owned())));
        assert_eq!(mute.what, "/x/ffmpeg cannot be used: it ended with 3");
        assert_eq!(look().severity, Severity::Fine);
    }
}
