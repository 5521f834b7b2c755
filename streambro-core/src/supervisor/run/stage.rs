//! Where the next item of a playlist gets ready: it is opened, and ffmpeg begins with it in time if it must.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Run, Services, programme::reason, studio::Studio};
use crate::{
    error::{Error, ErrorKind, Result},
    source::{Opening, Production, Roll, Show, Staged, Wanted},
    spec::{OnFailure, Retry},
    status::Reason,
    supervisor::passes::{Next, Passes},
};

/// ffmpeg begins with the next item when so much is left of the one that plays: it may take that long to its first picture,
/// and no longer is it kept waiting.
const LEAD: Duration = Duration::from_secs(15);
/// How often the clock of what plays is looked at meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// Failures within an hour after which an item is passed over.
const MOST_FAILURES: u32 = 5;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Gets the items of one playlist ready, one after the other.
pub(super) struct Stage {
    pub(super) roll: Arc<Roll>,
    pub(super) run: Arc<Run>,
    pub(super) services: Arc<Services>,
    /// What makes the item that plays, or the one after it.
    pub(super) making: Option<AbortOnDropHandle<()>>,
}

impl Stage {
    /// Keeps what comes next ready, whatever that is at the moment.
    pub(super) async fn keep_open(mut self) {
        let roll = Arc::clone(&self.roll);
        loop {
            let (wanted, patience) = roll.wanted().await;
            let ready = async {
                sleep(patience).await;
                self.get_ready(&wanted).await
            };
            let ready = tokio::select! {
                biased;
                ready = ready => ready,
                () = roll.wants_other(&wanted) => continue,
            };
            match ready {
                Ok(show) => roll.offer(wanted, show),
                Err(error) => {
                    let detail = format!("{}: {}", error.subject, error.detail);
                    let at_ms = self.run.playhead.media_ms(Instant::now());
                    roll.refuse(&wanted, reason(&error), &detail, at_ms);
                }
            }
        }
    }

    async fn get_ready(&mut self, wanted: &Wanted) -> Result<Show> {
        let opening = self.services.opener.open(wanted, self.roll.format(), &self.run.spec).await?;
        match opening {
            Opening::Clip(clip) => Ok(Show::Clip(clip)),
            Opening::Production(made, from_ms) => self.produce(*made, from_ms, wanted).await,
        }
    }

    /// Lets ffmpeg begin with an item, once it is nearly its turn. There is one ffmpeg at a time.
    async fn produce(&mut self, made: Production, from_ms: u64, wanted: &Wanted) -> Result<Show> {
        let lead = self.services.times.media_ms(LEAD);
        let playhead = &self.run.playhead;
        while self.roll.left_ms(playhead.media_ms(Instant::now())).is_some_and(|left| left > lead) {
            // Or sooner, when somebody skips what plays.
            let _ = timeout(LOOK, self.roll.hurries()).await;
        }
        if let Some(before) = &mut self.making {
            // It ends when it has made everything, or when what it makes is no longer played. It stays where it is: something
            // else may be wanted meanwhile, and what plays goes on.
            let _ = before.await;
        }
        self.making = None;
        let (skip_ms, bits_per_second) = (wanted.skip_ms, made.work.bits_per_second);
        let length_ms = made.source.length_ms.map(|length| length.saturating_sub(from_ms));
        let name = wanted.slot.item.file.display().to_string();
        let retry = match self.roll.on_failure() {
            OnFailure::Hold => Retry::forever(),
            OnFailure::Skip => Retry::budget(MOST_FAILURES, HOUR),
        };
        let passes = Passes::new(Some(1), made.ways.len(), from_ms, retry).beginning_at(from_ms);
        let studio = Arc::new(Studio::of_item(made, self.roll.format().audio()));
        self.run.open_studio(&studio);
        let (over, fault) = (CancellationToken::new(), Arc::new(OnceLock::new()));
        let maker = Maker {
            studio: Arc::clone(&studio),
            run: Arc::clone(&self.run),
            services: Arc::clone(&self.services),
            over: over.clone(),
            fault: Arc::clone(&fault),
        };
        let making = self.services.tasks.track_future(maker.make(passes));
        let mut making = AbortOnDropHandle::new(tokio::spawn(making));
        // Dropped on the way, it takes ffmpeg along.
        tokio::select! {
            biased;
            () = studio.flows() => {}
            _ = &mut making => {
                let nothing = || (Reason::EncoderFailed, "ffmpeg made nothing of it".to_owned());
                let (_, detail) = fault.get().cloned().unwrap_or_else(nothing);
                return Err(Error::new(ErrorKind::EncoderFailed, name, detail));
            }
        }
        self.making = Some(making);
        let tape = Arc::clone(studio.tape());
        Ok(Show::Tape(Staged { tape, skip_ms, length_ms, bits_per_second, fault, maker: over }))
    }
}

/// Makes one item with ffmpeg, run after run, until it is whole or nobody wants it any more.
struct Maker {
    studio: Arc<Studio>,
    run: Arc<Run>,
    services: Arc<Services>,
    over: CancellationToken,
    fault: Arc<OnceLock<(Reason, String)>>,
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.studio.close();
    }
}

impl Maker {
    async fn make(self, mut passes: Passes) {
        let (stop, stopped) = watch::channel(false);
        let began = Instant::now();
        let Services { times, bus, .. } = &*self.services;
        loop {
            passes.begin(began.elapsed());
            let pass = self.studio.run(&self.run, &passes, Arc::clone(times), stopped.clone(), bus);
            let mut pass = std::pin::pin!(pass);
            let end = tokio::select! {
                biased;
                end = &mut pass => end,
                () = self.over.cancelled() => {
                    stop.send_replace(true);
                    pass.await
                }
            };
            let tape = self.studio.tape();
            match passes.ended(end, began.elapsed(), self.over.is_cancelled(), times) {
                Next::Run | Next::FallBack => {}
                Next::SkipLap { .. } => {
                    // The only one who sets it.
                    let _ = passes.missing().is_some_and(|why| self.fault.set(why.clone()).is_ok());
                    return tape.close();
                }
                Next::Wait(delay) => {
                    tokio::select! {
                        () = sleep(delay) => {}
                        () = self.over.cancelled() => return,
                    }
                }
                Next::GiveUp(reason, detail) => {
                    // The only one who sets it.
                    let _ = self.fault.set((reason, detail));
                    return tape.close();
                }
                Next::Close => return tape.close(),
                Next::Rest => return,
            }
        }
    }
}
