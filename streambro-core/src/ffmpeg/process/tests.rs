use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::Path,
    time::Instant,
};

use super::{super::sandbox::Sandbox, *};

/// What a loaded machine may take for anything.
pub(super) const BOUND: Duration = Duration::from_secs(20);

/// A shell that may start other programs.
pub(super) fn shell(script: &str) -> Launch {
    let sandbox = SandboxPlan { sandbox: Sandbox::Off, ..SandboxPlan::default() };
    Launch { sandbox, ..Launch::new("/bin/sh", ["-c", script]) }
}

/// An ffmpeg that encodes a test picture for ever, as slowly as it can be, and has written nothing for a while.
pub(super) fn placebo() -> Launch {
    let args =
        "-nostdin -v error -f lavfi -i testsrc2=s=3840x2160 -c:v libx264 -preset placebo -f flv pipe:1";
    Launch::new("/usr/bin/ffmpeg", args.split(' '))
}

/// An ffmpeg in real time that tells its progress.
pub(super) fn live() -> Launch {
    let args = "-nostdin -v info -progress pipe:5 -stats_period 0.1 -re -f lavfi -i testsrc2=s=160x90 -c:v libx264 \
                -preset ultrafast -f flv pipe:1";
    Launch::new("/usr/bin/ffmpeg", args.split_whitespace())
}

/// Runs a future with a bound.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(BOUND, what).await.unwrap()
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !holds() {
        assert!(Instant::now() < deadline, "still not: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The environment of a process that has one. The kernel shows none until the new program is set up, which is shortly
/// after it has been started.
pub(super) async fn environment(pid: u32) -> String {
    let mut environment = String::new();
    until("an environment", || {
        environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
        !environment.is_empty()
    })
    .await;
    environment
}

/// The state letter of a process, if there is one.
pub(super) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

pub(super) fn is_gone(pid: u32) -> bool {
    matches!(state(pid), None | Some('Z'))
}

pub(super) fn status(pid: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Runs a test again in a process of its own, unless this is that process.
pub(super) fn alone(name: &str) -> bool {
    const MARK: &str = "STREAMBRO_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let name = name.split_once("::").map_or(name, |(_, path)| path);
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let passed = out.status.success() && text.contains("1 passed");
    assert!(passed, "{name} alone: {text}{}", String::from_utf8_lossy(&out.stderr));
    false
}

async fn all(process: &Process) -> Vec<u8> {
    let (mut whole, mut buf) = (vec![], [0; 4_096]);
    loop {
        match process.read(&mut buf).await.unwrap() {
            0 => return whole,
            n => whole.extend_from_slice(&buf[..n]),
        }
    }
}

#[tokio::test]
async fn a_child_writes_speaks_tells_its_progress_and_ends_with_its_code() {
    let script = "cat <&3; echo done >&2; printf 'frame=7\\nout_time_us=8\\nprogress=end\\n' >&5; exit 3";
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(b"from the file").unwrap();
    io::Seek::rewind(&mut input).unwrap();
    let launch = Launch { input: Some(Arc::new(input)), ..shell(script) };
    let mut process = Process::spawn(launch).await.unwrap();
    assert_eq!(soon(all(&process)).await, b"from the file");
    assert_eq!(soon(process.wait()).await, Exit::Code(3));
    assert_eq!(process.words().last(), ["done"]);
    let progress = process.progress();
    assert_eq!((progress.frames, progress.out_time_us, progress.ended), (7, 8, true));
    assert_eq!(soon(process.wait()).await, Exit::Code(3));
    assert_eq!(soon(process.stop(BOUND)).await, Exit::Code(3));
}

#[tokio::test]
async fn a_signal_is_an_end_of_its_own() {
    let mut process = Process::spawn(shell("kill -9 $$")).await.unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Signal(9));
}

#[tokio::test]
async fn a_child_has_its_declared_descriptors_and_no_others() {
    // As a host leaks them: open, and not to be closed at an exec.
    let leaked: Vec<_> = (0..20).map(|_| File::open("/dev/null").unwrap()).collect();
    for file in &leaked {
        rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty()).unwrap();
    }
    for with_input in [false, true] {
        let input = with_input.then(|| Arc::new(tempfile::tempfile().unwrap()));
        let launch = Launch { input, ..Launch::new("/bin/sleep", ["1000"]) };
        let process = Process::spawn(launch).await.unwrap();
        let declared: BTreeSet<i32> =
            [0, 1, 2, 3, 4, 5].into_iter().filter(|fd| with_input || *fd != 3).collect();
        // The new program's loader has a library open for a moment.
        until("its declared descriptors and no others", || {
            let fds = fs::read_dir(format!("/proc/{}/fd", process.pid())).unwrap();
            let fds = fds.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
            declared == fds.collect()
        })
        .await;
    }
    assert!(leaked.iter().all(|file| rustix::io::fcntl_getfd(file).is_ok()), "{}", leaked[0].as_raw_fd());
}

#[tokio::test]
async fn a_child_is_nice_first_to_go_and_marked() {
    let nice = || {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().to_owned()
    };
    let before = nice();
    let launch = Launch { nice: 17, ..Launch::new("/bin/sleep", ["1000"]) };
    let process = Process::spawn(launch).await.unwrap();
    let pid = process.pid();
    let proc = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let stat = proc("stat");
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((fields[16], fields[19].parse()), ("17", Ok(process.started())));
    assert_eq!(fields[2].parse(), Ok(pid));
    assert_eq!(proc("oom_score_adj").trim(), "500");
    assert!(
        proc("limits").lines().any(|line| line.starts_with("Max core file size") && line.contains(" 0 "))
    );
    assert!(environment(pid).await.contains(&format!("STREAMBRO_RUN={}\0", process.run())));
    assert_eq!(nice(), before);
}

#[tokio::test]
async fn a_dropped_child_is_killed_with_its_group_and_reaped() {
    let process = Process::spawn(shell("sleep 1000 & echo $!; wait")).await.unwrap();
    let mut buf = [0; 64];
    let n = soon(process.read(&mut buf)).await.unwrap();
    let grandchild: u32 = std::str::from_utf8(&buf[..n]).unwrap().trim().parse().unwrap();
    let pid = process.pid();
    drop(process);
    until("child reaped", || state(pid).is_none()).await;
    until("grandchild gone", || is_gone(grandchild)).await;
}

#[tokio::test]
async fn a_child_that_nobody_waited_for_is_killed_and_reaped() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    let script = format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 1000", note.display());
    let mut spawned = Box::pin(Process::spawn(shell(&script)));
    // Once, so that its threads are on the way.
    assert!(poll_fn(|cx| Poll::Ready(spawned.as_mut().poll(cx))).await.is_pending());
    drop(spawned);
    // It is killed at once, mostly before it has written its note; then nothing is to be seen of it either.
    until("no child of ours", || {
        let children = fs::read_dir("/proc/self/task").unwrap().flat_map(|task| {
            let children = task.unwrap().path().join("children");
            fs::read_to_string(children).unwrap_or_default().split(' ').map(str::to_owned).collect::<Vec<_>>()
        });
        children.filter(|pid| !pid.is_empty()).all(|pid| {
            !fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains(note.to_str().unwrap()))
        })
    })
    .await;
    if let Ok(pid) = fs::read_to_string(&note) {
        let pid = pid.trim().parse().unwrap();
        until("child reaped", || state(pid).is_none()).await;
    }
}

#[tokio::test]
async fn what_cannot_be_executed_is_told_apart_and_soon() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8], mode| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    // An ELF header for a machine that this is not.
    let mut elf = fs::read("/bin/true").unwrap();
    elf[18] = 0xf3 ^ u8::from(cfg!(target_arch = "riscv64"));
    let cases = [
        (folder.path().join("missing"), false),
        (Path::new("ffmpeg").to_owned(), false),
        (file("plain", b"#!/bin/sh\n", 0o644), true),
        (file("no-interpreter", b"#!/no/such/shell\n", 0o755), true),
        (file("other-machine", &elf, 0o755), true),
        (file("no-program", b"hello", 0o755), true),
        (folder.path().to_owned(), true),
    ];
    for (path, is_there) in cases {
        let begun = Instant::now();
        let error = Process::spawn(Launch::new(&path, ["-version"])).await.unwrap_err();
        assert!(begun.elapsed() < BOUND / 4);
        match error {
            LaunchError::Program { there, .. } => assert_eq!(there, is_there, "{}", path.display()),
            LaunchError::Host { .. } | LaunchError::Sandbox(_) => panic!("{}: {error}", path.display()),
        }
    }
}

#[test]
fn what_the_host_lacks_is_not_laid_on_the_program() {
    let launch = Launch::new("/bin/true", [""; 0]);
    for errno in [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE] {
        let error = LaunchError::program(&launch, io::Error::from_raw_os_error(errno));
        assert!(matches!(error, LaunchError::Host { remedy: Some(_), .. }), "{error}");
    }
}
