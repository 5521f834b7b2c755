//! The input is an ingest URL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streambro_core::IngestUrl;

fuzz_target!(|text: &str| {
    let Ok(url) = IngestUrl::parse(text) else { return };
    let tc_url = url.tc_url();
    assert!(tc_url.len() <= text.len());
    let again = IngestUrl::parse(&tc_url).expect("what is sent can be parsed");
    assert_eq!((again.app(), again.tc_url()), (url.app(), tc_url));
    assert!(again == url);
    assert!(url.port() > 0 && !url.host().is_empty() && url.host().is_ascii());
    for shown in [format!("{url}"), format!("{url:?}")] {
        // Scheme, host, port and the first segment: neither the rest of the path nor a query.
        assert!(shown.matches('/').count() == 3 && !shown.contains('?'), "{shown}");
    }
});
