//! Figures for collectors: as text, and through the `metrics` facade.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use streambro_tests::demo_clip;

use super::rig::{live, manager, server, spec, until};

/// Remembers the latest value of everything.
#[derive(Clone, Debug, Default)]
struct Book(Arc<Mutex<BTreeMap<String, f64>>>);

impl Book {
    fn value(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap().get(name).copied()
    }

    fn page(&self, key: &Key) -> Arc<Page> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Page { book: self.clone(), name: format!("{}{{{}}}", key.name(), labels.join(",")) })
    }
}

struct Page {
    book: Book,
    name: String,
}

impl GaugeFn for Page {
    fn increment(&self, _: f64) {
        unreachable!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        unreachable!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.book.0.lock().unwrap().insert(self.name.clone(), value);
    }
}

impl CounterFn for Page {
    fn increment(&self, _: u64) {
        unreachable!("counters are set");
    }

    fn absolute(&self, value: u64) {
        self.set(value as f64);
    }
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.page(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.page(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn each_sample_reaches_the_hosts_recorder_and_the_last_one_says_that_all_is_over() {
    let book = Book::default();
    // The test's runtime has one thread: this one.
    let _recorder = metrics::set_default_local_recorder(&book);
    let (server, manager) = (server().await, manager(|builder| builder).await);
    let stream = manager.start(spec("a", &demo_clip(), &server).user("alice")).await.unwrap();
    live(&stream).await;
    let bits = "streambro_stream_bits_per_second{id=a,user=alice}";
    until("a sample", || book.value(bits).filter(|bits| *bits > 0.0)).await;
    until("the phase", || book.value("streambro_streams{phase=live}").filter(|live| *live > 0.0)).await;
    assert!(book.value("streambro_stream_sent_bytes_total{id=a,user=alice}").unwrap() > 1_000.0);
    assert!(book.value("streambro_process_resident_bytes{}").unwrap() > 1e6);
    stream.stop();
    until("the end", || book.value("streambro_streams{phase=ended}").filter(|ended| *ended > 0.0)).await;
    assert_eq!(book.value(bits).map(f64::to_bits), Some(0));
    assert_eq!(book.value("streambro_streams{phase=live}").map(f64::to_bits), Some(0));
}

#[tokio::test]
async fn the_text_tells_of_streams_that_run() {
    let (server, manager) = (server().await, manager(|builder| builder).await);
    let stream = manager.start(spec("a", &demo_clip(), &server).user("al\"ice")).await.unwrap();
    live(&stream).await;
    until("a sample", || stream.status().usage).await;
    let text = manager.open_metrics();
    let value = |start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("{start} is not in {text}")).parse::<f64>().unwrap()
    };
    assert!(value("streambro_stream_sent_bytes_total{id=\"a\",user=\"al\\\"ice\"} ") > 1_000.0);
    assert!(value("streambro_streams{phase=\"live\"} ") > 0.5);
    assert!(value("streambro_process_cpu_seconds_total ") > 0.0);
    assert!(text.ends_with("# EOF\n"));
    eprintln!("{text}");
}
