//! One ffmpeg: started, listened to, stopped and reaped. It ends with the host, however that ends.

mod child;
mod drain;
mod environment;
mod launch;
mod leftovers;
mod reaper;

use std::{
    convert::Infallible,
    ffi::OsString,
    fmt,
    fs::File,
    future::{pending, poll_fn},
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    io::unix::AsyncFd,
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::child::Child;
pub(crate) use self::{
    environment::{Cookie, Environment},
    leftovers::end_leftovers,
};
use super::{
    progress::Progress,
    sandbox::{Lacking, SandboxPlan},
    words::Words,
};
use crate::{status::SandboxLevel, sys};

/// From the first SIGTERM to the second: only from that one on does ffmpeg leave a call that hangs (fftools, measured
/// in reliability.md 0).
const TERM_AGAIN: Duration = Duration::from_millis(500);
/// From SIGKILL until a child that the kernel keeps is left to the reaper.
const KILLED: Duration = Duration::from_millis(500);
/// How long its last words may take to come when it has ended.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// Between looks at a child that the system has no handle for.
const LOOK: Duration = Duration::from_millis(50);

/// What to run, and how.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program, with its folder: nothing is searched for.
    pub(crate) program: PathBuf,
    /// Its arguments, without its name.
    pub(crate) args: Vec<OsString>,
    /// Its descriptor 3.
    pub(crate) input: Option<Arc<File>>,
    /// What it may see of the host's environment.
    pub(crate) environment: Environment,
    /// What it may touch.
    pub(crate) sandbox: SandboxPlan,
    /// Its priority, 19 being the last. Never before the host's own.
    pub(crate) nice: i32,
    /// How much sooner than others it is killed when memory runs out, up to 1000. The host goes on without it.
    pub(crate) oom_score_adj: i32,
}

impl Launch {
    /// Creates one without input, at nice 10.
    pub(crate) fn new(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            input: None,
            environment: Environment::default(),
            sandbox: SandboxPlan::default(),
            nice: 10,
            oom_score_adj: 500,
        }
    }
}

/// Why there is no child.
#[derive(Debug)]
pub(crate) enum LaunchError {
    /// The program is not there, or the system cannot execute it.
    Program {
        /// Which.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
        /// Whether there is a file of that name.
        there: bool,
    },
    /// The host lacks something, or forbids it.
    Host {
        /// What the system said.
        error: io::Error,
        /// What to do about it.
        remedy: Option<&'static str>,
    },
    /// The sandbox that was asked for cannot be had.
    Sandbox(Lacking),
}

impl LaunchError {
    fn host(error: io::Error) -> Self {
        Self::Host { remedy: sys::lack(&error), error }
    }

    fn thread(error: io::Error) -> Self {
        Self::Host { remedy: sys::lack_of_threads(&error), error }
    }

    /// What the system said when it was to execute the program.
    fn program(launch: &Launch, error: io::Error) -> Self {
        match sys::lack_of_threads(&error) {
            remedy @ Some(_) => Self::Host { error, remedy },
            None => Self::Program { program: launch.program.clone(), there: launch.program.exists(), error },
        }
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { program, error, there: false } => {
                write!(f, "{} cannot be started: {error}", program.display())
            }
            Self::Program { program, error, there: true } => {
                write!(f, "{} is there but cannot be executed: {error}", program.display())
            }
            Self::Host { error, remedy: Some(remedy) } => {
                write!(f, "it cannot be started: {error}; {remedy}")
            }
            Self::Host { error, remedy: None } => write!(f, "it cannot be started: {error}"),
            Self::Sandbox(Lacking(why)) => write!(f, "it is not started without a sandbox: {why}"),
        }
    }
}

impl std::error::Error for LaunchError {}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with a code. 0 alone is no success.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It has ended, or the kernel keeps it after SIGKILL; how is not known: somebody else in the host has reaped it.
    Unknown,
}

/// A running ffmpeg, or one that has ended. Dropping it kills it and all of its group, without waiting.
#[derive(Debug)]
pub(crate) struct Process {
    /// Before what reads from it: it is killed first.
    exited: Option<AsyncFd<Arc<OwnedFd>>>,
    child: Child,
    media: AsyncFd<Arc<OwnedFd>>,
    words: Arc<Words>,
    progress: Arc<Mutex<Progress>>,
    /// What the kernel had killed for want of memory before.
    oom_kills: u64,
    sandbox: SandboxLevel,
    /// Until it has been heard out.
    listening: Option<JoinHandle<()>>,
    run: String,
}

impl Process {
    /// Starts one.
    ///
    /// Never blocks the caller's thread. Cancel safe: a child that came to be meanwhile is killed and reaped. Wants a
    /// tokio runtime with I/O and time.
    pub(crate) async fn spawn(launch: Launch) -> Result<Self, LaunchError> {
        let lost = || LaunchError::host(io::Error::other("the thread that spawns panicked"));
        let born = launch::start(launch)?.await.unwrap_or_else(|_| Err(lost()))?;
        let exited =
            born.child.handle.clone().map(sys::child::watch).transpose().map_err(LaunchError::host)?;
        let media = sys::child::watch(born.media.into()).map_err(LaunchError::host)?;
        let said = sys::child::watch(born.words.into()).map_err(LaunchError::host)?;
        let told = sys::child::watch(born.progress.into()).map_err(LaunchError::host)?;
        let words = Arc::new(Words::default());
        let progress = Arc::new(Mutex::new(Progress::default()));
        let (to_words, to_progress) = (Arc::clone(&words), Arc::clone(&progress));
        let listening = tokio::spawn(async move {
            tokio::join!(drain::words(said, to_words), drain::progress(told, to_progress));
        });
        let (child, run, oom_kills, sandbox) = (born.child, born.run, born.oom_kills, born.sandbox);
        let listening = Some(listening);
        Ok(Self { exited, child, media, words, progress, oom_kills, sandbox, listening, run })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// When it started, in ticks since the machine did: with the pid and the machine's boot id, what no other process
    /// has. 0 where the system does not tell.
    pub(crate) fn started(&self) -> u64 {
        self.child.started
    }

    /// The mark in its environment, `STREAMBRO_RUN`: 128 bits in hex, after its owner's cookie if it has one.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Reads what it writes to its standard output; 0 is the end. One task at a time.
    ///
    /// What has left its group may keep the pipe open beyond its end: `wait` tells of that.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_media(&self.media, cx, buf)
    }

    /// The same as a future. Cancel safe.
    pub(crate) async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Its words on standard error, which go on being taken whether anybody looks or not.
    pub(crate) fn words(&self) -> Arc<Words> {
        Arc::clone(&self.words)
    }

    /// What it last said of its progress.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds around it.
    pub(crate) fn sandbox(&self) -> SandboxLevel {
        self.sandbox
    }

    /// How many processes the kernel has killed for want of memory since it was started, on the whole machine.
    pub(crate) fn oom_kills(&self) -> u64 {
        child::oom_kills().saturating_sub(self.oom_kills)
    }

    /// Waits until it has ended and its last words have come. Then nothing is left of its group.
    ///
    /// Cancel safe, and answers the same again. It does not read the media: a child whose pipe is full does not end.
    pub(crate) async fn wait(&mut self) -> Exit {
        let exit = self.end().await;
        self.hear_out().await;
        exit
    }

    /// Ends it: SIGTERM, SIGTERM again, and SIGKILL to its group when `grace` is over. What it still writes to its
    /// standard output is read and thrown away.
    ///
    /// Returns within the grace and a second, also when the kernel does not let it go: then it is reaped later. Cancel
    /// safe: called again it begins again.
    pub(crate) async fn stop(&mut self, grace: Duration) -> Exit {
        let first = TERM_AGAIN.min(grace / 2);
        for (signal, patience) in
            [(Signal::TERM, first), (Signal::TERM, grace - first), (Signal::KILL, KILLED)]
        {
            if patience.is_zero() {
                continue;
            }
            self.child.signal(signal);
            // One that was stopped hears nothing else.
            self.child.signal(Signal::CONT);
            if timeout(patience, self.end_unread()).await.is_ok() {
                return self.wait().await;
            }
        }
        self.child.leave();
        self.wait().await
    }

    async fn end(&mut self) -> Exit {
        ended(&mut self.child, self.exited.as_ref()).await
    }

    /// A child that waits for its reader would not end.
    async fn end_unread(&mut self) -> Exit {
        let Self { child, exited, media, .. } = self;
        let unread = async {
            let mut scratch = vec![0; 16 * 1_024];
            while let Ok(1..) = poll_fn(|cx| poll_media(media, cx, &mut scratch)).await {}
            pending::<Infallible>().await
        };
        tokio::select! {
            exit = ended(child, exited.as_ref()) => exit,
            never = unread => match never {},
        }
    }

    async fn hear_out(&mut self) {
        if let Some(listening) = &mut self.listening {
            if timeout(LAST_WORDS, &mut *listening).await.is_err() {
                listening.abort();
            }
            self.listening = None;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What has left the group may hold the pipes open for ever.
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

async fn ended(child: &mut Child, exited: Option<&AsyncFd<Arc<OwnedFd>>>) -> Exit {
    loop {
        if let Some(exit) = child.reap() {
            return exit;
        }
        let Some(exited) = exited else {
            sleep(LOOK).await;
            continue;
        };
        match exited.readable().await {
            Ok(mut ready) => {
                if let Some(exit) = child.reap() {
                    return exit;
                }
                ready.clear_ready();
            }
            // The runtime is shutting down.
            Err(_) => sleep(LOOK).await,
        }
    }
}

fn poll_media(
    media: &AsyncFd<Arc<OwnedFd>>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        let mut guard = ready!(media.poll_read_ready(cx))?;
        match guard.try_io(|media| Ok(rustix::io::read(media.get_ref(), &mut *buf)?)) {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(result) => return Poll::Ready(result),
            Err(_would_block) => {}
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod death_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod host_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod leftovers_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod sandbox_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod stop_tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
