use std::{fs, time::Instant};

use rustix::process::{Pid, kill_process};

use super::{super::sandbox::Sandbox, tests::*, *};

/// What the bars allow on top of the grace.
const SECOND: Duration = Duration::from_secs(1);

async fn first_byte(process: &Process) {
    assert!(soon(process.read(&mut [0; 1])).await.unwrap() == 1);
}

fn pid(process: &Process) -> Pid {
    Pid::from_raw(process.pid().cast_signed()).unwrap()
}

#[tokio::test]
async fn a_healthy_ffmpeg_stops_within_two_seconds_and_says_so() {
    let mut process = Process::spawn(live()).await.unwrap();
    until("progress", || process.progress().frames > 0).await;
    let begun = Instant::now();
    assert_eq!(process.stop(Duration::from_secs(5)).await, Exit::Code(255));
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    assert!(process.progress().ended && process.progress().blocks > 0);
    let last = process.words().last();
    assert!(last.iter().any(|line| line.contains("received signal 15")), "{last:?}");
}

#[tokio::test]
async fn an_ffmpeg_whose_media_nobody_reads_stops_as_well() {
    // Not in real time: its pipe is full at once, and it waits in a write.
    let args =
        "-nostdin -v error -f lavfi -i testsrc2=s=640x360 -c:v libx264 -preset ultrafast -f flv pipe:1";
    let mut process = Process::spawn(Launch::new("/usr/bin/ffmpeg", args.split(' '))).await.unwrap();
    until("a full pipe", || {
        let channel = fs::read_to_string(format!("/proc/{}/wchan", process.pid())).unwrap_or_default();
        let tasks = fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap();
        let in_write = |task: fs::DirEntry| {
            fs::read_to_string(task.path().join("syscall")).is_ok_and(|call| call.starts_with("1 0x1 "))
        };
        channel.contains("pipe_write") || tasks.flatten().any(in_write)
    })
    .await;
    let begun = Instant::now();
    assert_eq!(process.stop(Duration::from_secs(5)).await, Exit::Code(255));
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_suspended_ffmpeg_is_woken_to_end() {
    let mut process = Process::spawn(live()).await.unwrap();
    first_byte(&process).await;
    kill_process(pid(&process), Signal::STOP).unwrap();
    until("suspended", || state(process.pid()) == Some('T')).await;
    let begun = Instant::now();
    let exit = process.stop(2 * SECOND).await;
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(exit, Exit::Code(255));
}

#[tokio::test]
async fn an_ffmpeg_that_hangs_in_an_open_is_killed_when_the_grace_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let args = ["-nostdin", "-v", "error", "-i", fifo.to_str().unwrap(), "-f", "flv", "pipe:1"];
    // The sandbox would not let it open that at all.
    let sandbox = SandboxPlan { sandbox: Sandbox::Off, ..SandboxPlan::default() };
    let launch = Launch { sandbox, ..Launch::new("/usr/bin/ffmpeg", args) };
    let mut process = Process::spawn(launch).await.unwrap();
    until("in open", || {
        fs::read_to_string(format!("/proc/{}/wchan", process.pid()))
            .is_ok_and(|at| at.contains("wait_for_partner"))
    })
    .await;
    let begun = Instant::now();
    let exit = process.stop(SECOND).await;
    assert!((SECOND..2 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(exit, Exit::Signal(9));
    assert_eq!(state(process.pid()), None);
}

#[tokio::test]
async fn a_program_that_hears_no_signal_is_killed_also_when_a_stop_was_given_up() {
    let script = "trap '' TERM; printf x; while :; do sleep 0.1; done";
    let mut process = Process::spawn(shell(script)).await.unwrap();
    first_byte(&process).await;
    assert!(timeout(Duration::from_millis(50), process.stop(BOUND)).await.is_err());
    assert_eq!(soon(process.stop(Duration::from_millis(200))).await, Exit::Signal(9));
    let mut process = Process::spawn(Launch::new("/bin/sleep", ["1000"])).await.unwrap();
    assert_eq!(soon(process.stop(Duration::ZERO)).await, Exit::Signal(9));
}

/// What has moved to a session of its own is not in the group: only a control group would hold it.
#[tokio::test]
async fn nothing_of_a_wrappers_group_is_left_however_it_ends() {
    let script = "i=0; while [ $i -lt 20 ]; do sleep 1000 & echo $!; i=$((i+1)); done
        setsid sleep 1000 & sleep 0.01; echo end";
    for end in ["; wait", "; exit 4", "; kill -9 $$"] {
        let mut process = Process::spawn(shell(&format!("{script}{end}"))).await.unwrap();
        let mut text = String::new();
        while !text.ends_with("end\n") {
            let mut buf = [0; 512];
            let n = soon(process.read(&mut buf)).await.unwrap();
            text.push_str(std::str::from_utf8(&buf[..n]).unwrap());
        }
        let grandchildren: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        assert_eq!(grandchildren.len(), 20);
        let exit = match end {
            "; wait" => soon(process.stop(2 * SECOND)).await,
            _ => soon(process.wait()).await,
        };
        match end {
            "; exit 4" => assert_eq!(exit, Exit::Code(4)),
            "; wait" => assert_eq!(exit, Exit::Signal(15)),
            _ => assert_eq!(exit, Exit::Signal(9)),
        }
        for pid in grandchildren {
            until("gone", || is_gone(pid)).await;
        }
        // It left the group, so it is this test's to end, found by the mark of its run.
        let mark = format!("STREAMBRO_RUN={}", process.run());
        let escaped = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let marked =
                fs::read_to_string(entry.path().join("environ")).is_ok_and(|all| all.contains(&mark));
            Pid::from_raw(pid).filter(|_| marked)
        });
        for pid in escaped {
            kill_process(pid, Signal::KILL).unwrap();
        }
    }
}
