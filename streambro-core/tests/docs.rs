//! Holds the tables of the documentation to what the code says. `UPDATE_DOCS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the documentation has failed")]

use std::{env, fmt::Write as _, fs, path::Path};

use streambro_core::{ErrorKind, Reason};

const NOTE: &str =
    "<!-- Made from the code by `UPDATE_DOCS=1 cargo test -p streambro-core --test docs`. -->\n";

/// Compares a file with what it should be, or makes it so.
fn hold(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(found == wanted, "docs/{name} is not what the code says, run with UPDATE_DOCS=1: {differs:?}");
}

#[test]
fn every_reason_is_documented() {
    let mut page = format!(
        "{NOTE}# Reasons\n\n\
         Why a stream, a destination or a run is as it is. The name is what JSON, logs, C and Python use; in Rust it is\n\
         `Reason::BadKey` for `bad_key`. The detail beside a reason has the system's or the server's own words.\n\n\
         \"With growing delays\" is up to half a second at first, then three times as long each time, up to a minute;\n\
         \"slowly\" is a minute. Both are cut short by chance, down to a half, so that streams do not come back all at once.\n\
         \"At the same place\" holds for a stream with one destination; one of several joins the others where they are.\n\n\
         | reason | what it means | what to do |\n|---|---|---|\n"
    );
    for reason in Reason::ALL {
        writeln!(page, "| `{reason}` | {} | {} |", reason.meaning(), reason.remedy()).unwrap();
    }
    hold("reasons.md", &page);
}

#[test]
fn every_kind_of_error_is_documented() {
    let mut page = format!(
        "{NOTE}# Errors\n\n\
         The classes of what a call can return. The numbers are the result codes of C; neither they nor the names are ever\n\
         used again for something else. Subject and detail of an error say what it happened to and what to do.\n\n\
         | code | name | what it means |\n|---|---|---|\n"
    );
    for kind in ErrorKind::ALL {
        writeln!(page, "| {} | `{}` | {} |", *kind as u32, kind.name(), kind.meaning()).unwrap();
    }
    hold("errors.md", &page);
}
