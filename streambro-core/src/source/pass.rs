//! One run of ffmpeg: its output onto a tape, its end as data.

use std::{
    fs::File,
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{keeper::Keeper, recorder::Recorder, tape::Tape};
use crate::{
    ffmpeg::{Death, DeathKind, Evidence, Exit, Launch, LaunchError, Process, Progress, classify, unborn},
    media::error::MediaError,
    spec::Times,
    status::{Reason, SandboxLevel},
};

/// What is read from the pipe at once: what a pipe holds.
const READ: usize = 64 * 1_024;
/// A run that ends this much before its film is due to has not come to its end: containers are that vague.
const SHORT_MS: u64 = 1_500;
/// How often a disk that is behind is looked at.
const KEEPER_LOOK: Duration = Duration::from_millis(20);
/// Lines of its words that one run may put into a stream's log.
const MOST_WORDS: usize = 20;

/// How a run of ffmpeg ended. Times are milliseconds of the film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PassEnd {
    /// It has come to the end of its source, after so much media.
    Lap { ms: u64 },
    /// The same, and from now on a file plays.
    Stored,
    /// It was asked to end.
    Stopped { reached_ms: u64 },
    /// It ended by itself before the end of its source, or had to be ended.
    Failed { fault: PassFault, reason: Reason, detail: String, reached_ms: u64 },
}

/// What could mend a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassFault {
    /// Another try.
    Passing,
    /// Another encoder.
    Encoder,
    /// Going on behind it: the source cannot be read from here on.
    Unreadable,
    /// Nothing.
    Hopeless,
}

/// A run of ffmpeg, ready to begin.
#[derive(Debug)]
pub(crate) struct Pass {
    /// What is run.
    pub(crate) launch: Launch,
    /// Where its output goes.
    pub(crate) tape: Arc<Tape>,
    /// What it reads.
    pub(crate) source: PassSource,
    /// Where in the film it begins, in milliseconds.
    pub(crate) from_ms: u64,
    /// What its times are later than the film's, in milliseconds.
    pub(crate) lead_ms: i64,
    /// Who keeps a copy of what it makes, if anyone does.
    pub(crate) keeper: Arc<Mutex<Option<Keeper>>>,
    /// Its figures.
    pub(crate) figures: Arc<PassFigures>,
    /// The time table.
    pub(crate) times: Arc<Times>,
}

/// The film that ffmpeg reads.
#[derive(Clone, Debug)]
pub(crate) struct PassSource {
    /// The open file.
    pub(crate) file: Arc<File>,
    /// Its length when it was opened, in bytes.
    pub(crate) len: u64,
    /// How long it plays, in milliseconds, where that is known.
    pub(crate) length_ms: Option<u64>,
}

/// What may be known of the runs of a stream while they go on.
#[derive(Debug, Default)]
pub(crate) struct PassFigures(Mutex<Figures>);

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// The process, while there is one.
    pub(crate) process: Option<Child>,
    /// Runs that were started.
    pub(crate) runs: u64,
    /// What it says of its progress.
    pub(crate) progress: Progress,
    /// Lines of its words that were lost because it said too much.
    pub(crate) lost_words: u64,
    /// How far it is in the film, in milliseconds.
    pub(crate) reached_ms: u64,
}

/// A running ffmpeg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    /// When it started, in ticks since the machine did: with the pid, what no other process has.
    pub(crate) started: u64,
    /// What holds around it.
    pub(crate) sandbox: SandboxLevel,
}

/// What a run tells while it goes on.
#[derive(Clone, Debug)]
pub(crate) enum PassNews {
    /// A receiver can begin.
    Flows,
    /// A line of its words.
    Says(String),
}

/// What a run met last.
enum Met {
    Stop,
    Bytes(usize),
    End,
    Failed(io::Error),
    Silence(Duration),
}

impl PassFigures {
    /// Returns what is known now.
    pub(crate) fn read(&self) -> Figures {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        // Whole at every instant, whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Runs ffmpeg until it ends, or `stop` does, and tells `news` what happens meanwhile.
    ///
    /// Cancel safe: dropping it kills ffmpeg.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>, mut news: impl FnMut(PassNews)) -> PassEnd {
        let mut stop = pin!(stop);
        let spawned = tokio::select! {
            biased;
            () = &mut stop => return PassEnd::Stopped { reached_ms: self.from_ms },
            spawned = Process::spawn(self.launch.clone()) => spawned,
        };
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) => return self.not_started(&error),
        };
        tracing::debug!(pid = process.pid(), run = process.run(), from_ms = self.from_ms, "ffmpeg runs");
        {
            let mut figures = self.figures.lock();
            let (pid, started, sandbox) = (process.pid(), process.started(), process.sandbox());
            figures.process = Some(Child { pid, started, sandbox });
            figures.runs += 1;
        }
        // Also when this is dropped.
        let _gone = Gone(&self.figures);
        self.follow(&mut process, stop, &mut news).await
    }

    async fn follow(
        &self,
        process: &mut Process,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
        news: &mut impl FnMut(PassNews),
    ) -> PassEnd {
        if let Some(keeper) = &mut *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) {
            keeper.go_on();
        }
        let mut recorder = Recorder::new(Arc::clone(&self.tape));
        let mut buf = vec![0; READ];
        let mut log = Log { words: process.words(), next: 0, left: MOST_WORDS };
        loop {
            let patience =
                if recorder.has_begun() { self.times.encoder_stall } else { self.times.encoder_start };
            let met = tokio::select! {
                biased;
                () = &mut stop => Met::Stop,
                met = self.next(process, &mut buf, patience) => met,
            };
            log.tell(news);
            match met {
                Met::Bytes(n) => {
                    let had_begun = recorder.has_begun();
                    if let Err(error) = self.record(&mut recorder, &buf[..n]) {
                        process.stop(Duration::ZERO).await;
                        return self.garbled(&mut recorder, error);
                    }
                    self.note(process, &recorder);
                    if recorder.has_begun() && !had_begun {
                        news(PassNews::Flows);
                    }
                }
                Met::Stop => {
                    process.stop(self.times.encoder_stop).await;
                    recorder.end(false);
                    return PassEnd::Stopped { reached_ms: self.reached(&recorder) };
                }
                Met::End => {
                    let exit = match timeout(self.times.encoder_stop, process.wait()).await {
                        Ok(exit) => exit,
                        Err(_) => process.stop(Duration::ZERO).await,
                    };
                    log.tell(news);
                    return self.judge(process, exit, &mut recorder, news);
                }
                Met::Failed(error) => {
                    process.stop(Duration::ZERO).await;
                    return self.failed(
                        &mut recorder,
                        PassFault::Passing,
                        Reason::EncoderFailed,
                        error.to_string(),
                    );
                }
                Met::Silence(patience) => {
                    process.stop(Duration::ZERO).await;
                    let detail = format!("ffmpeg made nothing for {} s", patience.as_secs());
                    return self.failed(&mut recorder, PassFault::Passing, Reason::EncoderFailed, detail);
                }
            }
        }
    }

    fn keeper_has_room(&self) -> bool {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.as_ref().is_none_or(Keeper::has_room)
    }

    fn record(&self, recorder: &mut Recorder, bytes: &[u8]) -> Result<(), MediaError> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.push(bytes, |unit| {
            if let Some(keeper) = &mut *keeper {
                keeper.take(unit);
            }
        })
    }

    /// Waits until there is room, and then for bytes.
    async fn next(&self, process: &Process, buf: &mut [u8], patience: Duration) -> Met {
        self.tape.room().await;
        while !self.keeper_has_room() {
            sleep(KEEPER_LOOK).await;
        }
        match timeout(patience, process.read(buf)).await {
            Ok(Ok(0)) => Met::End,
            Ok(Ok(n)) => Met::Bytes(n),
            Ok(Err(error)) => Met::Failed(error),
            Err(_) => Met::Silence(patience),
        }
    }

    /// Decides what an end by itself was: its code says nothing, how far it came does.
    fn judge(
        &self,
        process: &Process,
        exit: Exit,
        recorder: &mut Recorder,
        news: &mut impl FnMut(PassNews),
    ) -> PassEnd {
        let reached = self.reached(recorder);
        let made = recorder.has_begun() || recorder.shown_ms().is_some();
        let came_to_the_end = match self.source.length_ms {
            Some(length) => self.furthest(recorder) + SHORT_MS.min(length / 4) >= length,
            None => exit == Exit::Code(0),
        };
        if came_to_the_end && (made || self.from_ms > 0) {
            if !recorder.end(true) {
                self.tape.end(0, true);
            }
            if !matches!(exit, Exit::Code(0) | Exit::Unknown) {
                // Whether the last pictures are missing nobody knows: that is nothing to play for years.
                *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            if recorder.has_begun() {
                // One so short that it is all there at once.
                news(PassNews::Flows);
            }
            return PassEnd::Lap { ms: reached };
        }
        if exit == Exit::Code(0) {
            return self.short(recorder, reached, made);
        }
        let words = process.words().last();
        let bytes = u64::from(made);
        let death =
            classify(&Evidence { exit, words: &words, bytes, asked: false, oom_kills: process.oom_kills() });
        self.died(recorder, death)
    }

    /// It thinks that all is well, and much is missing.
    fn short(&self, recorder: &mut Recorder, reached: u64, made: bool) -> PassEnd {
        let now = self.source.file.metadata().map_or(self.source.len, |facts| facts.len());
        if now < self.source.len {
            let detail = format!("the file was cut from {} to {now} bytes while it played", self.source.len);
            return self.failed(recorder, PassFault::Hopeless, Reason::SourceTruncated, detail);
        }
        let length = self.source.length_ms.unwrap_or(0);
        let detail = format!("ffmpeg ended at {} of {} s", reached as f64 / 1e3, length as f64 / 1e3);
        let fault = if made { PassFault::Passing } else { PassFault::Unreadable };
        self.failed(recorder, fault, Reason::EncoderFailed, detail)
    }

    fn died(&self, recorder: &mut Recorder, death: Death) -> PassEnd {
        let (fault, reason) = match death.kind {
            DeathKind::MissingBinary | DeathKind::NotExecutable => {
                (PassFault::Passing, Reason::EncoderUnavailable)
            }
            DeathKind::NoEncoder | DeathKind::DeviceBusy => (PassFault::Encoder, Reason::EncoderUnavailable),
            DeathKind::BadInput if recorder.shown_ms().is_none() && self.from_ms == 0 => {
                (PassFault::Hopeless, Reason::SourceInvalid)
            }
            DeathKind::BadInput if recorder.shown_ms().is_none() => {
                (PassFault::Unreadable, Reason::EncoderFailed)
            }
            DeathKind::OutOfMemory | DeathKind::HostLacks | DeathKind::Refused => {
                (PassFault::Passing, Reason::Host)
            }
            _ => (PassFault::Passing, Reason::EncoderFailed),
        };
        self.failed(recorder, fault, reason, death.detail)
    }

    fn garbled(&self, recorder: &mut Recorder, error: MediaError) -> PassEnd {
        let fault = match &error {
            MediaError::Unsupported(_) => PassFault::Hopeless,
            _ => PassFault::Passing,
        };
        self.failed(
            recorder,
            fault,
            Reason::EncoderFailed,
            format!("what ffmpeg makes cannot be sent: {error}"),
        )
    }

    fn not_started(&self, error: &LaunchError) -> PassEnd {
        self.died(&mut Recorder::new(Arc::clone(&self.tape)), unborn(error))
    }

    fn failed(&self, recorder: &mut Recorder, fault: PassFault, reason: Reason, detail: String) -> PassEnd {
        recorder.end(false);
        PassEnd::Failed { fault, reason, detail, reached_ms: self.reached(recorder) }
    }

    /// How far it is in the film.
    fn reached(&self, recorder: &Recorder) -> u64 {
        let end = recorder.shown_ms().map(|(first, length)| first + length - self.lead_ms);
        end.map_or(self.from_ms, |end| end.max(0).unsigned_abs().max(self.from_ms))
    }

    /// The same, by the track that reaches furthest: sound may go on where there is no picture any more.
    fn furthest(&self, recorder: &Recorder) -> u64 {
        let end = recorder.furthest_ms().map(|end| (end - self.lead_ms).max(0).unsigned_abs());
        end.unwrap_or(0).max(self.from_ms)
    }

    fn note(&self, process: &Process, recorder: &Recorder) {
        let mut figures = self.figures.lock();
        figures.progress = process.progress();
        figures.lost_words = process.words().dropped();
        figures.reached_ms = self.reached(recorder);
    }
}

/// Lets nobody believe in a process that is no more.
struct Gone<'a>(&'a PassFigures);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.lock().process = None;
    }
}

/// What a run has said so far, and how much of it may still be told.
struct Log {
    words: Arc<crate::ffmpeg::Words>,
    next: u64,
    left: usize,
}

impl Log {
    fn tell(&mut self, news: &mut impl FnMut(PassNews)) {
        if self.left == 0 {
            return;
        }
        let said = self.words.since(self.next);
        self.next = said.next;
        for line in said.lines.into_iter().take(self.left) {
            self.left -= 1;
            news(PassNews::Says(line));
        }
    }
}
