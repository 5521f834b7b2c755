//! The file that holds the records: a redb database with two tables.
//!
//! A commit has two phases, so that a damaged one is refused and the one before it is not taken in its place. Before redb may write to a file, a copy of it in memory has been opened and read from end
//! to end.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, TableError,
    backends::{FileBackend, InMemoryBackend},
};

use super::store::Change;

/// What everything is, by name.
pub(super) type Records = Vec<(String, Vec<u8>)>;

/// How records are laid out. A program that knows only smaller numbers does not touch them.
const FORMAT: u64 = 1;
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("streambro");
const FORMAT_KEY: &str = "format";
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");

/// How every redb file begins (its design.md).
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
/// redb would take a gigabyte; records are read once.
const CACHE: usize = 1024 * 1024;

/// Makes an empty file a store without records.
pub(super) fn create(file: File) -> io::Result<()> {
    let database = open(file)?;
    write(&database, |write| {
        write.open_table(META).map_err(failed)?.insert(FORMAT_KEY, FORMAT).map_err(failed)?;
        write.open_table(RECORDS).map_err(failed)?;
        Ok(())
    })?;
    database.close().map_err(failed)
}

/// Opens a file that is new or [verified](self::verify). Repairs what a kill has left.
pub(super) fn open(file: File) -> io::Result<Database> {
    builder().create_with_backend(FileBackend::new(file).map_err(failed)?).map_err(failed)
}

/// Reads a file from end to end without touching it, and returns what it holds, or why it is not to be used.
pub(super) fn verify(file: &File) -> io::Result<Result<Records, String>> {
    let mut bytes = vec![0; MAGIC.len()];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) if bytes == MAGIC => {}
        Ok(()) => return Ok(Err("it is no state of streambro, or its beginning is damaged".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Err("it was cut off at its beginning".to_owned()));
        }
        Err(error) => return Err(error),
    }
    bytes.resize(usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?, 0);
    file.read_exact_at(&mut bytes, 0)?;
    // redb checks what it reads; should it ever trip over foreign bytes all the same, they are no state.
    let verdict = catch_unwind(AssertUnwindSafe(|| open_copy(bytes).and_then(|copy| records(&copy))));
    Ok(verdict.unwrap_or_else(|_| Err("it is damaged".to_owned())))
}

fn open_copy(bytes: Vec<u8>) -> Result<Database, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("it is damaged: {error}");
    let memory = InMemoryBackend::new();
    memory.set_len(bytes.len() as u64).map_err(|error| damaged(&error))?;
    StorageBackend::write(&memory, 0, &bytes).map_err(|error| damaged(&error))?;
    drop(bytes);
    builder().create_with_backend(memory).map_err(|error| match error {
        redb::DatabaseError::UpgradeRequired(_) => {
            "it was written by a redb that is not this one's".to_owned()
        }
        error => damaged(&error),
    })
}

/// Reads everything, or says why that is not what it should be.
pub(super) fn records(database: &Database) -> Result<Records, String> {
    let damaged = |error: redb::Error| format!("it is damaged: {error}");
    let read = database.begin_read().map_err(|error| damaged(error.into()))?;
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(damaged(error.into())),
        Err(_) => return Err("it is the database of another program".to_owned()),
    };
    let format = meta.get(FORMAT_KEY).map_err(|error| damaged(error.into()))?;
    match format.map(|format| format.value()) {
        Some(FORMAT) => {}
        Some(newer) => {
            return Err(format!(
                "it was written by a newer streambro (format {newer}; this one knows {FORMAT}); use that one"
            ));
        }
        None => return Err("it does not say in which format it is".to_owned()),
    }
    let table = read.open_table(RECORDS).map_err(|error| damaged(error.into()))?;
    let mut found = vec![];
    for record in table.iter().map_err(|error| damaged(error.into()))? {
        let (key, value) = record.map_err(|error| damaged(error.into()))?;
        found.push((key.value().to_owned(), value.value().to_owned()));
    }
    Ok(found)
}

/// Keeps all of the changes or none. After an error the database must be opened anew.
pub(super) fn keep(database: &Database, changes: &[Change]) -> io::Result<()> {
    write(database, |write| {
        let mut table = write.open_table(RECORDS).map_err(failed)?;
        for change in changes {
            match change {
                Change::Put { key, value } => table.insert(key.as_str(), value.as_slice()).map_err(failed)?,
                Change::Remove { key } => table.remove(key.as_str()).map_err(failed)?,
            };
        }
        Ok(())
    })
}

fn write(
    database: &Database,
    change: impl FnOnce(&redb::WriteTransaction) -> io::Result<()>,
) -> io::Result<()> {
    let mut write = database.begin_write().map_err(failed)?;
    write.set_two_phase_commit(true);
    change(&write)?;
    write.commit().map_err(failed)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

/// What the system said, where it was the system.
fn failed(error: impl Into<redb::Error>) -> io::Error {
    match error.into() {
        redb::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
