//! What to do when something happens. Pure: no clock, no I/O; time comes in and goes out as values.

use std::time::Duration;

use super::backoff::Backoff;
use crate::{
    session::{LegEnd, SignalKind},
    spec::Times,
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
    /// Let all legs say goodbye.
    HangUp,
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
    times: Times,
    phase: Phase,
    reason: Option<Reason>,
    detail: String,
    legs: Vec<Leg>,
    stopping: Option<(Reason, String)>,
}

/// The state of one leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) phase: LegPhase,
    pub(super) reason: Option<Reason>,
    pub(super) detail: String,
    pub(super) attempts: u64,
    pub(super) reconnects: u64,
    /// Whether it has been live, in this connection or an earlier one.
    pub(super) ever_live: bool,
    live_since: Option<Duration>,
    backoff: Backoff,
}

impl Fsm {
    /// A stream with so many legs, not begun. `seed` spreads its retries.
    pub(super) fn new(legs: usize, seed: u64, times: Times) -> Self {
        let leg = |n| Leg {
            phase: LegPhase::Waiting,
            reason: None,
            detail: String::new(),
            attempts: 0,
            reconnects: 0,
            ever_live: false,
            live_since: None,
            backoff: Backoff::new(seed.wrapping_add(n)),
        };
        Self {
            times,
            phase: Phase::Preparing,
            reason: None,
            detail: String::new(),
            legs: (0..legs as u64).map(leg).collect(),
            stopping: None,
        }
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
    pub(super) fn handle(&mut self, input: Input, at: Duration) -> Vec<Effect> {
        let mut effects = vec![];
        match input {
            Input::Begin => (0..self.legs.len()).for_each(|leg| self.dial(leg, &mut effects)),
            Input::Due(leg) => {
                if self.stopping.is_none() && self.legs[leg].phase == LegPhase::Waiting {
                    self.dial(leg, &mut effects);
                }
            }
            Input::Signal(leg, kind) => self.signal(leg, kind, at, &mut effects),
            Input::Ended(leg, end) => self.ended(leg, end, at, &mut effects),
            Input::Stop(reason) => self.stop(reason, String::new(), &mut effects),
        }
        self.derive(&mut effects);
        effects
    }

    fn dial(&mut self, leg: usize, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        state.attempts += 1;
        state.phase = LegPhase::Connecting;
        effects.extend([Effect::Dial(leg), Effect::Leg(leg)]);
    }

    fn signal(&mut self, leg: usize, kind: SignalKind, at: Duration, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        if matches!(state.phase, LegPhase::Waiting | LegPhase::Ended) {
            // The report of a connection that has ended since.
            return;
        }
        state.phase = match kind {
            SignalKind::Publishing => LegPhase::Publishing,
            SignalKind::Live => {
                state.live_since = Some(at);
                state.reconnects += u64::from(state.ever_live);
                state.ever_live = true;
                (state.reason, state.detail) = (None, String::new());
                LegPhase::Live
            }
            SignalKind::Lagging => LegPhase::Lagging,
            SignalKind::CaughtUp => LegPhase::Live,
        };
        effects.push(Effect::Leg(leg));
    }

    fn ended(&mut self, leg: usize, end: LegEnd, at: Duration, effects: &mut Vec<Effect>) {
        let state = &mut self.legs[leg];
        let lived = state.live_since.take().map(|since| at.saturating_sub(since));
        if lived.is_some_and(|lived| lived >= self.times.backoff_reset) {
            state.backoff.reset();
        }
        (state.reason, state.detail) = (Some(end.reason), end.detail.clone());
        state.phase = LegPhase::Ended;
        if self.stopping.is_none() {
            match fate(end.reason) {
                // What is left to send is nothing that another destination could still wait for.
                Fate::Over if end.reason == Reason::Finished && !self.is_on_air() => {
                    self.stop(Reason::Finished, end.detail, effects);
                }
                Fate::Over => {}
                Fate::StreamOver => self.stop(end.reason, end.detail, effects),
                Fate::Again(pace) => {
                    let state = &mut self.legs[leg];
                    state.phase = LegPhase::Waiting;
                    let delay = match pace {
                        Pace::AtOnce if lived.is_some() => Duration::ZERO,
                        // A server that asks for a reconnect before anything is live would be called without end.
                        Pace::AtOnce | Pace::Soon => state.backoff.next(false, &self.times),
                        Pace::Slowly => state.backoff.next(true, &self.times),
                    };
                    effects.push(Effect::Wait(leg, delay));
                }
            }
        }
        effects.push(Effect::Leg(leg));
    }

    fn is_on_air(&self) -> bool {
        let on_air =
            |leg: &Leg| matches!(leg.phase, LegPhase::Publishing | LegPhase::Live | LegPhase::Lagging);
        self.legs.iter().any(on_air)
    }

    fn stop(&mut self, reason: Reason, detail: String, effects: &mut Vec<Effect>) {
        if self.stopping.is_some() || self.phase == Phase::Ended {
            return;
        }
        self.stopping = Some((reason, detail));
        effects.push(Effect::HangUp);
        for (leg, state) in self.legs.iter_mut().enumerate() {
            if state.phase == LegPhase::Waiting {
                state.phase = LegPhase::Ended;
                effects.push(Effect::Leg(leg));
            }
        }
    }

    /// The stream's phase follows from its legs and from what is wanted.
    fn derive(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Ended {
            return;
        }
        let count = |phase| self.legs.iter().filter(|leg| leg.phase == phase).count();
        let (live, lagging, ended) =
            (count(LegPhase::Live), count(LegPhase::Lagging), count(LegPhase::Ended));
        let failing = self.legs.iter().find(|leg| leg.reason.is_some() && leg.phase != LegPhase::Live);
        let why = failing.map(|leg| (leg.reason, leg.detail.clone())).unwrap_or_default();
        let wanted = self.stopping.clone().map(|(reason, detail)| (Some(reason), detail));
        let (phase, (reason, detail)) = if ended == self.legs.len() {
            (Phase::Ended, wanted.unwrap_or(why))
        } else if let Some(wanted) = wanted {
            (Phase::Stopping, wanted)
        } else if live > 0 && live + ended == self.legs.len() {
            (Phase::Live, (None, String::new()))
        } else if live + lagging > 0 {
            let behind = (Some(Reason::Behind), String::new());
            (Phase::Degraded, if lagging > 0 { behind } else { why })
        } else if self.legs.iter().any(|leg| leg.ever_live) {
            (Phase::Reconnecting, why)
        } else {
            (Phase::Starting, why)
        };
        (self.reason, self.detail) = (reason, detail);
        if phase != self.phase {
            effects.push(Effect::Phase(std::mem::replace(&mut self.phase, phase)));
        }
        if phase == Phase::Ended {
            effects.push(Effect::Finish);
        }
    }
}

/// What the end of a connection means.
enum Fate {
    /// This leg is done.
    Over,
    /// No leg can go on.
    StreamOver,
    /// Connect again.
    Again(Pace),
}

enum Pace {
    /// Planned or asked for: no failure.
    AtOnce,
    Soon,
    /// Only a human can mend it.
    Slowly,
}

fn fate(reason: Reason) -> Fate {
    match reason {
        Reason::Finished | Reason::Stopped | Reason::ShutDown => Fate::Over,
        Reason::SourceTruncated | Reason::SourceInvalid => Fate::StreamOver,
        Reason::Rotated | Reason::ReconnectRequested => Fate::Again(Pace::AtOnce),
        Reason::BadKey
        | Reason::AuthRequired
        | Reason::BadApp
        | Reason::RejectedEarly
        | Reason::NotAllowed
        | Reason::TlsFailed => Fate::Again(Pace::Slowly),
        _ => Fate::Again(Pace::Soon),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn begun(legs: usize) -> Fsm {
        let mut fsm = Fsm::new(legs, 1, Times::default());
        fsm.handle(Input::Begin, Duration::ZERO);
        fsm
    }

    fn end(reason: Reason) -> LegEnd {
        LegEnd { reason, detail: "detail".to_owned() }
    }

    fn go_live(fsm: &mut Fsm, leg: usize) {
        fsm.handle(Input::Signal(leg, SignalKind::Publishing), SECOND);
        fsm.handle(Input::Signal(leg, SignalKind::Live), SECOND);
    }

    fn changes(effects: &[Effect]) -> Vec<Phase> {
        effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Phase(from) => Some(*from),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_lost_server_is_one_change_each_way() {
        let mut fsm = begun(1);
        go_live(&mut fsm, 0);
        let mut inputs = vec![];
        for _ in 0..5 {
            inputs.extend([Input::Ended(0, end(Reason::Unreachable)), Input::Due(0)]);
        }
        inputs.extend([SignalKind::Publishing, SignalKind::Live].map(|kind| Input::Signal(0, kind)));
        let effects: Vec<_> = inputs.into_iter().flat_map(|input| fsm.handle(input, SECOND * 2)).collect();
        assert_eq!(changes(&effects), [Phase::Live, Phase::Reconnecting]);
        assert_eq!((fsm.legs()[0].reconnects, fsm.legs()[0].attempts), (1, 6));
    }

    #[test]
    fn a_wrong_key_is_retried_slowly_and_a_lost_line_at_once() {
        for (reason, least, most) in [(Reason::BadKey, 30, 60), (Reason::PeerClosed, 0, 1)] {
            let mut fsm = begun(1);
            let effects = fsm.handle(Input::Ended(0, end(reason)), SECOND);
            let Some(Effect::Wait(0, delay)) = effects.first() else { panic!("{effects:?}") };
            assert!(*delay >= SECOND * least && *delay <= SECOND * most, "{reason:?}: {delay:?}");
        }
    }

    #[test]
    fn a_server_that_asks_for_a_reconnect_again_and_again_is_not_called_without_end() {
        let mut fsm = begun(1);
        let delay = |effects: &[Effect]| match effects.first() {
            Some(Effect::Wait(0, delay)) => *delay,
            _ => panic!("{effects:?}"),
        };
        for attempt in 0..8 {
            fsm.handle(Input::Signal(0, SignalKind::Publishing), SECOND);
            let effects = fsm.handle(Input::Ended(0, end(Reason::ReconnectRequested)), SECOND);
            assert!(delay(&effects) >= (SECOND / 4 * (1 << attempt)).min(SECOND * 30), "{effects:?}");
            fsm.handle(Input::Due(0), SECOND);
        }
        go_live(&mut fsm, 0);
        let effects = fsm.handle(Input::Ended(0, end(Reason::ReconnectRequested)), SECOND * 2);
        assert_eq!(delay(&effects), Duration::ZERO);
    }

    #[test]
    fn one_of_two_destinations_down_is_degraded_and_says_why() {
        let mut fsm = begun(2);
        go_live(&mut fsm, 0);
        assert_eq!(fsm.phase(), Phase::Degraded);
        go_live(&mut fsm, 1);
        assert_eq!(fsm.phase(), Phase::Live);
        fsm.handle(Input::Ended(1, end(Reason::Stalled)), SECOND);
        assert_eq!((fsm.phase(), fsm.reason()), (Phase::Degraded, Some(Reason::Stalled)));
    }

    #[test]
    fn stop_during_backoff_ends_at_once() {
        let mut fsm = begun(1);
        fsm.handle(Input::Ended(0, end(Reason::Unreachable)), SECOND);
        let effects = fsm.handle(Input::Stop(Reason::Stopped), SECOND);
        assert!(effects.contains(&Effect::Finish), "{effects:?}");
        assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::Stopped)));
    }

    #[test]
    fn a_broken_source_ends_every_leg() {
        let mut fsm = begun(2);
        go_live(&mut fsm, 0);
        go_live(&mut fsm, 1);
        let effects = fsm.handle(Input::Ended(0, end(Reason::SourceTruncated)), SECOND);
        assert!(effects.contains(&Effect::HangUp));
        fsm.handle(Input::Ended(1, end(Reason::Stopped)), SECOND);
        assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::SourceTruncated)));
    }

    #[test]
    fn a_film_that_is_over_does_not_wait_for_a_dead_destination() {
        let mut fsm = begun(2);
        go_live(&mut fsm, 0);
        fsm.handle(Input::Ended(1, end(Reason::BadKey)), SECOND);
        fsm.handle(Input::Ended(0, end(Reason::Finished)), SECOND);
        assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::Finished)));
    }

    #[test]
    fn a_disk_that_pauses_does_not_end_the_stream() {
        let mut fsm = begun(1);
        go_live(&mut fsm, 0);
        fsm.handle(Input::Ended(0, end(Reason::SourceUnreadable)), SECOND);
        assert_eq!((fsm.phase(), fsm.reason()), (Phase::Reconnecting, Some(Reason::SourceUnreadable)));
    }

    fn any_input() -> impl Strategy<Value = Input> {
        let leg = 0..3_usize;
        let kinds = [SignalKind::Publishing, SignalKind::Live, SignalKind::Lagging, SignalKind::CaughtUp];
        let reasons =
            [Reason::PeerClosed, Reason::BadKey, Reason::Finished, Reason::Rotated, Reason::SourceInvalid];
        let kinds = (leg.clone(), proptest::sample::select(kinds.to_vec()));
        let ends = (leg.clone(), proptest::sample::select(reasons.to_vec()));
        prop_oneof![
            8 => kinds.prop_map(|(leg, kind)| Input::Signal(leg, kind)),
            4 => ends.prop_map(|(leg, reason)| Input::Ended(leg, end(reason))),
            4 => leg.prop_map(Input::Due),
            1 => Just(Input::Stop(Reason::Stopped)),
        ]
    }

    proptest! {
        #[test]
        fn ended_is_final_and_every_change_is_told_once(
            inputs in proptest::collection::vec(any_input(), 0..80),
        ) {
            let mut fsm = begun(3);
            let mut phase = fsm.phase();
            for input in inputs {
                // Legs that wait or have ended have no connection whose end could be reported.
                if let Input::Ended(leg, _) = input
                    && matches!(fsm.legs()[leg].phase, LegPhase::Waiting | LegPhase::Ended)
                {
                    continue;
                }
                let told = changes(&fsm.handle(input, SECOND));
                prop_assert_eq!(told, if phase == fsm.phase() { vec![] } else { vec![phase] });
                prop_assert!(phase != Phase::Ended || fsm.phase() == Phase::Ended);
                phase = fsm.phase();
            }
        }
    }
}
