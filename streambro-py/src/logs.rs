//! What streambro traces, for Python to fetch: threads of Rust write into a bounded queue, and a thread of Python empties it.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pyo3::prelude::*;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer, SubscriberExt as _},
    registry::LookupSpan,
};

use crate::call::{call, wait};

/// Lines that wait for Python. Beyond that the oldest go.
const MOST: usize = 2_048;

/// What Python has not fetched yet.
static QUEUE: Queue = Queue { state: Mutex::new(State::new()), changed: Condvar::new() };

/// A line: its level as Python counts them, when it was in seconds since 1970, whose it is, and what it says.
type Line = (u8, f64, String, String);

/// The lines of streambro's log.
#[pyclass(frozen, module = "streambro._native")]
#[derive(Debug)]
pub(crate) struct Logs(());

#[pymethods]
impl Logs {
    /// Begins to collect, if that was not done before.
    #[new]
    fn new() -> Self {
        // This module has a tracing of its own: nobody else's subscriber is in the way.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(Collect));
        Self(())
    }

    /// Waits for lines, for so many milliseconds at most; returns them, and how many were lost before them.
    fn fetch(&self, py: Python<'_>, timeout_ms: u64) -> PyResult<(usize, Vec<Line>)> {
        Ok(wait(py, Some(timeout_ms), |slice| Ok(QUEUE.fetch(slice)))?.unwrap_or_default())
    }

    /// Ends a wait.
    fn wake(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || {
            QUEUE.state().is_woken = true;
            QUEUE.changed.notify_all();
            Ok(())
        })
    }
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    lines: VecDeque<Line>,
    lost: usize,
    is_woken: bool,
}

impl State {
    const fn new() -> Self {
        Self { lines: VecDeque::new(), lost: 0, is_woken: false }
    }
}

impl Queue {
    fn add(&self, line: Line) {
        let mut state = self.state();
        if state.lines.len() == MOST {
            state.lines.pop_front();
            state.lost += 1;
        }
        state.lines.push_back(line);
        self.changed.notify_one();
    }

    fn fetch(&self, slice: Duration) -> Option<(usize, Vec<Line>)> {
        let nothing = |state: &mut State| state.lines.is_empty() && !state.is_woken;
        let waiting = self.changed.wait_timeout_while(self.state(), slice, nothing);
        let (mut state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let is_something = !state.lines.is_empty() || state.is_woken;
        state.is_woken = false;
        is_something.then(|| (std::mem::take(&mut state.lost), state.lines.drain(..).collect()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is traced into the queue.
struct Collect;

/// What a span or a line says.
#[derive(Default)]
struct Words(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        // The others say what stands in the lines as well.
        if let Some(span) = context.span(id).filter(|span| span.name() == "stream") {
            let mut words = Words::default();
            attributes.record(&mut words);
            span.extensions_mut().insert(words);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("streambro") {
            return;
        }
        let mut spans = context.event_scope(event).into_iter().flatten();
        let stream = spans.find_map(|span| span.extensions().get().map(|Words(id)| id.clone()));
        let mut words = Words::default();
        event.record(&mut words);
        let level = match *metadata.level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            Level::DEBUG | Level::TRACE => 10,
        };
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        QUEUE.add((level, at.as_secs_f64(), stream.unwrap_or_default(), words.0));
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // What a span or a line is about goes without a name.
        let _ = match field.name() {
            "message" | "id" => write!(self.0, "{space}{value:?}"),
            name => write!(self.0, "{space}{name}={value:?}"),
        };
    }
}
