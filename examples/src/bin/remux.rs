//! Writes what a destination would receive to an FLV file, as fast as the disk goes.
//!
//! ```text
//! cargo run --release --bin remux -- IN OUT.flv [--loops N] [--json]
//! ```

use std::{env, fs::File, path::PathBuf, process::ExitCode};

use streambro_core::{Repeat, probe, remux};

const USAGE: &str = "usage: remux IN OUT.flv [--loops N] [--json]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut places, mut loops, mut json) = (vec![], 1, false);
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--loops" => loops = args.next().ok_or(USAGE)?.parse()?,
            "--json" => json = true,
            "-h" | "--help" => {
                println!("Writes what a destination would receive to an FLV file.\n{USAGE}");
                return Ok(());
            }
            flag if flag.starts_with('-') => return Err(USAGE.into()),
            _ => places.push(PathBuf::from(arg)),
        }
    }
    let [input, output] = places.as_slice() else { return Err(USAGE.into()) };
    if let (Ok(input), Ok(output)) = (input.canonicalize(), output.canonicalize())
        && input == output
    {
        return Err("the output would overwrite the input".into());
    }
    if loops == 0 {
        return Err("a film is written at least once".into());
    }
    // Before the output is touched: what is there stays if the input is no good.
    if let [obstacle, ..] = probe(input)?.obstacles.as_slice() {
        return Err(format!("{}: {obstacle}", input.display()).into());
    }
    let out = File::create(output).map_err(|error| format!("{}: {error}", output.display()))?;
    let report = remux(input, out, Repeat::Times(loops))?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!(
            "{} video and {} audio frames ({} of them silence; {} left out at joints), {:.3} s, {} bytes",
            report.video,
            report.audio,
            report.silent,
            report.trimmed,
            report.duration_ms as f64 / 1e3,
            report.bytes,
        );
    }
    Ok(())
}
