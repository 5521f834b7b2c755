//! Deaths of a real ffmpeg.

use std::{fs, io::Write};

use super::{
    super::death::{Death, DeathKind, Evidence, classify},
    tests::*,
    *,
};

async fn death(input: &[u8], args: &str) -> Death {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input).unwrap();
    let input = Some(Arc::new(File::open(file.path()).unwrap()));
    let args = format!("-nostdin -hide_banner -nostats -v warning {args} -f flv pipe:1");
    let mut process =
        Process::spawn(Launch { input, ..Launch::new("/usr/bin/ffmpeg", args.split(' ')) }).await.unwrap();
    let (mut bytes, mut buf) = (0, vec![0; 65_536]);
    loop {
        match soon(process.read(&mut buf)).await.unwrap() {
            0 => break,
            n => bytes += n as u64,
        }
    }
    let exit = soon(process.wait()).await;
    let words = process.words().last();
    classify(&Evidence { exit, words: &words, bytes, asked: false, oom_kills: process.oom_kills() })
}

#[tokio::test]
async fn a_real_ffmpegs_deaths_are_told_apart() {
    const FILE: &str = "-f mov -i file:/dev/fd/3";
    const PICTURE: &str = "-f lavfi -i testsrc2=s=64x64:d=0.2";
    let whole = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/mp4/plain.mp4")).unwrap();
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (input, args, kind) in [
        (&whole[..], format!("{FILE} -c copy"), DeathKind::Ended),
        (&noise[..], FILE.to_owned(), DeathKind::BadInput),
        (&whole[..whole.len() / 8], FILE.to_owned(), DeathKind::BadInput),
        (&[], FILE.to_owned(), DeathKind::BadInput),
        (&[], format!("{PICTURE} -c:v libx266"), DeathKind::NoEncoder),
        (&[], format!("{PICTURE} -c:v h264_nvenc"), DeathKind::NoEncoder),
        (&[], format!("{PICTURE} -c:v h264_qsv"), DeathKind::NoEncoder),
        (&[], format!("-vaapi_device /dev/dri/none {PICTURE} -c:v h264_vaapi"), DeathKind::NoEncoder),
        (&[], format!("{PICTURE} -c:v libx264 -pix_fmt nosuch"), DeathKind::Failed),
        (&[], format!("{PICTURE} -c:v libx264 -nosuch 1"), DeathKind::Failed),
    ] {
        let death = death(input, &args).await;
        assert_eq!(death.kind, kind, "{args}: {}", death.detail);
        assert!(!death.detail.contains("@ 0x"), "{}", death.detail);
    }
}
