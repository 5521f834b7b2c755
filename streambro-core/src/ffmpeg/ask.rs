//! Runs a program that answers and ends: within bounded time and words, in a process group of its own.
//!
//! The caller's thread starts it, waits for it and reaps it. The runtime's own way of running children would take over the
//! host's SIGCHLD where the system has no pidfd.

use std::{
    ffi::OsStr,
    io::{self, ErrorKind, PipeWriter, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};

use crate::sys;

/// What a program may know of the host's environment: where drivers are. Everything else, secrets included, stays here.
///
/// LD_LIBRARY_PATH is not among it: it chooses what code runs.
pub(crate) const ENVIRONMENT: &[&str] = &[
    "PATH",
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "NVIDIA_VISIBLE_DEVICES",
    "LIBVA_DRIVERS_PATH",
    "LIBVA_DRIVER_NAME",
    "ONEVPL_SEARCH_PATH",
];

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The program; a name without a slash is looked for on the path.
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [String],
    /// How long it may take; then it is killed.
    pub(crate) time: Duration,
    /// What is listened to, and how much of it is kept.
    pub(crate) ear: Ear,
}

/// What of a program is listened to. The rest goes nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ear {
    /// Its output, so many bytes at most; more is no answer.
    Output(usize),
    /// Its errors, of which the first so many bytes are kept.
    Errors(usize),
}

/// What became of the question.
#[derive(Debug)]
pub(crate) enum Answer {
    /// There is no such program.
    Missing,
    /// It could not be started.
    Refused(io::Error),
    /// It took too long or said too much, in words.
    Failed(String),
    /// It ended.
    Ended(Ended),
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether it succeeded; `None` where the host reaps every child, so that nobody knows.
    pub(crate) ok: Option<bool>,
    /// `exit status: 1`, or what ended it.
    pub(crate) status: String,
    /// What was heard.
    pub(crate) words: String,
    /// From its start to its end.
    pub(crate) took: Duration,
}

/// Runs the program and returns what it said. Blocks for the question's time at most.
pub(crate) fn ask(question: &Question<'_>) -> Answer {
    let start = Instant::now();
    // Held until it has ended.
    let (mut child, _lifeline) = match begin(question) {
        Ok(begun) => begun,
        Err(error) if error.kind() == ErrorKind::NotFound => return Answer::Missing,
        Err(error) => return Answer::Refused(error),
    };
    let deadline = start + question.time;
    let heard = hear(&mut child, question.ear, deadline);
    // A host that reaps every child may have done so already: that is an end too.
    while heard.is_ok() && matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = start.elapsed();
    let late = heard.is_ok() && matches!(child.try_wait(), Ok(None));
    if (heard.is_err() || late)
        && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = child.wait();
    match heard {
        Err(Deaf::TooMuch) => Answer::Failed("it did not stop talking".to_owned()),
        Err(Deaf::TooLong) => Answer::Failed(too_long(question.time)),
        Ok(_) if late => Answer::Failed(too_long(question.time)),
        Ok(words) => Answer::Ended(Ended {
            ok: status.as_ref().ok().map(std::process::ExitStatus::success),
            status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
            words,
            took,
        }),
    }
}

/// Starts the program, which ends with this process however that ends: the pipe that it has for its input tells.
fn begin(question: &Question<'_>) -> io::Result<(Child, PipeWriter)> {
    let (lifeline_end, lifeline) = io::pipe()?;
    let lifeline_end = OwnedFd::from(lifeline_end);
    let mut command = Command::new(question.program);
    command.args(question.args).stdin(lifeline_end.try_clone()?).stdout(Stdio::null()).stderr(Stdio::null());
    match question.ear {
        Ear::Output(_) => command.stdout(Stdio::piped()),
        Ear::Errors(_) => command.stderr(Stdio::piped()),
    };
    command.env_clear();
    command.envs(ENVIRONMENT.iter().filter_map(|name| Some((OsStr::new(name), std::env::var_os(name)?))));
    // A group of its own, so that nothing of a wrapper script stays either.
    command.process_group(0);
    let child = command.spawn()?;
    if let Ok(group) = i32::try_from(child.id()) {
        // Without it the program ends when its time is up, as long as this process lives.
        let _ = sys::child::tie(&lifeline_end, group);
    }
    Ok((child, lifeline))
}

fn too_long(time: Duration) -> String {
    format!("it did not answer within {} s", time.as_secs_f64())
}

/// Why nothing was heard.
#[derive(Debug)]
enum Deaf {
    TooLong,
    TooMuch,
}

fn hear(child: &mut Child, ear: Ear, deadline: Instant) -> Result<String, Deaf> {
    match ear {
        Ear::Output(most) => {
            child.stdout.take().map_or(Ok(String::new()), |out| listen(out, most, true, deadline))
        }
        Ear::Errors(most) => {
            child.stderr.take().map_or(Ok(String::new()), |err| listen(err, most, false, deadline))
        }
    }
}

/// Reads until the end. Where words are `counted`, more than `most` are too much; else they go nowhere.
fn listen(mut from: impl Read + AsFd, most: usize, counted: bool, deadline: Instant) -> Result<String, Deaf> {
    let mut words = vec![];
    let mut buf = [0; 4_096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| Deaf::TooLong)?;
        match poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Deaf::TooLong),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Err(Deaf::TooLong),
        }
        match from.read(&mut buf) {
            Ok(0) => return Ok(String::from_utf8_lossy(&words).into_owned()),
            Ok(n) => {
                let room = most.saturating_sub(words.len()).min(n);
                words.extend_from_slice(&buf[..room]);
                if counted && room < n {
                    return Err(Deaf::TooMuch);
                }
                // A program that talks for ever is readable for ever.
                if Instant::now() >= deadline {
                    return Err(Deaf::TooLong);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Deaf::TooLong),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    const TIME: Duration = Duration::from_secs(20);

    /// A program made of `text`, which is there as long as the folder.
    pub(crate) fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        // Another process writes it: a child that another test starts meanwhile would inherit the descriptor that we
        // write through, and a file that is being written does not run.
        let maker = format!("cat >'{0}' <<'END'\n#!/bin/sh\n{text}\nEND\nchmod 755 '{0}'", path.display());
        assert!(Command::new("sh").args(["-c", &maker]).status().unwrap().success());
        path
    }

    fn asked(text: &str, time: Duration, ear: Ear) -> Answer {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "program", text);
        ask(&Question { program: &program, args: &["a b".to_owned()], time, ear })
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_that_is_asked_ends_with_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "program", "sleep 600 & wait");
        let question = Question { program: &program, args: &[], time: TIME, ear: Ear::Output(1_000) };
        let (mut child, lifeline) = begin(&question).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        // As the kernel does it with a process that is killed.
        drop(lifeline);
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
        // What it had started is gone too: nobody has the other end of its output any more.
        assert_eq!(child.stdout.unwrap().read_to_end(&mut vec![]).unwrap(), 0);
    }

    #[test]
    fn what_was_said_is_heard_and_how_it_ended_is_known() {
        let ear = Ear::Output(1_000);
        let answer = asked("echo \"[$1]\" $#; echo aside >&2", TIME, ear);
        assert!(
            matches!(&answer, Answer::Ended(ended) if ended.ok == Some(true) && ended.words == "[a b] 1\n"),
            "{answer:?}"
        );
        let answer = asked("echo aside; echo no >&2; exit 3", TIME, Ear::Errors(1_000));
        assert!(
            matches!(&answer, Answer::Ended(ended) if ended.ok == Some(false) && ended.words == "no\n" && ended.status.contains('3')),
            "{answer:?}"
        );
        let missing = Question { program: Path::new("/no/such/program"), args: &[], time: TIME, ear };
        assert!(matches!(ask(&missing), Answer::Missing));
        let refused = Question { program: Path::new("/etc/hostname"), args: &[], time: TIME, ear };
        assert!(matches!(ask(&refused), Answer::Refused(_)));
    }

    #[test]
    fn nothing_of_the_hosts_environment_goes_along_but_what_drivers_need() {
        // The test's own runner sets these.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let answer = asked("/usr/bin/env", TIME, Ear::Output(100_000));
        let Answer::Ended(ended) = answer else { panic!("{answer:?}") };
        let names: Vec<_> = ended.words.lines().filter_map(|line| line.split('=').next()).collect();
        // The shell adds these.
        let known =
            |name: &&str| ENVIRONMENT.contains(name) || ["PWD", "OLDPWD", "SHLVL", "_"].contains(name);
        assert!(names.contains(&"PATH") && names.iter().all(known), "{names:?}");
    }

    #[test]
    fn one_that_never_answers_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let text = format!("sleep 1000 &\necho $! $$ >{}\nwait", pids.display());
        let answer = asked(&text, Duration::from_millis(500), Ear::Output(100));
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
    fn one_that_never_stops_talking_or_never_ends_is_bounded() {
        let answer = asked("yes", TIME, Ear::Output(1_000));
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
        let start = Instant::now();
        let answer = asked("yes >&2", Duration::from_millis(300), Ear::Errors(1_000));
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
        let answer = asked("echo x; exec >&-; sleep 1000", Duration::from_millis(300), Ear::Output(1_000));
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
        assert!(start.elapsed() < TIME);
        let answer = asked("head -c 100000 /dev/zero | tr '\\0' x >&2", TIME, Ear::Errors(1_000));
        assert!(matches!(&answer, Answer::Ended(ended) if ended.words.len() == 1_000), "{answer:?}");
    }
}
