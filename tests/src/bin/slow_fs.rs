//! Mounts one file as if it lay on a slow disk.
//!
//! ```text
//! slow-fs MOUNTPOINT FILE --bytes-per-second N [--stall-after S]
//! ```
//!
//! Says where the file is once it is mounted. Unmounts and ends at SIGTERM or SIGINT, or when its standard input ends,
//! so also when whoever started it dies; a small watcher unmounts when this process is killed. Exit code 3: this
//! machine has no FUSE.

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("slow-fs needs Linux");
    ExitCode::from(3)
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env, io,
        os::unix::process::CommandExt as _,
        path::{Path, PathBuf},
        process::{Child, Command, ExitCode, Stdio},
        time::Duration,
    };

    use streambro_tests::slow_fs::{self, Mounted, Pace};
    use tokio::{
        io::AsyncReadExt as _,
        signal::unix::{SignalKind, signal},
    };

    const USAGE: &str = "usage: slow-fs MOUNTPOINT FILE --bytes-per-second N [--stall-after S]";
    /// Is the watcher of a mount point.
    const WATCH: &str = "--watch";

    pub(crate) fn main() -> ExitCode {
        let args: Vec<String> = env::args().skip(1).collect();
        if let [first, point] = &args[..]
            && first == WATCH
        {
            // Nothing is ever written: it ends when the process that mounts is gone.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            slow_fs::detach(Path::new(point));
            return ExitCode::SUCCESS;
        }
        let Some((point, file, pace)) = parse(&args) else {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        };
        if !slow_fs::available() {
            eprintln!("slow-fs needs /dev/fuse and the right to mount (root)");
            return ExitCode::from(3);
        }
        match run(&point, &file, pace) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{} at {}: {error}", file.display(), point.display());
                ExitCode::FAILURE
            }
        }
    }

    #[tokio::main(flavor = "current_thread")]
    async fn run(point: &Path, file: &Path, pace: Pace) -> io::Result<()> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut watcher = watch(point)?;
        let mounted = Mounted::new(point, file, pace)?;
        println!("{}", mounted.file().display());
        let mut input = tokio::io::stdin();
        let mut byte = [0];
        let closed = async { while matches!(input.read(&mut byte).await, Ok(1)) {} };
        tokio::select! {
            () = closed => {}
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        drop(mounted);
        // Its input ends, it finds nothing mounted.
        drop(watcher.stdin.take());
        watcher.wait()?;
        // Not by returning: the runtime would wait for the thread that reads standard input.
        std::process::exit(0)
    }

    /// Starts the process that unmounts when this one is killed.
    fn watch(point: &Path) -> io::Result<Child> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(WATCH).arg(point.canonicalize()?).stdin(Stdio::piped()).stdout(Stdio::null());
        // A group of its own, so that Ctrl-C does not end it first.
        command.process_group(0).spawn()
    }

    fn parse(args: &[String]) -> Option<(PathBuf, PathBuf, Pace)> {
        let (mut names, mut rate, mut stall_after) = (vec![], None, None);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bytes-per-second" => rate = Some(args.next()?.parse().ok().filter(|rate| *rate > 0)?),
                "--stall-after" => {
                    stall_after = Some(Duration::try_from_secs_f64(args.next()?.parse().ok()?).ok()?);
                }
                _ => names.push(PathBuf::from(arg)),
            }
        }
        let [point, file] = names.try_into().ok()?;
        Some((point, file, Pace { bytes_per_second: rate?, stall_after, fails_from: None }))
    }
}
