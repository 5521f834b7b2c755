//! An encoder that fails at work.

use std::time::Duration;

use streambro_core::{Decode, Encoder, EventKind, Preset, Reason, Repeat, Video};
use streambro_tests::{
    ffmpeg::Clip,
    flv::{self, Kind},
    nginx::Nginx,
    wrapper::Wrapper,
};

use super::desk::{BOUND, SPLICED, ends_watched, goes_on, manager_with, spec};

/// Has libx264 do what NVENC is told to.
const REWRITE: &str = r#"case " $* " in *" h264_nvenc "*) ;; *) exec "$real" "$@" ;; esac
for word in "$@"; do
    shift
    case "$word" in
    h264_nvenc) set -- "$@" libx264 -sc_threshold 0 ;;
    p[1-7]) set -- "$@" ultrafast ;;
    high) set -- "$@" baseline ;;
    -no-scenecut | -forced-idr) skip=1 ;;
    -rc) skip=1 ;;
    *) [ -n "$skip" ] || set -- "$@" "$word"; skip= ;;
    esac
done
"#;

/// Plays with an "NVENC" that makes so many seconds in each run and then fails with these words.
async fn fails(name: &str, seconds: u32, words: &str, runs: u64) {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(8.0).make().await;
    let wrapper = Wrapper::new(
        &format!(
            "{REWRITE}\"$real\" -t {seconds} \"$@\"\necho '[h264_nvenc @ 0x55799ace1680] [error] {words}' >&2\nexit 1"
        ),
        &format!("{REWRITE}exec \"$real\" \"$@\""),
    );
    let manager =
        manager_with(Some(&wrapper), |times| times.backoff_first = Duration::from_millis(100)).await;
    let mut events = manager.subscribe(256);
    // Left to itself, a busy machine takes the one that the "NVENC" has, and the headers are alike.
    let encode = Video::encode(Encoder::Auto).size(320, 180).bitrate(300_000).preset(Preset::Veryfast);
    let encode = encode.decode(Decode::Software);
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), name).video(encode);
    let stream = manager.start(spec).await.unwrap();
    let (status, want) = ends_watched(&stream, Reason::Finished).await;
    let encoding = status.encoding.unwrap();
    assert_eq!((encoding.encoder, encoding.runs), (Some(Encoder::X264), runs));
    assert_eq!(status.legs[0].attempts, 1);
    let mut told = vec![];
    while let Some(event) = events.try_next() {
        if let EventKind::Encoder { encoder, instead_of, detail, .. } = event.kind {
            println!("{encoder:?} instead of {instead_of:?}: {detail}");
            assert_eq!(detail.contains(words), instead_of.is_some(), "{detail}");
            told.push((encoder, instead_of));
        }
    }
    assert_eq!(told, [(Some(Encoder::Nvenc), None), (Some(Encoder::X264), Some(Encoder::Nvenc))]);
    let files = nginx.settled(name, 1, BOUND).await;
    goes_on(&files[0], want, SPLICED, 238..=246).await;
    let got = flv::read(&files[0]).unwrap();
    let headers: Vec<_> = got.headers(Kind::Video).map(|tag| tag.payload().to_owned()).collect();
    assert_eq!(headers.len(), 2, "the header is announced anew, once");
    assert_ne!(headers[0], headers[1]);
    let at = got.tags.iter().rposition(|tag| tag.kind == Kind::Video && tag.is_header()).unwrap();
    let next = got.tags[at..].iter().find(|tag| tag.kind == Kind::Video && tag.is_sample()).unwrap();
    assert!(next.is_key());
}

#[tokio::test]
async fn a_hardware_encoder_that_fails_in_mid_stream_gives_way_to_the_next_on_the_same_connection() {
    let lost = "dl_fn->cuda_dl->cuCtxPushCurrent(ctx->cu_context) failed -> CUDA_ERROR_LAUNCH_FAILED: unspecified \
                launch failure";
    fails("lost", 4, lost, 2).await;
}

#[tokio::test]
async fn one_that_fails_three_times_in_words_that_nobody_knows_gives_way_as_well() {
    fails("odd", 2, "Smoke has left the card", 4).await;
}
