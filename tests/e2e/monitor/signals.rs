//! Signals to a host that leaves them to the library.

use std::process::Stdio;
use std::time::Duration;

use streambro_tests::demo_clip;
use streambro_tests::hostile::{Attack, Hostile, Stage};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::rig::{SOON, server};

struct Host {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Host {
    fn start(server: &Hostile, grace: Duration) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ends_on_signals"))
            .arg(demo_clip())
            .args([server.url(), grace.as_millis().to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it was built with this test");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> Option<String> {
        timeout(SOON, self.lines.next_line()).await.expect("a line in time").expect("it can be read")
    }

    async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await;
        assert!(sent.expect("kill can be run").success());
    }

    async fn code(&mut self) -> Option<i32> {
        timeout(SOON, self.child.wait()).await.expect("it ends").expect("it can be waited for").code()
    }
}

#[tokio::test]
async fn sigterm_and_sigint_let_the_streams_say_goodbye() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let server = server().await;
        let mut host = Host::start(&server, Duration::from_secs(10));
        assert_eq!(host.line().await.as_deref(), Some("live"), "{name}");
        host.signal(name).await;
        assert_eq!(host.line().await.as_deref(), Some("ended Some(ShutDown)"), "{name}");
        assert_eq!(host.code().await, Some(code), "{name}");
        let visits = server.until(SOON, |visits| visits[0].closed_after.is_some()).await;
        let said: Vec<_> = visits[0].commands.iter().map(String::as_str).collect();
        assert!(said.contains(&"FCUnpublish") && said.contains(&"deleteStream"), "{name}: {said:?}");
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_a_goodbye() {
    // Never live, and deaf to the goodbye: only the grace would end it.
    let deaf = Hostile::start(Attack::StopReading, Stage::Published).await;
    let mut host = Host::start(&deaf, Duration::from_secs(3_600));
    deaf.until(SOON, |visits| visits.iter().any(|visit| visit.attacked_after.is_some())).await;
    host.signal("TERM").await;
    host.signal("TERM").await;
    assert_eq!(host.code().await, Some(143));
}
