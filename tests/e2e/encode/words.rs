//! What an ffmpeg says and may do while it makes a stream.

use streambro_core::{Phase, Reason, Repeat};
use streambro_tests::{ffmpeg::Clip, mem, nginx::Nginx, process, wrapper::Wrapper};

use super::desk::{
    BOUND, EVEN, ends, ends_watched, goes_on, manager, manager_with, phases, pid, reach, small, spec,
};

#[tokio::test]
async fn a_flood_of_words_does_not_reach_the_picture() {
    if !process::alone(concat!(module_path!(), "::a_flood_of_words_does_not_reach_the_picture")) {
        return;
    }
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(6.0).make().await;
    // Binary lines without an end among them, as fast as they are taken, for as long as the media lasts.
    let flood = "(while :; do printf '[error] no\\n'; head -c 300000 /dev/zero; done) >&2 &\n";
    let wrapper =
        Wrapper::runs(&format!("{flood}noise=$!\n\"$real\" \"$@\"\ncode=$?\nkill $noise\nexit $code"));
    let manager = manager_with(Some(&wrapper), |_| {}).await;
    let mut events = manager.subscribe(256);
    let before = mem::own().anonymous;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "loud").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let grown = mem::own().anonymous.saturating_sub(before);
    println!("{} KiB more", grown / 1024);
    assert!(grown < 8 << 20, "{} KiB", grown / 1024);
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    assert_eq!((status.legs[0].attempts, status.encoding.unwrap().runs), (1, 1));
    let phases = phases(&mut events);
    assert!(want.is_long() || !phases.iter().any(|(to, _)| *to == Phase::Holding), "{want:?}: {phases:?}");
    let files = nginx.settled("loud", 1, BOUND).await;
    goes_on(&files[0], want, EVEN, 180..=180).await;
}

#[tokio::test]
async fn the_sandbox_holds_around_the_ffmpeg_of_a_stream() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(20.0).make().await;
    let manager = manager().await;
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "caged").video(small());
    let stream = manager.start(spec).await.unwrap();
    reach(&stream, Phase::Live).await;
    let pid = pid(&stream).await;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!(field("NoNewPrivs:"), Some("1"));
    println!("{:?}", stream.status().encoding.unwrap().sandbox);
    assert!(stream.status().encoding.unwrap().sandbox.is_some());
    manager.stop("caged").unwrap();
    ends(&stream, Reason::Stopped).await;
}
