//! An encoder that fails at work.

use streambro_core::{Decode, Encoder, EventKind, Reason, Repeat, Video};
use streambro_tests::{
    ffmpeg::Clip,
    flv::{self, Kind},
    nginx::Nginx,
    wrapper::Wrapper,
};

use super::desk::{BOUND, decodes, ends, manager_with, spec, times, unbroken};

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

#[tokio::test]
async fn a_hardware_encoder_that_fails_in_mid_stream_gives_way_to_the_next_on_the_same_connection() {
    let nginx = Nginx::start().await;
    let film = Clip::new().seconds(10.0).make().await;
    let lost = "[h264_nvenc @ 0x55799ace1680] [error] dl_fn->cuda_dl->cuCtxPushCurrent(ctx->cu_context) failed -> \
                CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure";
    let wrapper = Wrapper::new(
        &format!("{REWRITE}\"$real\" -t 4 \"$@\"\necho '{lost}' >&2; exit 1"),
        &format!("{REWRITE}exec \"$real\" \"$@\""),
    );
    let manager = manager_with(Some(&wrapper), |_| {}).await;
    let mut events = manager.subscribe(256);
    let encode = Video::encode(Encoder::Auto).size(320, 180).bitrate(300_000).decode(Decode::Software);
    let spec = spec(&film, Repeat::Once, &nginx.rtmp_url("live"), "lost").video(encode);
    let stream = manager.start(spec).await.unwrap();
    let status = ends(&stream, Reason::Finished).await;
    let encoding = status.encoding.unwrap();
    assert_eq!((encoding.encoder, encoding.runs), (Some(Encoder::X264), 2));
    assert_eq!(status.legs[0].attempts, 1);
    let mut told = vec![];
    while let Some(event) = events.try_next() {
        if let EventKind::Encoder { encoder, instead_of, detail, .. } = event.kind {
            println!("{encoder:?} instead of {instead_of:?}: {detail}");
            told.push((encoder, instead_of, detail));
        }
    }
    let encoders: Vec<_> = told.iter().map(|(encoder, instead_of, _)| (*encoder, *instead_of)).collect();
    assert_eq!(encoders, [(Some(Encoder::Nvenc), None), (Some(Encoder::X264), Some(Encoder::Nvenc))]);
    let files = nginx.settled("lost", 1, BOUND).await;
    let (video, audio) = times(&files[0]).await;
    unbroken(&video, 100.0);
    unbroken(&audio, 60.0);
    assert!((298..=304).contains(&video.len()), "{} pictures of 300", video.len());
    decodes(&files[0]).await;
    let got = flv::read(&files[0]).unwrap();
    let headers: Vec<_> = got.headers(Kind::Video).map(|tag| tag.payload().to_owned()).collect();
    assert_eq!(headers.len(), 2);
    assert_ne!(headers[0], headers[1]);
    let at = got.tags.iter().rposition(|tag| tag.kind == Kind::Video && tag.is_header()).unwrap();
    let next = got.tags[at..].iter().find(|tag| tag.kind == Kind::Video && tag.is_sample()).unwrap();
    assert!(next.is_key());
}
