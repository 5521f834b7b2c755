//! An entry against a model of it, through whatever may happen.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp, civil::Time};

use super::{Agenda, Entry, Now, Order, tests::*};
use crate::{
    dice::Dice,
    spec::{Airing, MissedStart, Schedule, StreamId, Window},
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The first of January, 2020.
const PLAUSIBLE: i64 = 1_577_836_800;

/// When a stream is wanted by its schedule alone, told without it: in UTC, in whole seconds.
#[derive(Clone, Debug)]
struct Rule {
    kind: Kind,
    skips: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Always,
    Once { start: i64, end: Option<i64> },
    Lasting { start: Option<i64>, length: i64 },
    Daily { from: i64, length: i64, elapsed: bool },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: i64,
    end: i64,
    elapsed: bool,
}

const NEVER: i64 = i64::MAX;

impl Rule {
    fn draw(dice: &mut Dice, wall: i64) -> Self {
        let around = |dice: &mut Dice| wall - 2 * HOUR + dice.below(6 * HOUR as usize) as i64;
        let kind = match dice.below(8) {
            0 => Kind::Always,
            1 | 2 => {
                let start = around(dice);
                let end = start + 1 + dice.below(5 * HOUR as usize) as i64;
                Kind::Once { start, end: (dice.below(3) > 0).then_some(end) }
            }
            3 | 4 => {
                let start = (dice.below(2) == 0).then(|| around(dice));
                Kind::Lasting { start, length: dice.below(4 * HOUR as usize) as i64 }
            }
            _ => {
                // Never so long that two of them touch.
                let length = 60 + dice.below(20 * HOUR as usize) as i64;
                Kind::Daily { from: dice.below(DAY as usize) as i64, length, elapsed: dice.below(2) == 0 }
            }
        };
        Self { kind, skips: dice.below(3) == 0 }
    }

    fn schedule(&self) -> Option<Schedule> {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let time = |seconds: i64| Time::midnight() + SignedDuration::from_secs(seconds.rem_euclid(DAY));
        let long = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        let schedule = match self.kind {
            Kind::Always => return None,
            Kind::Once { start, end: Some(end) } => Schedule::new().starting(at(start)).ending(at(end)),
            Kind::Once { start, end: None } => Schedule::new().starting(at(start)),
            Kind::Lasting { start: Some(start), length } => {
                Schedule::new().starting(at(start)).lasting(long(length))
            }
            Kind::Lasting { start: None, length } => Schedule::new().lasting(long(length)),
            Kind::Daily { from, length, elapsed: true } => {
                Schedule::new().window(Window::daily(time(from), long(length)))
            }
            Kind::Daily { from, length, elapsed: false } => {
                Schedule::new().window(Window::daily(time(from), time(from + length)))
            }
        };
        Some(schedule.missed(if self.skips { MissedStart::Skip } else { MissedStart::StartLate }))
    }

    /// All that is not over at an instant and begins within some days.
    fn spans(&self, since: i64, after: i64) -> Vec<Span> {
        let span = |start, end, elapsed| Span { start, end, elapsed };
        let spans = match self.kind {
            Kind::Always => vec![span(i64::MIN, NEVER, false)],
            Kind::Once { start, end } => vec![span(start, end.unwrap_or(NEVER), false)],
            Kind::Lasting { start, length } => {
                let start = start.unwrap_or(since);
                vec![span(start, start + length, true)]
            }
            Kind::Daily { from, length, elapsed } => {
                let days = after.div_euclid(DAY) - 2..after.div_euclid(DAY) + 5;
                days.map(|day| span(day * DAY + from, day * DAY + from + length, elapsed)).collect()
            }
        };
        spans.into_iter().filter(|span| span.start < span.end && span.end > after).collect()
    }
}

/// What should be.
#[derive(Clone, Debug)]
struct Model {
    rule: Rule,
    since: i64,
    on: Option<Span>,
    /// When that is over by what passes.
    over: Option<i64>,
    /// Ends that were moved before their begin.
    moved: BTreeMap<i64, i64>,
    /// Up to when all is done with, and when that was decided.
    done: i64,
    decided: i64,
    gone: bool,
}

impl Model {
    fn new(rule: Rule, wall: i64) -> Self {
        let (moved, done, decided) = (BTreeMap::new(), i64::MIN, i64::MIN);
        Self { rule, since: wall, on: None, over: None, moved, done, decided, gone: false }
    }

    fn spans(&self, after: i64) -> Vec<Span> {
        let earliest = self.moved.iter().filter(|(_, end)| **end > after).map(|(start, _)| *start).min();
        let mut spans = self.rule.spans(self.since, earliest.map_or(after, |start| start.min(after)));
        let mut free = self.done;
        spans.retain_mut(|span| {
            span.end = self.moved.get(&span.start).copied().unwrap_or(span.end);
            span.start = span.start.max(free);
            free = free.max(span.end);
            span.start < span.end
        });
        spans.retain(|span| span.end > after);
        spans
    }

    fn current(&self, wall: i64) -> Option<Span> {
        self.spans(wall).into_iter().find(|span| span.start <= wall)
    }

    fn next(&self, wall: i64) -> Option<Span> {
        self.spans(wall).into_iter().find(|span| span.start > wall)
    }

    fn is_over(&self, wall: i64, passed: i64) -> bool {
        let by_wall = self.on.is_some_and(|on| on.end <= wall);
        self.on.is_some() && self.over.map_or(by_wall, |over| over <= passed)
    }

    fn finish(&mut self, span: Span, wall: i64) {
        self.moved.retain(|start, _| *start > span.start);
        let planned = self.spans(span.start).into_iter().find(|planned| planned.start <= span.start);
        let end = if span.end == NEVER { wall } else { span.end };
        self.done = self.done.max(end).max(planned.map_or(i64::MIN, |planned| planned.end));
        self.decided = wall;
    }

    fn begin(&mut self, span: Span, wall: i64, passed: i64) {
        self.on = Some(span);
        self.over = (span.elapsed && span.end != NEVER).then(|| passed + (span.end - wall).max(0));
    }

    fn look(&mut self, wall: i64, passed: i64) {
        let is_always = matches!(self.rule.kind, Kind::Always);
        if self.gone || wall < PLAUSIBLE && !is_always {
            return;
        }
        if wall >= PLAUSIBLE {
            if self.since < PLAUSIBLE || self.since - wall > DAY {
                self.since = wall;
            }
            if self.decided.saturating_sub(wall) > DAY {
                (self.done, self.decided) = (i64::MIN, i64::MIN);
            }
            if self.over.is_none() && self.on.is_some_and(|on| on.start.saturating_sub(wall) > DAY) {
                self.on = None;
            }
        }
        if let Some(on) = self.on.filter(|on| on.elapsed && on.end != NEVER && on.end > wall)
            && self.over.is_none()
        {
            self.begin(on, wall, passed);
        }
        if self.is_over(wall, passed)
            && let Some(on) = self.on.take()
        {
            self.over = None;
            self.finish(on, wall);
        }
        if self.on.is_none()
            && let Some(span) = self.current(wall)
        {
            if self.rule.skips && !is_always && wall - span.start.max(self.since) > 60 {
                self.finish_current(wall);
            } else {
                self.begin(span, wall, passed);
            }
        }
    }

    fn end(&mut self, wall: i64, with_current: bool) {
        if let Some(on) = self.on.take() {
            self.finish(on, wall);
        }
        self.over = None;
        if with_current {
            self.finish_current(wall);
        }
    }

    fn finish_current(&mut self, wall: i64) {
        while let Some(span) = self.current(wall) {
            self.finish(span, wall);
        }
    }

    fn extend(&mut self, by: i64, wall: i64) {
        if let Some(on) = &mut self.on {
            if on.end != NEVER {
                on.end += by;
                self.over = self.over.map(|over| (over + by).max(0));
            }
        } else if let Some(next) = self.next(wall).filter(|next| next.end != NEVER) {
            self.moved = [(next.start, (next.end + by).max(next.start))].into();
        }
    }

    fn clear_end(&mut self, wall: i64) {
        if let Some(on) = &mut self.on {
            on.end = NEVER;
            self.over = None;
        } else if let Some(next) = self.next(wall) {
            self.moved = [(next.start, NEVER)].into();
        }
    }

    fn restore(&mut self, wall: i64, passed: i64) {
        if let (Some(on), Some(over)) = (&mut self.on, self.over.take())
            && wall >= PLAUSIBLE
        {
            on.end = wall + (over - passed).max(0);
        }
    }
}

/// What a manager would have of the stream.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Have {
    Nothing,
    /// A start is under way.
    Start,
    Run(u64),
    /// A start failed, and is tried again then.
    Failure(i64),
}

struct World {
    agenda: Agenda,
    model: Model,
    have: Have,
    wall: i64,
    passed: i64,
    runs: u64,
    begins: usize,
    log: Vec<String>,
}

impl World {
    fn new(dice: &mut Dice) -> Self {
        // Monday, the first of June, 2026, at noon.
        let wall = 1_780_315_200;
        let rule = Rule::draw(dice, wall);
        let log = vec![format!("{rule:?}")];
        let mut world = Self {
            agenda: Agenda::default(),
            model: Model::new(rule, wall),
            have: Have::Nothing,
            wall,
            passed: 1_000_000,
            runs: 0,
            begins: 0,
            log,
        };
        let entry = Entry::new(spec("a", world.model.rule.schedule()), world.now());
        world.agenda.put(id(), entry, world.now());
        world
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_second(self.wall).unwrap();
        Now { wall, passed: Duration::from_secs(self.passed.unsigned_abs()) }
    }

    fn entry(&self) -> Option<&Entry> {
        self.agenda.get(&id())
    }

    fn look(&mut self) {
        let (orders, wait) = self.agenda.look(self.now());
        self.model.look(self.wall, self.passed);
        assert!(orders.len() <= 1, "{orders:?}");
        let is_on = self.model.on.is_some();
        match orders.first() {
            Some(Order::Begin(..)) => {
                assert!(is_on, "begins while nothing is on");
                assert!(
                    match self.have {
                        Have::Nothing => true,
                        Have::Failure(again) => again <= self.passed,
                        Have::Start | Have::Run(_) => false,
                    },
                    "begins while there is {:?}",
                    self.have
                );
                self.have = Have::Start;
                self.begins += 1;
            }
            Some(Order::End(..)) => {
                assert!(matches!(self.have, Have::Start | Have::Run(_)), "ends {:?}", self.have);
                self.have = Have::Nothing;
            }
            None => {}
        }
        if self.wall >= PLAUSIBLE || matches!(self.model.rule.kind, Kind::Always) {
            let entry = self.entry().and_then(Entry::now);
            assert_eq!(entry.is_some(), is_on, "{entry:?} by the entry, {:?} by the model", self.model.on);
            match self.have {
                Have::Start | Have::Run(_) => assert!(is_on, "goes on"),
                Have::Failure(again) => assert!(!is_on || again > self.passed, "is not tried again"),
                Have::Nothing => assert!(!is_on, "does not begin"),
            }
            if !is_on {
                self.have = Have::Nothing;
            }
            if let (Some(entry), Some(on)) = (entry, self.model.on.filter(|on| on.start != i64::MIN)) {
                assert_eq!(entry.start.as_second(), on.start);
                assert_eq!(entry.end.map(Timestamp::as_second), (on.end != NEVER).then_some(on.end));
            }
            self.check_plan();
        }
        if let Some(wait) = wait {
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "waits {wait:?}");
        } else {
            // Nothing will ever be decided without another look.
            let ends = self.model.on.is_some_and(|on| on.end != NEVER);
            assert!(!ends && (is_on || self.entry().is_none()), "waits for nothing");
        }
        self.model.gone |= self.entry().is_none();
        assert!(!self.model.gone || self.have == Have::Nothing);
    }

    /// A plan is in order and apart.
    fn check_plan(&self) {
        let Some(entry) = self.entry() else { return };
        let plan: Vec<_> = entry.plan(self.now().wall).take(4).collect();
        let apart = |pair: &[Airing]| pair[0].end.is_some_and(|end| end <= pair[1].start);
        assert!(plan.windows(2).all(apart), "{plan:?}");
    }

    fn step(&mut self, dice: &mut Dice) {
        let now = self.now();
        let (wall, passed) = (self.wall, self.passed);
        let kind = dice.below(24);
        match kind {
            0..=6 => {
                let most = [2, 60, 600, 2 * HOUR, 30 * HOUR][dice.below(5)];
                let by = 1 + dice.below(most as usize) as i64;
                self.log.push(format!("{by} s pass"));
                self.wall += by;
                self.passed += by;
            }
            7 | 8 => {
                let most = [5, 600, 3 * HOUR, 3 * HOUR, 3 * DAY][dice.below(5)];
                let by = dice.below(2 * most as usize) as i64 - most;
                self.log.push(format!("the clock is set by {by} s"));
                self.wall = (self.wall + by).max(0);
            }
            9 if dice.below(4) == 0 => {
                // The clock is lost, or found.
                self.wall = if self.wall < PLAUSIBLE { 1_780_315_200 + self.passed } else { 100 };
                self.log.push(format!("the clock shows {}", self.wall));
            }
            10..=13 if self.have == Have::Start => {
                self.runs += 1;
                self.log.push(format!("run {} starts", self.runs));
                let is_wanted = self.agenda.started(&id(), self.runs, now);
                assert_eq!(is_wanted, self.model.on.is_some());
                self.have = if is_wanted { Have::Run(self.runs) } else { Have::Nothing };
            }
            14 | 15 if self.have == Have::Start => {
                self.log.push("its start fails".into());
                let delay = self.agenda.failed(&id(), now).map(|delay| delay.as_secs().cast_signed());
                assert_eq!(delay.is_some(), self.model.on.is_some());
                self.have = delay.map_or(Have::Nothing, |delay| Have::Failure(passed + delay));
            }
            14 if matches!(self.have, Have::Run(_)) || self.model.on.is_none() => {
                self.log.push("an old start fails".into());
                assert_eq!(self.agenda.failed(&id(), now), None);
            }
            15 => self.agenda.ended(&id(), 1_000_000, now),
            16 if matches!(self.have, Have::Run(_)) => {
                let run = self.runs;
                self.log.push(format!("run {run} ends"));
                self.agenda.ended(&id(), run, now);
                let is_over = self.model.is_over(wall, passed);
                self.model.end(wall, !is_over);
                self.have = Have::Nothing;
            }
            17 => {
                self.log.push("somebody stops it".into());
                self.agenda.stopped(&id(), now);
                if !self.model.gone {
                    self.model.end(wall, true);
                }
                self.have = Have::Nothing;
            }
            18 | 19 if self.is_looked_at() => {
                let by = dice.below(4 * HOUR as usize) as i64 - 2 * HOUR;
                self.log.push(format!("its end is moved by {by} s"));
                self.agenda.extend(&id(), SignedDuration::from_secs(by), now);
                self.model.extend(by, wall);
            }
            20 if self.is_looked_at() => {
                self.log.push("its end is dropped".into());
                self.agenda.clear_end(&id(), now);
                self.model.clear_end(wall);
            }
            21 if !self.model.gone && wall >= PLAUSIBLE => {
                let rule = Rule::draw(dice, wall);
                self.log.push(format!("another schedule: {rule:?}"));
                self.agenda.reschedule(&id(), spec("a", rule.schedule()), now);
                self.model = Model::new(rule, wall);
                if self.have != Have::Nothing
                    && let Some(span) = self.model.current(wall)
                {
                    self.model.begin(span, wall, passed);
                }
            }
            22 if !self.model.gone && dice.below(2) == 0 => self.restart(dice),
            _ => {}
        }
        self.model.gone |= self.entry().is_none();
        if kind <= 9 || dice.below(3) > 0 {
            self.log.push("look".into());
            self.look();
        }
    }

    /// Whether what comes next is what the model thinks.
    fn is_looked_at(&self) -> bool {
        let plausible = self.wall >= PLAUSIBLE && !self.model.gone;
        plausible && self.log.last().is_some_and(|last| last == "look")
    }

    fn restart(&mut self, dice: &mut Dice) {
        let Some(entry) = self.entry() else { return };
        let (spec, stored) = (entry.spec.clone(), stored(entry, self.now()));
        self.model.restore(self.wall, self.passed);
        let most = [10, 2 * HOUR, 3 * DAY][dice.below(3)];
        let down = dice.below(most as usize) as i64;
        self.log.push(format!("another process after {down} s"));
        self.wall += down;
        self.passed = if dice.below(2) == 0 { 10 } else { self.passed + down };
        self.have = Have::Nothing;
        self.agenda = Agenda::default();
        self.agenda.put(id(), Entry::restored(spec, &stored), self.now());
    }
}

fn id() -> StreamId {
    sid("a")
}

#[test]
fn whatever_happens_an_entry_is_on_when_its_model_is_and_begins_once() {
    let (mut begins, mut steps) = (0, 0);
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let mut world = World::new(&mut dice);
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            world.look();
            while !world.model.gone && world.log.len() < 60 {
                world.step(&mut dice);
            }
        }));
        assert!(tried.is_ok(), "seed {seed}:\n{}", world.log.join("\n"));
        begins += world.begins;
        steps += world.log.len();
    }
    assert!(begins > 10_000 && steps > 100_000, "{begins} begins in {steps} steps");
}
