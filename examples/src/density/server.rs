//! The sink in a process of its own: both ends of the pipe between it and the measuring process.

use std::{collections::BTreeMap, env, process::Stdio, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{
    Failure,
    process::Moment,
    sink::{Order, Received, Sink},
};

/// How long the sink may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The sink's process, as the measuring process sees it.
pub struct Server {
    /// What it said when it was ready.
    pub hello: Hello,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a sink says when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Where it listens.
    pub port: u16,
    /// The certificate to trust.
    pub root: Option<String>,
}

/// What a sink says at the end.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// For each stream key.
    pub received: BTreeMap<String, Received>,
    /// What counting took.
    pub cpu_seconds: f64,
    /// When connections were accepted since the last outage began, in milliseconds since 1970.
    pub accepts: Vec<u64>,
}

impl Server {
    /// Starts a sink: this program, once more.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn spawn(tls: bool) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--sink").args(tls.then_some("--tls")).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take().ok_or("the sink has no input")?;
        let stdout = child.stdout.take().ok_or("the sink has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let hello = lines.next_line().await?.ok_or("the sink did not start")?;
        Ok(Self { hello: serde_json::from_str(&hello)?, child, stdin, lines })
    }

    /// Where to publish.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.hello.root.is_some() { "rtmps" } else { "rtmp" };
        format!("{scheme}://127.0.0.1:{}/live", self.hello.port)
    }

    /// Tells it what to do, and returns once that is done.
    ///
    /// # Errors
    /// When it cannot, or has died.
    pub async fn order(&mut self, order: Order) -> Result<(), Failure> {
        let word = WORDS.iter().find(|(_, known)| *known == order).ok_or("no such order")?.0;
        self.ask(word).await.map(drop)
    }

    /// Takes its books, and ends it.
    ///
    /// # Errors
    /// When it has died.
    pub async fn report(&mut self) -> Result<Report, Failure> {
        let line = self.ask("report").await?;
        self.child.wait().await?;
        Ok(serde_json::from_str(&line)?)
    }

    async fn ask(&mut self, word: &str) -> Result<String, Failure> {
        self.stdin.write_all(format!("{word}\n").as_bytes()).await?;
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await??;
        line.ok_or_else(|| "the sink died".into())
    }
}

const WORDS: [(&str, Order); 3] =
    [("leave", Order::Leave), ("return", Order::Return), ("stall", Order::Stall)];

/// Is the sink, until it is asked for its books or its input ends, as it does when the measuring process dies.
///
/// # Errors
/// Those of the network, and of a missing certificate.
pub async fn run(tls: bool) -> Result<(), Failure> {
    let (tls, root) = if tls { certificate()? } else { (None, None) };
    let mut sink = Sink::new(tls)?;
    println!("{}", serde_json::to_string(&Hello { port: sink.port(), root })?);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let line = tokio::select! {
            done = sink.serve() => return Ok(done?),
            line = lines.next_line() => line?,
        };
        let Some(line) = line else { return Ok(()) };
        if let Some((word, order)) = WORDS.iter().find(|(word, _)| *word == line) {
            sink.obey(*order).await?;
            println!("{word}");
        } else {
            // What publishers sent last is on its way.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let (received, accepts) = (sink.received(), sink.accepts().to_vec());
            let report = Report { received, cpu_seconds: Moment::now().cpu_seconds, accepts };
            println!("{}", serde_json::to_string(&report)?);
            return Ok(());
        }
    }
}

fn certificate() -> Result<(Option<tokio_rustls::TlsAcceptor>, Option<String>), Failure> {
    use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key.into())?;
    Ok((Some(tokio_rustls::TlsAcceptor::from(Arc::new(config))), Some(made.cert.pem())))
}
