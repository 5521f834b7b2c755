use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Cookie, Launch, Process, end_leftovers, environment::mark};
use crate::ffmpeg::Sandbox;

/// A process of the test's, killed when it is dropped.
struct Decoy(Child);

impl Decoy {
    /// It has its own environment when this returns: the standard library waits for its exec.
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn marked(mark: &str) -> Self {
        Self::start(Command::new("/bin/sleep").arg("1000").env("STREAMBRO_RUN", mark))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_carries_the_cookie_ends_and_nothing_else_is_touched() {
    let (cookie, other) = (Cookie::make(), Cookie::make());
    let mut ours: Vec<_> = (0..3).map(|_| Decoy::marked(&mark(Some(&cookie)))).collect();
    // Stopped, as a debugger would have left it.
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&ours[1].0),
        rustix::process::Signal::STOP,
    )
    .unwrap();
    let (text, run) = (cookie.as_str(), mark(None));
    let full = mark(Some(&cookie));
    let mut others = vec![
        Decoy::marked(&mark(Some(&other))),
        Decoy::marked(&run),
        Decoy::marked(text),
        Decoy::marked(&text[..31]),
        Decoy::marked(&format!("{text}-")),
        Decoy::marked(&format!("{text}0-{run}")),
        Decoy::marked(&format!("0{text}-{run}")),
        Decoy::marked(&format!("{}-{run}", &text[..31])),
        Decoy::marked(&format!("{}-{run}", &text[1..])),
        Decoy::marked(&format!("{run}-{text}")),
        Decoy::marked(&format!("{full}0")),
        Decoy::marked(&format!("{full}\n")),
        Decoy::marked(&full.to_uppercase()),
        Decoy::start(Command::new("/bin/sleep").arg("1000").env("MY_STREAMBRO_RUN", &full)),
        Decoy::start(Command::new("/bin/sleep").arg("1000").env("STREAMBRO_RUN_", &full)),
        Decoy::start(Command::new("/bin/sleep").arg("1000").env("X", format!("STREAMBRO_RUN={full}"))),
        // It reads until it is killed.
        Decoy::start(
            Command::new("/bin/sh")
                .args(["-c", "read line", &format!("STREAMBRO_RUN={full}")])
                .stdin(Stdio::piped()),
        ),
        Decoy::start(Command::new("/bin/sleep").arg("1000").env_clear()),
    ];
    assert_eq!(end_leftovers(&cookie), ours.len());
    for leftover in &mut ours {
        assert_eq!(leftover.0.wait().unwrap().signal(), Some(9));
    }
    for (at, decoy) in others.iter_mut().enumerate() {
        assert!(decoy.lives(), "decoy {at} was killed");
    }
    // Those that have ended are no longer there.
    assert_eq!(end_leftovers(&cookie), 0);
    assert_eq!(end_leftovers(&other), 1);
}

#[test]
fn a_process_that_carries_its_own_cookie_spares_itself() {
    const COOKIE: &str = "STREAMBRO_TEST_COOKIE";
    if let Ok(text) = std::env::var(COOKIE) {
        assert_eq!(end_leftovers(&Cookie::parse(&text).unwrap()), 0);
        return;
    }
    let cookie = Cookie::make();
    let name = concat!(module_path!(), "::a_process_that_carries_its_own_cookie_spares_itself");
    let name = name.split_once("::").unwrap().1;
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(COOKIE, cookie.as_str())
        .env("STREAMBRO_RUN", mark(Some(&cookie)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.contains("1 passed"), "{}: {said}", out.status);
}

#[test]
fn what_belongs_to_another_user_is_spared() {
    use std::os::unix::process::CommandExt;

    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can start a process as another user");
        return;
    }
    let cookie = Cookie::make();
    let mut decoy = Decoy::start(
        Command::new("/bin/sleep").arg("1000").env("STREAMBRO_RUN", mark(Some(&cookie))).uid(65_534),
    );
    assert_eq!(end_leftovers(&cookie), 0);
    assert!(decoy.lives());
}

#[tokio::test]
async fn what_left_the_group_of_a_child_is_found_by_the_cookie_of_its_launch() {
    let cookie = Cookie::make();
    let mut launch = Launch::new("/bin/sh", ["-c", "setsid sleep 1000 & wait"]);
    launch.sandbox.sandbox = Sandbox::Off;
    launch.sandbox.owner = Some(cookie.clone());
    let mut process = Process::spawn(launch).await.unwrap();
    assert!(process.run().starts_with(&format!("{}-", cookie.as_str())));
    let escaped = || {
        fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let environment = fs::read_to_string(entry.path().join("environ")).unwrap_or_default();
            stat.contains("(sleep)") && environment.contains(process.run())
        })
    };
    let begun = Instant::now();
    while !escaped() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never starts");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.stop(Duration::from_secs(1)).await;
    assert_eq!(end_leftovers(&cookie), 1);
}
