//! Brings a child into being without the host noticing.
//!
//! Two threads that live for milliseconds. The outer one makes the pipes and holds what becomes of them. The inner one
//! takes on, for itself alone, what the child shall inherit: its priority, a table with the child's descriptors and
//! nothing else, the sandbox. Then it spawns and ends. There is no `fork` of the host's memory (measured: 372 ms with
//! 8 GiB against under 7 ms, reliability.md 0), and nothing of the host's own threads changes.

use std::{
    ffi::{CString, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    thread,
    time::Duration,
};

use nix::{
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn},
    sys::signal::SigSet,
};
use rustix::{
    io::{fcntl_dupfd_cloexec, ioctl_fionbio},
    process::Pid,
};
use tokio::sync::oneshot;

use super::{
    Launch, LaunchError,
    child::{Child, facts, oom_kills},
    environment::mark,
};
use crate::{status::SandboxLevel, sys};

/// Where the child finds its input, its lifeline and the way to tell its progress.
const INPUT: i32 = 3;
const LIFELINE: i32 = 4;
const PROGRESS: i32 = 5;
/// Above all of them: nothing that has yet to be put into place is in the way.
const ASIDE: i32 = 16;

/// How often a program that somebody is writing to right now is tried again, as when ffmpeg is upgraded.
const BUSY_TRIES: u32 = 10;
const BUSY_WAIT: Duration = Duration::from_millis(10);

/// A child with our ends of its pipes.
#[derive(Debug)]
pub(super) struct Born {
    /// First, so that it is killed before its pipes are closed.
    pub(super) child: Child,
    pub(super) media: OwnedFd,
    pub(super) words: OwnedFd,
    pub(super) progress: OwnedFd,
    pub(super) run: String,
    /// What holds around it.
    pub(super) sandbox: SandboxLevel,
    /// What the kernel had killed for want of memory before.
    pub(super) oom_kills: u64,
}

/// Starts a child on a thread of its own. One that nobody waits for any more is killed and reaped.
pub(super) fn start(launch: Launch) -> Result<oneshot::Receiver<Result<Born, LaunchError>>, LaunchError> {
    let (reply, answer) = oneshot::channel();
    thread::Builder::new()
        .name("streambro-spawn".to_owned())
        .spawn(move || {
            let _ = reply.send(bear(&launch));
        })
        .map_err(LaunchError::thread)?;
    Ok(answer)
}

/// The ends of pipes and files that the child gets, under their numbers there.
type Places<'a> = [(BorrowedFd<'a>, i32)];

fn bear(launch: &Launch) -> Result<Born, LaunchError> {
    let words = Text::of(launch)?;
    let oom_kills = oom_kills();
    let nothing = File::open("/dev/null").map_err(LaunchError::host)?;
    let (media, media_end) = pipe()?;
    let (said, said_end) = pipe()?;
    let (progress, progress_end) = pipe()?;
    let (lifeline_end, lifeline) = pipe()?;
    for ours in [&media, &said, &progress] {
        ioctl_fionbio(ours, true).map_err(|error| LaunchError::host(error.into()))?;
    }
    let mut places = vec![
        (nothing.as_fd(), 0),
        (media_end.as_fd(), 1),
        (said_end.as_fd(), 2),
        (lifeline_end.as_fd(), LIFELINE),
        (progress_end.as_fd(), PROGRESS),
    ];
    if let Some(input) = &launch.input {
        places.push((input.as_fd(), INPUT));
    }
    let Spawned { pid, tied, sandbox } = thread::scope(|scope| {
        let inner = thread::Builder::new().name("streambro-spawn".to_owned());
        let inner = inner
            .spawn_scoped(scope, || spawn(launch, &words, &places, &lifeline_end))
            .map_err(LaunchError::thread)?;
        inner
            .join()
            .unwrap_or_else(|_| Err(LaunchError::host(io::Error::other("the thread that spawns panicked"))))
    })?;
    // A host that is short of descriptors has some again.
    drop((nothing, media_end, said_end, progress_end, lifeline_end));
    let child = settle(launch, pid, lifeline);
    if child.ended.is_none() {
        tied.map_err(LaunchError::host)?;
    }
    Ok(Born { child, media, words: said, progress, run: words.run, sandbox, oom_kills })
}

/// Takes hold of a child that has just been spawned, and sets its limits.
fn settle(launch: &Launch, pid: Pid, lifeline: OwnedFd) -> Child {
    #[cfg(target_os = "linux")]
    let handle =
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map(std::sync::Arc::new).ok();
    #[cfg(not(target_os = "linux"))]
    let handle = None;
    let host = std::process::id();
    let mut child = Child { pid, started: 0, handle, lifeline: Some(lifeline), host, ended: None };
    // A host that reaps everything may have done so already, and the number may be somebody else's by now.
    match facts(pid) {
        Ok((started, parent)) if parent == host => child.started = started,
        Ok(_) => child.handle = None,
        Err(_) => {}
    }
    if child.started > 0 || cfg!(not(target_os = "linux")) {
        limit(launch, pid);
    } else {
        // Gone, or hidden from us: then whoever reaps is asked for it by its number.
        child.reap();
    }
    child
}

/// Sets what is set from outside. None of it is worth losing the child for.
#[cfg(target_os = "linux")]
fn limit(launch: &Launch, pid: Pid) {
    use rustix::process::{Resource, Rlimit};

    let score = format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero());
    let _ = std::fs::write(score, launch.oom_score_adj.to_string());
    // A core of an encoder is hundreds of megabytes of somebody's film.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::prlimit(Some(pid), Resource::Core, none);
}

#[cfg(not(target_os = "linux"))]
fn limit(launch: &Launch, pid: Pid) {
    let _ = rustix::process::setpriority_process(Some(pid), launch.nice);
}

/// Arguments and environment as the system takes them.
struct Text {
    program: CString,
    args: Vec<CString>,
    environment: Vec<CString>,
    run: String,
}

impl Text {
    fn of(launch: &Launch) -> Result<Self, LaunchError> {
        let run = mark(launch.sandbox.owner.as_ref());
        let program = launch.program.as_os_str();
        if !program.as_bytes().contains(&b'/') {
            let error = io::Error::new(io::ErrorKind::NotFound, "a name without its folder");
            return Err(LaunchError::program(launch, error));
        }
        let text = |text: &std::ffi::OsStr| {
            let zero = || {
                LaunchError::host(io::Error::new(io::ErrorKind::InvalidInput, "a zero byte in an argument"))
            };
            CString::new(text.as_bytes()).map_err(|_| zero())
        };
        let args = [program].into_iter().chain(launch.args.iter().map(OsString::as_os_str));
        Ok(Self {
            program: text(program)?,
            args: args.map(text).collect::<Result<_, _>>()?,
            environment: launch.environment.of(std::env::vars_os(), &run),
            run,
        })
    }
}

/// What the inner thread brings back.
struct Spawned {
    pid: Pid,
    /// Whether it ends with the host.
    tied: io::Result<()>,
    sandbox: SandboxLevel,
}

/// Becomes what the child shall inherit, and spawns it. The thread must end after this.
fn spawn(
    launch: &Launch,
    text: &Text,
    places: &Places<'_>,
    lifeline: &OwnedFd,
) -> Result<Spawned, LaunchError> {
    // Of this thread alone, and so of every thread that the child will have.
    #[cfg(target_os = "linux")]
    if rustix::process::getpriority_process(None).is_ok_and(|host| host < launch.nice) {
        let _ = rustix::process::setpriority_process(None, launch.nice);
    }
    let keep: Vec<_> = places.iter().map(|(fd, _)| fd.as_raw_fd()).collect();
    sys::child::keep_only(&keep);
    let sandbox = launch.sandbox.apply(&launch.program, launch.input.as_deref());
    let sandbox = sandbox.map_err(LaunchError::Sandbox)?;
    let failed = |error: rustix::io::Errno| LaunchError::host(error.into());
    let unready = |error: nix::errno::Errno| LaunchError::host(error.into());
    let mut actions = PosixSpawnFileActions::init().map_err(unready)?;
    let mut aside = vec![];
    for (fd, place) in places {
        let copy = fcntl_dupfd_cloexec(fd, ASIDE).map_err(failed)?;
        actions.add_dup2(copy.as_raw_fd(), *place).map_err(unready)?;
        aside.push(copy);
    }
    let mut attributes = PosixSpawnAttr::init().map_err(unready)?;
    let flags = PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
        | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
        | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    attributes.set_flags(flags).map_err(unready)?;
    attributes.set_pgroup(nix::unistd::Pid::from_raw(0)).map_err(unready)?;
    // Whatever the host blocks or ignores, the child starts as from a shell.
    attributes.set_sigmask(&SigSet::empty()).map_err(unready)?;
    attributes.set_sigdefault(&SigSet::all()).map_err(unready)?;
    let mut tries = 0;
    loop {
        match posix_spawn(text.program.as_c_str(), &actions, &attributes, &text.args, &text.environment) {
            Ok(pid) => {
                let pid = Pid::from_raw(pid.as_raw()).ok_or_else(|| failed(rustix::io::Errno::SRCH))?;
                // At once: from here on it ends with the host.
                let tied = sys::child::tie(lifeline, pid.as_raw_nonzero().get());
                return Ok(Spawned { pid, tied, sandbox });
            }
            Err(nix::errno::Errno::ETXTBSY) if tries < BUSY_TRIES => {
                tries += 1;
                thread::sleep(BUSY_WAIT);
            }
            Err(error) => return Err(LaunchError::program(launch, error.into())),
        }
    }
}

/// The end to read from and the end to write to.
fn pipe() -> Result<(OwnedFd, OwnedFd), LaunchError> {
    let (reader, writer) = io::pipe().map_err(LaunchError::host)?;
    Ok((reader.into(), writer.into()))
}
