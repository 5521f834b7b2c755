//! Programs in C and C++ against the library, built as its users would.

use std::path::PathBuf;
use std::process::Command;

/// What every program must build with.
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The library that Cargo has built beside the test that runs, unless `STREAMBRO_LIBRARY` names another one.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn library() -> PathBuf {
    let beside = || std::env::current_exe().expect("a test has a path").with_file_name("libstreambro.so");
    let library = std::env::var_os("STREAMBRO_LIBRARY").map_or_else(beside, PathBuf::from);
    assert!(library.is_file(), "{} is not there", library.display());
    library
}

/// A program that was built.
pub struct Program {
    path: PathBuf,
    /// Gone with it.
    dir: tempfile::TempDir,
}

impl Program {
    /// Builds C11 of files that lie below the repository.
    ///
    /// # Panics
    /// When it does not build, with what the compiler says.
    #[must_use]
    pub fn c(sources: &[&str]) -> Self {
        Self::build(
            "cc",
            "-std=c11",
            &sources.iter().map(|source| crate::repo().join(source)).collect::<Vec<_>>(),
        )
    }

    /// The same of C++17.
    ///
    /// # Panics
    /// As [`c`](Self::c).
    #[must_use]
    pub fn cpp(sources: &[&str]) -> Self {
        Self::build(
            "c++",
            "-std=c++17",
            &sources.iter().map(|source| crate::repo().join(source)).collect::<Vec<_>>(),
        )
    }

    /// Builds C11 of a text.
    ///
    /// # Panics
    /// As [`c`](Self::c).
    #[must_use]
    pub fn text(text: &str) -> Self {
        let dir = crate::scratch();
        let source = dir.path().join("generated.c");
        std::fs::write(&source, text).expect("a file can be written");
        Self::build("cc", "-std=c11", &[source])
    }

    /// `STREAMBRO_CFLAGS` adds flags, such as those of a sanitizer.
    fn build(compiler: &str, standard: &str, sources: &[PathBuf]) -> Self {
        let dir = crate::scratch();
        let path = dir.path().join("program");
        let more = std::env::var("STREAMBRO_CFLAGS").unwrap_or_default();
        let library = library();
        let built = Command::new(compiler)
            .arg(standard)
            .args(STRICT)
            .arg("-g")
            .args(more.split_whitespace())
            .arg("-I")
            .arg(crate::repo().join("include"))
            .arg("-I")
            .arg(crate::repo().join("tests/c"))
            .args(sources)
            .arg(&library)
            .args(["-lpthread", "-ldl", "-o"])
            .arg(&path)
            .output()
            .expect("there is a compiler");
        assert!(built.status.success(), "{sources:?}:\n{}", String::from_utf8_lossy(&built.stderr));
        Self { path, dir }
    }

    /// Runs it. `STREAMBRO_RUNNER` names what it runs under, such as valgrind.
    #[must_use]
    pub fn command(&self) -> Command {
        let library = library();
        let beside = library.parent().expect("a file has a directory");
        let runner = std::env::var("STREAMBRO_RUNNER").unwrap_or_default();
        let mut words = runner.split_whitespace();
        let mut command = match words.next() {
            Some(word) => {
                let mut command = Command::new(word);
                command.args(words).arg(&self.path);
                command
            }
            None => Command::new(&self.path),
        };
        command.env("LD_LIBRARY_PATH", beside).current_dir(self.dir.path());
        command
    }

    /// Runs it to its end, and returns what it printed.
    ///
    /// # Panics
    /// When it does not end well, with all that it printed.
    pub fn run<T: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = T>) -> String {
        let done = self.command().args(args).output().expect("it can be started");
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{}:\n{out}\n{err}", done.status);
        out.into_owned()
    }
}

/// A function that the header declares.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it returns.
    pub returns: String,
    /// Type and name of each parameter.
    pub params: Vec<(String, String)>,
}

/// Every function of the header.
///
/// # Panics
/// When the header is not there, or has no function.
#[must_use]
pub fn functions() -> Vec<Function> {
    let header =
        std::fs::read_to_string(crate::repo().join("include/streambro.h")).expect("the header is there");
    let is_code = |line: &&str| !line.starts_with("//") && !line.starts_with('#');
    let code: Vec<_> = header.split("*/").nth(1).expect("a first page").lines().filter(is_code).collect();
    let code = code.join(" ");
    let found: Vec<_> = code.split(';').filter_map(function).collect();
    assert!(found.len() > 80, "{found:?}");
    found
}

fn function(declaration: &str) -> Option<Function> {
    let (head, params) = declaration.split_once('(')?;
    let (returns, name) = word(head.rsplit('{').next()?.trim());
    let params = params.trim_end().trim_end_matches(')');
    let params = params.split(',').map(str::trim).filter(|param| *param != "void").map(word).collect();
    name.starts_with("streambro_").then_some(Function { name, returns, params })
}

/// Type and name.
fn word(text: &str) -> (String, String) {
    let at = text.rfind([' ', '*']).map_or(0, |at| at + 1);
    let kind = text[..at].split_whitespace().collect::<Vec<_>>().join(" ");
    (kind, text[at..].to_owned())
}
