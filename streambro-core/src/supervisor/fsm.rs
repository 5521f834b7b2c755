//! What to do when something happens. Pure: no clock, no I/O; time comes in and goes out as values.

use std::{sync::Arc, time::Duration};

pub(super) use super::leg::{Leg, Outlook};
use super::{
    leg::{Fate, Pace, fate},
    passes::{Next, Passes},
    table,
};
use crate::{
    session::{LegEnd, SignalKind},
    source::PassEnd,
    spec::{MAX_DESTINATIONS, Retry, Times},
    status::{LegPhase, Phase, Reason},
};

/// Something that happened to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// It begins.
    Begin,
    /// A leg reports.
    Signal(usize, SignalKind),
    /// A leg's connection or attempt has ended.
    Ended(usize, LegEnd),
    /// A leg's delay is over.
    Due(usize),
    /// A run of ffmpeg has made something that a receiver can begin with.
    Flows,
    /// A run of ffmpeg has ended.
    PassEnded(PassEnd),
    /// The delay before a run is over.
    PassDue,
    /// Something of a playlist has begun, ended or failed.
    Source {
        /// Why what comes next is not there, if it is not.
        trouble: Option<(Reason, String)>,
        /// Whether there is something to send.
        ready: bool,
        /// Whether there never will be.
        over: bool,
    },
    /// Somebody wants its connections made anew.
    Renew,
    /// What is wanted of its destinations, by their numbers.
    Outlets(Vec<Outlook>),
    /// Somebody wants it to end.
    Stop(Reason),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Attempt a connection now.
    Dial(usize),
    /// Say `Due` when this has passed and the leg's turn has come.
    Wait(usize, Duration),
    /// Run ffmpeg, as the passes have planned.
    Encode,
    /// Say `PassDue` when this has passed.
    WaitPass(Duration),
    /// Tell that another encoder takes over.
    FellBack,
    /// A lap ends where it is: its rest cannot be read.
    SkipLap,
    /// Everything has been made.
    CloseTape,
    /// Let all legs say goodbye, and ffmpeg end.
    HangUp,
    /// Let the connections that there are say goodbye, and end with `OverLimit`.
    Renew,
    /// Let a leg say goodbye that is not wanted any more.
    Dismiss(usize),
    /// Tell that a leg has changed.
    Leg(usize),
    /// Tell that the stream has changed from this phase.
    Phase(Phase),
    /// It is over.
    Finish,
}

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Fsm {
    times: Arc<Times>,
    retry: Retry,
    /// What the next leg's retries follow from.
    seed: u64,
    /// Whether it has been on the air, by whichever leg.
    was_on_air: bool,
    phase: Phase,
    reason: Option<Reason>,
    detail: String,
    legs: Vec<Leg>,
    /// What ffmpeg does, where it is needed.
    /// Boxed: of a thousand streams few encode, and each pays for this place.
    passes: Option<Box<Passes>>,
    /// Why what comes next in a playlist is not there. Boxed likewise.
    trouble: Option<Box<(Reason, String)>>,
    /// Nothing of a playlist is there yet.
    waits: bool,
    stopping: Option<(Reason, String)>,
}

impl Fsm {
    /// A stream with so many legs, not begun. `seed` spreads its retries.
    pub(super) fn new(legs: usize, seed: u64, times: Arc<Times>, retry: Retry) -> Self {
        let legs = (0..legs as u64).map(|n| Leg::new(seed.wrapping_add(n), retry)).collect();
        Self {
            times,
            retry,
            seed: seed.wrapping_add(MAX_DESTINATIONS as u64),
            was_on_air: false,
            phase: Phase::Preparing,
            reason: None,
            detail: String::new(),
            legs,
            passes: None,
            trouble: None,
            waits: false,
            stopping: None,
        }
    }

    /// The same of legs of which this is wanted.
    pub(super) fn with_outlooks(mut self, outlooks: &[Outlook]) -> Self {
        for (leg, outlook) in self.legs.iter_mut().zip(outlooks) {
            leg.outlook = *outlook;
            if !outlook.on {
                (leg.phase, leg.reason) = (LegPhase::Disabled, Some(Reason::Disabled));
            }
        }
        self
    }

    /// The same of a playlist that has nothing to send yet.
    pub(super) fn waiting(self) -> Self {
        Self { waits: true, ..self }
    }

    /// The same of a source that ffmpeg makes.
    pub(super) fn with_passes(self, passes: Passes) -> Self {
        Self { passes: Some(Box::new(passes)), ..self }
    }

    pub(super) fn passes(&self) -> Option<&Passes> {
        self.passes.as_deref()
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        self.reason
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Takes what happened at `at`, counted from the stream's begin, and says what to do, in order.
    ///
    /// Reports of connections that have ended since change nothing, and nothing does once `Finish` was said.
    pub(super) fn handle(&mut self, input: Input, at: Duration) -> Vec<Effect> {
        let mut effects = vec![];
        if self.phase == Phase::Ended {
            return effects;
        }
        match input {
            // Nobody is called before there is something to send.
            Input::Begin if self.passes.is_some() => self.encode(at, &mut effects),
            Input::Begin if self.waits => {}
            Input::Begin => self.dial_all(&mut effects),
            Input::Flows => {
                if self.passes.as_deref_mut().is_some_and(Passes::flows) {
                    self.dial_all(&mut effects);
                }
            }
            Input::PassEnded(end) => self.pass_ended(end, at, &mut effects),
            Input::PassDue => {
                if self.passes.as_deref().is_some_and(Passes::is_due) {
                    self.encode(at, &mut effects);
                }
            }
            Input::Source { trouble, ready, over } => {
                if over && self.waits {
                    let nothing = || (Reason::Finished, "nothing of its playlist could be played".to_owned());
                    let (reason, detail) = trouble.clone().unwrap_or_else(nothing);
                    self.stop(reason, detail, &mut effects);
                }
                self.trouble = trouble.map(Box::new);
                if ready && std::mem::take(&mut self.waits) && self.stopping.is_none() {
                    self.dial_all(&mut effects);
                }
            }
            Input::Due(leg) => self.dial(leg, &mut effects),
            Input::Signal(leg, kind) => self.signal(leg, kind, at, &mut effects),
            Input::Ended(leg, end) => self.ended(leg, end, at, &mut effects),
            Input::Renew if self.stopping.is_none() => effects.push(Effect::Renew),
            Input::Renew => {}
            Input::Outlets(outlooks) => self.turn(&outlooks, &mut effects),
            Input::Stop(reason) => self.stop(reason, String::new(), &mut effects),
        }
        self.derive(&mut effects);
        effects
    }

    /// Turns legs on and off, as is wanted of them now.
    fn turn(&mut self, outlooks: &[Outlook], effects: &mut Vec<Effect>) {
        if self.stopping.is_some() {
            return;
        }
        let begun = self.phase != Phase::Preparing;
        let on_call = begun && !self.waits && self.passes.as_deref().is_none_or(Passes::has_flowed);
        for (leg, outlook) in outlooks.iter().enumerate() {
            let known = self.legs.get(leg).is_some_and(|leg| leg.outlook.serial == outlook.serial);
            if !known {
                self.seed = self.seed.wrapping_add(1);
                let fresh = Leg::new(self.seed, self.retry);
                match self.legs.get_mut(leg) {
                    Some(old) => *old = fresh,
                    None => self.legs.push(fresh),
                }
            }
            let before = self.legs[leg].outlook;
            let (was_on, asked_again) = (before.on, known && before.asked != outlook.asked);
            self.legs[leg].outlook = *outlook;
            match self.legs[leg].phase {
                LegPhase::Disabled | LegPhase::Ended
                    if outlook.on
                        && on_call
                        && (asked_again || self.legs[leg].phase == LegPhase::Disabled) =>
                {
                    let state = &mut self.legs[leg];
                    state.budget.reset();
                    (state.reason, state.detail) = (None, String::new());
                    self.call(leg, effects);
                }
                // One that is new.
                LegPhase::Waiting if outlook.on && !known && on_call => self.dial(leg, effects),
                LegPhase::Waiting | LegPhase::Ended if was_on && !outlook.on => self.disable(leg, effects),
                LegPhase::Disabled if outlook.gone && !before.gone => self.disable(leg, effects),
                LegPhase::Connecting | LegPhase::Publishing | LegPhase::Live | LegPhase::Lagging
                    if was_on && !outlook.on =>
                {
                    effects.push(Effect::Dismiss(leg));
                }
                _ => {}
            }
        }
    }

    fn disable(&mut self, leg: usize, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        (state.reason, state.detail) = (Some(Reason::Disabled), String::new());
        let gone = state.outlook.gone;
        if !gone {
            return self.step(leg, LegPhase::Disabled, effects);
        }
        if state.phase != LegPhase::Ended {
            self.step(leg, LegPhase::Ended, effects);
        }
        // The last one that could still go on was taken away.
        let all_ended = self.here().all(|leg| leg.phase == LegPhase::Ended);
        let given_up = self.here().find(|leg| leg.is_given_up()).map(|leg| leg.detail.clone());
        if let Some(detail) = given_up.filter(|_| all_ended) {
            self.stop(Reason::RetriesExhausted, detail, effects);
        }
    }

    /// Moves a leg and tells of it.
    fn step(&mut self, leg: usize, to: LegPhase, effects: &mut Vec<Effect>) {
        let from = std::mem::replace(&mut self.legs[leg].phase, to);
        debug_assert!(table::leg_may(from, to), "a leg goes from {from:?} to {to:?}");
        effects.push(Effect::Leg(leg));
    }

    fn dial(&mut self, leg: usize, effects: &mut Vec<Effect>) {
        if matches!(self.legs[leg].phase, LegPhase::Waiting | LegPhase::Disabled) {
            self.call(leg, effects);
        }
    }

    fn call(&mut self, leg: usize, effects: &mut Vec<Effect>) {
        if self.stopping.is_none() && self.legs[leg].outlook.on {
            self.legs[leg].attempts += 1;
            effects.push(Effect::Dial(leg));
            self.step(leg, LegPhase::Connecting, effects);
        }
    }

    fn dial_all(&mut self, effects: &mut Vec<Effect>) {
        (0..self.legs.len()).for_each(|leg| self.dial(leg, effects));
    }

    fn encode(&mut self, at: Duration, effects: &mut Vec<Effect>) {
        if self.stopping.is_none()
            && let Some(passes) = &mut self.passes
        {
            passes.begin(at);
            effects.push(Effect::Encode);
        }
    }

    fn pass_ended(&mut self, end: PassEnd, at: Duration, effects: &mut Vec<Effect>) {
        let Some(passes) = self.passes.as_mut().filter(|passes| passes.is_running()) else { return };
        match passes.ended(end, at, self.stopping.is_some(), &self.times) {
            Next::Run => self.encode(at, effects),
            Next::FallBack => {
                effects.push(Effect::FellBack);
                self.encode(at, effects);
            }
            Next::SkipLap { close } => {
                effects.push(Effect::SkipLap);
                if close {
                    effects.push(Effect::CloseTape);
                } else {
                    self.encode(at, effects);
                }
            }
            Next::Wait(delay) => effects.push(Effect::WaitPass(delay)),
            Next::Close => effects.push(Effect::CloseTape),
            Next::GiveUp(reason, detail) => self.stop(reason, detail, effects),
            Next::Rest => {}
        }
    }

    fn signal(&mut self, leg: usize, kind: SignalKind, at: Duration, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        let to = match (state.phase, kind) {
            (LegPhase::Connecting, SignalKind::Publishing) => LegPhase::Publishing,
            (LegPhase::Publishing, SignalKind::Live) => {
                state.live_since = Some(at);
                state.reconnects += u64::from(state.ever_live);
                state.ever_live = true;
                self.was_on_air = true;
                (state.reason, state.detail) = (None, String::new());
                LegPhase::Live
            }
            (LegPhase::Live, SignalKind::Lagging) => LegPhase::Lagging,
            (LegPhase::Lagging, SignalKind::CaughtUp) => LegPhase::Live,
            (LegPhase::Live | LegPhase::Lagging, SignalKind::Holding | SignalKind::Resumed) => {
                state.holding = kind == SignalKind::Holding;
                return;
            }
            _ => return,
        };
        self.step(leg, to, effects);
    }

    fn ended(&mut self, leg: usize, end: LegEnd, at: Duration, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        if matches!(state.phase, LegPhase::Waiting | LegPhase::Disabled | LegPhase::Ended) {
            return;
        }
        state.holding = false;
        let lived = state.live_since.take().map(|since| at.saturating_sub(since));
        if lived.is_some() {
            state.lost_at = Some(at);
        }
        if let Some(lived) = lived {
            state.backoff.forgive(lived, &self.times);
            if lived >= self.times.backoff_reset {
                state.budget.reset();
            }
        }
        (state.reason, state.detail) = (Some(end.reason), end.detail.clone());
        if self.stopping.is_some() {
            self.step(leg, LegPhase::Ended, effects);
            return;
        }
        if !self.legs[leg].outlook.on && !matches!(fate(end.reason), Fate::StreamOver) {
            return self.disable(leg, effects);
        }
        let state = &self.legs[leg];
        match fate(end.reason) {
            Fate::Over => self.over(leg, end, effects),
            Fate::StreamOver => {
                self.step(leg, LegPhase::Ended, effects);
                self.stop(end.reason, end.detail, effects);
            }
            Fate::Again(Pace::AtOnce) if lived.is_some() => {
                let pause = if end.reason == Reason::Rotated { state.outlook.pause } else { Duration::ZERO };
                self.wait(leg, pause, effects);
            }
            Fate::Again(pace) => self.again(leg, pace, end, at, effects),
        }
    }

    /// A leg is done. With it the stream is, if nobody is left to go on.
    fn over(&mut self, leg: usize, end: LegEnd, effects: &mut Vec<Effect>) {
        self.step(leg, LegPhase::Ended, effects);
        // What is left of a film that has played is nothing that another destination could still wait for.
        let played = end.reason == Reason::Finished && !self.is_on_air();
        if played || self.here().all(|leg| leg.phase == LegPhase::Ended) {
            // It has played to the end of what could be made, and that was not the end of the film.
            let missing = self.passes.as_deref().and_then(Passes::missing);
            let missing = missing.filter(|_| end.reason == Reason::Finished).cloned();
            let (reason, detail) = missing.unwrap_or((end.reason, end.detail));
            self.stop(reason, detail, effects);
        }
    }

    /// A failure: another attempt, if there is one left.
    fn again(&mut self, leg: usize, pace: Pace, end: LegEnd, at: Duration, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        // What was planned or asked for is no failure, even where it must not come again at once.
        if !matches!(pace, Pace::AtOnce) && state.budget.spend(at) {
            let detail = format!("no attempt is left; the last one: {}", end.detail);
            let end = LegEnd { reason: Reason::RetriesExhausted, detail };
            (state.reason, state.detail) = (Some(end.reason), end.detail.clone());
            return self.over(leg, end, effects);
        }
        // Some servers have one word for a wrong key and for one whose last connection they still hold.
        let held = end.reason == Reason::BadKey
            && state.lost_at.is_some_and(|lost| at.saturating_sub(lost) < self.times.backoff_refused);
        let delay = state.backoff.next(matches!(pace, Pace::Slowly) && !held, &self.times);
        self.wait(leg, delay, effects);
    }

    fn wait(&mut self, leg: usize, delay: Duration, effects: &mut Vec<Effect>) {
        effects.push(Effect::Wait(leg, delay));
        self.step(leg, LegPhase::Waiting, effects);
    }

    /// The legs that count: all but those that were taken away and have left.
    fn here(&self) -> impl Iterator<Item = &Leg> {
        self.legs
            .iter()
            .filter(|leg| !(leg.outlook.gone && matches!(leg.phase, LegPhase::Disabled | LegPhase::Ended)))
    }

    fn is_on_air(&self) -> bool {
        let on_air =
            |leg: &Leg| matches!(leg.phase, LegPhase::Publishing | LegPhase::Live | LegPhase::Lagging);
        self.legs.iter().any(on_air)
    }

    fn stop(&mut self, reason: Reason, detail: String, effects: &mut Vec<Effect>) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some((reason, detail));
        effects.push(Effect::HangUp);
        if let Some(passes) = &mut self.passes {
            passes.stop();
        }
        for leg in 0..self.legs.len() {
            if matches!(self.legs[leg].phase, LegPhase::Waiting | LegPhase::Disabled) {
                self.step(leg, LegPhase::Ended, effects);
            }
        }
    }

    /// The stream's phase follows from its legs and from what is wanted.
    fn derive(&mut self, effects: &mut Vec<Effect>) {
        let count = |phase| self.here().filter(|leg| leg.phase == phase).count();
        let here = self.here().count();
        let (live, lagging, ended, off) = (
            count(LegPhase::Live),
            count(LegPhase::Lagging),
            count(LegPhase::Ended),
            count(LegPhase::Disabled),
        );
        let given_up = self.legs.iter().any(Leg::is_given_up);
        let failing = self.legs.iter().find(|leg| leg.is_failing());
        let why = failing.map(|leg| (leg.reason, leg.detail.clone())).unwrap_or_default();
        let trouble = self.passes.as_deref().and_then(Passes::trouble).or(self.trouble.as_deref()).cloned();
        let (phase, (reason, detail)) = if let Some((reason, detail)) = self.stopping.clone() {
            let encodes = self.passes.as_deref().is_some_and(Passes::is_running);
            let over = ended == here && !encodes;
            (if over { Phase::Ended } else { Phase::Stopping }, (Some(reason), detail))
        } else if live + lagging > 0 && self.legs.iter().any(|leg| leg.holding) {
            let slow = || match self.passes {
                Some(_) => (Reason::EncoderSlow, "what comes next is not encoded yet".to_owned()),
                None => (Reason::SourceUnreadable, "what comes next is not open yet".to_owned()),
            };
            let (reason, detail) = trouble.unwrap_or_else(slow);
            (Phase::Holding, (Some(reason), detail))
        } else if live > 0 && live + ended + off == here && !given_up {
            (Phase::Live, (None, String::new()))
        } else if live + lagging > 0 {
            let behind = (Some(Reason::Behind), String::new());
            (Phase::Degraded, if lagging > 0 { behind } else { why })
        } else if off > 0 && off + ended == here {
            let resting = (Some(Reason::Disabled), "every destination is disabled".to_owned());
            (if self.was_on_air { Phase::Reconnecting } else { Phase::Starting }, resting)
        } else if self.was_on_air {
            (Phase::Reconnecting, why)
        } else {
            let trouble = trouble.map(|(reason, detail)| (Some(reason), detail));
            (Phase::Starting, trouble.unwrap_or(why))
        };
        (self.reason, self.detail) = (reason, detail);
        if phase != self.phase {
            let from = std::mem::replace(&mut self.phase, phase);
            debug_assert!(table::stream_may(from, phase), "a stream goes from {from:?} to {phase:?}");
            effects.push(Effect::Phase(from));
        }
        if phase == Phase::Ended {
            effects.push(Effect::Finish);
        }
    }
}

#[cfg(test)]
mod tests;
