//! Both copies of a file, side by side.

use std::fs::File;
use std::path::{Path, PathBuf};

use streambro_core::{Error, RemuxReport, Repeat, remux};
use streambro_tests::ffmpeg::{self, Packet, Track};
use tempfile::TempDir;

/// What the library wrote of a file.
pub(super) struct Remuxed {
    // Held for its Drop.
    _dir: TempDir,
    pub(super) path: PathBuf,
    pub(super) report: RemuxReport,
    pub(super) packets: Vec<Packet>,
}

impl Remuxed {
    pub(super) fn track(&self, track: Track) -> Vec<&Packet> {
        of(track, &self.packets)
    }
}

pub(super) fn of(track: Track, packets: &[Packet]) -> Vec<&Packet> {
    packets.iter().filter(|packet| packet.track == track).collect()
}

/// Remuxes a file that can be remuxed.
pub(super) async fn remuxed(input: &Path, repeat: Repeat) -> Remuxed {
    let dir = streambro_tests::scratch();
    let path = dir.path().join("ours.flv");
    let report = try_remux(input, &path, repeat).await.unwrap_or_else(|error| panic!("{error}"));
    let written = std::fs::metadata(&path).expect("remux has written the file").len();
    assert_eq!(report.bytes, written, "{report:?}");
    let packets = ffmpeg::packets(&path).await;
    Remuxed { _dir: dir, path, report, packets }
}

pub(super) async fn try_remux(input: &Path, out: &Path, repeat: Repeat) -> Result<RemuxReport, Error> {
    let (input, out) = (input.to_owned(), out.to_owned());
    let work = move || remux(&input, File::create(out).expect("the folder can be written"), repeat);
    tokio::task::spawn_blocking(work).await.expect("remux does not panic")
}

/// What ffmpeg copies of a file, and how far that is from ours.
pub(super) struct Compared {
    pub(super) ours: Remuxed,
    pub(super) theirs: Vec<Packet>,
    /// Ours minus theirs, of every decode and presentation time of each track, in milliseconds.
    pub(super) video: Vec<f64>,
    pub(super) audio: Vec<f64>,
}

impl Compared {
    /// The least and the greatest difference of all times of both tracks.
    pub(super) fn spread(&self) -> (f64, f64) {
        let all = self.video.iter().chain(&self.audio).copied();
        (all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max))
    }
}

/// Compares what is written of a file once: the same packets, at the same times.
///
/// One constant for the whole file, whatever the track, of both decode and presentation times, within a millisecond
/// to either side. So audio and video are as far from each other as ffmpeg puts them.
pub(super) async fn the_same(name: &str, input: &Path) -> Compared {
    let compared = the_same_packets(name, input).await;
    let (least, most) = compared.spread();
    let report = &compared.ours.report;
    println!("{name}: ours - ffmpeg's = {least} to {most} ms; {report:?}");
    assert!(most - least <= 2.0, "{name}: times are {least} to {most} ms apart");
    assert_eq!((report.trimmed, report.raised), (0, 0), "{name}: {report:?}");
    compared
}

/// The same packets, whatever their times.
pub(super) async fn the_same_packets(name: &str, input: &Path) -> Compared {
    let ours = remuxed(input, Repeat::Once).await;
    let dir = streambro_tests::scratch();
    let out = dir.path().join("theirs.flv");
    let [from, to] = [input, &out].map(|path| path.to_str().expect("the path is UTF-8"));
    ffmpeg::run(&["-i", from, "-map", "0:v:0?", "-map", "0:a:0?", "-c", "copy", "-f", "flv", to]).await;
    let theirs = ffmpeg::packets(&out).await;

    let video = differences(name, &ours.track(Track::Video), &of(Track::Video, &theirs));
    let sound = of(Track::Audio, &theirs);
    let (kept, inserted) = without_inserted(&ours.track(Track::Audio), &sound);
    let audio = differences(name, &kept, &sound);
    assert!(inserted.windows(2).all(|pair| pair[0].md5 == pair[1].md5), "{name}: silence of several kinds");
    let report = &ours.report;
    assert_eq!(report.silent, inserted.len() as u64, "{name}: {report:?}");
    assert_eq!(report.video, ours.track(Track::Video).len() as u64, "{name}: {report:?}");
    assert_eq!(report.audio, ours.track(Track::Audio).len() as u64, "{name}: {report:?}");
    Compared { ours, theirs, video, audio }
}

/// Ours minus theirs, in milliseconds, of equal sequences.
fn differences(name: &str, ours: &[&Packet], theirs: &[&Packet]) -> Vec<f64> {
    for (at, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let [our_is, their_is] = [our, their].map(|packet| (packet.size, &packet.md5, packet.key));
        assert_eq!(our_is, their_is, "{name}: packet {at} of {:?}", our.track);
    }
    assert_eq!(ours.len(), theirs.len(), "{name}: packets of {:?}", ours.first().map(|packet| packet.track));
    ours.iter()
        .zip(theirs)
        .flat_map(|(our, their)| [our.dts_ms() - their.dts_ms(), our.pts_ms() - their.pts_ms()])
        .collect()
}

/// Parts what `source` has, in its order, from what it does not have.
fn without_inserted<'a>(ours: &[&'a Packet], source: &[&Packet]) -> (Vec<&'a Packet>, Vec<&'a Packet>) {
    let mut next = source.iter().peekable();
    ours.iter().copied().partition(|packet| next.next_if(|wanted| wanted.md5 == packet.md5).is_some())
}

/// Decodes the whole file with ffmpeg, which must find nothing to complain about.
pub(super) async fn decodes(path: &Path) {
    let mut command = tokio::process::Command::new("ffmpeg");
    command
        .args(["-nostdin", "-xerror", "-v", "error", "-threads", "1", "-i"])
        .arg(path)
        .args(["-f", "null", "-"]);
    let out = command.kill_on_drop(true).output().await.expect("ffmpeg can be started");
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && words.is_empty(), "{}: {words}", out.status);
}
