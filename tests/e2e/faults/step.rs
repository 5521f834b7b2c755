//! Whether picture and sound still belong together at the receiver.

use std::path::Path;

use streambro_tests::ffmpeg::{self, Packet, Track};
use streambro_tests::flv::{self, Kind};

/// The most that a receiver's sound may be off its picture (bar N8), in milliseconds.
const MOST: f64 = 40.0;

/// A frame of a recording that is one of the source: when it is shown, and when it is in the source.
struct Shown {
    here: f64,
    there: f64,
}

/// At every moment of a recording, sound is as far from picture as in the source.
pub(super) async fn assert_in_step(recording: &Path, clip: &Path) {
    let source = ffmpeg::packets(clip).await;
    let got = flv::read(recording).expect("the recording is FLV");
    let [video, audio] = [(Track::Video, Kind::Video), (Track::Audio, Kind::Audio)].map(|(track, kind)| {
        let want: Vec<&Packet> = source.iter().filter(|p| p.track == track).collect();
        let mut next = 0;
        let mut shown = Vec::new();
        for tag in got.samples(kind) {
            let md5 = tag.md5();
            // Where it belongs, or else the next of its like: silence between frames is nobody's.
            let Some(at) = (0..want.len()).map(|n| (next + n) % want.len()).find(|at| want[*at].md5 == md5)
            else {
                continue;
            };
            next = (at + 1) % want.len();
            shown.push(Shown {
                here: f64::from(tag.timestamp) + f64::from(tag.cts()),
                there: want[at].pts_ms(),
            });
        }
        shown.sort_by(|a, b| a.here.total_cmp(&b.here));
        shown
    });
    assert!(video.len() > 30 && audio.len() > 30, "{} {}", video.len(), audio.len());
    let lap = source.iter().map(Packet::pts_ms).fold(0.0, f64::max);
    let mut worst = 0.0_f64;
    for sound in &audio {
        let after = video.partition_point(|picture| picture.here < sound.here);
        let Some(picture) = video.get(after).or_else(|| video.last()) else { continue };
        // Near a joint the neighbours are of two laps: a lap apart in the source.
        if (picture.there - sound.there).abs() > lap / 2.0 || (picture.here - sound.here).abs() > 500.0 {
            continue;
        }
        worst = worst.max(((sound.here - picture.here) - (sound.there - picture.there)).abs());
    }
    println!("sound and picture at most {worst:.1} ms apart");
    assert!(worst <= MOST, "{worst} ms");
}
