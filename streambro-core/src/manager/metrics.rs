//! The figures of a manager for collectors: one table, written as OpenMetrics text or handed to the `metrics` facade.

use std::fmt::Write as _;

use super::verbs::StreamManager;
use crate::{
    monitor::{ProcessSample, Root},
    status::{LegPhase, Phase, StreamStatus},
};

const PHASES: [(Phase, &str); 10] = [
    (Phase::Scheduled, "scheduled"),
    (Phase::Queued, "queued"),
    (Phase::Preparing, "preparing"),
    (Phase::Starting, "starting"),
    (Phase::Live, "live"),
    (Phase::Degraded, "degraded"),
    (Phase::Holding, "holding"),
    (Phase::Reconnecting, "reconnecting"),
    (Phase::Stopping, "stopping"),
    (Phase::Ended, "ended"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gauge,
    Counter,
}

impl Kind {
    /// What the samples' name has behind the family's.
    fn suffix(self) -> &'static str {
        match self {
            Self::Gauge => "",
            Self::Counter => "_total",
        }
    }
}

/// A metric, and its value for everything that has one.
#[derive(Debug)]
struct Family {
    /// Ends with the unit, if there is one.
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    help: &'static str,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl StreamManager {
    /// Writes the manager's figures as OpenMetrics text (1.0.0), to be served as `application/openmetrics-text`.
    ///
    /// Streams by phase; bytes, media, reconnects and lag of every stream, and what it used over the monitor's last
    /// interval; processor time and memory of the process. Streams have the labels `id` and, if they have one, `user`;
    /// those that ended are there for as long as [`list`](Self::list) has them. Never a key.
    pub fn open_metrics(&self) -> String {
        text(&self.families())
    }

    /// Hands the same figures to the host's `metrics` recorder, if it has one.
    #[cfg(feature = "metrics")]
    pub(super) fn publish_metrics(&self) {
        publish(self.families());
    }

    fn families(&self) -> Vec<Family> {
        families(&self.list(), ProcessSample::own(&Root::default()))
    }
}

fn families(streams: &[StreamStatus], process: Option<ProcessSample>) -> Vec<Family> {
    let family = |name, kind, unit, help, samples| Family { name, kind, unit, help, samples };
    let each = |value: &dyn Fn(&StreamStatus) -> Option<f64>| {
        let sample = |stream: &StreamStatus| {
            let mut labels = vec![("id", stream.id.to_string())];
            labels.extend(stream.user.clone().map(|user| ("user", user)));
            Some(Sample { labels, value: value(stream)? })
        };
        streams.iter().filter_map(sample).collect::<Vec<_>>()
    };
    // Without a figure there is no sample: 0 would look like a process that began anew.
    let one = |value: fn(ProcessSample) -> f64| {
        process.map(|process| Sample { labels: vec![], value: value(process) }).into_iter().collect()
    };
    let phases = PHASES.iter().map(|(phase, name)| {
        let count = streams.iter().filter(|stream| stream.phase == *phase).count();
        Sample { labels: vec![("phase", (*name).to_owned())], value: count as f64 }
    });
    let used = |value: fn(&crate::status::Usage) -> f64| {
        each(&move |stream: &StreamStatus| match stream.usage {
            Some(usage) => Some(value(&usage)),
            // So that a recorder does not show the last interval for ever.
            None => (stream.phase == Phase::Ended).then_some(0.0),
        })
    };
    vec![
        family("streambro_streams", Kind::Gauge, "", "Streams by phase.", phases.collect()),
        family(
            "streambro_stream_sent_bytes",
            Kind::Counter,
            "bytes",
            "Bytes handed to all sockets.",
            each(&|stream| Some(stream.bytes as f64)),
        ),
        family(
            "streambro_stream_media_seconds",
            // Not a counter: a reconnect goes back to the last keyframe.
            Kind::Gauge,
            "seconds",
            "How far the stream's clock is.",
            each(&|stream| Some(stream.media_ms as f64 / 1_000.0)),
        ),
        family(
            "streambro_stream_reconnects",
            Kind::Counter,
            "",
            "Times a destination went live again.",
            each(&|stream| Some(stream.legs.iter().map(|leg| leg.reconnects as f64).sum())),
        ),
        family(
            "streambro_stream_lag_seconds",
            Kind::Gauge,
            "seconds",
            "How late the latest packet was, of the destination that lags most.",
            each(&|stream| Some(lag_ms(stream) as f64 / 1_000.0)),
        ),
        family(
            "streambro_stream_bits_per_second",
            Kind::Gauge,
            "",
            "Bits handed to the network per second, over the last interval.",
            used(|usage| usage.bits_per_second as f64),
        ),
        family(
            "streambro_stream_cpu_ratio",
            Kind::Gauge,
            "ratio",
            "Processor time as a part of one core, over the last interval; estimated for copied streams.",
            used(|usage| usage.cpu_percent / 100.0),
        ),
        family(
            "streambro_stream_memory_bytes",
            Kind::Gauge,
            "bytes",
            "Memory at the last sample; estimated for copied streams.",
            used(|usage| usage.memory_bytes as f64),
        ),
        family(
            "streambro_process_cpu_seconds",
            Kind::Counter,
            "seconds",
            "Processor time of the whole process.",
            one(|process| process.cpu_ms as f64 / 1_000.0),
        ),
        family(
            "streambro_process_resident_bytes",
            Kind::Gauge,
            "bytes",
            "Resident memory of the whole process.",
            one(|process| process.resident_bytes as f64),
        ),
    ]
}

/// The lag of the destination that lags most. One that is away has none: it is away.
fn lag_ms(stream: &StreamStatus) -> u64 {
    let on_air = |phase| matches!(phase, LegPhase::Publishing | LegPhase::Live | LegPhase::Lagging);
    stream.legs.iter().filter(|leg| on_air(leg.phase)).map(|leg| leg.late_ms).max().unwrap_or(0)
}

fn text(families: &[Family]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for Family { name, kind, unit, help, samples } in families {
        let word = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let _ = writeln!(text, "# TYPE {name} {word}");
        if !unit.is_empty() {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {help}");
        for Sample { labels, value } in samples {
            let _ = write!(text, "{name}{}", kind.suffix());
            for (n, (label, value)) in labels.iter().enumerate() {
                let open = if n == 0 { '{' } else { ',' };
                let _ = write!(text, "{open}{label}=\"{}\"", escape(value));
            }
            let close = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(text, "{close} {value}");
        }
    }
    text.push_str("# EOF\n");
    text
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(feature = "metrics")]
fn publish(families: Vec<Family>) {
    use metrics::{Label, Unit};
    for Family { name, kind, unit, help, samples } in families {
        let unit = match unit {
            "bytes" => Unit::Bytes,
            "seconds" => Unit::Seconds,
            _ => Unit::Count,
        };
        let full = format!("{name}{}", kind.suffix());
        match kind {
            Kind::Gauge => metrics::describe_gauge!(full.clone(), unit, help),
            Kind::Counter => metrics::describe_counter!(full.clone(), unit, help),
        }
        for Sample { labels, value } in samples {
            let labels: Vec<_> = labels.into_iter().map(|(label, value)| Label::new(label, value)).collect();
            match kind {
                Kind::Gauge => metrics::gauge!(full.clone(), labels).set(value),
                Kind::Counter => metrics::counter!(full.clone(), labels).absolute(value as u64),
            }
        }
    }
}

#[cfg(test)]
#[path = "metrics/tests.rs"]
mod tests;
