//! Whether sound and picture belong together after they were encoded: light and a tone end at the same moment.

use std::path::{Path, PathBuf};

use streambro_tests::ffmpeg::Clip;

/// The most that a receiver's sound may be off its picture (bar N8), in milliseconds.
const MOST: f64 = 40.0;

/// 8 s of darkness and silence, with light and a tone in the first fifth of each second.
pub(super) async fn film() -> PathBuf {
    let picture = "color=black:s=320x180:r=30:d=8,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.199)'";
    // The same moments, by samples.
    let sound = "aevalsrc='0.6*sin(2*PI*1000*t)*lt(mod(t,1),0.2)':s=48000:d=8";
    Clip::new().picture(picture).seconds(8.0).tone(sound).make().await
}

/// In the whole recording, sound is as far from picture as in the film.
pub(super) async fn assert_in_step(recording: &Path, film: &Path) {
    let (there, here) = (offsets(film).await, offsets(recording).await);
    assert!(there.len() >= 6 && here.len() >= 2, "{there:?} {here:?}");
    let mean = there.iter().sum::<f64>() / there.len() as f64;
    let worst = here.iter().map(|offset| (offset - mean).abs()).fold(0.0, f64::max);
    println!("sound and picture at most {worst:.1} ms apart in {} places", here.len());
    assert!(worst <= MOST, "{worst} ms: {here:?}, in the film {there:?}");
}

/// By how many milliseconds each tone ends later than its light.
async fn offsets(file: &Path) -> Vec<f64> {
    let name = file.to_str().expect("the path is UTF-8");
    let (video, audio) = ("blackdetect=d=0.3:pix_th=0.3", "silencedetect=n=-30dB:d=0.3");
    let args =
        ["-hide_banner", "-nostats", "-nostdin", "-i", name, "-vf", video, "-af", audio, "-f", "null", "-"];
    let out = tokio::process::Command::new("ffmpeg").args(args).output().await.expect("ffmpeg can be run");
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{words}");
    let times = |mark: &str| -> Vec<f64> {
        let found =
            words.split(mark).skip(1).filter_map(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        found.map(|seconds| seconds * 1_000.0).collect()
    };
    let (dark, silent) = (times("black_start:"), times("silence_start: "));
    // Of a light without its tone nothing is known: at the very begin and end.
    let near = |dark: &f64| silent.iter().map(|silent| silent - dark).find(|offset| offset.abs() < 300.0);
    dark.iter().filter_map(near).collect()
}
