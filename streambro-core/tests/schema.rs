//! Holds the committed schemas to the types.
#![cfg(feature = "schema")]

use std::{env, fs, path::Path};

use serde_json::Value;

fn is_committed(name: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema").join(name);
    let text = serde_json::to_string_pretty(schema).expect("a schema is JSON") + "\n";
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &text).expect("it can be written");
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "stale: UPDATE_DOCS=1 cargo test -p streambro-core --features schema --test schema"
    );
}

#[test]
fn the_schema_of_what_goes_in_is_committed() {
    is_committed("input.json", &streambro_core::schema::input());
}

#[test]
fn the_schema_of_what_comes_out_is_committed() {
    is_committed("output.json", &streambro_core::schema::output());
}
