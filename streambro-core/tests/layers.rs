//! Holds the shape of the library: every module uses lower layers only.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its sources has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// From the bottom up. Modules of one layer may use each other as long as they form no ring.
const LAYERS: &[&[&str]] = &[
    &["error", "secret", "clock", "dice", "sys"],
    &["media", "spec", "status"],
    &["ffmpeg", "rtmp", "event", "journal", "limits", "monitor", "state"],
    &["survey"],
    &["plan"],
    &["source", "publish", "rendition"],
    &["session"],
    &["supervisor", "schedule"],
    &["manager"],
    &["fuzz", "schema"],
];

/// Decisions are pure: these may not even name what touches the world.
const PURE: &[&str] = &[
    "limits/",
    "plan/",
    "supervisor/fsm.rs",
    "supervisor/leg.rs",
    "supervisor/backoff.rs",
    "supervisor/budget.rs",
    "supervisor/passes.rs",
    "supervisor/table.rs",
    "media/timeline.rs",
    "source/rundown.rs",
    "ffmpeg/args",
    "ffmpeg/death.rs",
    "ffmpeg/progress.rs",
    "ffmpeg/words.rs",
    "rtmp/",
    "schedule/",
    "spec/schedule",
    "monitor/text.rs",
    "monitor/cgroup.rs",
    "monitor/meter.rs",
    "monitor/alarm.rs",
];

const WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "tokio::",
    "std::env",
    "sys::",
    "clock::",
];

/// The one place for `unsafe`.
const UNSAFE: &[&str] = &["sys.rs", "sys/"];

struct Source {
    /// Below `src`.
    path: String,
    module: String,
    /// Without comments and tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![];
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if relative == "lib.rs" || relative.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code =
                text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
            let module = relative.split(['/', '.']).next().unwrap().to_owned();
            found.push(Source { path: relative, module, code });
        }
    }
    assert!(found.len() > 40, "the sources are not where they were");
    found
}

/// The top-level modules that a text names by `crate::`.
fn named(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        match rest.strip_prefix('{') {
            None => modules.extend(identifier(rest)),
            Some(group) => {
                let (mut depth, mut fresh) = (0, true);
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => fresh = true,
                        c if fresh && c.is_alphabetic() => {
                            fresh = false;
                            modules.extend(identifier(&group[at..]));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    modules
}

fn identifier(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    word.chars().next().is_some_and(char::is_lowercase).then_some(word)
}

fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&module));
    found.unwrap_or_else(|| panic!("module `{module}` has no layer: give it one in this test"))
}

#[test]
fn no_module_looks_up() {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        for used in named(&source.code) {
            if used == source.module {
                continue;
            }
            let (from, to) = (layer(&source.module), layer(&used));
            assert!(to <= from, "{} (layer {from}) uses `{used}` (layer {to})", source.path);
            edges.entry(source.module.clone()).or_default().insert(used);
        }
    }
    // Within a layer: no ring.
    for start in edges.keys() {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(module) = next.pop() {
            for used in edges.get(module).into_iter().flatten() {
                assert_ne!(used, start, "`{start}` uses itself through `{module}`");
                if seen.insert(used) {
                    next.push(used);
                }
            }
        }
    }
}

#[test]
fn what_decides_does_not_touch_the_world() {
    for source in sources().iter().filter(|source| PURE.iter().any(|pure| source.path.starts_with(pure))) {
        for word in WORLD {
            assert!(!source.code.contains(word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn unsafe_has_one_home() {
    for source in sources().iter().filter(|source| !UNSAFE.iter().any(|home| source.path.starts_with(home))) {
        assert!(!source.code.contains("unsafe "), "{} contains unsafe code", source.path);
    }
}

#[test]
fn the_library_neither_prints_nor_exits() {
    for source in sources() {
        for word in ["println!", "print!", "dbg!", "process::exit", "process::abort"] {
            assert!(!source.code.contains(word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn groups_and_paths_are_both_seen() {
    let code = "use crate::{a::{b, c}, d, E, f::g};\nlet x = crate::h::i;";
    assert_eq!(named(code).into_iter().collect::<Vec<_>>(), ["a", "d", "f", "h"]);
}
