//! Managers, specs and waits for streams that ffmpeg makes.

use std::{
    ops::RangeInclusive,
    path::Path,
    time::{Duration, Instant},
};

use streambro_core::{
    Destination, Encode, Encoder, Encoding, EventKind, Phase, Preset, Reason, Repeat, Sandbox, Source,
    Stream, StreamManager, StreamSpec, StreamStatus, Subscription, Times, Video,
};
use streambro_tests::{ffmpeg, wrapper::Wrapper};
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine, shorter than patience.
pub(super) const BOUND: Duration = Duration::from_secs(60);

/// How long nothing comes at most while the picture stands still, in milliseconds: a second, a tick, a picture, and what a
/// busy machine adds.
pub(super) const HELD: f64 = 1_400.0;

pub(super) async fn manager() -> StreamManager {
    StreamManager::builder().build().await.expect("the default settings are good")
}

/// One with other times, and this in place of ffmpeg.
pub(super) async fn manager_with(wrapper: Option<&Wrapper>, set: impl FnOnce(&mut Times)) -> StreamManager {
    let mut times = Times::default();
    set(&mut times);
    let mut builder = StreamManager::builder().unlimited().times(times);
    if let Some(wrapper) = wrapper {
        // A script writes, and starts others.
        builder = builder.ffmpeg(wrapper.path()).sandbox(Sandbox::Off);
    }
    builder.build().await.expect("the settings are good")
}

/// Small and fast: what is tested here is not the picture.
pub(super) fn small() -> Encode {
    Video::encode(Encoder::X264).size(320, 180).bitrate(300_000).preset(Preset::Ultrafast)
}

pub(super) fn spec(file: &Path, repeat: Repeat, url: &str, key: &str) -> StreamSpec {
    let destination = Destination::new(url, key).expect("the rig's addresses are good");
    StreamSpec::new(key, Source::file(file).repeat(repeat)).destination(destination)
}

pub(super) async fn reach(stream: &Stream, phase: Phase) {
    match timeout(BOUND, stream.wait_for(phase)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}: {:#?}", stream.status()),
        Err(_) => panic!("not {phase:?} within {BOUND:?}: {:#?}", stream.status()),
    }
}

/// Waits until a stream has ended, and checks why.
pub(super) async fn ends(stream: &Stream, reason: Reason) -> StreamStatus {
    let status = timeout(BOUND, stream.ended())
        .await
        .unwrap_or_else(|_| panic!("not ended within {BOUND:?}: {:#?}", stream.status()));
    assert_eq!((status.phase, status.reason), (Phase::Ended, Some(reason)), "{status:#?}");
    status
}

/// How long the stream had nothing at worst, in milliseconds, as its status shows it from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want(u64);

impl Want {
    /// Whether ffmpeg was so late that the picture stood still by right: a second, but for a tick and the step of a clock
    /// that looks now and then.
    pub(super) fn is_long(self) -> bool {
        self.0 > 800
    }
}

/// As [`ends`], and watches meanwhile how late ffmpeg is with what it makes.
pub(super) async fn ends_watched(stream: &Stream, reason: Reason) -> (StreamStatus, Want) {
    watched(stream, ends(stream, reason)).await
}

/// Does something, and watches meanwhile how late the ffmpeg of a stream is with what it makes.
pub(super) async fn watched<T>(stream: &Stream, doing: impl Future<Output = T>) -> (T, Want) {
    let (mut made, mut worst) = (0, 0);
    let watch = async {
        loop {
            let status = stream.status();
            let reached = status.encoding.map_or(0, |encoding| encoding.reached_ms);
            if reached > made {
                worst = worst.max(status.media_ms.saturating_sub(made));
                made = reached;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let done = tokio::select! {
        done = doing => done,
        () = watch => unreachable!("it watches for ever"),
    };
    println!("nothing to send for {worst} ms at worst");
    (done, Want(worst))
}

/// Steps of picture and sound, in milliseconds, where one ffmpeg made everything.
pub(super) const EVEN: [f64; 2] = [37.0, 47.0];
/// The same where another took over.
pub(super) const SPLICED: [f64; 2] = [100.0, 60.0];

/// Checks what went out of ffmpeg: so many pictures, in steps that are no longer than these. Where ffmpeg came too late the
/// picture stood still instead, each second once more, and nothing else is wrong.
pub(super) async fn goes_on(recording: &Path, want: Want, most: [f64; 2], pictures: RangeInclusive<usize>) {
    let (video, audio) = times(recording).await;
    if want.is_long() {
        unbroken(&video, HELD);
        unbroken(&audio, SPLICED[1]);
    } else {
        unbroken(&video, most[0]);
        unbroken(&audio, most[1]);
        assert!(pictures.contains(&video.len()), "{} pictures of {pictures:?}", video.len());
    }
    ffmpeg::decodes(recording).await;
}

/// Waits until something is so of what ffmpeg does.
pub(super) async fn until(stream: &Stream, what: &str, mut so: impl FnMut(&Encoding) -> bool) -> Encoding {
    let since = Instant::now();
    loop {
        let status = stream.status();
        match status.encoding {
            Some(encoding) if so(&encoding) => return encoding,
            _ => assert!(since.elapsed() < BOUND, "not within {BOUND:?}: {what}: {:#?}", stream.status()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The ffmpeg of a stream.
pub(super) async fn pid(stream: &Stream) -> u32 {
    until(stream, "an ffmpeg", |encoding| encoding.pid.is_some()).await.pid.expect("it was there")
}

/// Whether a process is there, and no zombie.
pub(super) fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

pub(super) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid is not 0");
    rustix::process::kill_process(pid, signal).expect("it is a child of ours");
}

/// Decode times of the pictures and of the sound of a recording, in milliseconds.
pub(super) async fn times(recording: &Path) -> (Vec<f64>, Vec<f64>) {
    let packets = ffmpeg::packets(recording).await;
    let of = |track| packets.iter().filter(|packet| packet.track == track).map(|p| p.dts_ms()).collect();
    (of(ffmpeg::Track::Video), of(ffmpeg::Track::Audio))
}

/// No time goes back, and no step is longer than `most` ms.
pub(super) fn unbroken(times: &[f64], most: f64) {
    assert!(times.len() > 10, "{} frames", times.len());
    for pair in times.windows(2) {
        let step = pair[1] - pair[0];
        assert!(step > 0.0 && step <= most, "{step} ms from {} to {}", pair[0], pair[1]);
    }
}

/// The phases that a stream went to since the last look, with the reason for each.
pub(super) fn phases(events: &mut Subscription) -> Vec<(Phase, Option<Reason>)> {
    let mut phases = vec![];
    while let Some(event) = events.try_next() {
        match event.kind {
            EventKind::Phase { to, reason, .. } => phases.push((to, reason)),
            EventKind::Missed { count, .. } => panic!("{count} events are lost"),
            _ => {}
        }
    }
    phases
}

/// Waits for a condition.
pub(super) async fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(since.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
