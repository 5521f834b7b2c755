//! Why an ffmpeg is no more: from how it ended and what it said last to what a person can act on.

use std::io::ErrorKind;

use super::process::{Exit, LaunchError};

/// Why it is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeathKind {
    /// There is no such program.
    MissingBinary,
    /// The program cannot run here: permissions, another machine's program, a library or an interpreter missing.
    NotExecutable,
    /// It has no such encoder, or the encoder found nothing to work with here.
    NoEncoder,
    /// The device has no session left, or was lost.
    DeviceBusy,
    /// There was not enough memory, or it was killed for want of it.
    OutOfMemory,
    /// The input cannot be read or decoded.
    BadInput,
    /// A disk is full.
    NoSpace,
    /// The host lacks descriptors, threads or memory to start it.
    HostLacks,
    /// The host does not let it be started, or not as asked for.
    Refused,
    /// It was asked to stop.
    Stopped,
    /// It ended by itself with code 0, having written something. Whether that was all of it the duration tells.
    Ended,
    /// A signal that was not ours.
    Killed(i32),
    /// It failed with words that are not known.
    Failed,
    /// It has ended, and nobody can say how.
    Unknown,
}

/// Why it is no more, with a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) kind: DeathKind,
    /// What happened, in ffmpeg's words where it had any, and what to do.
    pub(crate) detail: String,
}

/// What is known of an ffmpeg that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// How it ended.
    pub(crate) exit: Exit,
    /// Its last words, the oldest first.
    pub(crate) words: &'a [String],
    /// Bytes of media that came from it.
    pub(crate) bytes: u64,
    /// Whether it was asked to stop.
    pub(crate) asked: bool,
    /// How many processes the kernel has killed for want of memory while it ran.
    pub(crate) oom_kills: u64,
}

/// Lines before the last that may say why: what it complained of an hour ago is not why it ended.
const NEAR: usize = 20;

/// Tells why an ffmpeg that ran is no more.
pub(crate) fn classify(evidence: &Evidence<'_>) -> Death {
    use DeathKind::{Ended, Failed, Killed, OutOfMemory, Stopped, Unknown};
    let near = &evidence.words[evidence.words.len().saturating_sub(NEAR)..];
    if evidence.asked {
        return death(Stopped, "it was stopped");
    }
    let by_signal = match evidence.exit {
        Exit::Signal(signal) => Some(signal),
        // ffmpeg takes these itself, and says so.
        Exit::Code(255 | 123) => near.iter().rev().find_map(|line| received(line)),
        Exit::Code(_) | Exit::Unknown => None,
    };
    match (by_signal, evidence.exit) {
        (Some(SIGKILL), _) if evidence.oom_kills > 0 => {
            death(OutOfMemory, "the kernel killed it for want of memory; run fewer encodes, or add memory")
        }
        (Some(SIGKILL), _) => death(
            Killed(SIGKILL),
            "somebody killed it (SIGKILL): an operator, or a limit on memory, of which the kernel's log tells",
        ),
        (Some(signal), _) => death(Killed(signal), signalled(signal)),
        (None, Exit::Code(0)) if evidence.bytes > 0 => death(Ended, "it ended by itself"),
        (None, _) => {
            if let Some((kind, line)) = known(near, evidence.bytes) {
                return death(kind, with_remedy(kind, line));
            }
            let line = near.iter().rev().find(|line| says_something(line));
            let said = line.map(|line| format!(": {}", bare(line))).unwrap_or_default();
            match evidence.exit {
                Exit::Code(0) => death(Failed, format!("it ended without having written anything{said}")),
                Exit::Code(code) => death(Failed, format!("it failed with code {code}{said}")),
                Exit::Signal(_) | Exit::Unknown => {
                    death(Unknown, format!("it has ended; somebody else in this process reaped it{said}"))
                }
            }
        }
    }
}

/// Tells why an ffmpeg could not be started.
pub(crate) fn unborn(error: &LaunchError) -> Death {
    use DeathKind::{HostLacks, MissingBinary, NotExecutable, Refused};
    let LaunchError::Program { program, error: cause, there } = error else {
        let kind = match error {
            LaunchError::Host { remedy: Some(_), .. } => HostLacks,
            _ => Refused,
        };
        return death(kind, error.to_string());
    };
    let program = program.display();
    if !there {
        let remedy = "install ffmpeg, or say where it is";
        return death(MissingBinary, format!("there is no {program}; {remedy}; copying needs none"));
    }
    let why = match cause.kind() {
        ErrorKind::NotFound => {
            "the interpreter or the loader that it names is missing; install one for this system"
        }
        ErrorKind::PermissionDenied => {
            "it may not be executed; check its permissions, the mount's `noexec` and the sandbox"
        }
        _ if cause.raw_os_error() == Some(libc::ENOEXEC) => {
            "it is no program for this machine; install one for this processor"
        }
        _ => return death(NotExecutable, error.to_string()),
    };
    death(NotExecutable, format!("{program} cannot be executed: {why}"))
}

fn death(kind: DeathKind, detail: impl Into<String>) -> Death {
    Death { kind, detail: detail.into() }
}

const SIGKILL: i32 = libc::SIGKILL;

fn signalled(signal: i32) -> String {
    let (name, crash) = match signal {
        libc::SIGSEGV => ("SIGSEGV", true),
        libc::SIGABRT => ("SIGABRT", true),
        libc::SIGBUS => ("SIGBUS", true),
        libc::SIGILL => ("SIGILL", true),
        libc::SIGFPE => ("SIGFPE", true),
        libc::SIGTERM => ("SIGTERM", false),
        libc::SIGINT => ("SIGINT", false),
        libc::SIGHUP => ("SIGHUP", false),
        libc::SIGXCPU => ("SIGXCPU", false),
        _ => return format!("signal {signal} ended it"),
    };
    if crash {
        format!(
            "it crashed ({name}); the file may be hostile or ffmpeg old: update it, and try the file by hand"
        )
    } else {
        format!("somebody else ended it ({name})")
    }
}

/// Reads `Exiting normally, received signal 15.`
fn received(line: &str) -> Option<i32> {
    let number = line.split_once("received signal ")?.1;
    number.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

/// What ffmpeg says, by what it means; the first that fits wins. From provoked failures of 5.1, and from its sources
/// where the hardware is not at hand (libavcodec/nvenc.c, qsv.c, videotoolboxenc.c, libavutil/hwcontext_*.c).
const KNOWN: &[(DeathKind, &[&str])] = &[
    (DeathKind::NoSpace, &["No space left on device", "Disk quota exceeded"]),
    (
        DeathKind::DeviceBusy,
        &[
            // NVENC tells of a consumer card's sessions in these words.
            "OpenEncodeSessionEx failed: out of memory",
            "OpenEncodeSessionEx failed: incompatible client key",
            "Device or resource busy",
            "CUDA_ERROR_OUT_OF_MEMORY",
            "CUDA_ERROR_DEVICE_UNAVAILABLE",
            "device lost",
            "device failed (-17)",
            "GPU Hang",
            "CUDA_ERROR_LAUNCH",
            "CUDA_ERROR_ILLEGAL_ADDRESS",
            "cannot create compression session: -12915",
        ],
    ),
    (
        DeathKind::OutOfMemory,
        &["Cannot allocate memory", "x264 [error]: malloc of size", "Out of memory", "std::bad_alloc"],
    ),
    (DeathKind::NotExecutable, &["error while loading shared libraries", "symbol lookup error"]),
    (
        DeathKind::HostLacks,
        &["Too many open files", "Resource temporarily unavailable", "pthread_create failed"],
    ),
    (
        DeathKind::NoEncoder,
        &[
            "Unknown encoder",
            "Cannot load libcuda",
            "Cannot load libnvidia-encode",
            "Could not dynamically load CUDA",
            "CUDA_ERROR_NO_DEVICE",
            "No capable devices found",
            "OpenEncodeSessionEx failed",
            "does not support the required nvenc API version",
            "Error initializing an internal MFX session",
            "Error creating a MFX session",
            "No VA display found",
            "Failed to initialise VAAPI connection",
            "No usable encoding entrypoint",
            "No usable encoding profile",
            "Could not find a valid device",
            "cannot create compression session",
            "Device creation failed",
            "No device available for decoder",
        ],
    ),
    (
        DeathKind::BadInput,
        &[
            "moov atom not found",
            "Invalid data found when processing input",
            "Error splitting the input into NAL units",
            "EBML header parsing failed",
            "could not find codec parameters",
            "Decoder (codec none)",
            "matches no streams",
            "does not contain any stream",
            "Error while decoding stream",
            "Input/output error",
        ],
    ),
];

fn known(near: &[String], bytes: u64) -> Option<(DeathKind, &str)> {
    KNOWN.iter().find_map(|(kind, phrases)| {
        // With media from it there was an encoder.
        if *kind == DeathKind::NoEncoder && bytes > 0 {
            return None;
        }
        let fits = |line: &&String| phrases.iter().any(|phrase| contains(line, phrase));
        near.iter().find(fits).map(|line| (*kind, bare(line)))
    })
}

fn contains(line: &str, phrase: &str) -> bool {
    line.as_bytes().windows(phrase.len()).any(|part| part.eq_ignore_ascii_case(phrase.as_bytes()))
}

/// Drops the part that differs from run to run: `[h264_nvenc @ 0x55799ace1680] `.
fn bare(line: &str) -> &str {
    match line.split_once("] ") {
        Some((tag, rest)) if tag.starts_with('[') && tag.contains(" @ 0x") => bare(rest),
        _ => line.trim(),
    }
}

/// Lines that come with every failure tell nothing of this one.
fn says_something(line: &str) -> bool {
    const ALWAYS: &[&str] = &[
        "Conversion failed!",
        "Last message repeated",
        "Failed to update header",
        "Error initializing output stream",
        "Exiting normally",
        "Error closing file",
    ];
    !ALWAYS.iter().any(|phrase| line.contains(phrase))
}

fn with_remedy(kind: DeathKind, line: &str) -> String {
    let remedy = match kind {
        DeathKind::NoSpace => "make room on the disk",
        DeathKind::DeviceBusy => {
            "run fewer encodes on this device, or let others take over with the encoder `auto`"
        }
        DeathKind::OutOfMemory => "run fewer encodes, or add memory",
        DeathKind::NotExecutable => "install this ffmpeg's libraries, or another ffmpeg",
        DeathKind::HostLacks => "raise the limits of this process (`ulimit -n`, `ulimit -u`)",
        DeathKind::NoEncoder => "choose another encoder, or `auto`",
        DeathKind::BadInput => "check the file: `ffmpeg -v error -i FILE -f null -` names what is broken",
        _ => return line.to_owned(),
    };
    format!("{line}; {remedy}")
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::*;

    fn of(exit: Exit, words: &str) -> Death {
        let words: Vec<_> = words.lines().map(str::to_owned).collect();
        classify(&Evidence { exit, words: &words, bytes: 0, asked: false, oom_kills: 0 })
    }

    #[test]
    fn words_as_ffmpeg_writes_them_are_understood() {
        use DeathKind::*;
        for (code, words, kind, detail) in [
            (
                1,
                "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55ee3caad8c0] moov atom not found\nfile:/dev/fd/3: Invalid data found when processing input",
                BadInput,
                "moov atom not found; check the file",
            ),
            (
                69,
                "Error while decoding stream #0:0: Invalid data found when processing input\n    Last message repeated 2 times",
                BadInput,
                "Error while decoding stream",
            ),
            (1, "Unknown encoder 'libx266'", NoEncoder, "Unknown encoder 'libx266'; choose another"),
            (
                1,
                "[h264_nvenc @ 0x55799ace1680] Cannot load libcuda.so.1\nError initializing output stream 0:0 -- Error while opening encoder",
                NoEncoder,
                "Cannot load libcuda.so.1;",
            ),
            (
                1,
                "[h264_qsv @ 0x5646b91b1680] Error initializing an internal MFX session: unsupported (-3)",
                NoEncoder,
                "Error initializing an internal MFX",
            ),
            (
                1,
                "[AVHWDeviceContext @ 0x561cc1e9ca80] No VA display found for device /dev/dri/renderD128.",
                NoEncoder,
                "No VA display found",
            ),
            (
                1,
                "[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: out of memory (10): (no details)",
                DeviceBusy,
                "OpenEncodeSessionEx failed",
            ),
            (1, "testsrc2=s=3840x2160:d=1: Cannot allocate memory", OutOfMemory, "testsrc2"),
            (
                1,
                "x264 [error]: malloc of size 65538 failed\nError initializing output stream 0:0 -- x",
                OutOfMemory,
                "x264 [error]: malloc",
            ),
            (
                127,
                "ffmpeg: error while loading shared libraries: libx264.so.164: cannot open shared object file",
                NotExecutable,
                "ffmpeg: error while loading",
            ),
            (1, "av_interleaved_write_frame(): No space left on device", NoSpace, "av_interleaved"),
            (
                1,
                "Unknown pixel format requested: nosuch.\nConversion failed!",
                Failed,
                "it failed with code 1: Unknown pixel format requested: nosuch.",
            ),
            (1, "", Failed, "it failed with code 1"),
            (0, "", Failed, "it ended without having written anything"),
        ] {
            let death = of(Exit::Code(code), words);
            assert_eq!(death.kind, kind, "{words}");
            assert!(death.detail.starts_with(detail), "{}", death.detail);
            assert!(!death.detail.contains("@ 0x"));
        }
    }

    #[test]
    fn being_stopped_is_no_failure_and_by_whom_makes_the_difference() {
        let words = ["Exiting normally, received signal 15.".to_owned()];
        let mut evidence =
            Evidence { exit: Exit::Code(255), words: &words, bytes: 9, asked: true, oom_kills: 0 };
        for exit in [Exit::Code(255), Exit::Signal(15), Exit::Signal(9), Exit::Code(1), Exit::Unknown] {
            assert_eq!(classify(&Evidence { exit, ..evidence }).kind, DeathKind::Stopped);
        }
        evidence.asked = false;
        assert_eq!(classify(&evidence).kind, DeathKind::Killed(15));
        let killed = Evidence { exit: Exit::Signal(9), ..evidence };
        assert_eq!(classify(&killed).kind, DeathKind::Killed(9));
        assert_eq!(classify(&Evidence { oom_kills: 1, ..killed }).kind, DeathKind::OutOfMemory);
        let crashed = classify(&Evidence { exit: Exit::Signal(11), oom_kills: 1, ..evidence });
        assert_eq!(crashed.kind, DeathKind::Killed(11));
        assert!(crashed.detail.contains("SIGSEGV"));
    }

    #[test]
    fn an_old_complaint_and_an_encoder_that_worked_are_not_to_blame() {
        let mut words = vec!["Invalid data found when processing input".to_owned()];
        words.extend((0..NEAR).map(|n| format!("line {n}")));
        let evidence = Evidence { exit: Exit::Code(1), words: &words, bytes: 1, asked: false, oom_kills: 0 };
        assert_eq!(classify(&evidence).detail, "it failed with code 1: line 19");
        let words = ["Device creation failed: -1.".to_owned()];
        assert_eq!(classify(&Evidence { words: &words, ..evidence }).kind, DeathKind::Failed);
        assert_eq!(classify(&Evidence { exit: Exit::Code(0), ..evidence }).kind, DeathKind::Ended);
        assert_eq!(classify(&Evidence { exit: Exit::Unknown, ..evidence }).kind, DeathKind::Unknown);
    }

    #[test]
    fn what_was_never_born_says_what_to_do() {
        let program = |errno, there| LaunchError::Program {
            program: "/opt/ffmpeg".into(),
            error: io::Error::from_raw_os_error(errno),
            there,
        };
        for (error, kind, word) in [
            (program(libc::ENOENT, false), DeathKind::MissingBinary, "install ffmpeg"),
            (program(libc::ENOENT, true), DeathKind::NotExecutable, "loader"),
            (program(libc::EACCES, true), DeathKind::NotExecutable, "permissions"),
            (program(libc::ENOEXEC, true), DeathKind::NotExecutable, "processor"),
            (program(libc::ELOOP, true), DeathKind::NotExecutable, "/opt/ffmpeg"),
            (
                LaunchError::Host {
                    error: io::Error::from_raw_os_error(libc::EMFILE),
                    remedy: Some("raise its limit"),
                },
                DeathKind::HostLacks,
                "raise its limit",
            ),
            (
                LaunchError::Host { error: io::Error::from_raw_os_error(libc::EPERM), remedy: None },
                DeathKind::Refused,
                "not permitted",
            ),
        ] {
            let death = unborn(&error);
            assert_eq!(death.kind, kind, "{error}");
            assert!(death.detail.contains(word), "{}", death.detail);
        }
    }

    proptest! {
        #[test]
        fn no_words_are_too_much(words in prop::collection::vec(".{0,60}", 0..30), code in -1..300) {
            for exit in [Exit::Code(code), Exit::Signal(code), Exit::Unknown] {
                let evidence = Evidence { exit, words: &words, bytes: 0, asked: false, oom_kills: 0 };
                prop_assert!(!classify(&evidence).detail.is_empty());
            }
        }
    }
}
