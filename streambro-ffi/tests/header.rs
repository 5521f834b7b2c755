//! Holds what C sees: the header, its lists, and the symbols of the library.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn header() -> String {
    fs::read_to_string(root().join("include/streambro.h")).unwrap()
}

/// Every name that is declared as a function.
fn functions() -> BTreeSet<String> {
    let code: Vec<_> = header().lines().filter(|line| !line.starts_with("//")).map(str::to_owned).collect();
    let code = code.join("\n");
    let code = code.split("*/").nth(1).unwrap();
    let names = code.split('(').filter_map(|before| before.rsplit([' ', '*', '\n']).next());
    names.filter(|name| name.starts_with("streambro_")).map(str::to_owned).collect()
}

#[test]
fn the_committed_header_is_what_cbindgen_makes() {
    let mut fresh = vec![];
    cbindgen::generate(env!("CARGO_MANIFEST_DIR")).unwrap().write(&mut fresh);
    let path = root().join("include/streambro.h");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(
        fs::read(&path).unwrap_or_default() == fresh,
        "stale header: BLESS=1 cargo test -p streambro-ffi --test header"
    );
}

#[test]
fn cmake_is_told_the_version_of_the_manifest() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cmake/streambro-config-version.cmake");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.starts_with(concat!("set(PACKAGE_VERSION \"", env!("CARGO_PKG_VERSION"), "\")\n")),
        "{text}"
    );
    let [major, minor] = [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR")];
    let same =
        format!("PACKAGE_FIND_VERSION_MAJOR EQUAL {major} AND PACKAGE_FIND_VERSION_MINOR EQUAL {minor}");
    assert!(text.contains(&same), "{text}");
}

#[test]
fn every_type_lists_all_of_its_methods() {
    let header = header();
    let mut listed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut words = BTreeSet::new();
    for line in header.lines() {
        if let Some(comment) = line.strip_prefix("//") {
            let names = comment.split('`').filter(|part| part.starts_with("streambro_"));
            words.extend(names.map(str::to_owned));
        } else {
            if let Some(name) = line.strip_prefix("typedef struct ") {
                listed.insert(name.split(' ').next().unwrap(), words.clone());
            }
            words.clear();
        }
    }
    assert!(listed.len() >= 7, "{listed:?}");
    for function in functions() {
        let owner = listed.keys().filter(|owner| function.starts_with(&format!("{owner}_"))).max();
        let Some(owner) = owner else { continue };
        assert!(listed[owner].contains(&function), "the methods of `{owner}` lack `{function}`");
    }
    for (owner, methods) in &listed {
        for method in methods {
            assert!(
                functions().contains(method) || listed.contains_key(&**method),
                "`{owner}` lists `{method}`"
            );
        }
    }
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    // Beside the tests, where Cargo puts all that is built for them.
    let library = env::current_exe().unwrap().with_file_name("libstreambro.so");
    let nm = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output().unwrap();
    assert!(nm.status.success(), "{}", String::from_utf8_lossy(&nm.stderr));
    let text = String::from_utf8(nm.stdout).unwrap();
    let exported: BTreeSet<_> =
        text.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect();
    assert_eq!(exported, functions());
}

#[test]
fn no_symbol_that_was_published_is_gone_or_comes_by_accident() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("symbols.txt");
    let functions = functions().into_iter().map(|name| name + "\n").collect::<String>();
    if env::var_os("BLESS").is_some() {
        fs::write(&golden, &functions).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&golden).unwrap_or_default(),
        functions,
        "functions are only ever added: BLESS=1 cargo test -p streambro-ffi --test header"
    );
}
