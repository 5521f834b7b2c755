//! The manager, whole or as one user may use it.

use std::time::Duration;

use pyo3::prelude::*;
use streambro_core::{
    Builder, Destination, Edit, ErrorKind, Explanation, Platform, PlaylistKind, Schedule, Settings, Source,
    StreamManager, StreamSpec, Video,
};
use streambro_embed::{Kept, Result, Scope, Threads, fault, most, with, write};

use crate::{
    call::{call, parse},
    made::Made,
    pending::Pending,
    stream::Stream,
    subscription::Subscription,
};

/// Keeps streams on the air, with threads of its own.
#[pyclass(frozen, module = "streambro._native")]
#[derive(Debug)]
pub(crate) struct Manager(Kept<Scope>);

impl Manager {
    pub(crate) fn new(scope: Scope) -> Self {
        Self(Kept::new(scope))
    }

    /// Begins something with the whole manager.
    fn begin<F>(&self, work: impl FnOnce(StreamManager) -> F) -> Result<Pending>
    where
        F: Future<Output = Result<Made>> + Send + 'static,
    {
        Pending::begin(self.0.threads(), work(self.0.whole()?.clone()))
    }
}

/// Begins something with what a manager sees: `begin!(self, m => m.encoders(), Made::json)`. What it names is moved.
macro_rules! begin {
    ($manager:expr, $seen:ident => $work:expr, $made:expr) => {
        with!($manager.0, $seen => {
            let $seen = $seen.clone();
            Pending::begin($manager.0.threads(), async move { $made($work.await?) })
        })
    };
}

#[pymethods]
impl Manager {
    /// Begins to build one; with 0 threads one for each processor.
    #[staticmethod]
    fn build(py: Python<'_>, settings_json: &str, threads: usize) -> PyResult<Pending> {
        call(py, || {
            let settings: Settings = parse("settings", settings_json)?;
            let threads = Threads::new(threads)?;
            let own = threads.clone();
            Pending::begin(&threads, async move {
                Ok(Made::Manager(Scope::new(Builder::from(settings).build().await?, own)))
            })
        })
    }

    fn as_user(&self, py: Python<'_>, user: &str) -> PyResult<Self> {
        call(py, || Ok(Self::new(self.0.as_user(user)?)))
    }

    #[pyo3(signature = (id, capacity))]
    fn subscribe(&self, py: Python<'_>, id: Option<&str>, capacity: usize) -> PyResult<Subscription> {
        call(py, || Ok(Subscription::new(self.0.subscribe(id, capacity)?)))
    }

    fn shutdown(&self, py: Python<'_>, grace_ms: u64) -> PyResult<Pending> {
        call(py, || {
            self.begin(|whole| async move {
                whole.shutdown(Duration::from_millis(grace_ms)).await;
                Ok(Made::Nothing)
            })
        })
    }

    // Putting on the air.

    fn start(&self, py: Python<'_>, spec_json: &str) -> PyResult<Pending> {
        call(py, || {
            let spec: StreamSpec = parse("spec", spec_json)?;
            let threads = self.0.threads().clone();
            begin!(self, m => m.start(spec), |stream| Ok(Made::Stream(stream, threads)))
        })
    }

    fn replace(&self, py: Python<'_>, spec_json: &str) -> PyResult<Pending> {
        call(py, || {
            let spec: StreamSpec = parse("spec", spec_json)?;
            let threads = self.0.threads().clone();
            begin!(self, m => m.replace(spec), |stream| Ok(Made::Stream(stream, threads)))
        })
    }

    fn stop(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        call(py, || with!(self.0, m => m.stop(id)))
    }

    fn clear_all(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || Ok(with!(self.0, m => m.clear_all())))
    }

    // Looking.

    fn stream(&self, py: Python<'_>, id: &str) -> PyResult<Stream> {
        call(py, || Ok(Stream::new(with!(self.0, m => m.stream(id))?, self.0.threads().clone())))
    }

    fn status(&self, py: Python<'_>, id: &str) -> PyResult<String> {
        call(py, || write(&with!(self.0, m => m.status(id))?))
    }

    fn list(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || write(&with!(self.0, m => m.list())))
    }

    fn logs(&self, py: Python<'_>, id: &str) -> PyResult<String> {
        call(py, || write(&with!(self.0, m => m.logs(id))?))
    }

    fn history(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || write(&with!(self.0, m => m.history())))
    }

    fn usage(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || write(&self.0.whole()?.usage()))
    }

    fn metrics(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || Ok(self.0.whole()?.open_metrics()))
    }

    fn audit(&self, py: Python<'_>) -> PyResult<Pending> {
        call(py, || self.begin(|whole| async move { Made::json(&whole.audit().await) }))
    }

    fn doctor(&self, py: Python<'_>) -> PyResult<Pending> {
        call(py, || self.begin(|whole| async move { Made::json(&whole.doctor().await) }))
    }

    // Looking ahead.

    fn explain(&self, py: Python<'_>, spec_json: &str) -> PyResult<Pending> {
        call(py, || {
            let spec: StreamSpec = parse("spec", spec_json)?;
            begin!(self, m => m.explain(&spec), |explanation: Explanation| Made::json(&explanation))
        })
    }

    /// How many streams of this mix fit: specs, each with how often it comes.
    fn capacity(&self, py: Python<'_>, mix: Vec<(String, u32)>) -> PyResult<Pending> {
        call(py, || {
            let mix = mix.iter().map(|(spec, weight)| Ok((parse::<StreamSpec>("spec", spec)?, *weight)));
            let mix = mix.collect::<Result<Vec<_>>>()?;
            self.begin(|whole| async move {
                let mut shares = vec![];
                for (spec, weight) in mix {
                    let share = whole.explain(&spec).await?.share().ok_or_else(|| {
                        let detail = "one of its specs cannot be sent at all; `explain` says why";
                        fault(ErrorKind::InvalidSpec, "mix", detail)
                    })?;
                    shares.push(share.weight(weight));
                }
                Made::json(&whole.capacity(&shares)?)
            })
        })
    }

    fn analyze(&self, py: Python<'_>, source_json: &str, url: &str) -> PyResult<Pending> {
        call(py, || {
            let source: Source = parse("source", source_json)?;
            // Of a destination only the host counts.
            let destination = Destination::new(url, "none")?;
            begin!(self, m => m.analyze(&source, &destination), |analysis| Made::json(&analysis))
        })
    }

    fn analyze_for(&self, py: Python<'_>, source_json: &str, platform_json: &str) -> PyResult<Pending> {
        call(py, || {
            let source: Source = parse("source", source_json)?;
            let platform: Platform = parse("platform", platform_json)?;
            begin!(self, m => m.analyze_for(&source, &platform), |analysis| Made::json(&analysis))
        })
    }

    fn encoders(&self, py: Python<'_>) -> PyResult<Pending> {
        call(py, || begin!(self, m => m.encoders(), |reports| Made::json(&reports)))
    }

    // Playlists.

    fn playlist(&self, py: Python<'_>, id: &str, which_json: &str) -> PyResult<String> {
        call(py, || {
            let which: PlaylistKind = parse("which", which_json)?;
            write(&with!(self.0, m => m.playlist(id, which))?)
        })
    }

    fn as_run(&self, py: Python<'_>, id: &str, which_json: &str) -> PyResult<String> {
        call(py, || {
            let which: PlaylistKind = parse("which", which_json)?;
            write(&with!(self.0, m => m.as_run(id, which))?)
        })
    }

    #[pyo3(signature = (id, which_json, version, edits_json))]
    fn edit(
        &self,
        py: Python<'_>,
        id: &str,
        which_json: &str,
        version: Option<u64>,
        edits_json: &str,
    ) -> PyResult<Pending> {
        call(py, || {
            let which: PlaylistKind = parse("which", which_json)?;
            let edits: Vec<Edit> = parse("edits", edits_json)?;
            let id = id.to_owned();
            begin!(self, m => m.edit(&id, which, version, edits), |version| Ok(Made::Number(version)))
        })
    }

    // Destinations.

    fn add_destination(&self, py: Python<'_>, id: &str, destination_json: &str) -> PyResult<usize> {
        call(py, || {
            let destination: Destination = parse("destination", destination_json)?;
            with!(self.0, m => m.add_destination(id, destination))
        })
    }

    fn remove_destination(&self, py: Python<'_>, id: &str, leg: usize) -> PyResult<()> {
        call(py, || with!(self.0, m => m.remove_destination(id, leg)))
    }

    fn enable_destination(&self, py: Python<'_>, id: &str, leg: usize, on: bool) -> PyResult<()> {
        call(py, || with!(self.0, m => m.enable_destination(id, leg, on)))
    }

    fn rotate_destination(&self, py: Python<'_>, id: &str, leg: usize) -> PyResult<()> {
        call(py, || with!(self.0, m => m.rotate_destination(id, leg)))
    }

    // Schedules.

    fn schedule(&self, py: Python<'_>, spec_json: &str) -> PyResult<Pending> {
        call(py, || {
            let spec: StreamSpec = parse("spec", spec_json)?;
            begin!(self, m => m.schedule(spec), |airing| Made::json(&airing))
        })
    }

    fn reschedule(&self, py: Python<'_>, id: &str, schedule_json: &str) -> PyResult<Pending> {
        call(py, || {
            let schedule: Schedule = parse("schedule", schedule_json)?;
            let id = id.to_owned();
            begin!(self, m => m.reschedule(&id, schedule), |airing| Made::json(&airing))
        })
    }

    fn extend(&self, py: Python<'_>, id: &str, by_ms: u64) -> PyResult<Pending> {
        call(py, || {
            let (id, by) = (id.to_owned(), Duration::from_millis(by_ms));
            begin!(self, m => m.extend(&id, by), |airing| Made::json(&airing))
        })
    }

    fn clear_end(&self, py: Python<'_>, id: &str) -> PyResult<Pending> {
        call(py, || {
            let id = id.to_owned();
            begin!(self, m => m.clear_end(&id), |had_one| Ok(Made::Flag(had_one)))
        })
    }

    fn cancel(&self, py: Python<'_>, id: &str) -> PyResult<Pending> {
        call(py, || {
            let id = id.to_owned();
            begin!(self, m => m.cancel(&id), |()| Ok(Made::Nothing))
        })
    }

    fn upcoming(&self, py: Python<'_>, count: usize) -> PyResult<String> {
        call(py, || {
            let count = most("count", count)?;
            write(&with!(self.0, m => m.upcoming(count)))
        })
    }

    // Renditions.

    fn prepare(&self, py: Python<'_>, source_json: &str, video_json: &str) -> PyResult<Pending> {
        call(py, || {
            let source: Source = parse("source", source_json)?;
            let video: Video = parse("video", video_json)?;
            let threads = self.0.threads().clone();
            self.begin(
                |whole| async move { Ok(Made::Preparation(whole.prepare(&source, video).await?, threads)) },
            )
        })
    }

    fn renditions(&self, py: Python<'_>) -> PyResult<Pending> {
        call(py, || self.begin(|whole| async move { Made::json(&whole.renditions().await?) }))
    }

    fn clear_renditions(&self, py: Python<'_>) -> PyResult<Pending> {
        call(py, || self.begin(|whole| async move { Ok(Made::number(whole.clear_renditions().await?)) }))
    }
}
