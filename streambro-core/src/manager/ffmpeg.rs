//! Whether there is an ffmpeg, and which.
//!
//! A thread starts it, bounds its time and reaps it. The runtime's own way of running children would take over the
//! host's SIGCHLD where the system has no pidfd.

use std::{
    ffi::OsStr,
    io::{ErrorKind, Read},
    os::unix::process::CommandExt,
    process::{ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};

use super::doctor::{Check, FFMPEG_FLOOR, check};
use crate::status::Severity;

/// It answers within 50 ms; a cold disk may take longer.
const BOUND: Duration = Duration::from_secs(4);
/// More than its banner.
const MAX_WORDS: usize = 16 * 1_024;

const NAME: &str = "ffmpeg";

/// Asks the `ffmpeg` on the path. Blocks for at most 4 s.
pub(super) fn look() -> Check {
    judge(ask(OsStr::new("ffmpeg"), BOUND))
}

/// What became of the question.
#[derive(Debug)]
enum Answer {
    Missing,
    Failed(String),
    Said(String),
}

fn judge(answer: Answer) -> Check {
    let newer = format!("install ffmpeg {}.{} or newer", FFMPEG_FLOOR.0, FFMPEG_FLOOR.1);
    match answer {
        Answer::Missing => {
            let what = "there is no ffmpeg on the path; copying needs none, encoding does";
            check(NAME, Severity::Note, what, newer)
        }
        Answer::Failed(why) => check(NAME, Severity::Note, format!("ffmpeg cannot be used: {why}"), newer),
        Answer::Said(words) => match version(&words) {
            Some((major, minor)) if (major, minor) < FFMPEG_FLOOR => {
                let what = format!("ffmpeg is {major}.{minor}, older than what is tested");
                check(NAME, Severity::Note, what, newer)
            }
            Some((major, minor)) => check(NAME, Severity::Fine, format!("ffmpeg is {major}.{minor}"), ""),
            None => {
                let what =
                    "ffmpeg does not say its version in a known form; a build from its sources does that";
                check(NAME, Severity::Note, what, "")
            }
        },
    }
}

/// Reads `ffmpeg version 5.1.9-0+deb12u1 Copyright ...` or `ffmpeg version n7.0`.
fn version(words: &str) -> Option<(u32, u32)> {
    let version = words.lines().next()?.strip_prefix("ffmpeg version ")?.split(' ').next()?;
    let mut numbers = version.strip_prefix('n').unwrap_or(version).split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Runs `program -version` and returns what it wrote, killed when its time is over.
fn ask(program: &OsStr, bound: Duration) -> Answer {
    let mut command = Command::new(program);
    command.arg("-version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A group of its own, so that nothing of a wrapper script stays either.
    let child = command.process_group(0).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return Answer::Missing,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let deadline = Instant::now() + bound;
    let said = child.stdout.take().and_then(|out| listen(out, deadline));
    // A host that reaps every child may have done so already: that is an end too.
    while said.is_some() && matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    if (said.is_none() || matches!(child.try_wait(), Ok(None)))
        && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = child.wait();
    match (said, status) {
        (None, _) => Answer::Failed(format!("it did not answer within {} s", bound.as_secs_f64())),
        (Some(_), Ok(status)) if !status.success() => Answer::Failed(format!("it ended with {status}")),
        (Some(words), _) => Answer::Said(words),
    }
}

/// Reads until the end, or `None` when that has not come in time.
fn listen(mut out: ChildStdout, deadline: Instant) -> Option<String> {
    let mut words = vec![];
    let mut buf = [0; 4_096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok()?;
        match poll(&mut [PollFd::new(&out, PollFlags::IN)], Some(&left)) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        }
        match out.read(&mut buf) {
            Ok(0) => return Some(String::from_utf8_lossy(&words).into_owned()),
            Ok(n) if words.len() < MAX_WORDS => words.extend_from_slice(&buf[..n]),
            // Whatever this is, it is not a version.
            Ok(_) => return None,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn script(text: &str) -> tempfile::TempPath {
        let file = tempfile::Builder::new().suffix(".sh").tempfile().unwrap().into_temp_path();
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn versions_are_read_as_the_builds_in_use_write_them() {
        for (words, numbers) in [
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\n", Some((5, 1))),
            ("ffmpeg version n7.0 Copyright (c)\n", Some((7, 0))),
            ("ffmpeg version 6.1.1-3ubuntu5 Copyright\n", Some((6, 1))),
            ("ffmpeg version 4.4.2-static https://johnvansickle.com/ffmpeg/\n", Some((4, 4))),
            ("ffmpeg version N-109441-gc37b5dc3f3 Copyright\n", None),
            ("ffmpeg version 2024-01-01-git-abc Copyright\n", Some((2024, 1))),
            ("ffmpeg version 99999999999.1\n", None),
            ("", None),
            ("usage: ffmpeg\n", None),
        ] {
            assert_eq!(version(words), numbers, "{words}");
        }
    }

    #[test]
    fn an_old_one_or_none_is_a_note_and_a_new_one_is_fine() {
        let severity = |words: &str| judge(Answer::Said(words.to_owned())).severity;
        assert_eq!(severity("ffmpeg version 4.4.2 "), Severity::Note);
        assert_eq!(severity("ffmpeg version 5.1.9 "), Severity::Fine);
        let missing = judge(ask(OsStr::new("/no/such/ffmpeg"), BOUND));
        assert_eq!(
            (missing.severity, missing.remedy.as_str()),
            (Severity::Note, "install ffmpeg 5.1 or newer")
        );
    }

    #[test]
    fn one_that_never_answers_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let program = script(&format!("sleep 1000 &\necho $! $$ >{}\nwait", pids.display()));
        let answer = ask(program.as_os_str(), Duration::from_millis(500));
        assert!(matches!(&answer, Answer::Failed(why) if why.contains("0.5 s")), "{answer:?}");
        let pids = fs::read_to_string(&pids).unwrap();
        for pid in pids.split_whitespace() {
            // Init may take a moment to reap what the script left.
            let gone = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => stat.contains(") Z "),
                Err(_) => true,
            };
            while !gone() {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn one_that_fails_or_never_stops_talking_is_not_believed() {
        let fails = script("echo ffmpeg version 6.0; exit 3");
        assert!(matches!(ask(fails.as_os_str(), BOUND), Answer::Failed(_)));
        let talks = script("yes");
        assert!(matches!(ask(talks.as_os_str(), BOUND), Answer::Failed(_)));
        let stays = script("echo ffmpeg version 6.0; exec >&-; sleep 1000");
        let answer = ask(stays.as_os_str(), Duration::from_millis(300));
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
        let speaks = script("echo ffmpeg version 6.0");
        assert!(matches!(ask(speaks.as_os_str(), BOUND), Answer::Said(words) if words.contains("6.0")));
    }
}
