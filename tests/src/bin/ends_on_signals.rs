//! A host that leaves its signals to the library. For a test that sends it some.
//!
//! usage: `ends_on_signals FILE URL GRACE_MS`; says `live` once it is, and `ended REASON` before it exits.

use std::process::ExitCode;
use std::time::Duration;

use streambro_core::{
    Destination, Error, Phase, Repeat, Source, StreamManager, StreamSpec, shutdown_on_signals,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, url, grace] = args.as_slice() else { return ExitCode::from(2) };
    match run(file, url, grace.parse().unwrap_or(0)).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(file: &str, url: &str, grace: u64) -> Result<u8, Error> {
    let manager = StreamManager::builder().build().await?;
    let source = Source::file(file).repeat(Repeat::Forever);
    let stream =
        manager.start(StreamSpec::new("tv", source).destination(Destination::new(url, "tv")?)).await?;
    let signals = shutdown_on_signals(&manager, Duration::from_millis(grace));
    tokio::pin!(signals);
    let mut told = false;
    let ended = loop {
        tokio::select! {
            ended = &mut signals => break ended?,
            live = stream.wait_for(Phase::Live), if !told => {
                // Not live: it has ended already, and the signals say so next.
                if live.is_ok() {
                    println!("live");
                }
                told = true;
            }
        }
    };
    println!("ended {:?}", stream.status().reason);
    Ok(ended.exit_code())
}
