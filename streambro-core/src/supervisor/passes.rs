//! When ffmpeg runs, from where, with which encoder, and when no more. Pure: time comes in as a value.

use std::time::Duration;

use super::{backoff::Backoff, budget::Budget};
use crate::{
    source::{PassEnd, PassFault},
    spec::{Retry, Times},
    status::Reason,
};

/// Runs in a row that may bring nothing before a stream that was never on the air ends: nobody waits for it, and its
/// settings or its file are wrong.
const FUTILE_RUNS: u32 = 5;

/// A run that lived this long was healthy: the next failure is the first again.
const HEALTHY: Duration = Duration::from_secs(60);

/// Failures in a row for which nobody has a word, until an encoder gives way to the next: a card that is broken says so
/// in many ways.
const SHAKY_RUNS: u32 = 3;

/// A source that is over sooner would make ffmpeg start without end, in milliseconds of media.
const LEAST_LAP_MS: u64 = 100;

/// The runs of ffmpeg of one stream: at most one at a time.
#[derive(Debug)]
pub(crate) struct Passes {
    /// Laps that are still to be made; `None` is for ever.
    laps: Option<u32>,
    plan: PassPlan,
    encoders: usize,
    state: State,
    begun: Duration,
    /// Runs in a row that brought nothing.
    futile: u32,
    /// Runs in a row that failed with this encoder.
    failures: u32,
    /// There has been media.
    ready: bool,
    backoff: Backoff,
    budget: Budget,
    trouble: Option<(Reason, String)>,
    /// Why the end of the last lap is not there.
    missing: Option<(Reason, String)>,
}

/// What the next run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassPlan {
    /// Where in the film it begins, in milliseconds.
    pub(crate) from_ms: u64,
    /// Which of the encoders that work here.
    pub(crate) encoder: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    Waiting,
    /// Nothing more is to be made.
    Over,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Run ffmpeg now.
    Run,
    /// The same, with the encoder after the one that failed.
    FallBack,
    /// End the lap where it is, and run ffmpeg for the next, or `close` if it was the last.
    SkipLap {
        /// Whether everything has been made.
        close: bool,
    },
    /// Wait.
    Wait(Duration),
    /// Everything has been made.
    Close,
    /// The stream cannot go on.
    GiveUp(Reason, String),
    /// Nothing.
    Rest,
}

impl Passes {
    /// Of a source that plays so many laps, with so many encoders to choose from.
    pub(crate) fn new(laps: Option<u32>, encoders: usize, seed: u64, retry: Retry) -> Self {
        Self {
            laps,
            plan: PassPlan { from_ms: 0, encoder: 0 },
            encoders,
            state: State::Idle,
            begun: Duration::ZERO,
            futile: 0,
            failures: 0,
            ready: false,
            backoff: Backoff::new(seed),
            budget: Budget::new(retry),
            trouble: None,
            missing: None,
        }
    }

    /// The same from a place in the film on.
    pub(super) fn beginning_at(mut self, from_ms: u64) -> Self {
        self.plan.from_ms = from_ms;
        self
    }

    pub(crate) fn plan(&self) -> PassPlan {
        self.plan
    }

    /// Why there is no run, or why the last one failed.
    pub(super) fn trouble(&self) -> Option<&(Reason, String)> {
        self.trouble.as_ref()
    }

    /// Why the end of the last lap was never made, though the lap is over: what played is not all there is.
    pub(super) fn missing(&self) -> Option<&(Reason, String)> {
        self.missing.as_ref()
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// A run begins.
    pub(crate) fn begin(&mut self, at: Duration) {
        self.state = State::Running;
        self.begun = at;
    }

    /// A delay is over. Returns whether a run is due.
    pub(super) fn is_due(&self) -> bool {
        self.state == State::Waiting
    }

    /// Whether there has been media.
    pub(super) fn has_flowed(&self) -> bool {
        self.ready
    }

    /// There is media. Returns whether it is the first ever.
    pub(super) fn flows(&mut self) -> bool {
        self.trouble = None;
        !std::mem::replace(&mut self.ready, true)
    }

    /// Begins the lap anew, whatever was made of it.
    pub(crate) fn begin_anew(&mut self) {
        self.plan.from_ms = 0;
    }

    /// Nothing is wanted any more.
    pub(super) fn stop(&mut self) {
        if self.state != State::Running {
            self.state = State::Over;
        }
    }

    /// A run has ended. Says what follows, unless the stream is coming to its end.
    pub(crate) fn ended(&mut self, end: PassEnd, at: Duration, stopping: bool, times: &Times) -> Next {
        let lived = at.saturating_sub(std::mem::replace(&mut self.begun, at));
        self.state = State::Idle;
        let next = match end {
            _ if stopping => Next::Rest,
            PassEnd::Stored => Next::Rest,
            PassEnd::Lap { ms } if ms >= LEAST_LAP_MS => self.next_lap(),
            PassEnd::Lap { .. } => {
                let detail = "the source has nothing to play".to_owned();
                Next::GiveUp(Reason::SourceInvalid, detail)
            }
            // Somebody wants it anew.
            PassEnd::Stopped { reached_ms } => {
                self.plan.from_ms = reached_ms;
                Next::Run
            }
            PassEnd::Failed { fault, reason, detail, reached_ms } => {
                if lived >= HEALTHY {
                    (self.backoff, self.futile, self.failures) = (self.backoff.afresh(), 0, 0);
                    self.budget.reset();
                }
                self.futile = if reached_ms > self.plan.from_ms { 0 } else { self.futile + 1 };
                self.failures += 1;
                self.plan.from_ms = reached_ms;
                self.failed(fault, reason, detail, at, times)
            }
        };
        self.state = match next {
            Next::Wait(_) => State::Waiting,
            Next::Run | Next::FallBack | Next::SkipLap { close: false } => State::Idle,
            Next::Close | Next::SkipLap { close: true } | Next::GiveUp(..) | Next::Rest => State::Over,
        };
        next
    }

    fn next_lap(&mut self) -> Next {
        (self.plan.from_ms, self.futile, self.failures) = (0, 0, 0);
        self.laps = self.laps.map(|laps| laps.saturating_sub(1));
        if self.laps == Some(0) { Next::Close } else { Next::Run }
    }

    fn failed(
        &mut self,
        fault: PassFault,
        reason: Reason,
        detail: String,
        at: Duration,
        times: &Times,
    ) -> Next {
        self.trouble = Some((reason, detail.clone()));
        match fault {
            PassFault::Hopeless => return Next::GiveUp(reason, detail),
            PassFault::Encoder | PassFault::Passing
                if self.plan.encoder + 1 < self.encoders && self.gives_way(fault, reason) =>
            {
                self.plan.encoder += 1;
                (self.futile, self.failures) = (0, 0);
                return Next::FallBack;
            }
            // Twice nothing is left of this lap that can be read: the next begins.
            PassFault::Unreadable if self.ready && self.plan.from_ms > 0 && self.futile > 1 => {
                let close = self.next_lap() == Next::Close;
                self.missing = close.then_some((reason, detail));
                return Next::SkipLap { close };
            }
            PassFault::Encoder | PassFault::Passing | PassFault::Unreadable => {}
        }
        if !self.ready && self.futile >= FUTILE_RUNS {
            return Next::GiveUp(reason, format!("it failed {FUTILE_RUNS} times and made nothing: {detail}"));
        }
        if self.budget.spend(at) {
            return Next::GiveUp(
                Reason::RetriesExhausted,
                format!("no attempt is left; the last one: {detail}"),
            );
        }
        Next::Wait(self.backoff.next(false, times))
    }

    /// Whether a way has failed for good: it said so, brought nothing twice before there was anything, or failed again
    /// and again. It may be the device that decodes, or anything else that only this way has.
    fn gives_way(&self, fault: PassFault, reason: Reason) -> bool {
        let shaky = reason == Reason::EncoderFailed && self.failures >= SHAKY_RUNS;
        fault == PassFault::Encoder || shaky || (!self.ready && self.futile > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn passes(laps: Option<u32>, encoders: usize) -> Passes {
        Passes::new(laps, encoders, 7, Retry::forever())
    }

    fn failed(fault: PassFault, reached_ms: u64) -> PassEnd {
        PassEnd::Failed { fault, reason: Reason::EncoderFailed, detail: "it died".to_owned(), reached_ms }
    }

    fn end(passes: &mut Passes, end: PassEnd, at: Duration) -> Next {
        passes.begin(at);
        passes.ended(end, at, false, &Times::default())
    }

    #[test]
    fn laps_follow_each_other_from_the_beginning_until_all_are_made() {
        let mut passes = passes(Some(3), 1);
        let lap = PassEnd::Lap { ms: 8_000 };
        assert_eq!(end(&mut passes, lap.clone(), SECOND), Next::Run);
        assert_eq!(end(&mut passes, lap.clone(), SECOND), Next::Run);
        assert_eq!(end(&mut passes, lap, SECOND), Next::Close);
    }

    #[test]
    fn a_run_that_dies_is_followed_by_one_from_where_it_was() {
        let mut passes = passes(None, 1);
        let Next::Wait(delay) = end(&mut passes, failed(PassFault::Passing, 12_345), SECOND) else {
            panic!()
        };
        assert!(delay <= SECOND / 2 && passes.is_due());
        assert_eq!(passes.plan().from_ms, 12_345);
        assert_eq!(passes.trouble().unwrap().0, Reason::EncoderFailed);
        assert!(passes.flows());
        assert!(!passes.flows() && passes.trouble().is_none());
    }

    #[test]
    fn an_encoder_that_fails_gives_way_to_the_next_at_once_and_the_last_is_tried_again() {
        let mut passes = passes(None, 2);
        assert_eq!(end(&mut passes, failed(PassFault::Encoder, 500), SECOND), Next::FallBack);
        assert_eq!(passes.plan(), PassPlan { from_ms: 500, encoder: 1 });
        assert!(matches!(end(&mut passes, failed(PassFault::Encoder, 500), SECOND), Next::Wait(_)));
    }

    #[test]
    fn a_way_that_brings_nothing_twice_gives_way_whatever_it_said() {
        let mut passes = passes(None, 2);
        assert!(matches!(end(&mut passes, failed(PassFault::Passing, 0), SECOND), Next::Wait(_)));
        assert_eq!(end(&mut passes, failed(PassFault::Passing, 0), SECOND), Next::FallBack);
        // One that worked is not given up for that.
        passes.flows();
        assert!(matches!(end(&mut passes, failed(PassFault::Passing, 0), SECOND), Next::Wait(_)));
    }

    #[test]
    fn an_encoder_that_fails_again_and_again_without_a_known_word_gives_way_too() {
        let mut passes = passes(None, 2);
        for reached in 1..SHAKY_RUNS {
            let next = end(&mut passes, failed(PassFault::Passing, u64::from(reached) * 500), SECOND);
            assert!(matches!(next, Next::Wait(_)));
        }
        assert_eq!(end(&mut passes, failed(PassFault::Passing, 9_000), SECOND), Next::FallBack);
        assert_eq!(passes.plan(), PassPlan { from_ms: 9_000, encoder: 1 });
        // What the host lacks is not the encoder's fault, and a minute of health forgives.
        let mut passes = self::passes(None, 2);
        passes.flows();
        let lacks = || PassEnd::Failed {
            fault: PassFault::Passing,
            reason: Reason::Host,
            detail: "no descriptor".to_owned(),
            reached_ms: 500,
        };
        for _ in 0..10 {
            assert!(matches!(end(&mut passes, lacks(), SECOND), Next::Wait(_)));
        }
        let mut passes = self::passes(None, 2);
        for n in 1..10 {
            passes.begin(HEALTHY * n);
            let next =
                passes.ended(failed(PassFault::Passing, 500), HEALTHY * (n + 1), false, &Times::default());
            assert!(matches!(next, Next::Wait(_)));
        }
    }

    #[test]
    fn what_never_brings_anything_ends_the_stream_and_what_once_did_never() {
        let mut unlucky = passes(None, 1);
        let (mut runs, mut at) = (0, Duration::ZERO);
        let reason = loop {
            runs += 1;
            match end(&mut unlucky, failed(PassFault::Passing, 0), at) {
                Next::Wait(delay) => at += delay,
                Next::GiveUp(reason, _) => break reason,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((runs, reason), (FUTILE_RUNS, Reason::EncoderFailed));
        let mut lucky = passes(None, 1);
        lucky.flows();
        for _ in 0..1_000 {
            assert!(matches!(end(&mut lucky, failed(PassFault::Passing, 0), at), Next::Wait(_)));
        }
    }

    #[test]
    fn a_run_that_dies_at_once_for_ever_is_started_at_most_ten_times_a_minute() {
        for seed in 0..50 {
            let mut passes = Passes::new(None, 1, seed, Retry::forever());
            passes.flows();
            let (mut at, mut runs, mut last) = (Duration::ZERO, 0, Duration::ZERO);
            while at < Duration::from_secs(3_600) {
                runs += u32::from(at < Duration::from_secs(60));
                let Next::Wait(delay) = end(&mut passes, failed(PassFault::Passing, 0), at) else { panic!() };
                last = delay;
                at += delay;
            }
            assert!(runs <= 10, "{runs}");
            assert!(last >= Times::default().backoff_max / 2);
            // A minute of health, and it is as if nothing had been.
            passes.begin(at);
            let next = passes.ended(failed(PassFault::Passing, 9), at + HEALTHY, false, &Times::default());
            let Next::Wait(delay) = next else { panic!() };
            assert!(delay <= Times::default().backoff_first);
        }
    }

    #[test]
    fn where_the_rest_cannot_be_read_the_next_lap_begins() {
        let mut passes = passes(Some(2), 1);
        passes.flows();
        assert!(matches!(end(&mut passes, failed(PassFault::Passing, 9_000), SECOND), Next::Wait(_)));
        // Once it may be the disk's mood.
        assert!(matches!(end(&mut passes, failed(PassFault::Unreadable, 9_000), SECOND), Next::Wait(_)));
        let next = end(&mut passes, failed(PassFault::Unreadable, 9_000), SECOND);
        assert_eq!(next, Next::SkipLap { close: false });
        assert_eq!((passes.plan().from_ms, passes.trouble().unwrap().0), (0, Reason::EncoderFailed));
        assert_eq!(passes.missing(), None);
        end(&mut passes, failed(PassFault::Passing, 9_000), SECOND);
        end(&mut passes, failed(PassFault::Unreadable, 9_000), SECOND);
        let next = end(&mut passes, failed(PassFault::Unreadable, 9_000), SECOND);
        assert_eq!(next, Next::SkipLap { close: true });
        assert_eq!(passes.missing().unwrap().0, Reason::EncoderFailed);
    }

    #[test]
    fn what_nothing_mends_ends_the_stream_at_once() {
        let mut passes = passes(None, 3);
        passes.flows();
        assert!(matches!(end(&mut passes, failed(PassFault::Hopeless, 5), SECOND), Next::GiveUp(..)));
        let mut empty = self::passes(None, 1);
        assert!(matches!(
            end(&mut empty, PassEnd::Lap { ms: 3 }, SECOND),
            Next::GiveUp(Reason::SourceInvalid, _)
        ));
    }

    #[test]
    fn nothing_follows_once_the_stream_is_to_end() {
        let mut passes = passes(None, 2);
        passes.begin(SECOND);
        let next = passes.ended(failed(PassFault::Encoder, 5), SECOND, true, &Times::default());
        assert_eq!((next, passes.is_running(), passes.is_due()), (Next::Rest, false, false));
    }
}
