use proptest::prelude::*;

use super::*;
use crate::source::PassFault;

const SECOND: Duration = Duration::from_secs(1);

fn begun(legs: usize) -> Fsm {
    let mut fsm = Fsm::new(legs, 1, Arc::default(), Retry::forever());
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
    for attempt in 0..8 {
        fsm.handle(Input::Signal(0, SignalKind::Publishing), SECOND);
        let effects = fsm.handle(Input::Ended(0, end(Reason::ReconnectRequested)), SECOND);
        assert!(delay(&effects) >= (SECOND / 4 * 3_u32.pow(attempt)).min(SECOND * 30), "{effects:?}");
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
fn connections_made_anew_come_back_at_once_and_not_during_a_goodbye() {
    let mut fsm = begun(1);
    go_live(&mut fsm, 0);
    assert_eq!(fsm.handle(Input::Renew, SECOND), [Effect::Renew]);
    let effects = fsm.handle(Input::Ended(0, end(Reason::OverLimit)), SECOND);
    assert_eq!(effects.first(), Some(&Effect::Wait(0, Duration::ZERO)));
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Reconnecting, Some(Reason::OverLimit)));
    fsm.handle(Input::Due(0), SECOND);
    fsm.handle(Input::Stop(Reason::Stopped), SECOND);
    assert_eq!(fsm.handle(Input::Renew, SECOND), []);
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

#[test]
fn refused_connections_come_to_at_most_six_attempts_in_the_first_minute_and_two_in_each_after_that() {
    for seed in 0..1_000 {
        for reason in [Reason::Unreachable, Reason::BadKey, Reason::Unresolved, Reason::RejectedEarly] {
            let mut fsm = Fsm::new(1, seed, Arc::default(), Retry::forever());
            let mut effects = fsm.handle(Input::Begin, Duration::ZERO);
            let (mut now, mut by_minute) = (Duration::ZERO, [0; 10]);
            while now < SECOND * 600 {
                by_minute[now.as_secs() as usize / 60] += 1;
                assert_eq!(effects.first(), Some(&Effect::Dial(0)));
                effects = fsm.handle(Input::Ended(0, end(reason)), now);
                now += delay(&effects);
                effects = fsm.handle(Input::Due(0), now);
            }
            assert!((2..=6).contains(&by_minute[0]), "{seed} {reason:?}: {by_minute:?}");
            assert!(by_minute[1..].iter().all(|n| (1..=2).contains(n)), "{seed} {reason:?}: {by_minute:?}");
        }
    }
}

#[test]
fn an_hour_on_the_air_starts_backoff_and_budget_afresh_and_less_does_not() {
    for (healthy, attempts_left) in [(3_599, 0), (3_600, 2)] {
        let mut fsm = Fsm::new(1, 1, Arc::default(), Retry::budget(3, SECOND * 100_000));
        fsm.handle(Input::Begin, Duration::ZERO);
        for _ in 0..2 {
            fsm.handle(Input::Ended(0, end(Reason::Unreachable)), SECOND);
            fsm.handle(Input::Due(0), SECOND);
        }
        go_live(&mut fsm, 0);
        let mut lost = 0;
        loop {
            let effects = fsm.handle(Input::Ended(0, end(Reason::PeerClosed)), SECOND * (healthy + 1));
            if fsm.phase() == Phase::Ended {
                break;
            }
            assert!(lost > 0 || delay(&effects) <= SECOND / 2, "{effects:?}");
            fsm.handle(Input::Due(0), SECOND * (healthy + 1));
            lost += 1;
        }
        assert_eq!(lost, attempts_left, "after {healthy} s");
        assert_eq!(fsm.reason(), Some(Reason::RetriesExhausted));
    }
}

#[test]
fn a_destination_out_of_retries_leaves_the_others_on_the_air_and_the_last_one_ends_the_stream() {
    let mut fsm = Fsm::new(2, 1, Arc::default(), Retry::budget(1, SECOND));
    fsm.handle(Input::Begin, Duration::ZERO);
    go_live(&mut fsm, 0);
    fsm.handle(Input::Ended(1, end(Reason::BadKey)), SECOND);
    assert_eq!(fsm.legs()[1].phase, LegPhase::Ended);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Degraded, Some(Reason::RetriesExhausted)));
    assert!(fsm.detail().contains("detail"), "{}", fsm.detail());
    let effects = fsm.handle(Input::Ended(0, end(Reason::Stalled)), SECOND);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::RetriesExhausted)));
    assert_eq!(effects.last(), Some(&Effect::Finish));
}

#[test]
fn planned_reconnects_are_not_failures() {
    let mut fsm = Fsm::new(1, 1, Arc::default(), Retry::budget(1, SECOND * 1_000));
    fsm.handle(Input::Begin, Duration::ZERO);
    for _ in 0..10 {
        go_live(&mut fsm, 0);
        let effects = fsm.handle(Input::Ended(0, end(Reason::Rotated)), SECOND * 2);
        assert_eq!(delay(&effects), Duration::ZERO);
        fsm.handle(Input::Due(0), SECOND * 2);
    }
    assert_eq!(fsm.legs()[0].attempts, 11);
}

#[test]
fn a_key_that_worked_a_moment_ago_is_tried_again_soon_and_a_minute_later_slowly() {
    let mut fsm = begun(1);
    go_live(&mut fsm, 0);
    fsm.handle(Input::Ended(0, end(Reason::PeerClosed)), SECOND * 100);
    for (at, slow) in [(101, false), (110, false), (161, true)] {
        fsm.handle(Input::Due(0), SECOND * at);
        let effects = fsm.handle(Input::Ended(0, end(Reason::BadKey)), SECOND * at);
        assert_eq!(delay(&effects) >= SECOND * 30, slow, "{at}: {effects:?}");
    }
}

#[test]
fn one_that_is_publishing_already_is_tried_again_soon_at_the_first_start_too() {
    let mut fsm = begun(1);
    let effects = fsm.handle(Input::Ended(0, end(Reason::AlreadyPublishing)), SECOND);
    assert!(delay(&effects) <= SECOND / 2, "{effects:?}");
}

fn delay(effects: &[Effect]) -> Duration {
    match effects.first() {
        Some(Effect::Wait(_, delay)) => *delay,
        _ => panic!("{effects:?}"),
    }
}

const SIGNALS: [SignalKind; 6] = [
    SignalKind::Publishing,
    SignalKind::Live,
    SignalKind::Lagging,
    SignalKind::CaughtUp,
    SignalKind::Holding,
    SignalKind::Resumed,
];

fn encoding(legs: usize) -> Fsm {
    let passes = Passes::new(None, 2, 1, Retry::forever());
    Fsm::new(legs, 1, Arc::default(), Retry::forever()).with_passes(passes)
}

fn pass_failed(fault: PassFault) -> Input {
    let (reason, detail) = (Reason::EncoderFailed, "it died".to_owned());
    Input::PassEnded(PassEnd::Failed { fault, reason, detail, reached_ms: 1_000 })
}

#[test]
fn nobody_is_called_before_ffmpeg_has_made_something() {
    let mut fsm = encoding(2);
    assert_eq!(fsm.handle(Input::Begin, Duration::ZERO), [Effect::Encode, Effect::Phase(Phase::Preparing)]);
    assert_eq!(fsm.phase(), Phase::Starting);
    let effects = fsm.handle(Input::Flows, SECOND);
    assert!(effects.contains(&Effect::Dial(0)) && effects.contains(&Effect::Dial(1)));
    assert_eq!(fsm.handle(Input::Flows, SECOND), []);
}

#[test]
fn a_dead_ffmpeg_is_started_again_and_no_connection_ends() {
    let mut fsm = encoding(1);
    fsm.handle(Input::Begin, Duration::ZERO);
    fsm.handle(Input::Flows, SECOND);
    go_live(&mut fsm, 0);
    let effects = fsm.handle(pass_failed(PassFault::Passing), SECOND);
    let [Effect::WaitPass(_)] = effects[..] else { panic!("{effects:?}") };
    assert_eq!(fsm.phase(), Phase::Live);
    let effects = fsm.handle(Input::Signal(0, SignalKind::Holding), SECOND);
    assert_eq!(effects, [Effect::Phase(Phase::Live)]);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Holding, Some(Reason::EncoderFailed)));
    assert_eq!(fsm.handle(Input::PassDue, SECOND * 2), [Effect::Encode]);
    fsm.handle(Input::Flows, SECOND * 3);
    // Still nothing on the air that moves; now it is only slow.
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Holding, Some(Reason::EncoderSlow)));
    fsm.handle(Input::Signal(0, SignalKind::Resumed), SECOND * 3);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Live, None));
}

#[test]
fn another_encoder_takes_over_at_once_and_that_is_told() {
    let mut fsm = encoding(1);
    fsm.handle(Input::Begin, Duration::ZERO);
    let effects = fsm.handle(pass_failed(PassFault::Encoder), SECOND);
    assert_eq!(effects, [Effect::FellBack, Effect::Encode]);
}

#[test]
fn a_stream_has_not_ended_before_its_ffmpeg_has() {
    let mut fsm = encoding(1);
    fsm.handle(Input::Begin, Duration::ZERO);
    let effects = fsm.handle(Input::Stop(Reason::Stopped), SECOND);
    assert!(effects.contains(&Effect::HangUp));
    assert_eq!(fsm.phase(), Phase::Stopping);
    let effects = fsm.handle(Input::PassEnded(PassEnd::Stopped { reached_ms: 5 }), SECOND);
    assert_eq!(effects, [Effect::Phase(Phase::Stopping), Effect::Finish]);
}

#[test]
fn a_source_that_nothing_can_read_ends_the_stream_with_the_reason() {
    let mut fsm = encoding(1);
    fsm.handle(Input::Begin, Duration::ZERO);
    fsm.handle(pass_failed(PassFault::Hopeless), SECOND);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::EncoderFailed)));
}

/// One for each way that an end can go.
const REASONS: [Reason; 6] = [
    Reason::PeerClosed,
    Reason::BadKey,
    Reason::Finished,
    Reason::Rotated,
    Reason::ReconnectRequested,
    Reason::SourceInvalid,
];

fn any_input(legs: usize) -> impl Strategy<Value = Input> {
    let leg = 0..legs;
    let kinds = (leg.clone(), proptest::sample::select(SIGNALS.to_vec()));
    let ends = (leg.clone(), proptest::sample::select(REASONS.to_vec()));
    prop_oneof![
        1 => Just(Input::Begin),
        8 => kinds.prop_map(|(leg, kind)| Input::Signal(leg, kind)),
        4 => ends.prop_map(|(leg, reason)| Input::Ended(leg, end(reason))),
        4 => leg.prop_map(Input::Due),
        2 => proptest::collection::vec(any::<bool>(), legs).prop_map(|on| outlooks(&on)),
        1 => Just(Input::Stop(Reason::Stopped)),
    ]
}

/// A state machine whose every move is checked.
struct Watched {
    fsm: Fsm,
    stopped: bool,
    moves: Vec<(Phase, Phase)>,
    leg_moves: Vec<(LegPhase, LegPhase)>,
}

impl Watched {
    fn new(legs: usize, retry: Retry) -> Self {
        let fsm = Fsm::new(legs, 1, Arc::default(), retry);
        Self { fsm, stopped: false, moves: vec![], leg_moves: vec![] }
    }

    fn handle(&mut self, input: Input, at: Duration) {
        let phase = self.fsm.phase();
        let legs: Vec<_> = self.fsm.legs().iter().map(|leg| leg.phase).collect();
        self.stopped |= matches!(input, Input::Stop(_));
        let effects = self.fsm.handle(input, at);
        let told = |effect: Effect| effects.iter().filter(|told| **told == effect).count();
        // Every change is in the table and is told once, and nothing else is told.
        let now = self.fsm.phase();
        assert_eq!(changes(&effects), if now == phase { vec![] } else { vec![phase] });
        if now != phase {
            assert!(table::stream_may(phase, now), "{phase:?} {now:?}");
            self.moves.push((phase, now));
        }
        for (leg, from) in legs.into_iter().enumerate() {
            let to = self.fsm.legs()[leg].phase;
            assert_eq!(told(Effect::Leg(leg)), usize::from(from != to), "{leg}: {effects:?}");
            if from != to {
                assert!(table::leg_may(from, to), "{from:?} {to:?}");
                self.leg_moves.push((from, to));
            }
            // A connection for every Connecting, a delay for every Waiting.
            assert_eq!(told(Effect::Dial(leg)), usize::from(from != to && to == LegPhase::Connecting));
            let waits = effects.iter().filter(|told| matches!(told, Effect::Wait(of, _) if *of == leg));
            assert_eq!(waits.count(), usize::from(from != to && to == LegPhase::Waiting));
        }
        assert_eq!(told(Effect::Finish), usize::from(phase != Phase::Ended && now == Phase::Ended));
        assert!(phase != Phase::Ended || effects.is_empty(), "after the end: {effects:?}");
        // What is not wanted any more is not dialled any more.
        let unwanted = self.stopped || matches!(now, Phase::Stopping | Phase::Ended);
        assert!(!unwanted || effects.iter().all(|told| !matches!(told, Effect::Dial(_) | Effect::Wait(..))));
        assert!(!self.stopped || matches!(now, Phase::Stopping | Phase::Ended), "{now:?}");
        // What is shown is what is.
        let live = self.fsm.legs().iter().any(|leg| matches!(leg.phase, LegPhase::Live | LegPhase::Lagging));
        assert_eq!(now.is_on_air(), live && !unwanted);
        match now {
            Phase::Live => assert_eq!(self.fsm.reason(), None),
            Phase::Stopping | Phase::Ended => assert!(self.fsm.reason().is_some()),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_every_move_is_in_the_table_and_told_once(
        legs in 1..4_usize,
        budget in proptest::option::of(1..4_u32),
        inputs in proptest::collection::vec((any_input(3), 0..100_u64), 0..80),
    ) {
        let retry = budget.map_or_else(Retry::forever, |attempts| Retry::budget(attempts, SECOND * 60));
        let mut watched = Watched::new(legs, retry);
        let mut at = Duration::ZERO;
        for (input, seconds) in inputs {
            at += Duration::from_secs(seconds);
            match input {
                Input::Signal(leg, _) | Input::Ended(leg, _) | Input::Due(leg) if leg >= legs => {}
                Input::Outlets(mut outlooks) => {
                    outlooks.truncate(legs);
                    watched.handle(Input::Outlets(outlooks), at);
                }
                input => watched.handle(input, at),
            }
        }
    }
}

#[test]
fn every_move_of_the_table_can_be_reached() {
    let (mut moves, mut leg_moves) = (vec![], vec![]);
    for legs in 1..=2 {
        // Everything that can happen, in every order that leads to another state.
        let begun = || {
            let mut watched = Watched::new(legs, Retry::forever());
            watched.handle(Input::Begin, Duration::ZERO);
            watched
        };
        let mut inputs = vec![Input::Stop(Reason::Stopped), outlooks(&vec![true; legs])];
        // And once more.
        inputs.push(Input::Outlets(vec![Outlook { on: true, asked: 1, ..Outlook::default() }; legs]));
        for leg in 0..legs {
            inputs.push(Input::Due(leg));
            let wanted: Vec<_> = (0..legs).map(|other| other != leg).collect();
            inputs.push(outlooks(&wanted));
            inputs.extend(SIGNALS.map(|kind| Input::Signal(leg, kind)));
            inputs.extend([Reason::PeerClosed, Reason::Finished].map(|why| Input::Ended(leg, end(why))));
        }
        // From every state that is new, once.
        let mut seen = std::collections::HashSet::new();
        let mut paths: Vec<Vec<usize>> = vec![vec![]];
        while let Some(path) = paths.pop() {
            for next in 0..inputs.len() {
                let mut watched = begun();
                let path: Vec<_> = path.iter().copied().chain([next]).collect();
                path.iter().for_each(|input| watched.handle(inputs[*input].clone(), SECOND));
                moves.append(&mut watched.moves);
                leg_moves.append(&mut watched.leg_moves);
                let fsm = &watched.fsm;
                let state: Vec<_> = fsm
                    .legs()
                    .iter()
                    .map(|leg| (leg.phase, leg.ever_live, leg.holding, leg.outlook.on))
                    .collect();
                if seen.insert((fsm.phase(), state)) {
                    paths.push(path);
                }
            }
        }
        println!("{legs} legs: {} states", seen.len());
    }
    let mut early = Watched::new(1, Retry::forever());
    early.handle(Input::Stop(Reason::Stopped), Duration::ZERO);
    moves.append(&mut early.moves);
    leg_moves.append(&mut early.leg_moves);
    for way in table::STREAM {
        assert!(moves.contains(way), "nothing leads {way:?}");
    }
    for way in table::LEG {
        assert!(leg_moves.contains(way), "nothing leads {way:?}");
    }
}

fn live(legs: usize) -> Fsm {
    let mut fsm = begun(legs);
    (0..legs).for_each(|leg| go_live(&mut fsm, leg));
    fsm
}

/// What is wanted of as many destinations.
fn outlooks(on: &[bool]) -> Input {
    Input::Outlets(on.iter().map(|on| Outlook { on: *on, ..Outlook::default() }).collect())
}

#[test]
fn a_destination_that_is_added_is_called_at_once_and_one_that_rests_stays_silent() {
    let mut fsm = live(1);
    let effects = fsm.handle(outlooks(&[true, true]), SECOND);
    assert!(effects.contains(&Effect::Dial(1)) && !effects.contains(&Effect::Dial(0)), "{effects:?}");
    assert_eq!(fsm.phase(), Phase::Degraded);
    fsm.handle(Input::Signal(1, SignalKind::Publishing), SECOND);
    fsm.handle(Input::Signal(1, SignalKind::Live), SECOND);
    assert_eq!(fsm.phase(), Phase::Live);
    // It says goodbye, and is not called again; the other one is enough.
    assert!(fsm.handle(outlooks(&[true, false]), SECOND).contains(&Effect::Dismiss(1)));
    fsm.handle(Input::Ended(1, end(Reason::Disabled)), SECOND);
    assert_eq!((fsm.legs()[1].phase, fsm.phase()), (LegPhase::Disabled, Phase::Live));
    let effects = fsm.handle(outlooks(&[true, true]), SECOND);
    assert!(effects.contains(&Effect::Dial(1)), "{effects:?}");
}

#[test]
fn a_stream_all_of_whose_destinations_rest_waits_and_can_be_stopped() {
    let mut fsm = live(2);
    fsm.handle(outlooks(&[false, false]), SECOND);
    fsm.handle(Input::Ended(0, end(Reason::Disabled)), SECOND);
    fsm.handle(Input::Ended(1, end(Reason::PeerClosed)), SECOND);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Reconnecting, Some(Reason::Disabled)));
    fsm.handle(outlooks(&[false, true]), SECOND);
    assert_eq!(fsm.legs()[1].phase, LegPhase::Connecting);
    fsm.handle(outlooks(&[false, false]), SECOND);
    fsm.handle(Input::Ended(1, end(Reason::Disabled)), SECOND);
    fsm.handle(Input::Stop(Reason::Stopped), SECOND);
    assert_eq!(fsm.phase(), Phase::Ended);
}

#[test]
fn a_number_that_is_given_again_begins_afresh() {
    let mut fsm = live(2);
    fsm.handle(outlooks(&[true, false]), SECOND);
    fsm.handle(Input::Ended(1, end(Reason::Disabled)), SECOND);
    let again = vec![
        Outlook { on: true, ..Outlook::default() },
        Outlook { on: true, serial: 1, ..Outlook::default() },
    ];
    let effects = fsm.handle(Input::Outlets(again), SECOND);
    assert!(effects.contains(&Effect::Dial(1)));
    let leg = &fsm.legs()[1];
    assert_eq!((leg.attempts, leg.ever_live, leg.phase), (1, false, LegPhase::Connecting));
}

#[test]
fn a_planned_reconnect_stays_away_for_its_pause() {
    let mut fsm = live(1);
    let pause = SECOND * 90;
    fsm.handle(Input::Outlets(vec![Outlook { on: true, pause, ..Outlook::default() }]), SECOND);
    let effects = fsm.handle(Input::Ended(0, end(Reason::Rotated)), SECOND);
    assert!(effects.contains(&Effect::Wait(0, pause)), "{effects:?}");
}

#[test]
fn what_rests_from_the_start_is_called_once_it_is_wanted() {
    let resting = [Outlook { on: true, ..Outlook::default() }, Outlook::default()];
    let mut fsm = Fsm::new(2, 1, Arc::default(), Retry::forever()).with_outlooks(&resting);
    let effects = fsm.handle(Input::Begin, Duration::ZERO);
    assert!(effects.contains(&Effect::Dial(0)) && !effects.contains(&Effect::Dial(1)), "{effects:?}");
    go_live(&mut fsm, 0);
    assert_eq!(fsm.phase(), Phase::Live);
    assert!(fsm.handle(outlooks(&[true, true]), SECOND).contains(&Effect::Dial(1)));
}

#[test]
fn what_was_taken_away_neither_keeps_a_stream_nor_holds_its_end_up() {
    let mut fsm = live(2);
    let gone = Outlook { gone: true, ..Outlook::default() };
    fsm.handle(Input::Outlets(vec![Outlook { on: true, ..Outlook::default() }, gone]), SECOND);
    fsm.handle(Input::Ended(1, end(Reason::Disabled)), SECOND);
    fsm.handle(Input::Ended(0, end(Reason::Finished)), SECOND);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::Finished)));
}

#[test]
fn one_that_was_given_up_is_called_when_it_is_asked_for_again() {
    let mut fsm = Fsm::new(2, 1, Arc::default(), Retry::budget(1, SECOND));
    fsm.handle(Input::Begin, Duration::ZERO);
    go_live(&mut fsm, 0);
    fsm.handle(Input::Ended(1, end(Reason::Unreachable)), SECOND);
    assert_eq!(fsm.legs()[1].phase, LegPhase::Ended);
    // Nobody asked: looking again changes nothing.
    assert_eq!(fsm.handle(outlooks(&[true, true]), SECOND), []);
    let mut again = vec![Outlook { on: true, ..Outlook::default() }; 2];
    again[1].asked = 1;
    assert!(fsm.handle(Input::Outlets(again), SECOND).contains(&Effect::Dial(1)));
}

#[test]
fn a_playlist_of_which_nothing_can_ever_begin_ends_its_stream_with_the_reason() {
    let mut fsm = Fsm::new(1, 1, Arc::default(), Retry::forever()).waiting();
    assert!(!fsm.handle(Input::Begin, Duration::ZERO).contains(&Effect::Dial(0)));
    let trouble = Some((Reason::EncoderFailed, "it made nothing".to_owned()));
    fsm.handle(Input::Source { trouble, ready: false, over: true }, SECOND);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::EncoderFailed)));
}

#[test]
fn a_stream_whose_last_good_destination_is_taken_away_ends_as_the_others_did() {
    let mut fsm = Fsm::new(2, 1, Arc::default(), Retry::budget(1, SECOND));
    fsm.handle(Input::Begin, Duration::ZERO);
    go_live(&mut fsm, 0);
    fsm.handle(Input::Ended(1, end(Reason::Unreachable)), SECOND);
    let gone = Outlook { gone: true, ..Outlook::default() };
    fsm.handle(Input::Outlets(vec![gone, Outlook { on: true, ..Outlook::default() }]), SECOND);
    fsm.handle(Input::Ended(0, end(Reason::Disabled)), SECOND);
    assert_eq!((fsm.phase(), fsm.reason()), (Phase::Ended, Some(Reason::RetriesExhausted)));
}
