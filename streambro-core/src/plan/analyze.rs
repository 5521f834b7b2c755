//! What a platform would say to a file, and what would mend it. The one list of findings.

use serde::Serialize;

use super::{
    explain::Plan,
    finding::{Finding, FindingKind},
    known::{Known, Picture, Sound},
    road::{Block, Road, road},
};
use crate::{
    spec::{Encode, Encoder, Platform, PlatformProfile, Repeat, StreamSpec, Video},
    status::Severity,
};

/// Half more than what a platform asks for is worth a word: an encoder may miss it by a picture, or place a keyframe
/// where the scene changes.
const KEYFRAME_SLACK: (u64, u64) = (3, 2);

/// Rates are told of when they are off by more than this: a file's mean is none of an encoder's settings. In percent.
const RATE_SLACK: u64 = 5;

/// What [`analyze`](crate::StreamManager) says of a source and a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Analysis {
    /// How it would be sent; `None` when it cannot be.
    pub plan: Option<Plan>,
    /// The same, and why.
    pub road: Road,
    /// Whose rules were applied; `None` when the destination is no known platform's: then those of most of them.
    pub platform: Option<Platform>,
    /// What is worth knowing, the worst first.
    pub findings: Vec<Finding>,
    /// How to encode it so that all is mended that encoding can mend; `None` when there is nothing.
    pub suggestion: Option<Encode>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// What shall become of the picture.
    pub wish: &'a Video,
    /// How often it plays.
    pub repeat: Repeat,
    /// What is in the file.
    pub known: &'a Known<'a>,
    /// Where it goes.
    pub platform: Option<&'a Platform>,
    /// Whether this host has an ffmpeg that may be used.
    pub ffmpeg: bool,
}

/// Says how a file would be sent, and what a platform would say to it.
pub(crate) fn analyze(question: &Question<'_>) -> Analysis {
    let known = question.known;
    let road = road(question.wish, known, question.ffmpeg);
    let profile = match question.platform {
        Some(platform) => platform.profile(),
        None => PlatformProfile::general(),
    };
    let mut notes = Notes { found: vec![], profile, mended: mended(profile, known.picture().as_ref()) };
    notes.way(known, &road);
    let (picture, sound) = (known.picture(), known.sound());
    if let Some(picture) = &picture
        && road.copies_picture()
    {
        notes.picture(picture);
    }
    if let Some(sound) = &sound
        && road.copies_sound()
    {
        notes.sound(sound);
    }
    if picture.is_some() || sound.is_some() {
        notes.missing(picture.is_some(), sound.is_some());
    }
    notes.session(question.repeat, known.duration_ms());
    let mut findings = notes.found;
    // Stable: within a severity they stay in the order of the checks.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let suggestion = findings.iter().find_map(|finding| finding.suggestion.clone());
    Analysis { plan: road.plan(), road, platform: question.platform.cloned(), findings, suggestion }
}

/// The same for all destinations of a stream: the way, and every finding once.
pub(crate) fn survey(spec: &StreamSpec, known: &Known<'_>, ffmpeg: bool) -> (Road, Vec<Finding>) {
    let (wish, repeat) = (&spec.video, spec.source.repeat);
    let mut platforms: Vec<_> = spec.destinations.iter().map(|to| Platform::of(to)).collect();
    platforms.dedup();
    let mut findings: Vec<Finding> = vec![];
    for platform in &platforms {
        let question = Question { wish, repeat, known, platform: platform.as_ref(), ffmpeg };
        for finding in analyze(&question).findings {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    (road(wish, known, ffmpeg), findings)
}

/// What is in the way of joining `next` to `first` without a new connection, and what viewers would notice.
///
/// Other parameter sets alone are no difference: they go out as a new header in the stream.
pub(crate) fn differences(first: &Known<'_>, next: &Known<'_>) -> Vec<Finding> {
    let profile = PlatformProfile::general();
    let mut notes = Notes { found: vec![], profile, mended: mended(profile, first.picture().as_ref()) };
    let mut differ = |severity, what: &str, first: String, next: String| {
        if first != next {
            let detail = format!("{what} changes from {first} to {next}: encode both alike");
            notes.mend(FindingKind::ItemsDiffer, severity, detail);
        }
    };
    if let (Some(first), Some(next)) = (first.picture(), next.picture()) {
        let size = |picture: &Picture<'_>| format!("{}x{}", picture.width, picture.height);
        let fps = |picture: &Picture<'_>| format!("{:.2} fps", picture.fps.unwrap_or(0.0));
        differ(Severity::Error, "the video codec", first.codec.to_owned(), next.codec.to_owned());
        differ(Severity::Error, "the picture's size", size(&first), size(&next));
        differ(Severity::Note, "the frame rate", fps(&first), fps(&next));
    }
    if let (Some(first), Some(next)) = (first.sound(), next.sound()) {
        differ(Severity::Error, "the audio codec", first.codec.to_owned(), next.codec.to_owned());
        let rate = |sound: &Sound<'_>| format!("{} Hz", sound.sample_rate);
        differ(Severity::Error, "the sample rate", rate(&first), rate(&next));
        let channels = |sound: &Sound<'_>| sound.channels.to_string();
        differ(Severity::Error, "the number of channels", channels(&first), channels(&next));
    }
    notes.found
}

/// How to encode a picture so that a platform has nothing to say to it: no larger and no faster than it takes, at a rate in
/// the middle of what it asks for. What the platform leaves open stays as it is.
fn mended(profile: &PlatformProfile, picture: Option<&Picture<'_>>) -> Encode {
    let mut encode = Encode::new(Encoder::Auto);
    let Some(picture) = picture else { return encode };
    let mut lines = picture.lines();
    if let Some(most) = profile.max_lines.filter(|most| lines > *most) {
        // The frame that players have; the picture is fitted into it.
        let most = most.min(8_192) / 2 * 2;
        let long = most * 16 / 9 / 2 * 2;
        let upright = picture.height > picture.width;
        let (width, height) = if upright { (most, long) } else { (long, most) };
        (encode, lines) = (encode.size(width, height), most);
    }
    let mut fps = picture.fps.unwrap_or(30.0);
    let most = profile.max_fps.filter(|most| fps > f64::from(*most) + 0.5);
    if most.is_some() || picture.variable_frame_rate {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let whole = most.unwrap_or_else(|| fps.round().clamp(1.0, 60.0) as u32);
        (encode, fps) = (encode.fps(whole), f64::from(whole));
    }
    match profile.band(lines, fps).map(|band| (band.min, band.max)) {
        Some((Some(min), Some(max))) => encode.bitrate(min.midpoint(max)),
        Some((None, Some(bits)) | (Some(bits), None)) => encode.bitrate(bits),
        _ => encode,
    }
}

/// The list as it grows.
struct Notes<'a> {
    found: Vec<Finding>,
    profile: &'a PlatformProfile,
    /// What would mend all that encoding can mend.
    mended: Encode,
}

impl Notes<'_> {
    fn note(&mut self, kind: FindingKind, severity: Severity, detail: impl Into<String>) {
        self.found.push(Finding { kind, severity, detail: detail.into(), suggestion: None });
    }

    /// The same, where encoding mends it.
    fn mend(&mut self, kind: FindingKind, severity: Severity, detail: impl Into<String>) {
        let suggestion = Some(self.mended.clone());
        self.found.push(Finding { kind, severity, detail: detail.into(), suggestion });
    }

    /// Why it does not go out from inside this process, and what is the matter with the file itself.
    fn way(&mut self, known: &Known<'_>, road: &Road) {
        match road {
            Road::Copy => {}
            Road::Remux { why } | Road::EncodeAudio { why } => {
                self.note(FindingKind::NotNative, Severity::Note, why.clone());
            }
            // It was asked for: there is nothing to tell.
            Road::Encode { .. } => {}
            Road::Refused { block, why, remedy } => {
                let detail = format!("{why}; {remedy}");
                match block {
                    Block::NeedsEncoding => self.mend(FindingKind::NotNative, Severity::Error, detail),
                    _ => self.note(FindingKind::NotNative, Severity::Error, detail),
                }
            }
        }
        if known.probe.and_then(|probe| probe.info.as_ref()).is_some_and(|info| info.truncated) {
            let detail = "the file ends before its tables say; copy it again, or repair it";
            self.note(FindingKind::Truncated, Severity::Warning, detail);
        }
    }

    fn picture(&mut self, picture: &Picture<'_>) {
        let profile = self.profile;
        let name = &profile.name;
        if let Some(found) = picture.max_keyframe_interval_ms {
            let asked = profile.keyframe_interval_ms.unwrap_or(2_000);
            let most = profile.max_keyframe_interval_ms;
            let severity = match most.unwrap_or(4_000) {
                most if found > most => Some(Severity::Warning),
                // Only where somebody asked: most players live with four seconds.
                _ if most.is_none() && found > asked * KEYFRAME_SLACK.0 / KEYFRAME_SLACK.1 => {
                    Some(Severity::Note)
                }
                _ => None,
            };
            if let Some(severity) = severity {
                let detail = format!(
                    "keyframes are up to {} s apart; {name} want{} one every {} s: encode with a keyframe interval of 2 s",
                    tenths(found, 1_000),
                    self.s(),
                    match most {
                        Some(most) => format!("{} to {}", asked / 1_000, most / 1_000),
                        None => (asked / 1_000).to_string(),
                    },
                );
                self.mend(FindingKind::LongKeyframeInterval, severity, detail);
            }
        }
        if picture.open_gop == Some(true) {
            let detail = "some keyframes are no IDR (open GOPs): a viewer who joins there sees broken pictures for a \
                          moment: encode with closed GOPs";
            self.mend(FindingKind::OpenGop, Severity::Warning, detail);
        }
        if picture.plain == Some(false) {
            let detail =
                "the picture is not 8-bit 4:2:0, which platforms expect: encode with pix_fmt yuv420p";
            self.mend(FindingKind::UnusualPicture, Severity::Warning, detail);
        } else if let Some(name) = picture.unusual_profile
            && picture.codec == "h264"
        {
            let detail =
                format!("the H.264 profile is {name}; platforms expect Baseline, Main or High: encode it");
            self.mend(FindingKind::UnusualProfile, Severity::Warning, detail);
        }
        if picture.interlaced {
            let detail = "the picture may be interlaced; platforms expect whole pictures: deinterlace it";
            self.note(FindingKind::Interlaced, Severity::Warning, detail);
        }
        if let Some(most) = profile.max_lines.filter(|most| picture.lines() > *most) {
            let detail = format!(
                "the picture is {}x{}; {name} take{} at most {most} lines: encode it smaller",
                picture.width,
                picture.height,
                self.s()
            );
            self.mend(FindingKind::LargePicture, Severity::Warning, detail);
        }
        if let (Some(most), Some(fps)) = (profile.max_fps, picture.fps)
            && fps > f64::from(most) + 0.5
        {
            let detail = format!(
                "there are {fps:.0} pictures per second; {name} take{} at most {most}: encode with {most}",
                self.s()
            );
            self.mend(FindingKind::HighFrameRate, Severity::Warning, detail);
        }
        self.rate(picture);
        if picture.variable_frame_rate {
            let detail = "the frame rate varies; some players stutter: encode with a constant one";
            self.mend(FindingKind::VariableFrameRate, Severity::Note, detail);
        }
    }

    fn rate(&mut self, picture: &Picture<'_>) {
        // Another codec needs other rates.
        let Some(bits) = picture.bitrate.filter(|_| picture.codec == "h264") else { return };
        let Some(band) = self.profile.band(picture.lines(), picture.fps.unwrap_or(30.0)) else { return };
        let name = &self.profile.name;
        let what = format!("{}p at {:.0} fps", picture.lines(), picture.fps.unwrap_or(30.0));
        let kbps = |bits: u64| thousands(bits / 1_000);
        let range = match (band.min, band.max) {
            (Some(min), Some(max)) => format!("{} to {} kb/s", kbps(min), kbps(max)),
            (None, Some(max)) => format!("at most {} kb/s", kbps(max)),
            (Some(min), None) => format!("at least {} kb/s", kbps(min)),
            (None, None) => return,
        };
        let said = format!("the picture has {} kb/s; for {what} {name} want{} {range}", kbps(bits), self.s());
        let above = |max: u64| bits > max.saturating_add(max / 100 * RATE_SLACK);
        let below = |min: u64| bits < min - min / 100 * RATE_SLACK;
        if let Some(max) = band.max.filter(|max| above(*max)) {
            let detail = format!("{said}: encode with {} kb/s", kbps(max));
            self.mend(FindingKind::HighBitrate, Severity::Warning, detail);
        } else if let Some(min) = band.min.filter(|min| below(*min)) {
            // More bits do not bring back what the file has lost.
            let detail = format!(
                "{said}: it works, but make it anew from a better source with {} kb/s or more",
                kbps(min)
            );
            self.note(FindingKind::LowBitrate, Severity::Note, detail);
        }
    }

    fn sound(&mut self, sound: &Sound<'_>) {
        let profile = self.profile;
        let name = &profile.name;
        if sound.codec == "aac" && sound.low_complexity == Some(false) {
            let detail = "the sound is AAC, but not of the low complexity profile, which platforms expect";
            self.mend(FindingKind::UnusualAudio, Severity::Note, detail);
        }
        if sound.sample_rate > 0
            && !profile.sample_rates.is_empty()
            && !profile.sample_rates.contains(&sound.sample_rate)
        {
            let taken: Vec<_> = profile.sample_rates.iter().map(|rate| thousands((*rate).into())).collect();
            let detail = format!(
                "the sound has {} Hz; {name} want{} {}: encode it so",
                thousands(sound.sample_rate.into()),
                self.s(),
                taken.join(" or ")
            );
            self.mend(FindingKind::UnusualAudio, Severity::Warning, detail);
        }
        if let Some(most) = profile.max_channels.filter(|most| sound.channels > *most) {
            let detail = format!(
                "the sound has {} channels; {name} take{} at most {most}: encode it so",
                sound.channels,
                self.s()
            );
            self.mend(FindingKind::UnusualAudio, Severity::Warning, detail);
        }
        if let (Some(most), Some(bits)) = (profile.max_audio_bitrate, sound.bitrate)
            && bits > most.saturating_add(most / 100 * RATE_SLACK)
        {
            let detail = format!(
                "the sound has {} kb/s; {name} take{} at most {}: encode it with 128",
                bits / 1_000,
                self.s(),
                most / 1_000
            );
            self.mend(FindingKind::HighAudioBitrate, Severity::Warning, detail);
        }
    }

    fn missing(&mut self, picture: bool, sound: bool) {
        if !picture {
            let detail =
                "there is no picture, which platforms demand: make a film, for instance of one still picture";
            self.note(FindingKind::NoPicture, Severity::Warning, detail);
        }
        if !sound {
            let detail = "there is no sound: a silent track is added, which platforms demand";
            self.note(FindingKind::SilentAudio, Severity::Note, detail);
        }
    }

    /// Whether a platform ends it earlier.
    fn session(&mut self, repeat: Repeat, duration_ms: Option<u64>) {
        let lasts = match (repeat, duration_ms) {
            (Repeat::Forever, _) => u64::MAX,
            (_, None) => return,
            (Repeat::Once, Some(ms)) => ms,
            (Repeat::Times(times), Some(ms)) => ms.saturating_mul(times.into()),
        };
        let longer = |hours: &u32| lasts > u64::from(*hours) * 3_600_000;
        let name = &self.profile.name;
        if let Some(hours) = self.profile.max_session_hours.filter(longer) {
            let detail = format!("{name} ends a broadcast after {hours} hours: start a new one in time");
            self.note(FindingKind::LongSession, Severity::Note, detail);
        } else if let Some(hours) = self.profile.max_recorded_hours.filter(longer) {
            let detail = format!(
                "{name} keeps no recording of a broadcast of more than {hours} hours; it stays on the air all the same"
            );
            self.note(FindingKind::LongSession, Severity::Note, detail);
        }
    }

    /// The ending of a verb behind the profile's name.
    fn s(&self) -> &'static str {
        if std::ptr::eq(self.profile, PlatformProfile::general()) { "" } else { "s" }
    }
}

/// With one decimal, rounded down.
fn tenths(amount: u64, unit: u64) -> String {
    format!("{}.{}", amount / unit, amount % unit * 10 / unit)
}

/// With a comma before each three digits.
fn thousands(amount: u64) -> String {
    let digits = amount.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
