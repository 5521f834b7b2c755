//! Child processes that do not outlive the test that started them, and tests that have a process for themselves.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A child that is killed and reaped when it is dropped.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    name: String,
}

impl Guard {
    /// Starts the command with no standard input.
    ///
    /// # Panics
    /// When the program cannot be started: the test needs it.
    #[must_use]
    pub fn spawn(mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        match command.stdin(Stdio::null()).spawn() {
            Ok(child) => Self { child, name },
            Err(e) => panic!("cannot start {name}: {e} (tests/run installs what the tests need)"),
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// Kills it (SIGKILL) and reaps it. Does nothing when it has ended.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// When it has not ended within `bound`; it is killed then.
    pub async fn wait(&mut self, bound: Duration) -> ExitStatus {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            if Instant::now() > deadline {
                self.kill();
                panic!("{} has not ended within {bound:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a program of this name is on the path.
#[must_use]
pub fn installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Whether this test has a process of its own; if not, runs it in one and says no.
///
/// For tests that look at the process itself: its memory, its descriptors, its environment. nextest gives every test
/// a process; plain `cargo test` runs them side by side in one. `name` is the test's full path within its binary,
/// and the test returns at once when the answer is no:
///
/// ```text
/// if !process::alone(concat!(module_path!(), "::holds_little")) { return; }
/// ```
///
/// # Panics
/// When the test fails in the other process.
#[must_use]
pub fn alone(name: &str) -> bool {
    const MARK: &str = "STREAMBRO_TEST_ALONE";
    if std::env::var_os("NEXTEST").is_some() || std::env::var_os(MARK).is_some() {
        return true;
    }
    // Within the binary, paths begin after the crate's name.
    let name = name.split_once("::").map_or(name, |(_, path)| path);
    let binary = std::env::current_exe().expect("a process knows its program");
    let out = Command::new(binary)
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .stdin(Stdio::null())
        .output()
        .expect("the test binary can be started again");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("1 passed"),
        "{name} in a process of its own: {text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    false
}

/// Lets this process open nothing more until it is dropped; for a test that is [`alone`].
#[derive(Debug)]
pub struct Exhausted(Rlimit);

impl Exhausted {
    /// From now on.
    ///
    /// # Panics
    /// When a file can be opened all the same.
    #[must_use]
    pub fn now() -> Self {
        let before = getrlimit(Resource::Nofile);
        // The next one to be given out: the lowest that is free.
        let next = File::open("/dev/null").expect("one is left").as_raw_fd();
        let current = u64::try_from(next).ok();
        setrlimit(Resource::Nofile, Rlimit { current, ..before }).expect("a limit can be lowered");
        assert!(File::open("/dev/null").is_err(), "one is left all the same");
        Self(before)
    }
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}
