//! How a manager is set up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{
    doctor::Wanted,
    memory::{self, Recollection},
    monitor,
    open::Sources,
    timetable::Timetable,
    verbs::{Equipment, StreamManager},
    workshop::{self, Workshop, aside},
};
use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    event::Bus,
    ffmpeg::Sandbox,
    journal::{Books, Keep},
    limits::{Admission, Ledger, Limits},
    monitor::Alerts,
    publish::{Dialer, Gate, Resolver, SystemResolver},
    source::Disks,
    spec::{DestinationPolicy, Encoder, Times},
    state::{KeyProvider, Store},
    supervisor::Services,
    survey::{Root, Shelf},
};

/// Memory that is left to the system and to other programs unless said otherwise, in bytes.
const RESERVE: u64 = 500_000_000;

/// A longer time is beyond what a clock can tell, and as good as for ever.
pub(super) const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Settings of a [`StreamManager`].
#[derive(Debug)]
#[must_use = "nothing happens before `build`"]
pub struct Builder {
    limits: Limits,
    admission: Admission,
    reserve: u64,
    media_root: Option<PathBuf>,
    monitor: monitor::Settings,
    policy: DestinationPolicy,
    resolver: Arc<dyn Resolver>,
    times: Times,
    keep: Keep,
    workshop: workshop::Settings,
    clock: Arc<dyn Clock>,
    memory: memory::Settings,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            admission: Admission::default(),
            reserve: RESERVE,
            media_root: None,
            monitor: monitor::Settings::default(),
            policy: DestinationPolicy::Any,
            resolver: Arc::new(SystemResolver::default()),
            times: Times::default(),
            keep: Keep::default(),
            workshop: workshop::Settings::default(),
            clock: Arc::new(SystemClock),
            memory: memory::Settings::default(),
        }
    }
}

impl Builder {
    /// Limits the streams that run at once. Default: 20.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.limits.streams = Some(streams as u64);
        self
    }

    /// Limits the streams that each user runs at once. Default: 5.
    pub fn max_streams_per_user(mut self, streams: usize) -> Self {
        self.limits.streams_per_user = Some(streams as u64);
        self
    }

    /// Limits the destinations at each host, over all streams. Default: unlimited.
    pub fn max_streams_per_host(mut self, destinations: usize) -> Self {
        self.limits.streams_per_host = Some(destinations as u64);
        self
    }

    /// Limits what all streams send together, in bits per second, by the mean rates of their files. Default: unlimited.
    ///
    /// RTMP's overhead counts, that of TCP and IP does not: of a port of 1 Gb/s, 960 Mb/s are a good limit.
    pub fn max_bandwidth(mut self, bits_per_second: u64) -> Self {
        self.limits.bits_per_second = Some(bits_per_second);
        self
    }

    /// Limits the estimated memory of all streams together, socket buffers included, in bytes. Default: unlimited.
    pub fn max_stream_memory(mut self, bytes: u64) -> Self {
        self.limits.memory_bytes = Some(bytes);
        self
    }

    /// Limits the estimated CPU of all streams together, in percent of one core: 150 is a core and a half. Default:
    /// unlimited.
    pub fn max_stream_cpu(mut self, percent: u32) -> Self {
        self.limits.microcores = Some(u64::from(percent) * 10_000);
        self
    }

    /// Starts no more streams when the whole process, your own part of it included, has this much resident memory, in
    /// bytes. Default: unlimited.
    ///
    /// It is measured at each start and each sample; streams that run go on. From 90 % of it on there is an alert.
    pub fn max_process_memory(mut self, bytes: u64) -> Self {
        self.limits.process_bytes = Some(bytes);
        self
    }

    /// Limits the streams that each hardware encoder encodes at once. Default: 8 for [`Encoder::Nvenc`], which is what
    /// NVIDIA's drivers allow on consumer cards, all cards of a machine together; unlimited for the others.
    ///
    /// Raise it for a professional card, which has no such limit; lower it where other programs encode as well, or the
    /// driver is of 2023 or older. A stream that names the encoder is refused beyond it, or waits; [`Encoder::Auto`] goes
    /// on to the next encoder. What [`prepare`](StreamManager::prepare) makes takes no place and does not count.
    pub fn max_encoder_sessions(mut self, encoder: Encoder, sessions: usize) -> Self {
        self.limits.encoder_sessions.insert(encoder, sessions as u64);
        self
    }

    /// Lifts all limits; those that are set after this count.
    pub fn unlimited(mut self) -> Self {
        self.limits = Limits::NONE;
        self
    }

    /// Chooses what happens to a stream for which there is no place. Default: [`Admission::Reject`].
    pub fn admission(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self
    }

    /// Chooses how much of the machine's memory [`capacity`](StreamManager::capacity) leaves alone, in bytes. Default:
    /// 500 MB.
    pub fn memory_reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    /// Opens no file outside this directory, whatever a path, a link or a race says. Relative paths begin here.
    ///
    /// With Linux 5.6 or later links inside it may point to other places inside it; elsewhere no link is followed.
    pub fn media_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.media_root = Some(root.into());
        self
    }

    /// Chooses where streams may go. Default: anywhere.
    pub fn destinations(mut self, policy: DestinationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Measures what streams use this often. Default: every 30 s; zero never.
    ///
    /// The first sample is taken that long after the first stream has started; without streams nothing is measured.
    pub fn monitor_every(mut self, interval: Duration) -> Self {
        self.monitor.every = interval.min(YEAR);
        self
    }

    /// Chooses from when on a stream uses too much, and what to do then. Default: warn above 80 % of a core or 500 MB.
    pub fn alerts(mut self, alerts: Alerts) -> Self {
        self.monitor.alerts = alerts;
        self
    }

    /// Brings a resolver of your own. Default: the operating system's.
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Keeps so many lines of each stream's log, and at most 16 KB for each hundred. Default: 100; 0 keeps none.
    pub fn log_lines(mut self, lines: usize) -> Self {
        self.keep.lines = lines;
        self
    }

    /// Lets a stream that has ended, and its log, be looked at for so long; then it is forgotten and both are freed,
    /// without anyone calling anything. Default: 60 s; 0 forgets at once; a year at most.
    ///
    /// [`clear_all`](StreamManager::clear_all) does not wait for that.
    pub fn keep_ended(mut self, time: Duration) -> Self {
        self.keep.ended = time.min(YEAR);
        self
    }

    /// Keeps the records of so many runs. Default: 1,000; 0 keeps none.
    pub fn history(mut self, runs: usize) -> Self {
        self.keep.runs = runs;
        self
    }

    /// Uses this ffmpeg, and the ffprobe beside it. Default: the one on the path, if streams want one at all.
    pub fn ffmpeg(mut self, program: impl Into<PathBuf>) -> Self {
        self.workshop.ffmpeg = Some(program.into());
        self
    }

    /// Chooses in which order [`Encoder::Auto`] tries encoders. Default: NVENC, Quick Sync, VideoToolbox, VAAPI, libx264.
    pub fn encoder_order(mut self, order: impl IntoIterator<Item = Encoder>) -> Self {
        self.workshop.order = order.into_iter().collect();
        self
    }

    /// Keeps what ffmpeg makes of looped files in this directory, up to so many bytes, and copies it from the second lap
    /// on. Default: nothing is kept, and every lap is made anew.
    ///
    /// The directory is made if it is not there, readable by its owner alone, and may be shared by several processes. Beyond
    /// the quota goes what was not used for longest.
    pub fn renditions(mut self, dir: impl Into<PathBuf>, quota_bytes: u64) -> Self {
        self.workshop.renditions = Some((dir.into(), quota_bytes));
        self
    }

    /// Chooses how much of the sandbox around ffmpeg must hold. Default: [`Sandbox::BestEffort`].
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.workshop.sandbox = sandbox;
        self
    }

    /// Lets ffmpeg read and execute what is below this directory as well: for one that keeps its libraries in a place of its
    /// own.
    pub fn ffmpeg_libraries(mut self, dir: impl Into<PathBuf>) -> Self {
        self.workshop.libraries.push(dir.into());
        self
    }

    /// Takes [raw options](crate::Encode::raw) of ffmpeg from specs. Only for hosts whose users are trusted: what they can
    /// make ffmpeg do is held by its sandbox alone. Default: refused.
    pub fn allow_raw_options(mut self) -> Self {
        self.workshop.raw = true;
        self
    }

    /// Tells the time to schedules by a clock of your own, to try them out. Default: the system's.
    ///
    /// It is looked at once a second, and whenever something is planned. What is on the air goes on at its own pace.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Keeps what is wanted, where streams are and what became of them in this directory, and goes on from there: streams that
    /// ran when the process died run again, each where it was or, with [`Resume::WallClock`](crate::Resume::WallClock), where
    /// it would be. Default: nothing is kept.
    ///
    /// The directory is made if it is not there, for its owner alone; one manager at a time uses it. Where streams are is kept
    /// every 2 s. Keys are not, unless [`keys`](Self::keys) or [`keep_keys_in_clear`](Self::keep_keys_in_clear) says so: a
    /// stream without its key waits until it is started, or scheduled, with the same spec once more. When nothing can be
    /// written streams go on, and [`State`](crate::EventKind::State) says so.
    #[cfg(feature = "state")]
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.memory.place = memory::StorePlace::Dir(dir.into());
        self
    }

    /// Keeps the same in a store of your own, which no other manager uses meanwhile.
    pub fn store(mut self, store: impl Store) -> Self {
        self.memory.place = memory::StorePlace::Host(Arc::new(store));
        self
    }

    /// Keeps stream keys as the host seals them.
    pub fn keys(mut self, provider: impl KeyProvider) -> Self {
        self.memory.keys = memory::Keys::Sealed(Arc::new(provider));
        self
    }

    /// Keeps stream keys as they are: whoever can read the store can send to your channels.
    pub fn keep_keys_in_clear(mut self) -> Self {
        self.memory.keys = memory::Keys::Clear;
        self
    }

    /// Begins anew when the state directory holds what cannot be used: damaged, or of a newer streambro. It is renamed, and
    /// an event says where to. Default: [`build`](Self::build) refuses, and nothing is touched.
    #[cfg(feature = "state")]
    pub fn set_invalid_state_aside(mut self) -> Self {
        self.memory.set_aside = true;
        self
    }

    /// Changes the time table, to make tests short.
    #[cfg(feature = "test-hooks")]
    pub fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// What these settings ask of the host.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            streams: self.limits.streams.and_then(|most| usize::try_from(most).ok()),
            media_root: self.media_root.clone(),
        }
    }

    /// Creates the manager on the current tokio runtime, which needs its time and I/O drivers.
    ///
    /// # Errors
    /// `InvalidSpec` when the media root cannot be looked at or is not a directory, when streams shall wait for memory that
    /// nobody measures, or when the sessions of an encoder are limited that has none; `NotAllowed` and `Host` when the
    /// directory of renditions or that of the state cannot be used; `StateInUse` when another manager uses the state, also
    /// one that was dropped while it was keeping something, until that is kept (after [`shutdown`](StreamManager::shutdown)
    /// and the last clone it is free); `StateInvalid` when what is kept cannot be used; and what a store of the host says.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn build(self) -> Result<StreamManager> {
        let wanted = self.wanted();
        let root = match self.media_root {
            None => None,
            Some(root) => {
                let name = root.display().to_string();
                let refuse =
                    |error| Error::new(ErrorKind::InvalidSpec, "media_root", format!("{name}: {error}"));
                Some(Root::new(root).map_err(refuse)?)
            }
        };
        if self.limits.process_bytes.is_some()
            && self.monitor.every.is_zero()
            && !matches!(self.admission, Admission::Reject)
        {
            let detail =
                "streams that wait for memory need a monitor to see it come free: do not turn it off";
            return Err(Error::new(ErrorKind::InvalidSpec, "monitor_every", detail));
        }
        if let Some(encoder) = self.limits.encoder_sessions.keys().find(|encoder| !encoder.is_hardware()) {
            let detail = format!(
                "{} has no sessions; name a hardware encoder, or limit what the processor encodes with `max_stream_cpu`",
                encoder.name()
            );
            return Err(Error::new(ErrorKind::InvalidSpec, "max_encoder_sessions", detail));
        }
        // Before anything is started: children of a manager that is no more are ended here.
        let recollection = self.memory.open().await?;
        let owner = recollection.as_ref().map(|recollection| recollection.cookie.clone());
        let workshop = workshop::Settings { owner, ..self.workshop };
        if workshop.renditions.as_ref().is_some_and(|(_, quota)| *quota == 0) {
            let detail = "a quota of 0 bytes keeps nothing: leave `renditions` out, or allow some";
            return Err(Error::new(ErrorKind::InvalidSpec, "renditions", detail));
        }
        let workshop = aside(move || Workshop::open(workshop)).await??;
        let monitor = monitor::Settings { max_process_memory: self.limits.process_bytes, ..self.monitor };
        let ledger = Ledger::new(self.limits, self.admission);
        let (disks, times) = (Disks::default(), Arc::new(self.times));
        let sources = Arc::new(Sources {
            shelf: Shelf::new(root),
            workshop: Arc::new(workshop),
            disks: disks.clone(),
            times: Arc::clone(&times),
        });
        let opener = Arc::clone(&sources);
        let services = Services {
            dialer: Arc::new(Dialer::new(self.resolver, self.policy.clone(), self.times)),
            gate: Gate::default(),
            disks,
            opener,
            bus: Bus::default(),
            books: Arc::new(Books::new(self.keep)),
            tasks: TaskTracker::new(),
            times,
            epoch: Instant::now(),
        };
        let manager = StreamManager::new(Equipment {
            sources,
            ledger,
            reserve: self.reserve,
            policy: self.policy,
            services,
            monitor,
            wanted,
            timetable: Timetable::new(self.clock),
            memory: recollection.as_ref().map(|recollection| Arc::clone(&recollection.memory)),
        });
        if let Some(Recollection { streams, history, set_aside, .. }) = recollection {
            manager.0.services.books.restore(history);
            manager.recall(streams, set_aside);
        }
        Ok(manager)
    }
}
