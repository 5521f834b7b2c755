//! The task of one run: reconciles what is wanted with what is.

use std::{
    future::pending,
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::Span;

use super::{Run, Services, outlets::Outlet, programme::Programme, studio::Studio};
use crate::{
    event::{Bus, EventKind},
    session::{Leg, LegEnd, Manner, Road, SignalKind, Signals},
    source::{Film, PassEnd, Prepared, Reel, Rolls, Start},
    spec::Repeat,
    status::{LegPhase, Phase, Reason},
    supervisor::fsm::{Effect, Fsm, Input},
};

/// Runs a stream that has its place until it has ended.
///
/// Cancel safe: dropping it aborts the connections and ends the run; see [`LastWord`].
pub(in crate::supervisor) async fn supervise(run: Arc<Run>, source: Prepared, services: Arc<Services>) {
    let mut task = Supervisor::new(run, source, services);
    task.act(Input::Begin);
    while !task.finished {
        let happened = task.next().await;
        task.act(happened);
    }
}

/// Ends a run whose task goes without having said so: dropped with its runtime, or by a panic.
pub(in crate::supervisor) struct LastWord(Arc<Run>, Bus);

impl LastWord {
    pub(in crate::supervisor) fn of(run: &Arc<Run>, bus: &Bus) -> Self {
        Self(Arc::clone(run), bus.clone())
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end(Reason::Internal, "the stream's task died; please report it", &self.1);
        } else {
            self.0.end(Reason::ShutDown, "the host's runtime ended", &self.1);
        }
    }
}

pub(super) struct Supervisor {
    pub(super) run: Arc<Run>,
    services: Arc<Services>,
    road: Arc<Road>,
    pub(super) fsm: Fsm,
    began: Instant,
    attempts: JoinSet<Ended>,
    /// Where ffmpeg is needed.
    studio: Option<Arc<Studio>>,
    /// Where there is a playlist.
    programme: Option<Programme>,
    /// When it runs again.
    pass_due: Option<Instant>,
    wanted: watch::Receiver<Option<Reason>>,
    hang_up: watch::Sender<bool>,
    /// Where each leg goes.
    pub(super) outlets: Vec<Outlet>,
    /// What each leg waits for.
    due: Vec<Option<Due>>,
    /// The latest attempt of each leg.
    pub(super) spans: Vec<Span>,
    finished: bool,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(studio) = &self.studio {
            studio.close();
        }
    }
}

/// What has ended: a connection, or a run of ffmpeg.
enum Ended {
    Leg(usize, LegEnd),
    Pass(PassEnd),
}

/// What a leg waits for before it connects again, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Delay,
    TurnAtHost,
    Turn,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    wait: Wait,
}

impl Supervisor {
    fn new(run: Arc<Run>, source: Prepared, services: Arc<Services>) -> Self {
        let (reel, studio) = match source {
            Prepared::Film(opened) => {
                (Reel::Film(Film { disk: services.disks.of(opened.device), opened }), None)
            }
            Prepared::Kept(opened, kept) => {
                run.show_kept(kept, &services.bus);
                (Reel::Film(Film { disk: services.disks.of(opened.device), opened }), None)
            }
            Prepared::Production(production) => {
                let studio = Arc::new(Studio::new(*production));
                run.open_studio(&studio);
                (Reel::Tape(Arc::clone(studio.tape())), Some(studio))
            }
            Prepared::Lists(rolls) => (Reel::Rolls(rolls), None),
        };
        let programme = run.rolls().map(|rolls| Programme::new(rolls, &run, &services));
        let Start { place, part } = run.start();
        let repeat = place.rest(run.spec.source.repeat);
        let forever = repeat == Repeat::Forever;
        let road = Road {
            id: run.id.clone(),
            repeat,
            part,
            playhead: Arc::clone(&run.playhead),
            dialer: Arc::clone(&services.dialer),
            times: Arc::clone(&services.times),
            epoch: services.epoch,
            signals: Signals::default(),
            file: run.spec.source.file_alone().filter(|_| forever).cloned(),
            fallback: OnceLock::new(),
            reel,
        };
        let outlets = run.orders().outlets().to_vec();
        let legs = outlets.len();
        let seed =
            run.id.as_str().bytes().fold(run.started_unix_ms, |seed, byte| {
                seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
            });
        let fsm = Fsm::new(legs, seed, Arc::clone(&services.times), run.spec.retry);
        let waits = programme.as_ref().is_some_and(|programme| !programme.has_begun());
        let fsm = if waits { fsm.waiting() } else { fsm };
        let fsm = fsm.with_outlooks(&run.orders().outlooks());
        let fsm = match &studio {
            Some(studio) => fsm.with_passes(studio.passes(&run.spec, repeat, seed).beginning_at(place.ms)),
            None => fsm,
        };
        Self {
            fsm,
            studio,
            programme,
            pass_due: None,
            road: Arc::new(road),
            began: Instant::now(),
            attempts: JoinSet::new(),
            wanted: run.stop.subscribe(),
            hang_up: watch::Sender::new(false),
            outlets,
            due: vec![None; legs],
            spans: vec![Span::none(); legs],
            finished: false,
            run,
            services,
        }
    }

    /// Waits for the next thing that happens.
    async fn next(&mut self) -> Input {
        let legs = self.due.iter().enumerate().filter_map(|(leg, due)| Some(((*due)?.at, Input::Due(leg))));
        let pass = self.pass_due.map(|at| (at, Input::PassDue));
        let next_due = legs.chain(pass).min_by_key(|(at, _)| *at);
        let stopping = *self.hang_up.borrow();
        let timer = async {
            match next_due {
                Some((at, due)) => {
                    sleep_until(at).await;
                    due
                }
                None => pending().await,
            }
        };
        let studio = self.studio.clone();
        let flows = async {
            match &studio {
                Some(studio) => studio.flows().await,
                None => pending().await,
            }
        };
        let told = async {
            match &self.programme {
                Some(programme) => programme.tells().await,
                None => pending().await,
            }
        };
        let wanted = async {
            let wanted = self.wanted.wait_for(Option::is_some).await;
            wanted.ok().and_then(|wanted| *wanted).unwrap_or(Reason::Stopped)
        };
        // In this order: what a leg reported happened before its end.
        tokio::select! {
            biased;
            wanted = wanted, if !stopping => Input::Stop(wanted),
            signal = self.road.signals.next() => Input::Signal(signal.leg, signal.kind),
            // Likewise.
            () = flows => Input::Flows,
            trouble = told => {
                let ready = self.programme.as_ref().is_some_and(Programme::has_begun);
                let over = self.programme.as_ref().is_some_and(Programme::is_over);
                Input::Source { trouble, ready, over }
            }
            Some(ended) = self.attempts.join_next() => match ended {
                Ok(Ended::Pass(end)) => Input::PassEnded(end),
                // Nobody wants this stream to end: its connections are made anew.
                Ok(Ended::Leg(leg, end)) if end.reason == Reason::Stopped && !stopping => {
                    Input::Ended(leg, LegEnd::new(Reason::OverLimit, "it is restarted, as the alerts ask"))
                }
                Ok(Ended::Leg(leg, end)) => Input::Ended(leg, end),
                // Only a runtime that ends cancels a leg. It drops this task next, which says so.
                Err(error) if error.is_cancelled() => pending().await,
                Err(_) => Input::Stop(Reason::Internal),
            },
            () = self.run.ordered.notified(), if !stopping => {
                let mut orders = self.run.orders();
                if orders.take_renew() {
                    // The rest is looked at next.
                    self.run.ordered.notify_one();
                    Input::Renew
                } else {
                    Input::Outlets(orders.outlooks())
                }
            }
            due = timer => due,
        }
    }

    /// Asks the state machine and does what it says.
    fn act(&mut self, input: Input) {
        if input == Input::Stop(Reason::Internal) {
            // A leg's task died without a word: nothing of this stream can be trusted any more.
            self.attempts.abort_all();
            let detail = "a task of the stream died; please report it";
            self.run.end(Reason::Internal, detail, &self.services.bus);
            self.finished = true;
            return;
        }
        if let Input::Signal(_, SignalKind::FellBack) = input {
            self.wait_for_file();
        }
        if let (Input::Source { .. }, Some(programme)) = (&input, &self.programme) {
            programme.tell(&self.run, &self.services.bus);
        }
        if let Input::Outlets(_) = &input {
            self.meet_outlets();
        }
        let now = Instant::now();
        if let Input::Due(leg) = input
            && !self.take_turn(leg, now)
        {
            return;
        }
        self.pass_due.take_if(|_| input == Input::PassDue);
        let effects = self.fsm.handle(input, now - self.began);
        if self.run.ended_at().is_some() {
            // Somebody else has ended it, and said so.
            self.finished = true;
            return;
        }
        if let (Phase::Ended, Some(programme)) = (self.fsm.phase(), &self.programme) {
            programme.close(&self.run, &self.services.bus);
        }
        // Before anyone hears of it: who waited for the end finds the last line there.
        self.note(&effects);
        self.finished = !self.run.show(&self.fsm);
        if self.finished {
            return;
        }
        for effect in effects {
            match effect {
                Effect::Dial(leg) => self.dial(leg),
                Effect::Wait(leg, delay) => {
                    self.due[leg] = Some(Due { at: now + delay, wait: Wait::Delay });
                }
                Effect::HangUp => {
                    self.hang_up.send_replace(true);
                    (0..self.due.len()).for_each(|leg| self.give_turn_back(leg, now));
                }
                Effect::Renew => {
                    self.hang_up.send_replace(true);
                    self.hang_up = watch::Sender::new(false);
                }
                Effect::Dismiss(leg) => {
                    self.outlets[leg].counters.leave.store(true, Relaxed);
                    // They look when they are woken.
                    self.hang_up.send_modify(|_| {});
                }
                Effect::Leg(leg) => {
                    if !matches!(self.fsm.legs()[leg].phase, LegPhase::Waiting) {
                        self.give_turn_back(leg, now);
                    }
                    self.tell_leg(leg, now);
                }
                Effect::Phase(from) => self.tell_phase(from),
                Effect::Encode => self.encode(),
                Effect::WaitPass(delay) => self.pass_due = Some(now + delay),
                Effect::FellBack => {}
                Effect::SkipLap => self.road.reel.skip_lap(),
                Effect::CloseTape => self.road.reel.close(),
                Effect::Finish => self.finished = true,
            }
        }
        // After the events: who waited for a phase finds it among them.
        self.run.wake();
    }

    /// Has the file looked for that could not be read any further.
    fn wait_for_file(&mut self) {
        if let (None, Some(roll)) = (&self.programme, self.road.fallback.get()) {
            let rolls = Rolls { picture: Arc::clone(roll), sound: None, work: None };
            self.run.show_rolls(&rolls);
            self.programme = Some(Programme::new(&rolls, &self.run, &self.services));
        }
    }

    /// Makes room for legs that are new.
    fn meet_outlets(&mut self) {
        self.outlets = self.run.orders().outlets().to_vec();
        self.due.resize(self.outlets.len(), None);
        self.spans.resize(self.outlets.len(), Span::none());
    }

    /// Waits no longer for a leg's next attempt.
    fn give_turn_back(&mut self, leg: usize, now: Instant) {
        let gate = &self.services.gate;
        match self.due[leg].take().map(|due| due.wait) {
            Some(Wait::TurnAtHost) => {
                let way = self.outlets[leg].destination.way(self.fsm.legs()[leg].failures());
                gate.give_back_host(way.url.host(), now);
            }
            Some(Wait::Turn) => gate.give_back(now),
            Some(Wait::Delay) | None => {}
        }
    }

    /// Moves a leg on from wait to wait. Returns whether the last one is over.
    fn take_turn(&mut self, leg: usize, now: Instant) -> bool {
        let way = self.outlets[leg].destination.way(self.fsm.legs()[leg].failures());
        let (gate, host) = (&self.services.gate, way.url.host());
        while let Some(due) = self.due[leg].filter(|due| due.at <= now) {
            let next = match due.wait {
                Wait::Delay => Some((gate.reserve_host(host, now), Wait::TurnAtHost)),
                Wait::TurnAtHost => Some((gate.reserve(now), Wait::Turn)),
                Wait::Turn => gate.pass(host, now).err().map(|again| (again, Wait::Turn)),
            };
            self.due[leg] = next.map(|(at, wait)| Due { at, wait });
        }
        self.due[leg].is_none()
    }

    fn dial(&mut self, leg: usize) {
        let Outlet { destination, counters, .. } = &self.outlets[leg];
        for order in [&counters.leave, &counters.rotate] {
            order.store(false, Relaxed);
        }
        let attempt = Leg {
            road: Arc::clone(&self.road),
            destination: Arc::clone(destination.way(self.fsm.legs()[leg].failures())),
            manner: Manner::from(&**destination),
            counters: Arc::clone(counters),
            stop: self.hang_up.subscribe(),
            was_live: self.fsm.legs()[leg].ever_live,
            span: self.spans[leg].clone(),
        };
        self.attempts.spawn(async move { Ended::Leg(leg, attempt.run().await) });
    }

    fn encode(&mut self) {
        let (Some(studio), Some(passes)) = (&self.studio, self.fsm.passes()) else { return };
        let (times, stop) = (Arc::clone(&self.services.times), self.hang_up.subscribe());
        let pass = studio.run(&self.run, passes, times, stop, &self.services.bus);
        self.attempts.spawn(async move { Ended::Pass(pass.await) });
    }

    fn tell_leg(&self, leg: usize, now: Instant) {
        let state = &self.fsm.legs()[leg];
        let retry_in = self.due[leg].map(|due| due.at.saturating_duration_since(now));
        let kind = EventKind::Leg {
            leg,
            phase: state.phase,
            reason: state.reason,
            detail: state.detail.clone(),
            retry_in_ms: retry_in.map(|delay| delay.as_millis() as u64),
        };
        self.run.tell(kind, &self.services.bus);
    }

    fn tell_phase(&self, from: Phase) {
        let kind = EventKind::Phase {
            from,
            to: self.fsm.phase(),
            reason: self.fsm.reason(),
            detail: self.fsm.detail().to_owned(),
        };
        self.run.tell(kind, &self.services.bus);
    }
}
