//! A host with streams that ffmpeg makes. For a test that kills it.
//!
//! usage: `encodes FILE URL COUNT`; starts so many small encodes, and when they are live one of 4K that is slow to its
//! first byte. Says `pids` with those of all their ffmpegs then, and goes on until it is killed.

use std::{process::ExitCode, time::Duration};

use streambro_core::{
    Destination, Encode, Encoder, Error, Phase, Preset, Repeat, Source, Stream, StreamManager, StreamSpec,
    Video,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, url, count] = args.as_slice() else { return ExitCode::from(2) };
    match run(file, url, count.parse().unwrap_or(0)).await {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(file: &str, url: &str, count: u32) -> Result<std::convert::Infallible, Error> {
    let manager = StreamManager::builder().unlimited().allow_raw_options().build().await?;
    let start = |id: String, encode: Encode| {
        let (manager, source) = (manager.clone(), Source::file(file).repeat(Repeat::Forever));
        let destination = Destination::new(url, id.clone());
        async move {
            manager.start(StreamSpec::new(id, source).destination(destination?).video(encode.live())).await
        }
    };
    let small = Video::encode(Encoder::X264).size(160, 90).bitrate(100_000).preset(Preset::Ultrafast);
    let mut starting = tokio::task::JoinSet::new();
    for n in 0..count {
        starting.spawn(start(format!("small-{n}"), small.clone()));
    }
    let streams: Vec<Stream> = starting.join_all().await.into_iter().collect::<Result<_, _>>()?;
    for stream in &streams {
        stream.wait_for(Phase::Live).await?;
    }
    // It looks far ahead before it gives the first picture.
    let placebo = Video::encode(Encoder::X264).size(3_840, 2_160).raw(["-preset", "placebo"]);
    let large = start("large".to_owned(), placebo).await?;
    let mut pids = vec![];
    for stream in streams.iter().chain([&large]) {
        pids.push(pid(stream).await.to_string());
    }
    let made = large.status().encoding.map_or(0, |encoding| encoding.reached_ms);
    println!("pids {made} {}", pids.join(" "));
    std::future::pending().await
}

async fn pid(stream: &Stream) -> u32 {
    loop {
        if let Some(pid) = stream.status().encoding.and_then(|encoding| encoding.pid) {
            return pid;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
