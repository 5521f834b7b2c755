//! Hostile servers in a process of their own, so that what they hold does not count.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use streambro_tests::hostile::{Attack, Hostile, Stage};
use streambro_tests::process::Guard;

use super::rig::{self, SOON};

const MARK: &str = "STREAMBRO_TEST_SERVERS";

/// Servers in another process. Dropped, they are gone.
#[derive(Debug)]
pub(crate) struct Apart {
    /// In the order of the attacks.
    pub(crate) addresses: Vec<SocketAddr>,
    _server: Guard,
}

/// In the other process: serves until it is killed. In the test's own: returns at once.
pub(crate) fn serve(attacks: &[(Attack, Stage)]) {
    let Some(file) = std::env::var_os(MARK) else { return };
    // A thread each: a storm lets nobody else on its own have a turn.
    let (tell, told) = std::sync::mpsc::channel();
    for (n, (attack, stage)) in attacks.iter().copied().enumerate() {
        let tell = tell.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(async {
                let server = Hostile::start(attack, stage).await;
                let _ = tell.send((n, server.address()));
                std::future::pending::<()>().await;
            });
        });
    }
    let mut addresses: Vec<_> = told.iter().take(attacks.len()).collect();
    addresses.sort_unstable_by_key(|(n, _)| *n);
    let lines: String = addresses.iter().map(|(_, address)| format!("{address}\n")).collect();
    // Whole or not there.
    let draft = Path::new(&file).with_extension("draft");
    std::fs::write(&draft, lines).expect("a file can be written");
    std::fs::rename(&draft, &file).expect("a file can be renamed");
    loop {
        std::thread::park();
    }
}

impl Apart {
    /// Starts the test `name` once more, which must call [`serve`] first.
    pub(crate) async fn start(name: &str, attacks: &[(Attack, Stage)]) -> Self {
        let name = name.split_once("::").map_or(name, |(_, path)| path);
        let dir = streambro_tests::scratch();
        let file = dir.path().join("addresses");
        let mut command = Command::new(std::env::current_exe().expect("a process knows its program"));
        command.args(["--exact", name, "--nocapture"]).env(MARK, &file);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let server = Guard::spawn(command);
        let text = rig::until(SOON, "the servers listen", || std::fs::read_to_string(&file).ok()).await;
        let addresses: Vec<SocketAddr> = text.lines().map(|line| line.parse().expect("an address")).collect();
        assert_eq!(addresses.len(), attacks.len());
        Self { addresses, _server: server }
    }
}
